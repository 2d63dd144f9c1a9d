"""Attributions: ours beside captum's and shap's, same network and rows, one thread.

    python -m benchmarks.attributions            # all of it
    python -m benchmarks.attributions --quick    # few rows, to see whether everything runs

Each contender runs in a fresh process; see ``measuring``. The figures stand in docs/benchmarks.md.
"""

import argparse

from benchmarks.attributions import gradients, shapley

PARTS = {"gradients": gradients.main, "shapley": shapley.main}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attributions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="few rows, one round")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        if part not in PARTS:
            parser.error(f"a part must be one of {', '.join(PARTS)}, got {part!r}")
        PARTS[part](quick=given.quick)


if __name__ == "__main__":
    main()
