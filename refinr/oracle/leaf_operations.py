"""Operations on samples, coordinates and single layers, as a backend offers them.

With this you can see what each has to compute: codes and planes (`to_codes`, `from_codes`, `to_planes`,
`from_planes`), coordinates and encodings (`grid`, `positional_encoding`, `fourier_features`), activations (`sine`,
`finer`, `gauss`, `wire`, `relu`, `tanh`, `gelu`), layers (`linear`, `weight_codes`, `activation_codes`, `layer_norm`,
`ternary_linear`, `integer_linear`), trained tables (`lookup`) and losses (`bce_with_logits`, `mse`, `mae`).

What holds for all of them (dtypes, shapes, order, arguments) stands in `refinr.oracle.operations`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refinr import activations, coords, layers, lookups, losses, ternary
from refinr import planes as bit_planes  # one operation has an argument of that name
from refinr.xp import Array

Tensors = dict[str, Array]
"""What an operation is given or returns, by name."""

# --- samples, codes, planes ------------------------------------------------------------------------------------------


def to_codes(samples: Array) -> Tensors:
    """Samples to unsigned codes of the same order (`refinr.planes.to_codes`).

    - bool: 0 and 1, as uint8.
    - Unsigned integers: as they are.
    - Signed integers of b bits: ``sample + 2^(b-1)`` (the sign bit is flipped).
    - Floats of b bits: the bit pattern as an unsigned integer, all bits flipped if the sign bit is set, else the sign
      bit set.  So -0.0 comes right before 0.0, infinities are the ends, and every NaN keeps its payload.

    Parameters
    ----------
    samples : array (...), bool, int8 to int64, uint8 to uint64, float16, float32 or float64
        Its dtype is the case's own, whatever dtype is checked.

    Returns
    -------
    codes : array (...), unsigned integers as wide as the samples

    Examples
    --------
    >>> import numpy as np
    >>> to_codes(np.array([-128, 0, 127], dtype="int8"))["codes"].tolist()
    [0, 128, 255]
    """
    return {"codes": bit_planes.to_codes(samples)[0]}


def from_codes(codes: Array, dtype: str) -> Tensors:
    """Codes to samples: the exact inverse of `to_codes`, NaN payloads and -0.0 included.

    Parameters
    ----------
    codes : array (...), unsigned integers as wide as `dtype`
    dtype : str
        Of the samples, by NumPy's name ("bool", "int16", "float32", ...).

    Returns
    -------
    samples : array (...) of `dtype`

    Examples
    --------
    >>> import numpy as np
    >>> from_codes(np.array([0, 128, 255], dtype="uint8"), "int8")["samples"].tolist()
    [-128, 0, 127]
    """
    return {"samples": bit_planes.from_codes(codes, dtype)}


def to_planes(codes: Array, bits: int, radix_bits: int, gray: bool) -> Tensors:
    """Codes to digits, least significant first: digit i is ``(codes >> (i radix_bits)) & (2^radix_bits - 1)``.

    Parameters
    ----------
    codes : array (...), uint8 to uint64
        All below ``2^bits``; refuse others.
    bits : int, 1 to 64
    radix_bits : int, 1 to 8
        Bits a digit; where it does not divide `bits`, the last digit has what is left.
    gray : bool
        Take the digits of ``codes ^ (codes >> 1)`` instead.

    Returns
    -------
    planes : array (..., ceil(bits / radix_bits)), uint8

    Examples
    --------
    >>> import numpy as np
    >>> to_planes(np.array([6], dtype="uint8"), bits=3, radix_bits=1, gray=False)["planes"].tolist()
    [[0, 1, 1]]
    """
    return {"planes": bit_planes.to_planes(codes, bits, radix_bits=radix_bits, gray=gray)}


def from_planes(planes: Array, bits: int, radix_bits: int, gray: bool, dtype: str) -> Tensors:
    """Digits to codes: the exact inverse of `to_planes`.

    Parameters
    ----------
    planes : array (..., ceil(bits / radix_bits)), uint8
        Least significant digit first.  Refuse another number of digits, and digits that are too large.
    bits, radix_bits, gray
        As in `to_planes`.  Of Gray digits, each bit of the code is the exclusive or of all digits' bits at or above it.
    dtype : str
        Of the codes: "uint8" to "uint64", at least `bits` wide; refuse a narrower one.

    Returns
    -------
    codes : array (...) of `dtype`

    Examples
    --------
    >>> import numpy as np
    >>> digits = np.array([[0, 1, 1]], dtype="uint8")
    >>> from_planes(digits, bits=3, radix_bits=1, gray=False, dtype="uint8")["codes"].tolist()
    [6]
    """
    return {"codes": bit_planes.from_planes(planes, bits, radix_bits=radix_bits, gray=gray, dtype=dtype)}


# --- coordinates and encodings ---------------------------------------------------------------------------------------


def grid(ends: Array, shape: Sequence[int]) -> Tensors:
    """Coordinates of all samples of an array: ``(2 i - (n - 1)) / (n - 1)`` on an axis of length n, 0 where n is 1.

    Parameters
    ----------
    ends : array (2,), float
        -1 and 1; what counts is the dtype.
    shape : list of d ints, each 1 or more

    Returns
    -------
    x : array (prod(shape), d), dtype of `ends`
        Row-major: the last axis runs fastest, and column i belongs to axis i.

    Examples
    --------
    >>> import numpy as np
    >>> grid(np.array([-1.0, 1.0]), [2, 2])["x"].tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    return {"x": coords.grid(shape, dtype=ends.dtype)}


