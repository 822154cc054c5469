"""The ternary layer: weights in {-1, 0, 1}, small integers as its input.

With this you can quantise weights (`weight_codes`) and activations (`activation_codes`), normalise rows (`layer_norm`),
map samples through ternary weights (`linear`), and do the same in whole numbers only (`integer_linear`).  Files hold
ternary codes five to a byte (`refinr.files.trits`).

Rounding has no useful gradient.  The straight-through estimator takes the output of a quantiser for its input plus a
constant: what stands below each forward is the exact gradient of the layer with those constants frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from refinr.layers import through_weights
from refinr.xp import Array, Cache, namespace

# --- quantisers ------------------------------------------------------------------------------------------------------


def weight_codes(w: Array) -> tuple[Array, Array]:
    """``t = clip(round(w / s), -1, 1)`` with ``s = mean |w|`` of a network, halves to even; weights are about ``s t``.

    Keep codes and scale, and never quantise ``s t`` again: codes of codes are the same, but the mean of ``|s t|`` is
    smaller than s.

    Parameters
    ----------
    w : array (I, O) or (E, I, O)

    Returns
    -------
    t : array of the shape of w
        -1, 0 or 1, in the dtype of w.
    s : array (1, 1) or (E, 1, 1)
        Zero where all weights are.

    References
    ----------
    Ma et al., "The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits", arXiv 2402.17764, Eqs. (1) to (3).

    Examples
    --------
    >>> import numpy as np
    >>> t, s = weight_codes(np.array([[0.9, -0.2], [0.1, -1.2]]))
    >>> t.tolist(), s.round(6).tolist()
    ([[1.0, 0.0], [0.0, -1.0]], [[0.6]])
    """
    xp = namespace(w)
    s = _mean_size(w)
    return xp.clip(xp.round(w / _without_zeros(s)), -1.0, 1.0) + 0.0, s  # + 0.0: no codes -0.0


def activation_codes(x: Array, bits: int = 8) -> tuple[Array, Array]:
    """``a = round(x / s)`` with ``s = max |x| / (2^(bits-1) - 1)`` of a row, halves to even; x is about ``s a``.

    Parameters
    ----------
    x : array (..., N, I)
    bits : int, 2 to 16

    Returns
    -------
    a : array of the shape of x
        Whole numbers from ``1 - 2^(bits-1)`` to ``2^(bits-1) - 1``, in the dtype of x.
    s : array (..., N, 1)
        Zero where the row is.

    References
    ----------
    Ma et al., as for `weight_codes`; their clamp never acts and is left out.

    Examples
    --------
    >>> import numpy as np
    >>> a, s = activation_codes(np.array([[0.5, -1.0, 0.1]]), bits=4)
    >>> a.tolist(), (7 * s).tolist()
    ([[4.0, -7.0, 1.0]], [[1.0]])
    """
    s = _row_max(x) / float(2 ** (check_bits(bits) - 1) - 1)  # (..., N, 1)
    return namespace(x).round(x / _without_zeros(s)), s


def official_weights(w: Array) -> Array:
    """Weights as the paper's code quantises them: values, not codes; the scale is at least 1e-5.

    Examples
    --------
    >>> import numpy as np
    >>> official_weights(np.array([[0.75, -0.25], [0.25, -1.25]])).tolist()
    [[0.625, -0.0], [0.0, -0.625]]
    """
    xp = namespace(w)
    inverse = 1.0 / xp.clip(_mean_size(w), 1e-5, None)
    return xp.clip(xp.round(w * inverse), -1.0, 1.0) / inverse


def official_activations(x: Array, bits: int = 16) -> Array:
    """Activations as the paper's code quantises them: values; levels up to ``2^bits - 1`` on either side of zero.

    Its clamp at ``2^bits`` is left out: nothing ever gets there.

    Examples
    --------
    >>> import numpy as np
    >>> (official_activations(np.array([[0.5, -1.0, 0.1]]), bits=2) * 3).tolist()
    [[2.0, -3.0, 0.0]]
    """
    xp = namespace(x)
    inverse = float(2 ** check_bits(bits) - 1) / xp.clip(_row_max(x), 1e-5, None)
    return xp.round(x * inverse) / inverse


def check_bits(bits: int) -> int:
    """The same number of activation bits, 2 to 16.

    Raises
    ------
    ValueError
        For any other.

    Examples
    --------
    >>> check_bits(8)
    8
    """
    if bits not in range(2, 17):
        raise ValueError(f"bits: activations are quantised to 2 to 16 bits, got {bits}")
    return int(bits)


def _mean_size(w: Array) -> Array:
    xp = namespace(w)
    rows = xp.reshape(xp.abs(w), (*w.shape[:-2], 1, -1))  # a row a network: summed in one order in any company
    return xp.mean(rows, axis=-1, keepdims=True)  # (E, 1, 1)


def _row_max(x: Array) -> Array:
    xp = namespace(x)
    columns = xp.matrix_transpose(xp.abs(x))  # (..., I, N)
    # flattening moves them in memory: the maximum over few long rows is ten times faster
    columns = xp.reshape(xp.reshape(columns, (-1,)), columns.shape)
    return xp.matrix_transpose(xp.max(columns, axis=-2, keepdims=True))  # (..., N, 1)


def _without_zeros(s: Array) -> Array:
    return namespace(s).where(s > 0, s, namespace(s).ones_like(s))


# --- the layer -------------------------------------------------------------------------------------------------------


def layer_norm(x: Array, eps: float = 1e-5) -> tuple[Array, Cache]:
    """``y = (x - mean) / sqrt(var + eps)`` of every row, without learned scale and shift.

    A row of two becomes (-1, 1) or (1, -1) up to eps: only the sign of a difference is left.  So bare coordinates
    carry nothing through a ternary network, and they are encoded first.

    Parameters
    ----------
    x : array (..., N, I)
    eps : float

    References
    ----------
    Ba, Kiros and Hinton, "Layer Normalization", arXiv 1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0], [0.1, 0.9]]))[0].round(3).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    y = x - _row_mean(x)
    r = 1.0 / namespace(x).sqrt(_row_mean(y * y) + eps)  # (..., N, 1)
    y *= r
    return y, (y, r)


