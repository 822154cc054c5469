"""refinr: reference implicit neural representations, lossless by bit-plane decomposition, in plain NumPy.

>>> import numpy as np
>>> import refinr
>>> image = (np.arange(256).reshape(16, 16) * 37 % 251).astype("uint8")
>>> inr = refinr.fit(image)
>>> bool((inr.decode() == image).all())
True
"""

import importlib
from typing import Any

from refinr import (
    activations,
    certify,
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
from refinr.fitting import fit
from refinr.inr import INR, LosslessError, load

__all__ = [
    "INR",
    "LosslessError",
    "activations",
    "certify",
    "constructive",
    "coords",
    "encodings",
    "fit",
    "layers",
    "load",
    "losses",
    "metrics",
    "mlp",
    "optim",
    "oracle",
    "planes",
    "ternary",
    "theory",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "oracle":  # who fits an image needs no cases: loaded when asked for
        return importlib.import_module("refinr.oracle")
    raise AttributeError(f"module 'refinr' has no attribute {name!r}")
