"""Where the samples are: coordinates, and the formulas of their encodings (which network gets which: `encodings`).

With this you can lay a grid (`grid`), encode it by octaves (`positional_encoding`) or by chosen frequencies
(`fourier_features`), and find the fastest frequency that the samples can carry (`nyquist`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np

from refinr.xp import Array, namespace


def grid(shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
    """Coordinates of the samples of an array, every axis spread evenly over [-1, 1].

    Parameters
    ----------
    shape : sequence of d positive ints
        An axis of length one sits at 0.

    Returns
    -------
    x : array (prod(shape), d)
        In row-major order: the last axis runs fastest.

    Raises
    ------
    ValueError
        For an empty shape or a length below one.

    Examples
    --------
    >>> grid((2, 3)).tolist()
    [[-1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    shape = [operator.index(n) for n in shape]
    if len(shape) == 0 or min(shape) < 1:
        raise ValueError(f"shape: expected one or more positive lengths, got {tuple(shape)}")
    # (2i - (n-1)) / (n-1) is one correctly rounded division: symmetric about 0, and the same on every machine
    axes = [(2.0 * np.arange(n) - (n - 1)) / max(n - 1, 1) for n in shape]
    result = np.empty((*shape, len(shape)), dtype)
    for i, axis in enumerate(np.ix_(*axes)):  # (1, ..., n, ..., 1)
        result[..., i] = axis
    return result.reshape(-1, len(shape))  # (N, d)


def between(points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Coordinates of any points on the axes of `grid(shape)`: a whole number i is sample i, others lie between samples.

    Parameters
    ----------
    points : array (N, d)
        In samples.
    shape : sequence of d positive ints

    Returns
    -------
    x : array (N, d) of float64

    Examples
    --------
    >>> between(np.array([[0.0, 1.0], [0.5, 1.5]]), (2, 3)).tolist()
    [[-1.0, 0.0], [0.0, 0.5]]
    """
    last = np.asarray(shape, np.float64) - 1.0  # (d,)
    return (2.0 * np.asarray(points, np.float64) - last) / np.maximum(last, 1.0)


def nyquist(shape: Sequence[int]) -> tuple[float, ...]:
    """Angular frequency, one an axis, that turns by pi from one sample of `grid(shape)` to the next.

    Faster frequencies look like slower ones on the grid.  Radians per unit of coordinate: ``pi (n - 1) / 2``; an axis
    of length one has no next sample and gets ``pi``.

    Examples
    --------
    >>> [round(f / math.pi, 6) for f in nyquist((33, 2, 1))]
    [16.0, 0.5, 1.0]
    """
    return tuple(math.pi * (n - 1) / 2 if n > 1 else math.pi for n in shape)


def positional_encoding(x: Array, octaves: int) -> Array:
    """``(x, sin(2^0 pi x), cos(2^0 pi x), ..., sin(2^(K-1) pi x), cos(2^(K-1) pi x))``, the encoding the paper uses.

    Parameters
    ----------
    x : array (..., d)
    octaves : int, K >= 0

    Returns
    -------
    y : array (..., d (1 + 2 K))

    Raises
    ------
    ValueError
        If `octaves` is negative.

    References
    ----------
    Mildenhall et al., "NeRF", ECCV 2020, Eq. (4).

    Examples
    --------
    >>> positional_encoding(np.array([[0.5]]), 2).round(6).tolist()
    [[0.5, 1.0, 0.0, 0.0, -1.0]]
    """
    xp = namespace(x)
    if octaves < 0:
        raise ValueError(f"octaves: expected 0 or more, got {octaves}")
    parts = [x]
    for k in range(octaves):
        u = (2.0**k * math.pi) * x
        parts += [xp.sin(u), xp.cos(u)]
    return xp.concat(parts, axis=-1)


def positional_encoding_backward(dy: Array, x: Array, octaves: int) -> Array:
    """Gradient of `positional_encoding`: `dy` (..., d (1 + 2 K)) to ``dx`` (..., d)."""
    xp = namespace(x)
    d = x.shape[-1]
    dx = dy[..., :d]
    for k in range(octaves):
        rate = 2.0**k * math.pi
        first = d * (1 + 2 * k)
        dsin = dy[..., first : first + d]
        dcos = dy[..., first + d : first + 2 * d]
        dx = dx + rate * (dsin * xp.cos(rate * x) - dcos * xp.sin(rate * x))
    return dx


def fourier_features(x: Array, frequencies: Array) -> Array:
    """``(cos(x F), sin(x F))`` for chosen angular frequencies F.

    Parameters
    ----------
    x : array (..., d)
    frequencies : array (d, M)
        Radians per unit of coordinate; see `nyquist` for the largest that makes sense.

    Returns
    -------
    y : array (..., 2 M)

    References
    ----------
    Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions", NeurIPS 2020
    (there ``F = 2 pi B^T``).

    Examples
    --------
    >>> fourier_features(np.array([[1.0]]), np.array([[0.0, math.pi]])).round(6).tolist()
    [[1.0, -1.0, 0.0, 0.0]]
    """
    xp = namespace(x)
    u = xp.matmul(x, frequencies)  # (..., M)
    return xp.concat([xp.cos(u), xp.sin(u)], axis=-1)


def fourier_features_backward(dy: Array, x: Array, frequencies: Array) -> Array:
    """Gradient of `fourier_features` with respect to the coordinates: `dy` (..., 2 M) to ``dx`` (..., d)."""
    xp = namespace(x)
    u = xp.matmul(x, frequencies)
    m = frequencies.shape[-1]
    du = dy[..., m:] * xp.cos(u) - dy[..., :m] * xp.sin(u)
    return xp.matmul(du, xp.matrix_transpose(frequencies))
