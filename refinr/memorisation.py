"""Networks that know N samples by heart: by a sum of ramps, or bit by bit out of a few large weights.

With this you can write down the network of one hidden layer that interpolates samples (`interpolation`), know how large
its sums become (`largest_sum`, `sum_bound`), write down a deep and narrow one with few parameters of many bits
(`extraction`), and count those bits (`weight_bits`).  Both take indices (`indices`) and give codes;
`refinr.mlp.forward` runs them, in Python's integers as well (arrays of dtype object).

**Interpolation.**  Samples y_0, ..., y_(N-1) have row-major indices t, a linear map of their places, one number each.
The broken line through the points (t, y_t) is a sum of ramps, which bend where it does:

    f(t) = y_0 + sum_(k < N-1) a_k relu(t - k),    a_0 = y_1 - y_0,    a_k = y_(k+1) - 2 y_k + y_(k-1).

*Proof.*  Between k and k + 1 the slope is ``a_0 + ... + a_k = y_(k+1) - y_k``.

That is one hidden layer with N - 1 neurons and ``(d + 2) (N - 1) + 1`` parameters, ``4 N - 3`` for an image, however
many bits a sample has.  (Zhang, Bengio, Hardt, Recht, Vinyals, "Understanding deep learning requires rethinking
generalization", ICLR 2017, Theorem 1: 2 N + d different numbers, as all neurons share the weights of t.)

**Theorem (what planes buy).**  For samples of n bits, N >= 2, let ``M = 2^n - 1`` and consider the sum that is an
output.

1. The magnitudes of its terms add up to at most ``((N - 1)^2 + 1) M <= N (N - 1) M``.
2. No sum of some of its terms exceeds ``(floor((N - 1)^2 / 2) + 1) M`` in size.

Both are attained, by samples that alternate between 0 and M.  float32 holds integers up to ``2^24``.  So, by 2, it adds
the terms without rounding, in any order, for N <= 5,793 samples of one bit but only N <= 23 of 16 bits, and just beyond
there are samples and orders that it gets wrong.  By 1, which is what certificates go by (`refinr.certificates`), bits
are certain up to N = 4,096 for one bit and N = 16 for 16.  Planes do not save parameters here: they buy precision.

*Proof.*  1: ``|a_0| <= M`` and ``|a_k| <= 2 M``, and ``relu(t - k) <= N - 1 - k``: the terms have magnitudes of at most
``M (N - 1) + 2 M (1 + ... + (N - 2)) = M (N - 1)^2``, and y_0 adds M.  2: let P be the sum of the positive terms
without y_0, Q that of the negative ones, so that ``y_t = y_0 + P - Q``.  No sum of some terms is above
``y_0 + P = y_t + Q`` or below ``-Q``.  It grows with t, so let ``t = N - 1 =: m``.  Then
``y_0 + P = (P + Q + y_0 + y_m) / 2``, by 1 at most ``(m^2 + 2) M / 2``, which is the bound if m is even.  For odd m, as
a convex function of the samples it is largest where all are 0 or M.  If ``y_0 + y_m <= M`` there, it is at most
``(m^2 + 1) M / 2``, the bound.  Otherwise ``y_0 = y_m = M``, and as an odd number of changes does not lead back, some
``y_(k+1) = y_k``.  Then ``|a_k|`` is M less than above: P + Q is at most ``(m^2 - 1) M``, and half of that and of 2 M
is the bound again.

**Extraction.**  m samples of n bits are the digits of one word U of ``B = m n`` bits; sample t is digit ``j = t mod m``
of word ``floor(t / m)``.  ``relu(t - k + 1) - relu(t - k)`` is a step from 0 to 1 at k, so with the K words'
differences as weights, one layer has U and j.  Bits come out of U from the top (Bartlett, Maiorov, Meir, "Almost linear
VC-dimension bounds for piecewise polynomial networks", Neural Computation 1998).  For bit i, one of digit
``k = floor(i / n)``, and ``U < 2^(i+1)``:

    b = relu(U - 2^i + 1) - relu(U - 2^i)                the bit
    c = relu(b - relu(j - k) - relu(k - j))              the bit if it is one of the wanted digit, else 0
    U <- U - 2^i b,    a <- a + 2^(i mod n) c            what is left, and the sample as far as it is known

Two layers of six neurons a bit, 84 parameters, and 8 parameters a word: ``P = 8 K + 84 B + d - 18`` in all.  The fewest
are those of ``m = ceil(sqrt(2 N / (21 n)))``: ``P <= 52 sqrt(N n) + 84 n + d``, of up to ``sqrt(N n) / 3 + n`` bits.

*Proof.*  ``K < N / m + 1`` and ``m < c + 1`` with ``c = sqrt(2 N / (21 n)) <= m``, so
``P <= 8 N / c + 84 n c + 84 n + d - 10``, and ``8 N / c = 84 n c = sqrt(672 N n) < 26 sqrt(N n)``.
``m n < sqrt(2 N n / 21) + n``, and ``2 / 21 < 1 / 9``.

Fewer parameters are not fewer bits: every difference of words stands there twice, so the weights have at least about
twice the bits of the samples (`weight_bits`), and no method needs fewer in all than `refinr.theory.counting_bound`.
Sources: S. Park, J. Lee, C. Yun, J. Shin, "Provable memorization via deep neural networks using sub-linear parameters",
COLT 2021; G. Vardi, G. Yehudai, O. Shamir, "On the optimal memorization power of ReLU neural networks", ICLR 2022.  The
layers, the counts and the theorem on planes are ours.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from refinr.description import MLP, Params

Layer = tuple[np.ndarray, np.ndarray]
"""Weights (I, O) and biases (O,) of a linear map, Python's integers."""


