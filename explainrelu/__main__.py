"""``python -m explainrelu`` is the command ``explainrelu``."""

from explainrelu.cli import main

if __name__ == "__main__":
    main(prog_name="explainrelu")
