"""An array as its layout sees it: the samples, codes and targets of every tile, and the jobs of its networks.

With this you can go through an array that may be larger than memory (`Tiled`): whatever is made of it is made tile by
tile, when it is asked for.

    samples -> codes -> targets -> jobs
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from refinr import tiling
from refinr.files.checksum import checksum
from refinr.jobs import Job
from refinr.layout import Layout


class Part(NamedTuple):
    """What is in one tile."""

    samples: np.ndarray
    """As the array has them: a view."""
    codes: np.ndarray
    """(N, C)"""
    targets: np.ndarray
    """(networks, N P, 1): what the tile's networks should say."""


@dataclass(frozen=True, eq=False)
class Tiled:
    """An array in the tiles of a layout.

    Parameters
    ----------
    layout : Layout
    samples : array
        Of the layout's shape and dtype; a memory map will do.

    Examples
    --------
    >>> from refinr.planning import plan
    >>> image = np.arange(64, dtype="uint8").reshape(8, 8)
    >>> tiled = Tiled(plan(image, tile=4, hidden=(8,)), image)
    >>> tiled.part(1).samples[0].tolist(), tiled.part(1).targets.shape
    ([4, 5, 6, 7], (6, 16, 1))
    >>> [len(job.networks) for job in tiled.jobs(group=10)]
    [10, 10, 4]
    """

    layout: Layout
    samples: np.ndarray

    @cached_property
    def checksum(self) -> str:
        """Of all samples, see `refinr.files.checksum.checksum`; they are read for it once, when first asked."""
        return checksum(self.samples)

    def part(self, index: int) -> Part:
        """What is in the tile of that number."""
        codes = self.codes(index)
        return Part(self.samples[self.layout.tiles[index]], codes, self.layout.cut.targets(codes))

    def codes(self, index: int) -> np.ndarray:
        """Its codes alone, (N, C)."""
        return self.layout.codes(self.samples[self.layout.tiles[index]]).reshape(-1, self.layout.channels)

    def jobs(self, group: int, skip: Container[int] = ()) -> Iterator[Job]:
        """The networks but for those to `skip`, in groups of that size: tiles of one shape together, the largest first.

        The last group of a shape may be smaller.
        """
        by_extent: dict[tuple[int, ...], list[int]] = {}
        for index, where in enumerate(self.layout.tiles):
            by_extent.setdefault(tiling.extent(where), []).append(index)
        for extent in sorted(by_extent, key=math.prod, reverse=True):
            x = self.layout.inputs(extent)  # (N, I)
            wanted = itertools.chain.from_iterable(self._targets(index, skip) for index in by_extent[extent])
            while batch := list(itertools.islice(wanted, group)):
                networks, targets = zip(*batch, strict=True)
                yield Job(self.layout.spec, networks, x, np.stack(targets))

    def _targets(self, index: int, skip: Container[int]) -> Iterator[tuple[int, np.ndarray]]:
        """The networks of one tile, and what they should represent."""
        each = self.layout.cut.networks(self.layout.channels)
        wanted = [i for i in range(each) if index * each + i not in skip]
        if wanted:
            targets = self.part(index).targets
            yield from ((index * each + i, targets[i]) for i in wanted)