def layer_norm_backward(dy: Array, cache: Cache) -> Array:
    """``dx = (dy - mean(dy) - y mean(dy y)) r``, with ``r = 1 / sqrt(var + eps)``."""
    y, r = cache
    dx = dy - _row_mean(dy)
    dx -= y * _row_mean(dy * y)
    dx *= r
    return dx


def _row_mean(x: Array) -> Array:
    xp = namespace(x)
    if x.shape[-2] == 0:  # without rows there are no ones to copy the shape from
        return x[..., :1]
    ones = xp.ones_like(xp.matrix_transpose(x[..., :1, :]))  # (..., I, 1)
    return xp.matmul(x, ones) / float(x.shape[-1])  # (..., N, 1); as a product: eight times faster


def linear(
    x: Array, w: Array, s: Array | None = None, *, bits: int = 8, faithful: str | None = None
) -> tuple[Array, Cache]:
    """``y = beta gamma (a t)`` (Eq. 12): codes t and scale beta of w, codes a and scales gamma of the normalised x.

    The sums are of whole numbers: in float32 they are exact up to 2^24, in whatever order.

    Parameters
    ----------
    x : array (N, I), of one network or shared by all; or (E, N, I)
    w : array (I, O), of one network with x (N, I); or (E, I, O)
        Weights to quantise; with a scale given, codes.
    s : array (1, 1) or (E, 1, 1), optional
        Scale of the codes.
    bits : int, 2 to 16
        Of the activations.
    faithful : None or "official"
        "official": the layer of the paper's code, number for number: its two quantisers, which return rounded values
        instead of codes and scales.

    Returns
    -------
    y : array (N, O) or (E, N, O)
    cache : tuple
        For `linear_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = linear(np.array([[1.0, 2.0, 3.0]]), np.array([[0.9], [0.1], [-1.1]]))
    >>> dw, dx = linear_backward(np.ones((1, 1)), cache)
    >>> y.round(3).tolist(), dw.round(3).tolist()
    ([[-1.715]], [[-1.225], [0.0], [1.225]])
    """
    xp = namespace(x)
    n, norm_cache = layer_norm(x)
    if faithful not in (None, "official"):
        raise ValueError(f"faithful: expected None or 'official', got {faithful!r}")
    if faithful:
        a = official_activations(n, bits)
        q = official_weights(w)
        return xp.matmul(a, q), (a, None, q, norm_cache)
    a, gamma = activation_codes(n, bits)
    t, beta = weight_codes(w) if s is None else (w, s)
    y = xp.matmul(a, t)  # (E, N, O)
    y *= beta * gamma
    return y, (a, gamma, beta * t, norm_cache)


def linear_backward(dy: Array, cache: Cache, *, input_gradient: bool = True) -> tuple[Array, Array | None]:
    """``dw = (gamma a)^T dy``, ``dn = dy (beta t)^T`` (summed over networks if they shared x), then through the norm.

    Returns
    -------
    dw, dx : arrays of the shapes of w, x
        dx is None, and not computed, without `input_gradient`.
    """
    a, gamma, q, norm_cache = cache
    xp = namespace(dy)
    dw = xp.matmul(xp.matrix_transpose(a), dy if gamma is None else gamma * dy)  # (E, I, O)
    if not input_gradient:
        return dw, None
    dn = through_weights(dy, q, a.ndim)  # (E, N, I)
    return dw, layer_norm_backward(dn, norm_cache)


