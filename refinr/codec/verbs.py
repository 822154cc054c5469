"""Lossless compression, and back: files as long as the loss.

With this you can compress samples (`compress`), and get them back, all or a region (`decompress`).
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu, hints, tiling
from refinr.codec import costs, cuts, header, keeping, models, parameters, slabs
from refinr.codec.costs import Limits
from refinr.codec.ordered import in_order
from refinr.files.checksum import content
from refinr.files.log import Log
from refinr.incoming import as_signal, checked
from refinr.tables import look_up

EFFORTS = {"none": 0, "fast": 300, "normal": 1500, "best": 8000}
"""Training steps of a network, by name."""

LEAST_OVERHEAD = 64
"""Bytes that a file has beside its samples at most, not counting side information."""

_SMALL = 1 << 18
"""Bytes of samples up to which files are also tried without networks, whose parameters count there."""

_FLAT = 0.1
"""Bits a sample below which counts leave nothing for networks to gain."""


class Contents(NamedTuple):
    """What a file consists of.

    Attributes
    ----------
    coding : header.Coding or None
    slabs : tuple of header.Slab
    streams : list of bytes
    """

    coding: header.Coding | None
    slabs: tuple[header.Slab, ...]
    streams: list[bytes]

    @property
    def size(self) -> int:
        """Bytes of the networks and of the streams."""
        return len(self.coding.parameters if self.coding else b"") + sum(map(len, self.streams))


# --- there -----------------------------------------------------------------------------------------------------------


@checked
def compress(
    samples: np.ndarray | str | os.PathLike[str],
    *,
    effort: str = "normal",
    steps: int | None = None,
    channels: bool | None = None,
    model: str = "mixture",
    reproducible: bool = False,
    seed: int = 0,
    info: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    journal: str | os.PathLike[str] | None = None,
    mixed: bool = False,
    progress: bool = False,
) -> bytes:
    """Samples in as few bytes as a small network, trained on them, can predict them with: a `.rinr` file.

    Parameters
    ----------
    samples : array of booleans, integers or floats of up to 64 bits, any shape; or path
        May be a memory map.  A path is that of a file, as for `refinr.fit`.
    effort : {"none", "fast", "normal", "best"}
        How long networks are trained; every budget is exact.
    steps : int, optional
        Training steps of a network, in place of an effort.
    channels : bool, optional
        Whether the last axis counts channels; by default, if there is another and it is at most four long.
    model : {"mixture", "planes", "adaptive"}
        What networks say: a sample's distribution as a mixture of three; the probability of one bit after the other,
        which takes longer; or a mixture, and they go on learning while samples are coded, there and back.
    reproducible : bool
        Whether every machine writes the same bytes, from the same xz library; not with "planes".
    seed : int
        For the networks' first parameters.
    info : mapping, optional
        Side information, fit for JSON, kept with the samples.
    executor : Executor, optional
        Codes the slabs of a large array, of about 2^20 samples each.
    journal : path, optional
        Keep networks that are trained, and slabs that are coded, in this file, and go on from there if it is there: the
        bytes are the same.  It is for whoever called to remove.
    mixed : bool
        Go on with a journal of a machine that rounds differently.
    progress : bool
        Whether to show a bar, on standard error.

    Returns
    -------
    bytes
        At most 64 more than the samples' and the side information's own; what nothing is gained for is kept as it is.

    Raises
    ------
    TypeError
        For samples of other dtypes.
    ValueError
        For an unknown effort or model, or steps below 0; if it is to be reproducible and cannot be; or for a `journal`
        of other samples or settings.
    OSError
        If the journal cannot be written, or another process is at it.

    Examples
    --------
    >>> y, x = np.mgrid[:64, :64]
    >>> image = (128 + 100 * np.sin(x / 9) * np.cos(y / 7)).astype("uint8")
    >>> data = compress(image, effort="fast")
    >>> bool((decompress(data) == image).all()), len(data) < image.size / 4
    (True, True)
    """
    samples, info, channels = as_signal(samples, info, channels)
    hints.give(samples, channels)
    steps = look_up(EFFORTS, effort, "effort") if steps is None else operator.index(steps)
    if steps < 0:
        raise ValueError(f"steps: expected 0 or more, got {steps}")
    wish = models.Wish(
        look_up(dict(zip(header.NETWORKS, header.NETWORKS, strict=True)), model, "model"),
        steps,
        operator.index(seed),
        bool(reproducible),
    )
    if reproducible and model == "planes":
        raise ValueError("reproducible: expected the model 'mixture' or 'adaptive', got 'planes'")
    if samples.ndim > header.MOST_AXES:
        raise ValueError(f"samples: expected up to {header.MOST_AXES} axes, got {samples.ndim}")
    if channels is None:
        channels = tiling.has_channels(samples.shape)
    array = samples.reshape(cuts.grid_of(samples.shape))
    channels = bool(channels) and array.ndim > 1 and 1 < samples.shape[-1] <= header.MOST_CHANNELS
    kept = keeping.opened(journal, array, channels, wish, mixed=mixed)
    with cpu.single_threaded_blas(), kept as log, _bar(progress) as told:
        contents = _contents(array, channels, wish, executor, told, log)
    head = _head(samples, contents, info)
    if samples.size and contents.size + LEAST_OVERHEAD > samples.nbytes:
        plain = _head(samples, Contents(None, (slabs.raw_row(array),), []), info)
        if len(plain) + samples.nbytes < len(head) + sum(map(len, contents.streams)):
            return b"".join([plain, *content(samples)])
    return b"".join([head, *contents.streams])


def _head(samples: np.ndarray, contents: Contents, info: Mapping[str, Any] | None) -> bytes:
    return header.Header(samples.dtype, samples.shape, dict(info or {}), contents.coding, contents.slabs).to_bytes()


def _contents(
    array: np.ndarray,
    channels: bool,
    wish: models.Wish,
    executor: Executor | None,
    told: Callable[[int, int], None],
    log: Log | None,
) -> Contents:
    """The shortest of what there is."""
    blocks = cuts.blocks(array.shape)

    def written(name: str, given: slabs.Given) -> Contents:
        return _written(given, keeping.coded(log, name, given, array, blocks, executor))

    found = []
    tried = {}
    seen = models.look(array, channels) if array.size else None
    if seen is not None:
        train = functools.partial(models.train, seen, progress=told)
        counted = models.counted(seen)
        if counted:
            found = [written("counts", counted)]
            if 8 * found[0].size < _FLAT * array.size:
                return found[0]
        tried["trained"] = keeping.networks(log, "trained", array, functools.partial(train, wish))
        if wish.steps and array.nbytes <= _SMALL:  # where parameters count, a linear prediction may be enough
            quick = functools.partial(train, wish._replace(steps=0))
            tried["linear"] = keeping.networks(log, "linear", array, quick)
        if not wish.reproducible:  # the weights of a long prediction are solved in floats
            long = functools.partial(train, wish, predicted=True)
            tried["predicted"] = keeping.networks(log, "predicted", array, long)
    found += [written(name, given) for name, given in tried.items() if given]
    if not any(c.coding for c in found) or array.nbytes <= _SMALL:
        found.append(written("alone", slabs.Given(None, (), array.dtype)))
    return min(found, key=lambda c: c.size)


def _written(given: slabs.Given, written: Sequence[tuple[header.Slab, bytes]]) -> Contents:
    rows = tuple(slab for slab, _ in written)
    streams = [stream for _, stream in written]
    if all(slab.kind != header.MODEL for slab in rows) or given.coding is None:
        return Contents(None, rows, streams)
    networks = parameters.write([units for units in given.networks if units is not None])
    return Contents(given.coding._replace(parameters=networks), rows, streams)


# --- and back --------------------------------------------------------------------------------------------------------


@checked
def decompress(
    data: bytes | memoryview,
    *,
    region: tuple[slice, ...] | None = None,
    executor: Executor | None = None,
    trusted: bool = False,
    limits: Limits | None = None,
) -> np.ndarray:
    """The samples that `compress` was given, to the last bit, on every machine.

    Parameters
    ----------
    data : bytes
    region : tuple of slices, optional
        One for each axis, without steps: only slabs that it touches are decoded.
    executor : Executor, optional
        Decodes the slabs of a large array.
    trusted : bool
        Take a short file that stands for many samples, too.
    limits : Limits, optional
        What a file may ask for that is not trusted; by default 500 MB or 64 bytes for each of its own, and time in
        proportion, see `refinr.codec.costs.Limits`.

    Raises
    ------
    ValueError
        If it is no `.rinr` file, damaged, cut short (the error says how much is whole), or newer than this version, or
        if the region is none of its samples'; or if it is not trusted and decoding would take more than `limits`.

    Examples
    --------
    >>> image = np.arange(15, dtype="uint16").reshape(3, 5)
    >>> decompress(compress(image), region=(slice(1, 3), slice(0, 2))).tolist()
    [[5, 6], [10, 11]]
    """
    found, streams = header.read(data)
    if not trusted:
        costs.check(found, len(data), limits)
    bounds = _bounds(found.shape, region)
    target = [stop - start for start, stop in bounds]
    if math.prod(target) == 0:
        return np.empty(target, found.dtype)
    grid = cuts.grid_of(found.shape)
    within = [b for b, n in zip(bounds, found.shape, strict=True) if n != 1] or [(0, 1)]
    given = slabs.given_by(found)
    blocks = cuts.blocks(grid) if len(found.slabs) > 1 else [tuple(slice(0, n) for n in grid)]
    starts = itertools.accumulate((slab.size + slab.low for slab in found.slabs), initial=0)
    parts: deque[tuple[tuple[slice, ...], tuple[slice, ...]]] = deque()

    def jobs() -> Iterator[tuple[str, header.Slab, bytes, tuple[int, ...]]]:
        for i, (slab, block, start) in enumerate(zip(found.slabs, blocks, starts, strict=False)):
            part = _overlap(block, within)
            if part is not None:
                parts.append(part)
                stream = bytes(streams[start : start + slab.size + slab.low])
                yield f"slab {i + 1} of {len(found.slabs)}", slab, stream, _shape(block)

    result = np.empty([stop - start for start, stop in within], found.dtype)
    with cpu.single_threaded_blas():
        for piece in in_order(executor, functools.partial(_read, given), jobs()):
            source, place = parts.popleft()
            result[place] = piece[source]
    return result.reshape(target)


def _read(given: slabs.Given, job: tuple[str, header.Slab, bytes, tuple[int, ...]]) -> np.ndarray:
    name, slab, stream, shape = job
    try:
        return slabs.read(given, slab, stream, shape)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _overlap(
    block: tuple[slice, ...], within: Sequence[tuple[int, int]]
) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """What a region takes of a slab, and where it is in the region; None if they do not meet."""
    ends = [(max(s.start, a), min(s.stop, b)) for s, (a, b) in zip(block, within, strict=True)]
    if any(low >= high for low, high in ends):
        return None
    source = tuple(slice(low - s.start, high - s.start) for (low, high), s in zip(ends, block, strict=True))
    place = tuple(slice(low - a, high - a) for (low, high), (a, _) in zip(ends, within, strict=True))
    return source, place


def _shape(block: tuple[slice, ...]) -> tuple[int, ...]:
    return tuple(side.stop - side.start for side in block)


def _bounds(shape: tuple[int, ...], region: tuple[slice, ...] | None) -> list[tuple[int, int]]:
    """Where the region begins and ends on each axis."""
    if region is None:
        return [(0, n) for n in shape]
    whole = isinstance(region, tuple) and len(region) == len(shape)
    if not whole or not all(isinstance(s, slice) and s.step in (None, 1) for s in region):
        raise ValueError(f"region: expected {len(shape)} slices without steps, got {region!r:.80}")
    found = [s.indices(n)[:2] for s, n in zip(region, shape, strict=True)]
    return [(start, max(start, stop)) for start, stop in found]


@contextmanager
def _bar(visible: bool) -> Iterator[Callable[[int, int], None]]:
    """What to tell how many steps are done, of how many: a progress bar, or nobody."""
    if not visible:
        yield lambda done, total: None
        return
    from tqdm import tqdm

    with tqdm(unit="step") as bar:

        def told(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield told