def indices(shape: tuple[int, ...]) -> np.ndarray:
    """Places of samples in row-major order, what these networks take: int64 (N, d).

    Examples
    --------
    >>> indices((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.indices(shape, dtype=np.int64).reshape(len(shape), -1).T


# --- a sum of ramps --------------------------------------------------------------------------------------------------


def interpolation_sizes(samples: int, axes: int) -> tuple[int, int, int]:
    """Widths of `interpolation`: ``d, N - 1, 1``; a single sample has a neuron too, an idle one.

    Examples
    --------
    >>> interpolation_sizes(256, 2)
    (2, 255, 1)
    """
    return (axes, max(samples - 1, 1), 1)


def interpolation(codes: np.ndarray, dtype: str = "float32") -> tuple[MLP, Params]:
    """The network of one hidden layer that has these codes at their indices, all of its numbers whole.

    Parameters
    ----------
    codes : array of unsigned integers, d axes
    dtype : str
        "float32", "float64", or "object" for Python's integers, which have no end.

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O)

    Raises
    ------
    ValueError
        If some order of summation would leave the integers that the dtype holds.

    Examples
    --------
    >>> from refinr import mlp
    >>> codes = np.array([[7, 0, 9], [4, 4, 60000]], dtype="uint16")
    >>> z, _ = mlp.forward(*interpolation(codes), indices(codes.shape).astype("float32"))
    >>> z.ravel().tolist()
    [7.0, 0.0, 9.0, 4.0, 4.0, 60000.0]
    """
    a = _bends(_flat(codes))
    spec = MLP(interpolation_sizes(codes.size, codes.ndim), "relu")
    most = _largest(dtype)
    reach = max(largest_sum(codes), codes.size - 1)
    if reach > most:
        raise ValueError(f"codes: {dtype} is exact up to {most}, but sums reach {reach}: fewer samples, or planes")
    hidden = (np.outer(_strides(codes.shape), np.ones_like(a)), -np.arange(len(a)).astype(object))
    return spec, _params([hidden, (a[:, None], _whole([int(codes.flat[0])]))], dtype)


def largest_sum(codes: np.ndarray) -> int:
    """The largest sum of some terms of an output of `interpolation`: what an order of summation may meet on its way.

    Examples
    --------
    >>> largest_sum(np.array([1, 0, 1, 0, 1], dtype="uint8")), sum_bound(5, 1)
    (9, 9)
    """
    y = _flat(codes)
    a = _bends(y)
    return y[0] + sum(max(bend, 0) * (len(y) - 1 - k) for k, bend in enumerate(a))


def sum_bound(samples: int, bits: int) -> int:
    """``(floor((N - 1)^2 / 2) + 1) (2^n - 1)``: no `largest_sum` of N samples of n bits exceeds it.

    Examples
    --------
    >>> [sum_bound(N, n) <= 2**24 for N, n in ((5793, 1), (5794, 1), (23, 16), (24, 16))]
    [True, False, True, False]
    """
    return ((samples - 1) ** 2 // 2 + 1) * ((1 << bits) - 1)


def _bends(y: list[int]) -> np.ndarray:
    """a_k, the changes of slope of the line through y: Python's integers (N - 1,), or a 0 for a single sample."""
    return np.diff(np.diff(_whole(y)), prepend=0) if len(y) > 1 else _whole([0])