def positional_encoding(x: Array, dy: Array, octaves: int) -> Tensors:
    """``y = (x, sin(pi x), cos(pi x), sin(2 pi x), cos(2 pi x), ..., sin(2^(K-1) pi x), cos(2^(K-1) pi x))``.

    Sorted by octave, not by coordinate: each of the 1 + 2 K blocks has all d coordinates.  The gradient is
    ``dx = dy_0 + sum_k 2^k pi (cos(2^k pi x) dy_sin,k - sin(2^k pi x) dy_cos,k)``.

    Parameters
    ----------
    x : array (N, d)
        In [-1, 1]; N may be 0.
    dy : array (N, d (1 + 2 K))
    octaves : int, K >= 0

    Returns
    -------
    y : array (N, d (1 + 2 K))
    dx : array (N, d)

    Examples
    --------
    >>> import numpy as np
    >>> positional_encoding(np.array([[0.5]]), np.array([[1.0, 0.0, 0.0]]), octaves=1)["y"].round(6).tolist()
    [[0.5, 1.0, 0.0]]
    """
    dx = coords.positional_encoding_backward(dy, x, octaves)
    return {"y": coords.positional_encoding(x, octaves), "dx": dx}


def fourier_features(x: Array, frequencies: Array, dy: Array) -> Tensors:
    """``y = (cos(x F), sin(x F))``, all cosines first; ``dx = (dy_sin cos(x F) - dy_cos sin(x F)) F^T``.

    Parameters
    ----------
    x : array (N, d)
        N may be 0.
    frequencies : array (d, M)
        F, in radians per unit of x: no factor 2 pi.
    dy : array (N, 2 M)

    Returns
    -------
    y : array (N, 2 M)
    dx : array (N, d)

    Examples
    --------
    >>> import numpy as np
    >>> fourier_features(np.array([[0.0]]), np.array([[3.0]]), np.array([[0.0, 1.0]]))["dx"].tolist()
    [[3.0]]
    """
    dx = coords.fourier_features_backward(dy, x, frequencies)
    return {"y": coords.fourier_features(x, frequencies), "dx": dx}


# --- activations -----------------------------------------------------------------------------------------------------


def _activation(name: str, z: Array, dy: Array, **options: Any) -> Tensors:
    activation = activations.get(name)
    y, cache = activation.forward(z, **activation.constants, **options)
    return {"y": y, "dz": activation.backward(dy, cache)}


def sine(z: Array, dy: Array, omega: float) -> Tensors:
    """``y = sin(omega z)``, ``dz = omega cos(omega z) dy``.

    Parameters
    ----------
    z : array (...)
        Subnormal numbers, -0.0 and no values at all among them, as for all activations.
    dy : array of the shape of z
    omega : float

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> sine(np.zeros(1), np.ones(1), omega=30.0)["dz"].tolist()
    [30.0]
    """
    return _activation("sine", z, dy, omega=omega)


def finer(z: Array, dy: Array, omega: float, stopped: bool) -> Tensors:
    """``y = sin(omega (|z| + 1) z)``, ``dz = omega cos(omega (|z| + 1) z) s dy`` with ``s = 2 |z| + 1``.

    Parameters
    ----------
    z, dy : arrays of one shape
    omega : float
    stopped : bool
        Take ``|z| + 1`` for a constant in the gradient: ``s = |z| + 1``.

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> finer(np.array([0.5]), np.ones(1), omega=1.0, stopped=False)["dz"].round(6).tolist()
    [1.463378]
    """
    return _activation("finer-stopped" if stopped else "finer", z, dy, omega=omega)


