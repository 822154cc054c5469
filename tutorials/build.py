"""From scripts to notebooks: every script beside this file becomes an executed notebook of the same name.

    python tutorials/build.py            all of them; or name some: python tutorials/build.py 01 04

The image of the cell tagged "picture" goes to `pictures/`, for the list in README.md beside it.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def build(script: Path) -> None:
    """Execute one script as a notebook and write it, and its picture; nothing in them depends on the day or the folder.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    notebook = jupytext.read(script)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"  # random otherwise
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    NotebookClient(notebook, record_timing=False, resources={"metadata": {"path": str(HERE)}}).execute()
    notebook.metadata.language_info = {"name": "python"}  # the kernel has added its version
    nbformat.write(notebook, script.with_suffix(".ipynb"))
    (cell,) = (cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", []))
    (image,) = (output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {}))
    (HERE / "pictures" / f"{script.stem}.png").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    wanted = sys.argv[1:] or [""]
    for path in sorted(HERE.glob("[0-9]*.py")):
        if path.name.startswith(tuple(wanted)):
            print(path.name, flush=True)
            build(path)
