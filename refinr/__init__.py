"""refinr: reference implicit neural representations, lossless by bit-plane decomposition, in plain NumPy.

>>> import numpy as np
>>> import refinr
>>> image = (np.arange(256).reshape(16, 16) * 37 % 251).astype("uint8")
>>> inr = refinr.fit(image)
>>> bool((inr.decode() == image).all())
True
"""

from refinr import starting

starting.answer_signals()  # before anything else is loaded, Python's own modules too
starting.end_without_parent()
# isort: split
import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from refinr import (
    activations,
    certificates,
    constructive,
    coords,
    encodings,
    layers,
    losses,
    metrics,
    mlp,
    optim,
    planes,
    ternary,
    theory,
)
from refinr.certificates import certify
from refinr.codec.verbs import compress, decompress
from refinr.files.checksum import LosslessError
from refinr.fitting import fit
from refinr.inr import INR
from refinr.loading import load, open
from refinr.progress import Live
from refinr.solving import solve
from refinr.version import __version__

if TYPE_CHECKING:
    from refinr import oracle

__all__ = [
    "INR",
    "Live",
    "LosslessError",
    "__version__",
    "activations",
    "certificates",
    "certify",
    "compress",
    "constructive",
    "coords",
    "decompress",
    "encodings",
    "fit",
    "layers",
    "load",
    "losses",
    "metrics",
    "mlp",
    "open",
    "optim",
    "oracle",
    "planes",
    "solve",
    "ternary",
    "theory",
]


def __getattr__(name: str) -> ModuleType:
    if name == "oracle":  # many cases, for few: loaded when it is asked for
        return importlib.import_module("refinr.oracle")
    raise AttributeError(f"module 'refinr' has no attribute {name!r}")
