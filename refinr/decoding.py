"""From parameters to samples, tile by tile.

With this you can decode any tiles of an array (`decode`), each with what its networks have wrong put right, or have
what this is made of (`evaluate`).

    outputs -> decisions -> codes -> flip what the residual says -> samples
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
        What they have wrong.
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
        codes = layout.cut.codes(z)  # (N, C)
        codes = codes if flip is None else codes ^ flip.reshape(codes.shape)
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
    flips: Iterator[np.ndarray | None] = itertools.repeat(None, len(tiles))
    if wrong is not None:
        flips = residual.read(wrong, sizes(layout), layout.cut.bits, tiles, damaged=damaged)
    for (_, z), flip in zip(layout.outputs(params, xp, tiles), flips, strict=True):
        yield z, flip


def sizes(layout: Layout) -> list[int]:
    """Number of codes of each tile, which the residual must know."""
    return [math.prod(tiling.extent(where)) * layout.channels for where in layout.tiles]
