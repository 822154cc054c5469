"""How this process computes: a fingerprint of its arithmetic, so that unlike ones are not mixed in silence.

With this you can have the fingerprint (`fingerprint`), and work that only processes do which compute alike (`Alike`).

Networks are trained by thousands of roundings, and processors differ in theirs: in vector instructions, in the kernels
of BLAS, in sines.  On one kind the same fit gives the same bytes, whoever computes what.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from refinr import cpu, mlp, version

WIDTHS = (2, 24, 17, 1)
"""Of the networks that are tried: whole vectors and remainders."""

ACTIVATIONS = ("sine", "gauss", "wire", "tanh", "gelu")
"""Theirs: every function that is not rounded correctly."""


@functools.cache
def fingerprint() -> bytes:
    """Eight bytes, a digest of a small fixed forward and backward pass, and of the versions of NumPy and refinr.

    Examples
    --------
    >>> len(fingerprint()), fingerprint() == fingerprint()
    (8, True)
    """
    digest = hashlib.blake2b(f"{version.__version__} {np.__version__}".encode(), digest_size=8)
    x = _numbers((97, WIDTHS[0]))
    with cpu.single_threaded_blas(), np.errstate(all="ignore"):
        for activation in ACTIVATIONS:
            spec = mlp.MLP(WIDTHS, activation)
            params = {name: _numbers((2, *shape)) for name, shape in mlp.shapes(spec).items()}
            z, cache = mlp.forward(spec, params, x)
            gradients, _ = mlp.backward(spec, params, cache, z)
            for array in (z, *gradients.values()):
                digest.update(np.ascontiguousarray(array).tobytes())
        large = _numbers((256, 256))  # as solved readouts have them, where kernels cut otherwise
        digest.update((large @ large[:, :65]).tobytes())
        digest.update((large.astype(np.float64) @ large[:, :65].astype(np.float64)).tobytes())
    return digest.digest()


def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Numbers between -1 and 1 without pattern, float32, the same everywhere."""
    count = np.arange(int(np.prod(shape)), dtype=np.uint64)
    mixed = (count * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)  # 24 bits
    return (mixed.astype(np.float32) / np.float32(2**23) - np.float32(1.0)).reshape(shape)


class Alike:
    """A function for workers, which refuse to call it if they compute otherwise than whoever made this.

    Parameters
    ----------
    call : callable

    Examples
    --------
    >>> Alike(abs)(-3)
    3
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self._here = (fingerprint(), f"refinr {version.__version__}, NumPy {np.__version__}")

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """What the function gives.

        Raises
        ------
        RuntimeError
            In a worker that computes otherwise.
        """
        expected, there = self._here
        if fingerprint() != expected:
            raise RuntimeError(
                f"a worker (refinr {version.__version__}, NumPy {np.__version__}) computes otherwise than the process "
                f"that gave it work ({there}): bytes would depend on who computes what; mixed=True (--mixed) goes on "
                "all the same"
            )
        return self._call(*arguments, **options)