def gauss(z: Array, dy: Array, scale: float) -> Tensors:
    """``y = exp(-(scale z)^2)``, ``dz = -2 scale (scale z) y dy``.

    Parameters
    ----------
    z, dy : arrays of one shape
    scale : float
        Inverse width.

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> gauss(np.array([0.0, 1.0]), np.ones(2), scale=1.0)["y"].round(6).tolist()
    [1.0, 0.367879]
    """
    return _activation("gauss", z, dy, scale=scale)


def wire(z: Array, dy: Array, omega: float, scale: float) -> Tensors:
    """``y = cos(omega z) exp(-(scale z)^2)``, the real part of the Gabor wavelet.

    ``dz = -(omega sin(omega z) + 2 scale (scale z) cos(omega z)) exp(-(scale z)^2) dy``.

    Parameters
    ----------
    z, dy : arrays of one shape
    omega, scale : float

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> wire(np.zeros(1), np.ones(1), omega=10.0, scale=10.0)["y"].tolist()
    [1.0]
    """
    return _activation("wire", z, dy, omega=omega, scale=scale)


def relu(z: Array, dy: Array) -> Tensors:
    """``y = max(z, 0)``; ``dz = dy`` where ``z > 0``, else 0: also at 0.

    Parameters
    ----------
    z, dy : arrays of one shape

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-1.0, 0.0, 2.0]), np.ones(3))["dz"].tolist()
    [0.0, 0.0, 1.0]
    """
    return _activation("relu", z, dy)


def tanh(z: Array, dy: Array) -> Tensors:
    """``y = tanh(z)``, ``dz = (1 - y) (1 + y) dy``, where ``1 - y^2`` would cancel for y near 1.

    Parameters
    ----------
    z, dy : arrays of one shape

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> tanh(np.zeros(1), np.ones(1))["dz"].tolist()
    [1.0]
    """
    return _activation("tanh", z, dy)


def gelu(z: Array, dy: Array) -> Tensors:
    """``y = z Phi(z)``, ``dz = (Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)) dy``.

    Phi is the normal distribution function, ``(1 + erf(z / sqrt 2)) / 2``.  The formula with tanh is off by up to
    4.7e-4, which is far beyond the bounds.

    Parameters
    ----------
    z, dy : arrays of one shape

    Returns
    -------
    y, dz : arrays of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([1.0]), np.ones(1))["y"].round(6).tolist()
    [0.841345]
    """
    return _activation("gelu", z, dy)


# --- layers ----------------------------------------------------------------------------------------------------------


def linear(x: Array, w: Array, b: Array, dy: Array) -> Tensors:
    """``y = x w + b``, ``dw = x^T dy``, ``db = 1^T dy``, ``dx = dy w^T``, for each network.

    Parameters
    ----------
    x : array (N, I), shared by all networks, or (E, N, I)
        N may be 0: then y is empty, dw and db are zero.
    w : array (E, I, O)
    b : array (E, 1, O)
    dy : array (E, N, O)

    Returns
    -------
    y : array (E, N, O)
    dw : array (E, I, O)
    db : array (E, 1, O)
        Summed over samples; no mean.
    dx : array of the shape of x
        Where x is shared, summed over networks.

    Examples
    --------
    >>> import numpy as np
    >>> x, w, b = np.array([[1.0, 2.0]]), np.array([[[3.0], [4.0]]]), np.array([[[5.0]]])
    >>> {name: a.tolist() for name, a in linear(x, w, b, np.ones((1, 1, 1))).items()}
    {'y': [[[16.0]]], 'dw': [[[1.0], [2.0]]], 'db': [[[1.0]]], 'dx': [[3.0, 4.0]]}
    """
    y, cache = layers.linear(x, w, b)
    dw, db, dx = layers.linear_backward(dy, cache)
    return {"y": y, "dw": dw, "db": db, "dx": dx}


