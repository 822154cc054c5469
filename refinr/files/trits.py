"""Trits, the ternary digits -1, 0 and 1, five to a byte.

With this you can turn trits into bytes (`pack`) and bytes into trits (`unpack`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_PLACES = 3 ** np.arange(5)
_TRITS = (np.arange(243)[:, None] // _PLACES % 3 - 1).astype(np.int8)  # (243, 5) what is in a byte


def pack(trits: np.ndarray) -> np.ndarray:
    """Trits as bytes, five each: 1.6 bits a trit, where log2(3) = 1.585 would be the least.

    A byte is ``sum_k (t_k + 1) 3^k``; the last one is filled up with trits -1, whose digit is 0.

    Parameters
    ----------
    trits : array of -1, 0, 1, any shape, on the host

    Returns
    -------
    array of uint8, (ceil(size / 5),)

    Raises
    ------
    ValueError
        For other values.

    Examples
    --------
    >>> pack(np.array([1, 0, -1, 1, 1, 0])).tolist()
    [221, 1]
    """
    flat = np.ravel(trits)
    if not np.isin(flat, (-1, 0, 1)).all():
        raise ValueError("trits: expected -1, 0 and 1 only")
    digits = np.zeros(-(-flat.size // 5) * 5, np.uint8)
    digits[: flat.size] = flat + 1
    return (digits.reshape(-1, 5) @ _PLACES).astype(np.uint8)


def unpack(packed: np.ndarray, shape: Sequence[int], *, damaged: bool = False) -> np.ndarray:
    """The inverse of `pack`: int8 trits of that shape.

    Parameters
    ----------
    packed : array of uint8
    shape : sequence of ints
    damaged : bool
        Whether they are known to be damaged: then a byte above 242 stands for any five trits.

    Raises
    ------
    ValueError
        For bytes that `pack` does not make: too many or too few, above 242, or filled up with anything else.

    Examples
    --------
    >>> unpack(np.array([221, 1], dtype="uint8"), (2, 3)).tolist()
    [[1, 0, -1], [1, 1, 0]]
    """
    size = math.prod(shape)
    if packed.dtype != np.uint8 or packed.shape != (-(-size // 5),):
        raise ValueError(f"packed: expected {-(-size // 5)} bytes, got {packed.dtype} {packed.shape}")
    if damaged:
        return _TRITS[np.minimum(packed, 242)].reshape(-1)[:size].reshape(tuple(shape))
    if (packed > 242).any():
        raise ValueError("packed: no five trits make a byte above 242")
    trits = _TRITS[packed].reshape(-1)
    if (trits[size:] != -1).any():
        raise ValueError("packed: the last byte is filled up with something else than trits -1")
    return trits[:size].reshape(tuple(shape))
