"""Bits that rounding could change: outputs so near a threshold that another machine may decide otherwise.

With this you can ask which bits of codes outputs within some radius may change (`changing`), and which of a tile's are
beyond what certificates promise (`undecided`); keep them beside the networks (`Kept`); and say how far outputs are from
what matters then (`distances`).

A file that is exact holds these bits itself, so that every machine that `refinr.balls` speaks of decodes the same
samples: what networks say there is not asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from refinr import decisions, planes
from refinr.balls import Machines, joined
from refinr.decompositions import Decomposition, Direct, Integers, Planes
from refinr.files import residual
from refinr.files.residual import Residual
from refinr.layout import Layout

_ROUNDING = 2.0**-49  # of decisions, which are made in float64, and of the ends of a ball


def undecided(layout: Layout, params: dict[str, np.ndarray], run: list[int], z: np.ndarray) -> np.ndarray | None:
    """Bits of the codes of some tiles that another machine may decode otherwise, computing in float32.

    Parameters
    ----------
    layout : Layout
    params : dict of arrays
        Of all networks.
    run : list of ints
        Tiles that are evaluated together, as `Layout.runs` gives them.
    z : array (networks, samples, 1)
        Their outputs, computed here.

    Returns
    -------
    codes (N, tiles C), ones where bits are undecided; None where there is no bound on rounding
    """
    cut = layout.cut
    if isinstance(cut, Integers):  # written down, in whole numbers that float32 holds: see `refinr.constructive`
        return np.zeros_like(cut.codes(z))
    place = layout.place(run[0], len(run))
    with np.errstate(all="ignore"):  # infinities and NaN are undecided
        apart = layout.network.apart(params, place, z)
        if apart is None:
            return None
        bits = np.zeros_like(cut.codes(z))
        if not (cut.decides and bool((cut.distances(z) > apart).all())):
            bits = changing(cut, z, apart)
        if not bits.any():
            return bits
        near = np.flatnonzero(bits.any(axis=1))
        outputs = z.shape[1] // len(bits)  # of a sample
        which = (near[:, None] * outputs + np.arange(outputs)).ravel()
        ball = joined(layout.network.enclosed(Machines(["float32"]), params, place, which))
        bits = np.zeros_like(bits)
        bits[near] = changing(cut, ball.mid, ball.rad[0])
    return bits


def changing(cut: Decomposition, z: np.ndarray, radius: Any) -> np.ndarray:
    """Bits of codes that change somewhere within `radius` of outputs; what is not a number may be anything.

    Parameters
    ----------
    cut : Planes, BitCoordinate, Direct or Integers
    z : array (networks, samples, 1)
    radius : array that broadcasts to that shape, or a number
        Where it is 0, an output is the same everywhere, and so is its bit.

    Returns
    -------
    codes (N, C), ones where bits change: whole digits of planes, and of values from the highest one on down

    Examples
    --------
    >>> z = np.array([[[0.3]], [[-0.01]], [[0.02]]])
    >>> changing(Planes(bits=3), z, 0.015), changing(Direct(bits=3), z[1:2], 0.1)
    (array([[2]], dtype=uint8), array([[7]], dtype=uint8))
    """
    z = z.astype(np.float64)
    known = np.isfinite(z) & (radius >= 0.0)
    middle = np.where(known, z, 0.0)
    reach = np.where(known, radius, np.inf)
    reach = np.where(reach > 0.0, reach + _ROUNDING * (1.0 + np.abs(middle)), 0.0)
    differ = cut.codes(middle - reach) ^ cut.codes(middle + reach)
    return _filled(differ, cut)


def _filled(differ: np.ndarray, cut: Decomposition) -> np.ndarray:
    """Codes (N, C) with all bits of digits that have one; of Gray codes and of values, of all digits below as well."""
    radix_bits = cut.radix_bits if isinstance(cut, Planes) else 1
    digits = planes.to_planes(differ, cut.bits, radix_bits=radix_bits) > 0  # (N, C, P)
    if not isinstance(cut, Planes) or cut.gray:
        digits = np.logical_or.accumulate(digits[..., ::-1], axis=-1)[..., ::-1]
    full = digits * np.uint8((1 << radix_bits) - 1)
    full[..., -1] &= (1 << (cut.bits - (full.shape[-1] - 1) * radix_bits)) - 1  # the top digit may have fewer
    return planes.from_planes(full, cut.bits, radix_bits=radix_bits, dtype=differ.dtype)


def distances(cut: Decomposition, z: np.ndarray, kept: np.ndarray | None) -> np.ndarray:
    """Of outputs from the nearest threshold that matters, where `kept` (N, C) says which bits are not asked of them.

    Parameters
    ----------
    cut : Planes, BitCoordinate, Direct or Integers
    z : array (networks, samples, 1)
    kept : codes (N, C), or None
        As `undecided` gives them, of these outputs.

    Returns
    -------
    array (N, C, P), float64; infinite where nothing that an output says matters
    """
    found = cut.by_sample(cut.distances(z))  # (N, C, P)
    if isinstance(cut, Planes) and cut.bits % cut.radix_bits:  # the top digit has fewer bits
        found = found.copy()
        top = cut.by_sample(z)[..., -1]
        found[..., -1] = decisions.distances(top, cut.levels, 1 << cut.bits % cut.radix_bits)
    if kept is None or not kept.any():
        return found
    if isinstance(cut, Planes):
        digits = (kept[..., None] >> (np.arange(cut.planes) * cut.radix_bits).astype(kept.dtype)) & 1
        return np.where(digits > 0, np.inf, found)
    steps = cut.levels - 1.0 if isinstance(cut, Direct) else 1.0
    values = cut.by_sample(z)[..., 0] * steps + (steps / 2 if isinstance(cut, Direct) else 0.0)  # (N, C), as codes
    low = (cut.codes(z) & ~kept).astype(np.float64)  # codes from here to `high` differ in kept bits alone
    high = low + kept
    below = np.where(low > 0, values - (low - 0.5), np.inf)
    above = np.where(high < cut.levels - 1, (high + 0.5) - values, np.inf)
    room = np.minimum(below, above) / steps - _ROUNDING * (1.0 + np.abs(values))
    return np.where(kept[..., None] > 0, np.maximum(room, 0.0)[..., None], found)


class Kept:
    """What is kept beside the networks of an exact fit: their wrong bits, and those that rounding could change.

    Where networks are right by themselves, and other machines agree, that is nothing.
    """

    def __init__(self, layout: Layout, params: dict[str, np.ndarray]) -> None:
        self._layout = layout
        self._params = params
        self._wrong = residual.Writer(layout.cut.bits)
        self._undecided = residual.Writer(layout.cut.bits)
        self.portable = True

    def add(self, run: list[int], z: np.ndarray, codes: np.ndarray, decoded: np.ndarray) -> None:
        """Tiles that are evaluated together: their outputs here, and codes (N, tiles C) that are right, and decoded."""
        found = undecided(self._layout, self._params, run, z) if self.portable else None
        self.portable = found is not None
        bits = np.zeros_like(codes) if found is None else found
        for start in range(0, codes.shape[1], self._layout.channels):
            tile = slice(start, start + self._layout.channels)
            self._wrong.add(codes[:, tile] ^ (decoded[:, tile] & ~bits[:, tile]))
            self._undecided.add(bits[:, tile])

    def finish(self, margin: float) -> Residual | None:
        """All of it."""
        undecided = self._undecided.finish(0.0)
        wrong = self._wrong.finish(margin, always=undecided is not None)
        return wrong if wrong is None else replace(wrong, undecided=undecided)
