"""Operations of lossless compression, as a backend offers them: all of them exact, and compared by bits.

With this you can see what each has to compute: from neighbours to a network's inputs (`codec_contexts`), from those
to its outputs (`codec_network`), from outputs to whole frequencies of samples (`codec_frequencies`), and from
frequencies to bytes and back (`codec_encode`, `codec_decode`); and, of images of few levels, from counts of what came
before to frequencies (`codec_counts`).

All float arguments and results are float64, whatever dtype is checked.  N samples, L neighbours, H hidden neurons.
"""

from __future__ import annotations

import numpy as np

from refinr.codec import contexts, counts, mixture, network, rans, symbols
from refinr.codec.arrangement import Arrangement
from refinr.oracle.leaf_operations import Tensors
from refinr.xp import Array, to_host

_PAGE = Arrangement((4, 5), (0, 1), False)


def codec_contexts(values: Array) -> Tensors:
    """What a network is given of the 16 neighbours of samples of an image: centred, scaled and rounded.

    Neighbours are so many rows and columns away from the sample, in this order::

        (0, -1)   (-1, 0)   (-1, -1)  (-1, 1)   (0, -2)   (-2, 0)   (-1, -2)  (-1, 2)
        (-2, -1)  (-2, 1)   (-2, -2)  (-2, 2)   (0, -3)   (-3, 0)   (-1, -3)  (-1, 3)

    ``base`` is the mean of the first 4, ``c = values - base``, and ``scale = (|c_0| + ... + |c_11|) / 12 + 0.4``.
    Then, in this order of operations (sums of c are exact)::

        linear  = clip(floor(c (64 / scale) + 1/2), -512, 512) / 64
        squash  = floor(128 linear / (1 + |linear|) + 1/2) / 128
        q(x)    = floor(32 (e + 2 m - 2) + 1/2) / 128        for x = m 2^e, 1/2 <= m < 1
        across  = sum |c[p] - c[p + (0, -1)]|           over p = (0, -1), (-1, 0), (-1, 1)
        down    = sum |c[p] - c[p + (-1, 0)]|           over the same
        crossed = sum |c[p] - c[p + (0, -1)] - c[p + (-1, 0)] + c[p + (-1, -1)]|    over the same, and (-1, -1)
        inputs  = squash, q(scale), q(across / scale + 2^-6), q(down / scale + 2^-6), q(crossed / scale + 2^-6)

    Parameters
    ----------
    values : array (N, 16)
        Whole numbers below 2^32.

    Returns
    -------
    base : array (N,)
    scale : array (N,)
    linear : array (N, 16)
    inputs : array (N, 20)

    Examples
    --------
    >>> found = codec_contexts(np.full((1, 16), 7.0))
    >>> found["base"].tolist(), found["scale"].tolist(), found["linear"].any()
    ([7.0], [0.4], np.False_)
    """
    found = contexts.contexts(_PAGE, _PAGE.roles[0], to_host(values))
    return {"base": found.base, "scale": found.scale, "linear": found.linear, "inputs": found.inputs}


def codec_network(inputs: Array, linear: Array, w0: Array, b0: Array, w1: Array, b1: Array, skip: Array) -> Tensors:
    """``z = [clip([relu(inputs w0 + b0)]_7, 0, 255) w1 + b1]_7``, ``s = linear skip``.

    ``[x]_7`` is the nearest multiple of 2^-7, halves upwards: ``floor(128 x + 1/2) / 128``.  Parameters
    are whole numbers of units: w0 and b0 of 2^-4, w1 and b1 of 2^-6, skip of 2^-8.  No sum is rounded, in any order;
    products of linear are not all 0, so no sum is -0.0.

    Parameters
    ----------
    inputs : array (N, I)
        Multiples of 2^-7.
    linear : array (N, L)
        Multiples of 2^-6.
    w0, b0, w1, b1, skip : int64 arrays (I, H), (1, H), (H, O), (1, O), (L, 1)

    Returns
    -------
    z : array (N, O)
    s : array (N, 1)

    Examples
    --------
    >>> one = np.ones((1, 1), np.int64)
    >>> found = codec_network(np.ones((1, 1)), np.ones((1, 1)), 16 * one, 8 * one, 64 * one, 0 * one, 128 * one)
    >>> found["z"].tolist(), found["s"].tolist()
    ([[1.5]], [[0.5]])
    """
    units = {"w0": w0, "b0": b0, "w1": w1, "b1": b1, "skip": skip}
    params = network.from_units({name: to_host(u) for name, u in units.items()})
    z, s = network.evaluate(params, to_host(inputs), to_host(linear))
    return {"z": z, "s": s}