# --- whole numbers only ----------------------------------------------------------------------------------------------


def integer_linear(x: Array, w: Array, *, bits: int = 8) -> tuple[Array, Cache]:
    """``y = (a t + 1/2) / 2^(bits + k)``, with ``a = clip(floor(2^bits x), -2^bits, 2^bits)`` and codes t of w.

    Fixed point with `bits` binary places, clipped to [-1, 1]; no norm and no scale but a power of two (`shift`).  The
    sums are of whole numbers below 2^23 (`largest_sum`), and scaling by powers of two, floor and comparisons do not
    round: float32, float64 and integers of 32 bits agree, in any order of summation.  The half keeps outputs off 0,
    where bits are decided; floor takes it away.

    Parameters
    ----------
    x : array (N, I), of one network or shared by all; or (E, N, I)
    w : array (I, O) or (E, I, O)
        Weights to quantise, or codes: codes of codes are the same.
    bits : int, 2 to 16
        Of the activations, without sign.

    Returns
    -------
    y : array (N, O) or (E, N, O)
    cache : tuple
        For `integer_linear_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> y, cache = integer_linear(np.array([[0.3, 0.5, 2.0]]), np.array([[1.0], [0.0], [-1.0]]), bits=2)
    >>> y.tolist(), [g.tolist() for g in integer_linear_backward(np.ones((1, 1)), cache)]
    ([[-0.625]], [[[0.25], [0.5], [1.0]], [[1.0, 0.0, 0.0]]])
    """
    xp = namespace(x)
    u = x * float(2 ** check_bits(bits))
    limit = float(2**bits)
    a = xp.clip(xp.floor(u), -limit, limit)
    t, _ = weight_codes(w)
    unit = 2.0 ** -(bits + shift(w.shape[-2]))
    y = xp.matmul(a, t) + 0.5  # (E, N, O)
    y *= unit
    return y, (u, a, t, unit, limit)


def integer_linear_backward(dy: Array, cache: Cache, *, input_gradient: bool = True) -> tuple[Array, Array | None]:
    """``dw = a^T dy / 2^(bits + k)``, ``dx = dy t^T / 2^k`` where x was not clipped (summed over networks if shared).

    Returns
    -------
    dw, dx : arrays of the shapes of w, x
        dx is None, and not computed, without `input_gradient`.
    """
    u, a, t, unit, limit = cache
    xp = namespace(dy)
    dw = xp.matmul(xp.matrix_transpose(a), dy) * unit  # (E, I, O)
    if not input_gradient:
        return dw, None
    dx = through_weights(dy, (unit * limit) * t, u.ndim)  # (E, N, I)
    return dw, xp.where(xp.abs(u) <= limit, dx, xp.zeros_like(dx))


def shift(fan_in: int) -> int:
    """The k of `integer_linear`: ``2^k`` is the power of two nearest to ``sqrt(fan_in) / 2``.

    A sum of so many terms of random signs is as large as ``sqrt(fan_in)`` of them: outputs get the size of inputs.

    Examples
    --------
    >>> [shift(n) for n in (1, 16, 64, 128)]
    [0, 1, 2, 3]
    """
    return max(0, (fan_in.bit_length() - 2) // 2)


def largest_sum(fan_in: int, bits: int) -> int:
    """The largest magnitude that ``a t`` can have in `integer_linear`: ``fan_in 2^bits``; below 2^23 all is exact.

    Examples
    --------
    >>> largest_sum(128, bits=8) < 2**23
    True
    """
    return fan_in << check_bits(bits)


# --- cost --------------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What ternary networks take."""

    trits: int
    """Weights, in all."""
    bytes: float
    """At 1.6 bits each."""
    operations: int
    """Bit operations for one sample of the signal: every weight meets every bit of its activation."""


def cost(sizes: Sequence[int], networks: int, *, bits: int = 16, coordinates: int | None = None) -> Cost:
    """Storage and work of `networks` ternary networks of those sizes, activations having that many bits.

    With `coordinates`, work is counted as if the first layer had so many inputs, in place of their encoding's.  That is
    how the paper's Table 4 comes to its 50.66M bit operations a pixel, for 16 networks of 656.18K bytes in all; with
    the 30 inputs that they have it is 52.49M.

    Examples
    --------
    >>> cost((30, 256, 256, 256, 256, 3), networks=16, coordinates=2)
    Cost(trits=3280896, bytes=656179.2, operations=50659328)
    """
    layers = [fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
    first = layers[0] if coordinates is None else coordinates * sizes[1]
    trits = networks * sum(layers)
    return Cost(trits, trits / 5, networks * bits * (first + sum(layers[1:])))
