"""The fused kernels of numba_backend.py with one word wrong: what its report looks like.

    refinr oracle check examples.backends.broken:backend

Gradients of biases are summed over whole blocks of samples.  Where the last block is not full, samples of the block
before it are still there, and count twice.  Up to `BLOCK` samples nothing is wrong.
"""

import importlib.util
import tempfile
from pathlib import Path

RIGHT = """
        for lane in range(lanes):
            db[o] += dz[o, lane]
"""
WRONG = RIGHT.replace("lanes", "BLOCK")


def backend():
    """The module with the mistake in it."""
    source = (Path(__file__).parent / "numba_backend.py").read_text()
    if source.count(RIGHT) != 1:
        raise ValueError("numba_backend: expected one sum over a block for the biases")
    folder = tempfile.mkdtemp()  # Numba keeps what it has compiled beside the source
    path = Path(folder) / "broken_backend.py"
    path.write_text(source.replace(RIGHT, WRONG))
    spec = importlib.util.spec_from_file_location("broken_backend", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