def codec_frequencies(z: Array, s: Array, base: Array, scale: Array, samples: Array, levels: int) -> Tensors:
    """Which of the coder's 2^24 slots samples own: v those from slot(v) to slot(v + 1).

    F is a mixture of three logistic distribution functions, and a share that all levels have alike.  In this order of
    operations, each rounded to float64, for i = 0, 1, 2::

        w_i = E(clip(z_i - max(z_0, z_1, z_2), -16, 0))
        p_i = (base + scale (s + z_(3+i))) + 1/2
        r_i = E(-clip(z_(6+i), -6, 4)) / scale
        u   = ((w_0 + w_1) + w_2) (2^-12 / levels)
        F(x) = ((x u + w_0 L((x - p_0) r_0)) + w_1 L((x - p_1) r_1)) + w_2 L((x - p_2) r_2)

    E is exp from a table, of multiples of 2^-7: ``E(-k / 128) = floor(2^30 exp(-k / 128)) / 2^30`` for k >= 0, and
    ``E(x) = 1 / E(-x)`` for x > 0.  L is the logistic function on straight lines: with
    ``H_k = floor(2^45 / (1 + exp(-k / 32))) / 2^45``, ``t = clip(32 y, -768, 768)`` and ``k = floor(t)``,
    ``L(y) = H_k + (t - k) (H_(k+1) - H_k)``.

    With B the bits that ``levels - 1`` takes, and ``R = 2^24 - 2^B``:
    ``slot(v) = min(floor((F(v) - F(0)) (R / (F(levels) - F(0)))), R) + v`` for v < levels, and R + v from there on.

    Parameters
    ----------
    z : array (N, 9)
        Multiples of 2^-7.
    s : array (N, 1)
    base, scale, samples : arrays (N,)
    levels : int, 2 to 2^16

    Returns
    -------
    starts : array (N,), int64
    frequencies : array (N,), int64

    Examples
    --------
    >>> given = {"z": np.zeros((2, 9)), "s": np.zeros((2, 1)), "base": np.zeros(2), "scale": np.ones(2)}
    >>> found = codec_frequencies(**given, samples=np.array([0.0, 1.0]), levels=2)
    >>> found["starts"][0], int(found["frequencies"].sum()) == 2**24
    (np.int64(0), True)
    """
    given = mixture.distribution(to_host(z), to_host(s), to_host(base), to_host(scale), levels)
    ((starts, frequencies),) = symbols.write(given, to_host(samples), levels)
    return {"starts": starts, "frequencies": frequencies}


def codec_encode(starts: Array, frequencies: Array, lanes: int) -> Tensors:
    """The coder's bytes for symbols: a range asymmetric numeral system, symbol i in lane i modulo `lanes`.

    From the last symbol to the first: a lane's number x, 2^31 at first, gives its lower 32 bits away if it is at least
    ``frequency 2^39``, and then becomes ``(x // frequency) 2^24 + start + x % frequency``.  The bytes are the lanes'
    numbers from the lowest lane on, 8 bytes each, then what was given away, 4 bytes each and the last first: the order
    in which a reader needs it.  All are little-endian.

    Parameters
    ----------
    starts, frequencies : int64 arrays (N,)
    lanes : int

    Returns
    -------
    content : array (B,), uint8

    Examples
    --------
    >>> len(codec_encode(np.zeros(64, np.int64), np.full(64, 1 << 23), lanes=1)["content"])
    16
    """
    content = rans.encode([(to_host(starts), to_host(frequencies))], lanes)
    return {"content": np.frombuffer(content, np.uint8)}


