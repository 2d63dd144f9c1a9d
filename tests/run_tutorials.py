"""Run the tutorials again in place, so that they read well on the web with today's outputs.

``make tutorials`` calls this. The same code and versions give the same file: no time stamps are
kept, and text that a cell printed in pieces is joined.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"


def run(path: Path) -> None:
    """Execute a notebook from its own folder and write it back."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, record_timing=False, resources=resources).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, path)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs with neighbouring pieces of one stream put together."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else None
        if last and output.output_type == "stream" == last.output_type and last.name == output.name:
            last.text += output.text
        else:
            found.append(output)
    return found


if __name__ == "__main__":
    for tutorial in sorted(TUTORIALS.glob(sys.argv[1] if len(sys.argv) > 1 else "*.ipynb")):
        print(tutorial.name, flush=True)
        run(tutorial)
