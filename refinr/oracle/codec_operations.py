"""Operations of lossless compression, as a backend offers them: all of them exact, and compared by bits.

With this you can see what each has to compute: from neighbours to a network's inputs (`codec_contexts`), from those
to its outputs (`codec_network`), from outputs to whole frequencies of samples (`codec_frequencies`), and from
frequencies to bytes and back (`codec_encode`, `codec_decode`).

All float arguments and results are float64, whatever dtype is checked.  N samples, L neighbours, H hidden neurons.
"""

from __future__ import annotations

import numpy as np

from refinr.codec import contexts, mixture, network, rans, symbols
from refinr.codec.arrangement import Arrangement
from refinr.oracle.leaf_operations import Tensors
from refinr.xp import Array, to_host

_PAGE = Arrangement((4, 5), (0, 1), False)


def codec_contexts(values: Array) -> Tensors:
    """What a network is given of the 16 neighbours of samples of an image; see `refinr.codec.contexts.contexts`.

    ``base`` is the mean of the first 4, c = values - base, ``scale = mean(|c| of the first 12) + 0.4``.  With
    ``[x]_k`` for the nearest multiple of 2^-k, halves upwards, and ``q(x) = [(e + 2 m - 2) / 4]_7`` where ``x = m
    2^e``, 1/2 <= m < 1:

        linear = clip([c / scale]_6, -8, 8)
        inputs = ([u / (1 + |u|)]_7 for u in linear, q(scale), q(changes / scale + 2^-6))

    The changes are three sums of magnitudes of weighted sums of c: `refinr.codec.contexts.PAGE_CHANGES`, by neighbour
    of `refinr.codec.contexts.PAGE`.

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
    """``z = [clip([relu(inputs w0 + b0)]_7, 0, 255) w1 + b1]_7``, ``s = linear skip``, [x]_7 as in `codec_contexts`.

    Parameters are whole numbers of units: w0 and b0 of 2^-4, w1 and b1 of 2^-6, skip of 2^-8.  No sum is rounded, in
    any order.

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
    """Which of the coder's 2^24 slots samples own: from slot(v) to slot(v + 1), with ``slot(v) = floor(r F(v)) + v``.

    F is a mixture of three logistic distribution functions: weights ``exp(z[0:3] - max)``, places ``base + scale (s +
    z[3:6]) + 1/2``, rates ``exp(-clip(z[6:9], -6, 4)) / scale``, and for each level the share ``2^-12 / levels`` of
    the weights' sum.  ``r F`` goes from 0 at 0 to 2^24 less the next power of two from `levels` on.  Exponentials are
    ``floor(2^30 exp(-k / 128)) / 2^30`` and one over it; distribution functions lie on straight lines between
    ``floor(2^45 / (1 + exp(-k / 32))) / 2^45``.  The order of operations is that of `refinr.codec.mixture` and
    `refinr.codec.symbols`.

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
    """The coder's bytes for symbols, symbol i in lane i modulo `lanes`; see `refinr.codec.rans`.

    From the last symbol to the first: a lane's number x, 2^31 at first, gives its lower 32 bits away while it is at
    least ``frequency 2^39``, and becomes ``(x // frequency) 2^24 + start + x % frequency``.  The bytes are the lanes'
    numbers, 8 bytes each, then what was given away, 4 bytes each, in the order in which a reader needs them: of
    symbols that are coded together, the lowest lane first.

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