def codec_decode(content: Array, ends: Array, count: int, lanes: int) -> Tensors:
    """The inverse of `codec_encode`, where symbol k always owns the slots from ``ends[k]`` to ``ends[k + 1]``.

    A reader goes from the first symbol to the last: ``x % 2^24`` is one of the symbol's slots, x becomes
    ``frequency (x // 2^24) + x % 2^24 - start``, and where that is below 2^31, ``2^32 x`` plus the next 4 bytes.
    Refuse bytes after which a lane is not 2^31, or of which some are left or missing.

    Parameters
    ----------
    content : array (B,), uint8
    ends : int64 array (K + 1,)
        From 0 to 2^24.
    count : int
        N.
    lanes : int

    Returns
    -------
    symbols : array (N,), int64

    Examples
    --------
    >>> ends = np.array([0, 1 << 20, 1 << 24])
    >>> written = codec_encode(ends[[0, 1, 1]], np.diff(ends)[[0, 1, 1]], lanes=2)
    >>> codec_decode(written["content"], ends, count=3, lanes=2)["symbols"].tolist()
    [0, 1, 1]
    """
    table = to_host(ends)
    decoder = rans.Decoder(to_host(content).tobytes(), lanes)
    found = []
    for i in range(0, count, lanes):
        chosen = np.searchsorted(table, decoder.slots(min(lanes, count - i)), side="right") - 1
        decoder.advance(table[chosen], np.diff(table)[chosen])
        found.append(chosen)
    decoder.finish()
    return {"symbols": np.concatenate([np.empty(0, np.int64), *found])}


def codec_counts(samples: Array, levels: int, outside: int) -> Tensors:
    """Which of the coder's 2^24 slots the samples of an image own, where levels are counted by what was around them.

    Samples of one ``4 row + column`` are a wave: all that is counted of them is counted after all of them.
    A sample's neighbours are the first 12 of `codec_contexts`, with rows and columns clipped to the image.  One that
    then is of no earlier wave is replaced by the sample to the left, in column 0 by the one above, in the first place
    by `outside`.  With v_i the levels of the neighbours, ``M = 0x9E3779B97F4A7C15``, and h a number of 64 bits::

        h = M
        h = (h xor (v_i + 1)) M mod 2^64,  then  h = h xor floor(h / 2^29)      for i = 0, ..., 11

    There are four tables of counts, all 0 at first.  The first has one row; of the second, third and fourth, with 2^16
    rows each, a sample's row is h mod 2^16 after 2, 6 and 12 neighbours.  With n_k(v) the count of the level v in the
    sample's row of table k, and N_k the sum of that row::

        p_0(v) = 1 / levels
        p_k(v) = (n_k(v) + 2 p_(k-1)(v)) / (N_k + 2)            for k = 1, ..., 4
        frequency(v) = floor(p_4(v) (2^24 - levels)) + 1

    and v starts where the levels below it end, the first at 0.  After a wave, 1 is added to n_k(v) for each
    of its samples, in each of the tables.  Refuse more than 16 levels.

    Parameters
    ----------
    samples : array (H, W), int64, H and W at least 2
        0 to levels - 1.
    levels : int, 2 to 16
    outside : int, 0 to levels - 1

    Returns
    -------
    starts : array (H, W), int64
    frequencies : array (H, W), int64

    Examples
    --------
    >>> found = codec_counts(np.zeros((2, 2), np.int64), levels=2, outside=0)
    >>> found["starts"].any(), (found["frequencies"] / 2.0**24).round(3).tolist()
    (np.False_, [[0.5, 0.901], [0.969, 0.987]])
    """
    image = to_host(samples)
    arrangement = Arrangement(image.shape, (0, 1), False)
    told = counts.batches(arrangement, levels, arrangement.work(image, outside))
    found = np.empty((2, image.size), np.int64)
    found[:, arrangement.order().places] = np.concatenate(told, axis=1)
    starts, frequencies = found.reshape(2, *image.shape)
    return {"starts": starts, "frequencies": frequencies}
