"""What each direction of compression is worth: files with it and without it.

With this you can run ``python -m benchmarks.directions``.

Long predictions of sounds, counts in place of networks for drawings, colours that see each other, floats from the
exponent down: each is a way that `refinr.compress` goes where it makes a file shorter, and can be left out here.  All
numbers are of whole files, in bits a sample, at effort "normal"; those of planes are what their bits take.  Rows are
kept as those of `benchmarks.codec`.
"""

from __future__ import annotations

import functools
import lzma
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import codec, report
from paper_figures import recordings
from refinr import cpu
from refinr.cli import demo
from refinr.codec import header, models, parameters, slabs, verbs
from refinr.codec.report import plane_bits
from refinr.files import signals as files

SIDE = 256
"""Of pieces of photographs in colour, from their middle."""

MANTISSA = 23
"""Planes of a float32 below its exponent."""


def size_of(given: slabs.Given | None, samples: np.ndarray) -> float:
    """Bits a sample of a file of one slab, coded in this way."""
    if given is None or given.coding is None:
        return float("nan")
    row, content = slabs.write(given, samples)
    told = parameters.write([units for units in given.networks if units is not None])
    coding = given.coding._replace(parameters=told)
    head = header.Header(samples.dtype, samples.shape, {}, coding, (row,)).to_bytes()
    return 8 * (len(head) + len(content)) / samples.size


def by_networks(samples: np.ndarray, channels: bool, steps: int, *, predicted: bool = False) -> float:
    """Bits a sample of a file with networks, with a long prediction or without."""
    seen = models.look(samples, channels)
    assert seen is not None
    wish = models.Wish(steps=steps)
    return size_of(models.train(seen, wish, lambda done, total: None, predicted=predicted), samples)


def compressed(samples: np.ndarray, channels: bool, steps: int) -> tuple[float, bytes]:
    """Bits a sample of what `refinr.compress` makes, and the file, which is exact."""
    data = refinr.compress(samples, channels=channels, steps=steps)
    assert refinr.decompress(data, trusted=True).tobytes() == samples.tobytes()
    return 8 * len(data) / samples.size, data


def of_a_sound(name: str, samples: np.ndarray, steps: int) -> dict[str, Any]:
    """With a long prediction, and without."""
    report.log(f"{name}, {samples.shape}")
    size, data = compressed(samples, True, steps)
    coding = header.read(data)[0].coding
    return {
        "signal": name,
        "samples": samples.size,
        "samples before": coding.lags if coding else 0,
        "refinr": size,
        "without": by_networks(samples, True, steps),
        "FLAC": codec.baselines(samples)["FLAC"],
    }


def of_a_drawing(name: str, samples: np.ndarray, steps: int) -> dict[str, Any]:
    """With counts, and without."""
    report.log(f"{name}, {samples.shape}")
    others = codec.baselines(samples)
    colours = samples.ndim == 3
    size, _ = compressed(samples, colours, steps)
    return {
        "signal": name,
        "levels": len(np.unique(samples)),
        "refinr": size,
        "without": by_networks(samples, colours, steps),
        "PNG": others["PNG"],
        "JPEG XL": others["JPEG XL"],
    }


def of_colours(name: str, samples: np.ndarray, steps: int) -> dict[str, Any]:
    """Colours that see each other, and each in a file of its own."""
    report.log(f"{name}, {samples.shape}")
    size, _ = compressed(samples, True, steps)
    alone = [compressed(np.ascontiguousarray(samples[..., i]), False, steps)[0] for i in range(3)]
    return {"signal": name, "refinr": size, "without": sum(alone) / 3, "JPEG XL": codec.baselines(samples)["JPEG XL"]}


def of_floats(name: str, samples: np.ndarray, steps: int) -> dict[str, Any]:
    """What sign and exponent take, and what the mantissa does; and bytes by significance, through xz.

    Levels count from the lowest on, so the planes are those of what is above it.
    """
    report.log(f"{name}, {samples.shape}")
    size, data = compressed(samples, False, steps)
    planes = plane_bits(data, samples)
    coding = header.read(data)[0].coding
    whole = coding is None or coding.recipe.fraction >= 0 or planes is None
    below = max(0, MANTISSA - coding.recipe.low_bits) if coding else 0
    apart = np.ascontiguousarray(samples, "<f4").reshape(-1, 1).view(np.uint8).T[::-1].tobytes()
    return {
        "signal": name,
        "refinr": size,
        "sign and exponent": float("nan") if whole else sum(planes[below:]),  # type: ignore[index]
        "highest planes of the mantissa": float("nan") if whole else sum(planes[:below]),  # type: ignore[index]
        "lower planes, kept aside": coding.recipe.low_bits if coding else 0,
        "bytes apart, xz": 8 * len(lzma.compress(apart, preset=9)) / samples.size,
    }


def sounds(known: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """A plucked string, speech of telephones, and the first sentence that is read."""
    yield from ((name, known[name]) for name in ("pluck-pcm16", "speech") if name in known)
    if recordings.SPEECH.exists():
        yield "read speech", recordings.speech()[0].samples[:, None]


def in_colour() -> Iterator[tuple[str, np.ndarray]]:
    """The middles of photographs."""
    import skimage.data

    for name in ("astronaut", "chelsea"):
        samples = files.read(Path(skimage.data.__file__).parent / f"{name}.png").samples
        top, left = ((n - SIDE) // 2 for n in samples.shape[:2])
        yield name, np.ascontiguousarray(samples[top : top + SIDE, left : left + SIDE])


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("directions", __doc__, timed=False)
    if run.quick:
        tiny = demo.synthetic(16)
        size = compressed(tiny, False, 5)[0]
        without = by_networks(tiny, False, 5)
        row = {"signal": "synthetic", "refinr": size, "without": without}
        run.publish("Directions", {"All": [row]}, [report.Target("bits a sample", size, "<=", without)])
        return
    steps = verbs.EFFORTS["normal"]
    known = {name: samples for _, name, samples in codec.signals()}
    groups: dict[str, tuple[Callable[..., dict[str, Any]], Iterable[tuple[str, np.ndarray]]]] = {
        "Long predictions of sounds": (of_a_sound, sounds(known)),
        "Counts of few levels": (of_a_drawing, ((name, known[name]) for name in ("horse", "phantom"))),
        "Colours that see each other": (of_colours, in_colour()),
        "Floats": (of_floats, ((name, known[name]) for name in ("bathymetry", "disparity"))),
    }
    tables: dict[str, list[dict[str, Any]]] = {}
    with cpu.single_threaded_blas():
        for heading, (measure, named) in groups.items():
            calls = [(name, functools.partial(measure, name, samples, steps)) for name, samples in named]
            tables[heading] = [codec.kept(f"{heading}, {name}", call) for name, call in calls]
    rows = [row for table in tables.values() for row in table if "without" in row]
    longer = sum(row["refinr"] > row["without"] + 1e-9 for row in rows)
    run.publish("What each direction is worth", tables, [report.Target("files longer than without", longer, "<=", 0)])


if __name__ == "__main__":
    main()
