"""Which libraries are there, of those that not everybody has, and which files need one that is not."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

# fmt: off
OPTIONAL = (
    "astropy", "constriction", "cupy", "dask", "distributed", "h5py", "imagecodecs", "jax", "ml_dtypes", "nibabel",
    "numba", "optax", "PIL", "playwright", "py_mini_racer", "pydicom", "soundfile", "torch", "zarr",
)
# fmt: on

ROOT = Path(__file__).parents[1]
OURS = {"refinr", "tests", "examples", "benchmarks", "paper_figures"}


def is_there(name: str) -> bool:
    """Whether a library can be found; it is not loaded."""
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


MISSING = frozenset(name for name in OPTIONAL if not is_there(name))


@functools.cache
def lacks(path: Path) -> bool:
    """Whether a file imports a missing library as it is loaded, or a module of ours that does."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    if not MISSING.isdisjoint(name.split(".")[0] for name in names):
        return True
    ours = [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.split(".")[0] in OURS]
    return any(lacks(other) for other in ours if other.exists() and other.name != "conftest.py")
