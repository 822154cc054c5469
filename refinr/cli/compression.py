"""What the command line does with `.rinr` files: compress, decompress, and say what they hold."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from refinr import cpu, estimates, executors, summary, tiling
from refinr.cli import notes, outputs
from refinr.codec import costs, cuts, header, network, parameters, report, verbs
from refinr.files import signals
from refinr.files.atomic import replace_file
from refinr.files.journal import discard

WORTH_TIMING = 1 << 20
"""Samples, weighed with steps, from which on a job is not over before its time is measured."""

PART = 1 << 16
"""Samples of the part that is measured."""

KINDS = {header.RAW: "as they are", header.XZ: "by xz", header.MODEL: "with networks"}


def compress(options: argparse.Namespace) -> int:
    """Compress a signal and write the file."""
    if signals.format_of(options.output):  # perhaps the only copy of a signal
        raise ValueError(f"{options.output}: the name of a signal, expected one like OUT.rinr")
    outputs.claim(options.output, options.input, force=options.force, ours=holds)
    before = outputs.stamp(options.output)
    samples, info = signals.read(options.input, page=options.page, trusted=options.trusted)
    channels = info.get("channels") if options.channels is None else options.channels
    compressed = functools.partial(
        verbs.compress,
        model=options.model,
        reproducible=options.reproducible,
        seed=options.seed,
    )
    steps = verbs.EFFORTS[options.effort] if options.steps is None else options.steps
    if not options.quiet and samples.size * (1.0 + steps / verbs.EFFORTS["normal"]) > WORTH_TIMING:
        found = tiling.has_channels(samples.shape, channels)
        with notes.noted(quiet=True):  # of the parts that are measured
            estimate = _estimate(samples, steps, functools.partial(compressed, channels=found))
        if estimate.seconds >= estimates.LONG:
            print(f"refinr: {_in_words(estimate)}", file=sys.stderr)
    journal = Path(f"{options.output}.part") if options.resume else None
    compressed = functools.partial(compressed, journal=journal, mixed=options.mixed, progress=not options.quiet)
    with outputs.say_kept(journal):
        opened = executors.open_executor(options.executor, workers=options.workers, address=options.address)
        with notes.noted(options.quiet), opened as executor:
            data = compressed(samples, channels=channels, steps=steps, info=info, executor=executor)
        outputs.say_replaced(options.output, before)
        replace_file(options.output, data)
    if journal:
        discard(journal, options.output)
    print(_sizes(len(data), samples.size, samples.nbytes))
    return 0


def _estimate(samples: np.ndarray, steps: int, compressed: Callable[..., bytes]) -> estimates.Estimate:
    """From small parts of the middle: what a step takes, and what coding a sample does beyond what any array takes."""

    def timed(most: int, steps: int) -> tuple[float, int, np.ndarray]:
        part = _middle(samples, most)
        start = time.perf_counter()
        size = len(compressed(part, steps=steps))
        return time.perf_counter() - start, size, part

    least, _, small = timed(PART // 4, 0)
    coded, size, part = timed(PART, 0)
    few, many = (timed(PART // 4, n)[0] for n in (8, 40))
    of_a_step = max(0.0, many - few) / 32
    of_a_sample = max(0.0, coded - least) / max(1, part.size - small.size)
    at_once = min(cpu.workers(), len(cuts.blocks(cuts.grid_of(samples.shape))))
    seconds = least + of_a_step * steps + of_a_sample * samples.size / at_once
    return estimates.Estimate(seconds, size * samples.nbytes // part.nbytes, samples.nbytes)


def _middle(samples: np.ndarray, most: int) -> np.ndarray:
    """The middle of an array, about `most` samples; short axes stay whole.

    Examples
    --------
    >>> _middle(np.zeros((500, 400, 3)), 1200).shape
    (20, 20, 3)
    """
    lengths = list(samples.shape)
    left = float(most)
    for rank, axis in enumerate(sorted(range(samples.ndim), key=samples.shape.__getitem__)):
        lengths[axis] = min(samples.shape[axis], max(1, int(left ** (1.0 / (samples.ndim - rank)) + 1e-9)))
        left /= lengths[axis]
    ends = zip(samples.shape, lengths, strict=True)
    return samples[tuple(slice((n - length) // 2, (n - length) // 2 + length) for n, length in ends)]


def _in_words(estimate: estimates.Estimate) -> str:
    share = 100.0 * estimate.bytes / estimate.samples
    size = f"{estimate.bytes / 1e6:,.1f} MB, {share:.0f} % of the samples, or less"
    return f"about {estimates.duration(estimate.seconds)}, and a file of about {size}"


def decompress(options: argparse.Namespace) -> int:
    """Write the signal that a file holds."""
    outputs.claim_signal(options.output, options.input, force=options.force)
    data = Path(options.input).read_bytes()
    with executors.open_executor(options.executor, workers=options.workers, address=options.address) as executor:
        samples = decoded(options.input, data, region=options.region, trusted=options.trusted, executor=executor)
    outputs.write_signal(options.output, samples, header.read(data)[0].info, whole=options.region is None)
    return 0


def holds(path: str | Path) -> bool:
    """Whether a file says that it is a `.rinr` file; what cannot be read says nothing."""
    try:
        with open(path, "rb") as file:
            return file.read(len(header.MAGIC)) == header.MAGIC
    except OSError:
        return False


def decoded(path: str, data: bytes | None = None, **options: object) -> np.ndarray:
    """The samples of a file, which errors name."""
    try:
        return verbs.decompress(Path(path).read_bytes() if data is None else data, **options)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def info(options: argparse.Namespace) -> int:
    """Say what a file holds."""
    data = Path(options.input).read_bytes()
    try:
        found, _ = header.read(data)
        if not options.trusted:
            costs.check(found, len(data))
    except ValueError as error:
        raise ValueError(f"{options.input}: {error}") from None
    samples = int(np.prod(found.shape))
    print(f"samples        {found.dtype} {found.shape}")
    kinds = [slab.kind for slab in found.slabs]
    names = KINDS | ({header.MODEL: "by counts"} if found.coding and found.coding.model == header.COUNTS else {})
    text = ", ".join(f"{kinds.count(kind)} {name}" for kind, name in names.items() if kind in kinds)
    print(f"slabs          {len(kinds)}" + (f": {text}" if kinds else ""))
    if found.coding is not None:
        sizes = [s for s in parameters.sizes_of(found.coding, cuts.grid_of(found.shape)) if s is not None]
        count = sum(map(network.count, sizes))
        lags = f", {found.coding.lags} samples before" if found.coding.lags else ""
        if sizes:
            print(f"networks       {len(sizes)} with {count} parameters in {len(found.coding.parameters)} bytes")
        print(f"model          {found.coding.model}{lags}")
        low = sum(slab.low for slab in found.slabs)
        print(
            f"levels         {found.coding.recipe.coded_levels()}" + (f", and {low} bytes of lower bits" if low else "")
        )
    print(f"file           {_sizes(len(data), samples, samples * found.dtype.itemsize)}")
    if options.planes:
        _say_planes(data, decoded(options.input, data, trusted=options.trusted))
    if found.info:
        print(f"carried along  {summary.carried(found.info)}")
        outputs.say_not_carried(found.info)
    return 0


def _say_planes(data: bytes, samples: np.ndarray) -> None:
    planes = report.plane_bits(data, samples)
    if planes is not None:
        print("planes         " + " ".join(f"{b:.2f}" for b in planes) + " bits a sample, the lowest first")
    for name, size in report.others(samples).items():
        print(f"{name:<15}{_sizes(size, samples.size, samples.nbytes)}")


def _sizes(size: int, samples: int, raw: int) -> str:
    share = f", {100 * size / raw:.1f} % of the samples" if raw else ""
    bits = f", {8 * size / samples:.3f} bits a sample" if samples else ""
    return f"{size} bytes{share}{bits}"