def lookup(table: Array, rows: Array, weights: Array, dy: Array) -> Tensors:
    """``y[n] = sum_k weights[n, k] table[rows[n, k]]``, and the gradient of every row, for each network.

    ``dtable[t]`` is the sum of ``weights[n, k] dy[n]`` over all n and k where ``rows[n, k]`` is t: of many that read
    the same row all count, and a row that nobody reads has gradient zero.

    Parameters
    ----------
    table : array (E, T, F)
    rows : array (N, K), int64, from 0 to T - 1
        Shared by all networks; a sample may name a row more than once.
    weights : array (N, K)
    dy : array (E, N, F)

    Returns
    -------
    y : array (E, N, F)
    dtable : array (E, T, F)

    Examples
    --------
    >>> import numpy as np
    >>> arrays = {"table": np.array([[[2.0], [6.0]]]), "rows": np.array([[0, 1]]), "weights": np.array([[0.75, 0.25]])}
    >>> {name: a.tolist() for name, a in lookup(**arrays, dy=np.ones((1, 1, 1))).items()}
    {'y': [[[3.0]]], 'dtable': [[[0.75], [0.25]]]}
    """
    y, looked = lookups.forward({"t0": table}, (lookups.lookup(rows, weights, table.shape[1]),))
    return {"y": y, "dtable": lookups.backward(dy, looked)["t0"]}


def weight_codes(w: Array) -> Tensors:
    """``s = mean(|w|)`` of each network, ``t = clip(round(w / s), -1, 1)``, halves to even.

    Where all weights are zero, s and all t are 0.

    Parameters
    ----------
    w : array (E, I, O), or (I, O) of one network

    Returns
    -------
    s : array (E, 1, 1), or (1, 1)
    t : array of the shape and dtype of w
        -1.0, 0.0 and 1.0.

    Examples
    --------
    >>> import numpy as np
    >>> weight_codes(np.array([[0.9, -0.2], [0.1, -1.2]]))["t"].tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """
    t, s = ternary.weight_codes(w)
    return {"s": s, "t": t}


def activation_codes(x: Array, bits: int) -> Tensors:
    """``s = max(|x|) / (2^(bits-1) - 1)`` of each row, ``a = round(x / s)``, halves to even.

    Where a row is zero, so are its s and a.

    Parameters
    ----------
    x : array (..., N, I)
        N may be 0.
    bits : int, 2 to 16

    Returns
    -------
    s : array (..., N, 1)
    a : array of the shape and dtype of x
        Whole numbers from ``1 - 2^(bits-1)`` to ``2^(bits-1) - 1``.

    Examples
    --------
    >>> import numpy as np
    >>> activation_codes(np.array([[0.5, -1.0, 0.1]]), bits=4)["a"].tolist()
    [[4.0, -7.0, 1.0]]
    """
    a, s = ternary.activation_codes(x, bits)
    return {"s": s, "a": a}


def layer_norm(x: Array, dy: Array) -> Tensors:
    """``y = (x - mean) r`` of each row, with ``r = 1 / sqrt(var + 1e-5)``; var is the mean of squares, over I.

    ``dx = (dy - mean(dy) - y mean(dy y)) r``.

    Parameters
    ----------
    x, dy : arrays (N, I)

    Returns
    -------
    y, dx : arrays (N, I)

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np.array([[1.0, 3.0]]), np.zeros((1, 2)))["y"].round(3).tolist()
    [[-1.0, 1.0]]
    """
    y, cache = ternary.layer_norm(x)
    return {"y": y, "dx": ternary.layer_norm_backward(dy, cache)}


def ternary_linear(x: Array, w: Array, dy: Array, bits: int, faithful: str | None) -> Tensors:
    """``y = beta gamma (a t)``: codes t and scales beta of w, codes a and scales gamma of the normalised rows of x.

    In the names of `weight_codes`, `activation_codes` and `layer_norm`: ``n = layer_norm(x)``, ``(gamma, a) =
    activation_codes(n, bits)``, ``(beta, t) = weight_codes(w)``.

    Gradients are straight-through: with ``gamma a`` in place of n, ``beta t`` in place of w, and rounding taken for the
    identity, so that scales are constants too: ``dw = (gamma a)^T dy``, ``dn = dy (beta t)^T``, and dx from dn through
    the norm.

    Parameters
    ----------
    x : array (N, I), shared by all networks
    w : array (E, I, O)
        The weights that are trained.
    dy : array (E, N, O)
    bits : int, 2 to 16
        Of the activations.
    faithful : None or "official"
        "official": the quantisers of the paper's code, values in place of codes: ``a = round(n q) / q`` with
        ``q = (2^bits - 1) / max(max|n|, 1e-5)`` for each row (twice as many levels),
        ``t = m clip(round(w / m), -1, 1)`` with ``m = max(mean|w|, 1e-5)`` for each network; gamma and beta are 1.

    Returns
    -------
    y : array (E, N, O)
    dw : array (E, I, O)
    dx : array (N, I)
        Summed over networks, before it goes through the norm.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([[1.0, 2.0, 3.0]]), np.array([[[0.9], [0.1], [-1.1]]])
    >>> ternary_linear(x, w, np.ones((1, 1, 1)), bits=8, faithful=None)["y"].round(3).tolist()
    [[[-1.715]]]
    """
    y, cache = ternary.linear(x, w, bits=bits, faithful=faithful)
    dw, dx = ternary.linear_backward(dy, cache)
    return {"y": y, "dw": dw, "dx": dx}


