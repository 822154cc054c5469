"""From parameters to samples, tile by tile.

With this you can decode any tiles of an array (`decode`), each with what its networks have wrong put right, or have
what this is made of (`evaluate`).

    outputs -> decisions -> codes -> clear what is undecided, flip what the residual says -> samples
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from refinr import tiling
from refinr.files import residual
from refinr.files.residual import Residual
from refinr.layout import Layout


def decode(
    layout: Layout,
    params: dict[str, np.ndarray],
    wrong: Residual | None,
    tiles: Sequence[int],
    *,
    xp: ModuleType | str | None = None,
    damaged: bool = False,
) -> Iterator[np.ndarray]:
    """The samples of one tile after the other, with all their channels.

    Parameters
    ----------
    layout : Layout
    params : dict of arrays
        Of all networks of the layout.
    wrong : Residual or None
        What they have wrong, and which bits they are not asked for.
    tiles : sequence of ints
        Numbers of tiles in ascending order.
    xp : array library or its name, optional
    damaged : bool
        Go on where a block of the residual is damaged: its tiles are then what the networks say.

    Raises
    ------
    ValueError
        If a block of the residual is damaged.
    """
    channels = (layout.channels,) if layout.channel_axis else ()
    evaluated = evaluate(layout, params, wrong, tiles, xp=xp, damaged=damaged)
    for index, (z, flip) in zip(tiles, evaluated, strict=True):
        codes = corrected(layout.cut.codes(z), flip, None)  # (N, C)
        yield layout.samples(codes).reshape(*tiling.extent(layout.tiles[index]), *channels)


def evaluate(
    layout: Layout,
    params: dict[str, np.ndarray],
    wrong: Residual | None,
    tiles: Sequence[int],
    *,
    xp: ModuleType | str | None = None,
    damaged: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The networks' outputs for one tile after the other, and what they have wrong: all that `decode` needs."""
    flips = kept(layout, wrong, tiles, damaged=damaged)
    clears = kept(layout, wrong and wrong.undecided, tiles, damaged=damaged)
    for (_, z), flip, clear in zip(layout.outputs(params, xp, tiles), flips, clears, strict=True):
        if clear is None:
            yield z, flip
        else:
            codes = layout.cut.codes(z)
            yield z, codes ^ corrected(codes, flip, clear)


def corrected(codes: np.ndarray, wrong: np.ndarray | None, undecided: np.ndarray | None) -> np.ndarray:
    """Codes (N, C) of networks, put right.

    Examples
    --------
    >>> corrected(np.array([[6], [5]], "uint8"), np.array([[0], [1]], "uint8"), np.array([[2], [1]], "uint8")).tolist()
    [[4], [5]]
    """
    codes = codes if undecided is None else codes & ~undecided
    return codes if wrong is None else codes ^ wrong


def kept(
    layout: Layout, bits: Residual | None, tiles: Sequence[int] | None = None, *, damaged: bool = False
) -> Iterator[np.ndarray | None]:
    """Those bits of one tile after the other, codes (N, C); None where there are none, or their block is damaged."""
    tiles = range(len(layout.tiles)) if tiles is None else tiles
    if bits is None:
        return itertools.repeat(None, len(tiles))
    found = residual.read(bits, sizes(layout), layout.cut.bits, tiles, damaged=damaged)
    return (None if codes is None else codes.reshape(-1, layout.channels) for codes in found)


def sizes(layout: Layout) -> list[int]:
    """Number of codes of each tile, which the residual must know."""
    return [math.prod(tiling.extent(where)) * layout.channels for where in layout.tiles]