# --- bits out of words -----------------------------------------------------------------------------------------------


def word_samples(samples: int, bits: int) -> int:
    """The m of the fewest parameters: ``ceil(sqrt(2 N / (21 n)))`` samples a word.

    Examples
    --------
    >>> word_samples(65536, 16), word_samples(65536, 1)
    (20, 80)
    """
    return math.isqrt(-(-2 * samples // (21 * bits)) - 1) + 1


def extraction_sizes(samples: int, bits: int, axes: int, word: int | None = None) -> tuple[int, ...]:
    """Widths of `extraction`: ``d, 1, 2 K - 1, 2``, then 6 twice a bit of a word, then 1.

    Examples
    --------
    >>> extraction_sizes(samples=5, bits=1, axes=2, word=2)
    (2, 1, 5, 2, 6, 6, 6, 6, 1)
    """
    word = word_samples(samples, bits) if word is None else word
    words = -(-samples // word)
    return (axes, 1, 2 * words - 1, 2, *[6] * (2 * word * bits), 1)


def extraction(codes: np.ndarray, bits: int | None = None, word: int | None = None) -> tuple[MLP, Params]:
    """The deep network of ``8 K + 84 B + d - 18`` parameters that has these codes at their indices.

    Its weights are Python's integers: float32 and float64 hold words of 24 and 53 bits at most, so no `refinr.inr.INR`
    is made of it.

    Parameters
    ----------
    codes : array of unsigned integers, d axes
    bits : int, optional
        n, of a code; by default those of the largest one.
    word : int, optional
        m, samples a word; by default `word_samples`.

    Returns
    -------
    spec : MLP
    params : dict of arrays (1, I, O) and (1, 1, O) of dtype object

    Raises
    ------
    ValueError
        For codes that have more bits, and words of no samples.

    Examples
    --------
    >>> from refinr import mlp
    >>> codes = np.array([[7, 0, 9], [4, 4, 60000]], dtype="uint16")
    >>> z, _ = mlp.forward(*extraction(codes), indices(codes.shape).astype(object))
    >>> z.ravel().tolist()
    [7, 0, 9, 4, 4, 60000]
    """
    y = _flat(codes)
    n = max(1, max(y).bit_length()) if bits is None else bits
    if n < 1 or max(y) >> n:
        raise ValueError(f"bits: expected at least {max(1, max(y).bit_length())}, those of the codes, got {n}")
    m = word_samples(len(y), n) if word is None else word
    if m < 1:
        raise ValueError(f"word: expected 1 sample or more, got {m}")
    words = [sum(code << n * j for j, code in enumerate(y[at : at + m])) for at in range(0, len(y), m)]
    layers = [(_strides(codes.shape)[:, None], _whole([0])), *_look_up(words, m)]
    left: Layer | None = None  # how values follow from the last neurons
    for i in reversed(range(m * n)):
        ask, pick, read = _bit(i, n)
        layers += [_then(left, ask) if left else (ask[0][:2], ask[1]), pick]  # at the start there is no a
        left = read
    weights, biases = read
    layers.append((weights[:, 2:], biases[2:]))  # a
    return MLP(extraction_sizes(len(y), n, codes.ndim, m), "relu"), _params(layers, "object")


def weight_bits(params: Params) -> int:
    """Bits of all weights and biases: of each whole number a sign and the binary digits; where they end is not counted.

    Examples
    --------
    >>> weight_bits({"w0": np.array([[[5, -1, 0]]], dtype=object)})
    7
    """
    return sum(1 + abs(int(w)).bit_length() for p in params.values() for w in p.flat)


def _look_up(words: list[int], m: int) -> list[Layer]:
    """From t to (U, j): steps at the words' starts, then words and starts as sums of steps."""
    starts = [m * g for g in range(1, len(words))]
    steps = [1 - k for k in starts] + [-k for k in starts] + [0]
    changes = [after - before for before, after in pairwise(words)]
    rows = [[d, -m] for d in changes] + [[-d, m] for d in changes] + [[0, 1]]
    return [(_whole([[1] * len(steps)]), _whole(steps)), (_whole(rows), _whole([words[0], 0]))]


def _bit(i: int, n: int) -> tuple[Layer, Layer, Layer]:
    """For bit i of a word: values (U, j, a) to six neurons, these to six others, and these to values again."""
    k = i // n
    two_i = 1 << i
    #             p  q  r   s  U  a      p - q is the bit, r + s is |j - k|
    ask = _whole([[1, 1, 0, 0, 1, 0], [0, 0, 1, -1, 0, 0], [0, 0, 0, 0, 0, 1]])  # fmt: skip
    pick = _whole(
        [  # b  c  r  s  U  a
            [1, 1, 0, 0, 0, 0],
            [-1, -1, 0, 0, 0, 0],
            [0, -1, 1, 0, 0, 0],
            [0, -1, 0, 1, 0, 0],
            [0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 1],
        ]
    )
    #              U     j  a
    read = _whole([[-two_i, 0, 0], [0, 0, 1 << i % n], [0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, 1]])
    return (
        (ask, _whole([1 - two_i, -two_i, -k, k, 0, 0])),
        (pick, _whole([0] * 6)),
        (read, _whole([0, k, 0])),
    )


def _then(first: Layer, second: Layer) -> Layer:
    """Two linear maps as one."""
    w, b = first
    v, c = second
    return w @ v, b @ v + c


# --- whole numbers ---------------------------------------------------------------------------------------------------


def _flat(codes: np.ndarray) -> list[int]:
    if codes.dtype.kind != "u" or codes.ndim < 1 or codes.size < 1:
        raise ValueError(f"codes: expected unsigned integers with at least one axis, got {codes.dtype} {codes.shape}")
    return [int(code) for code in codes.ravel().tolist()]


def _whole(values: list[int] | list[list[int]]) -> np.ndarray:
    return np.array(values, dtype=object)


def _strides(shape: tuple[int, ...]) -> np.ndarray:
    """How far the row-major index goes along every axis: (d,)."""
    return _whole([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])


def _largest(dtype: str) -> float:
    """Up to which number a type holds all integers."""
    return math.inf if np.dtype(dtype).kind == "O" else 2 ** (np.finfo(dtype).nmant + 1)


def _params(layers: list[Layer], dtype: str) -> Params:
    return {
        name: array[None].astype(dtype)
        for i, (w, b) in enumerate(layers)
        for name, array in ((f"w{i}", w), (f"b{i}", b[None]))
    }