def integer_linear(x: Array, w: Array, dy: Array, bits: int) -> Tensors:
    """``y = (a t + 1/2) 2^-(bits + k)`` in fixed point, with ``a = clip(floor(2^bits x), -2^bits, 2^bits)``.

    t are the codes of `weight_codes`, whose scale is not used; ``k = max(0, floor(log2(I) / 2 - 1/2))``, by which
    ``2^k`` is near ``sqrt(I) / 2``.  Apart from t nothing here rounds.

    Gradients are straight-through: ``dw = a^T dy 2^-(bits + k)``, ``dx = dy t^T 2^-k`` where ``|2^bits x| <= 2^bits``,
    and 0 where x was clipped.

    Parameters
    ----------
    x : array (N, I), shared by all networks
    w : array (E, I, O)
        The weights that are trained.
    dy : array (E, N, O)
    bits : int, 2 to 16
        Binary places of the activations.

    Returns
    -------
    y : array (E, N, O)
    dw : array (E, I, O)
    dx : array (N, I)
        Summed over networks.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = np.array([[0.3, 0.5, 2.0]]), np.array([[[1.0], [0.0], [-1.0]]])
    >>> integer_linear(x, w, np.ones((1, 1, 1)), bits=2)["y"].tolist()
    [[[-0.625]]]
    """
    y, cache = ternary.integer_linear(x, w, bits=bits)
    dw, dx = ternary.integer_linear_backward(dy, cache)
    return {"y": y, "dw": dw, "dx": dx}


# --- losses ----------------------------------------------------------------------------------------------------------


def _loss(function: Callable[[Array, Array], tuple[Array, Array]], z: Array, targets: Array) -> Tensors:
    loss, dz = function(z, targets)
    return {"loss": loss, "dz": dz}


def bce_with_logits(z: Array, targets: Array) -> Tensors:
    """``loss = mean(max(z, 0) - z t + log(1 + exp(-|z|)))``, ``dz = (sigmoid(z) - t) / (N O)``.

    The mean is over samples and outputs, and summed over networks; so for all losses.

    Parameters
    ----------
    z : array (N, O) or (E, N, O)
        Up to 2^99 and down to 2^-140, where the dtype has them: neither may overflow, and the gradient of a confidently
        wrong output is not 0.
    targets : array of the shape and dtype of z
        From 0 to 1: mostly 0.0 and 1.0, and some between.

    Returns
    -------
    loss : array ()
    dz : array of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> bce_with_logits(np.array([[0.0]]), np.array([[1.0]]))["dz"].tolist()
    [[-0.5]]
    """
    return _loss(losses.bce_with_logits, z, targets)


def mse(z: Array, targets: Array) -> Tensors:
    """``loss = mean((z - t)^2)``, ``dz = 2 (z - t) / (N O)``.

    Parameters
    ----------
    z, targets : arrays of one shape, (N, O) or (E, N, O)

    Returns
    -------
    loss : array ()
        Summed over networks.
    dz : array of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> mse(np.array([[3.0]]), np.array([[1.0]]))["dz"].tolist()
    [[4.0]]
    """
    return _loss(losses.mse, z, targets)


def mae(z: Array, targets: Array) -> Tensors:
    """``loss = mean(|z - t|)``, ``dz = sign(z - t) / (N O)``, 0 where both are equal.

    Parameters
    ----------
    z, targets : arrays of one shape, (N, O) or (E, N, O)

    Returns
    -------
    loss : array ()
        Summed over networks.
    dz : array of the shape of z

    Examples
    --------
    >>> import numpy as np
    >>> mae(np.array([[3.0], [1.0]]), np.array([[1.0], [1.0]]))["dz"].tolist()
    [[0.5], [0.0]]
    """
    return _loss(losses.mae, z, targets)
