"""What came where the neighbours were the same: drawings, masks and labels, of a few levels, take no network.

With this you can say what the coder is told of samples of at most 16 levels (`batches`) and read them back (`decode`).

Before a sample is coded, its level is looked up in four tables, by more and more of its known neighbours: none, two,
six, twelve, and always the same place in references.  Each table has counted how often each level came before where
these neighbours were as they are now, n of them out of N, and improves on the one before:

    p_k(level) = (n_k(level) + 2 p_(k-1)(level)) / (N_k + 2)

So long runs of one level cost next to nothing from the first few on, and nobody has to write down how long they are.
Samples of a wave are counted after all of them are coded, there and back.  Counts are whole numbers, and everything
else is done element by element: every machine gets the same bits.  Neighbours are found in a table by a hash; two that
share a place there share their counts, which costs bits but loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refinr.codec import contexts, rans
from refinr.codec.arrangement import Arrangement

MOST_LEVELS = 16

REACH = (2, 6, 12)
"""How many neighbours of the page the tables see, beside the same place in references."""

PLACES = 1 << 16
"""Of a table."""

TRUST = 2.0
"""How many samples the table before counts for."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio, odd: neighbours times it differ in their highest bits."""

_FOLD = np.uint64(29)


class Counter:
    """How often each level came, by what was around it.

    Parameters
    ----------
    arrangement : Arrangement
    levels : int

    Raises
    ------
    ValueError
        If there are more levels than `MOST_LEVELS`.
    """

    def __init__(self, arrangement: Arrangement, levels: int) -> None:
        if levels > MOST_LEVELS:
            raise ValueError(f"damaged: {levels} levels to be counted, where {MOST_LEVELS} is the most")
        self.arrangement = arrangement
        self.levels = levels
        self._tables = [np.zeros((places, levels)) for places in (1, *[PLACES] * len(REACH))]

    def expect(self, role: int, places: np.ndarray, work: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Where the slots of each level begin, and the last end: int64 (N, levels + 1); and rows of the tables."""
        rows = self._rows(role, places, work)
        p = np.full((len(places), self.levels), 1.0 / self.levels)
        for table, row in zip(self._tables, rows, strict=True):
            n = table[row]  # (N, levels)
            p = (n + TRUST * p) / (n.sum(axis=1, keepdims=True) + TRUST)
        frequencies = np.floor(p * float((1 << rans.PRECISION) - self.levels)) + 1.0
        ends = np.zeros((len(places), self.levels + 1), np.int64)
        np.cumsum(frequencies.astype(np.int64), axis=1, out=ends[:, 1:])
        return ends, rows

    def learn(self, rows: list[np.ndarray], samples: np.ndarray) -> None:
        """These levels came where the rows are."""
        for table, row in zip(self._tables, rows, strict=True):
            np.add.at(table, (row, samples), 1.0)

    def _rows(self, role: int, places: np.ndarray, work: np.ndarray) -> list[np.ndarray]:
        """Places in the tables."""
        chosen = self.arrangement.roles[role]
        found = contexts.offsets(self.arrangement)
        first = [len(found.page) + i * len(found.reference) for i in range(len(chosen.references))]
        columns = [*first, *range(REACH[-1])]
        near = contexts.neighbours(self.arrangement, chosen, places)[:, columns]
        known = work[near].astype(np.uint64) + np.uint64(1)
        hashed = np.full(len(places), role + 1, np.uint64) * _SPREAD
        rows = [np.zeros(len(places), np.int64)]
        for i in range(len(columns)):
            hashed = (hashed ^ known[:, i]) * _SPREAD
            hashed ^= hashed >> _FOLD
            if i + 1 - len(first) in REACH:
                rows.append((hashed % np.uint64(PLACES)).astype(np.int64))
        return rows


def batches(arrangement: Arrangement, levels: int, work: np.ndarray) -> list[rans.Batch]:
    """What the coder is told, in the order of reading.

    Parameters
    ----------
    arrangement : Arrangement
    levels : int
        Samples are 0, 1, ..., levels - 1.
    work : float64 array
        From `Arrangement.work`.
    """
    counter = Counter(arrangement, levels)
    found = []
    for role, places in _waves(arrangement):
        ends, rows = counter.expect(role, places, work)
        samples = work[places].astype(np.int64)
        each = np.arange(len(places))
        found.append((ends[each, samples], ends[each, samples + 1] - ends[each, samples]))
        counter.learn(rows, samples)
    return found


def decode(
    arrangement: Arrangement, levels: int, outside: float, content: bytes | memoryview, lanes: int
) -> np.ndarray:
    """The work array that was written.

    Raises
    ------
    ValueError
        If the content is damaged.
    """
    counter = Counter(arrangement, levels)
    decoder = rans.Decoder(content, lanes)
    work = np.full(arrangement.size + 1, outside)
    for role, places in _waves(arrangement):
        ends, rows = counter.expect(role, places, work)
        samples = np.empty(len(places), np.int64)
        for i in range(0, len(places), lanes):
            part = slice(i, i + lanes)
            samples[part] = _read(decoder, ends[part])
        work[places] = samples
        counter.learn(rows, samples)
    decoder.finish()
    return work


def _read(decoder: rans.Decoder, ends: np.ndarray) -> np.ndarray:
    """A sample of each lane: whose slots hold the decoder's."""
    slots = decoder.slots(len(ends))
    samples = (ends[:, 1:] <= slots[:, None]).sum(axis=1)
    if (slots >= ends[:, -1]).any():
        raise ValueError("damaged: a slot that no level has")
    each = np.arange(len(ends))
    decoder.advance(ends[each, samples], ends[each, samples + 1] - ends[each, samples])
    return samples


def _waves(arrangement: Arrangement) -> Iterator[tuple[int, np.ndarray]]:
    """Roles and places, in the order in which they are coded."""
    order = arrangement.order()
    for i, role in enumerate(order.roles):
        yield int(role), order.places[order.bounds[i] : order.bounds[i + 1]]
