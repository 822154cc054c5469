"""How many parameters do n bits of an image take?  The paper's bound, two exact networks, and the least possible.

    python -m paper_figures.bounds      # compute, print a table, draw: about a minute

With this you can compute the numbers (`compute`), which writes `results/bounds.json`, and draw them from that file
(`plot`), which writes `results/bounds.png`.

For n = 1, ..., 16, on the top n bits of a 32 x 32 image:

- ``U_2(n) = C eps(n)^(-4)``, Eq. (6), for C = 1, and for a C that is proved to hold for the slope of this image;
- the network of `refinr.constructive.exact`: all parameters, and those that are not zero by construction;
- one trained network a plane, with bit planes that `refinr.fit` gets right to the last bit;
- ``N n / 32``: fewer float32 numbers cannot tell all images apart.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from refinr import constructive, demo, theory

RESULTS = Path(__file__).parent / "results"
SIZE, BITS, FITTED = 32, 16, (1, 2, 4, 8, 12, 16)


def compute(path: Path = RESULTS / "bounds.json") -> dict[str, Any]:
    """Count, fit, write down, and keep the numbers as JSON."""
    image = demo.synthetic(SIZE)
    step, _ = theory.neighbour_gain(image)
    slope = Fraction(step, 2**BITS - 1) * Fraction(SIZE - 1, 2)  # of values in [0, 1] on [-1, 1]^2
    constant = theory.lipschitz_constant(2, slope)
    rows = []
    for n in range(1, BITS + 1):
        top = image >> (BITS - n)
        written = constructive.exact(top)
        row = {
            "bits": n,
            "U": int(theory.upper_bound(n, 2)),
            "C U": float(theory.upper_bound(n, 2, constant)),
            "written": written.report.parameters,
            "written, not zero": constructive.nonzeros(image.size, 2),
            "written, wrong bits": sum(written.report.wrong_bits),
            "least": theory.counting_bound(image.size, n, 32),
        }
        if n in FITTED:
            trained = refinr.fit(top, bits=n)
            row |= {
                "trained": trained.report.parameters,
                "trained, wrong bits": sum(trained.report.wrong_bits),
                "steps": trained.report.steps,
            }
        rows.append(row)
    result = {
        "image": f"refinr.demo.synthetic({SIZE}), its top n bits",
        "slope": float(slope),
        "C": float(constant),
        "refinr": refinr.__version__,
        "numpy": np.__version__,
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def table(result: dict[str, Any]) -> str:
    """Parameters of what was fitted, beside those of what was written down."""
    lines = [f"{'bits':>4} {'C U_2(n)':>9} {'written down':>12} {'not zero':>8} {'trained':>7} {'at least':>8}"]
    for row in result["rows"]:
        if "trained" in row:
            lines.append(
                f"{row['bits']:4} {row['C U']:9.1e} {row['written']:12,} {row['written, not zero']:8,} "
                f"{row['trained']:7,} {row['least']:8,}"
            )
    return "\n".join(lines)


def plot(source: Path = RESULTS / "bounds.json", path: Path = RESULTS / "bounds.png") -> None:
    """Draw what `compute` kept."""
    from matplotlib.figure import Figure

    result = json.loads(source.read_text())
    rows = result["rows"]
    bits = [row["bits"] for row in rows]
    fitted = [row for row in rows if "trained" in row]
    each = fitted[0]["trained"] // fitted[0]["bits"]
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplots()

    def line(key: str, colour: str, style: str, width: float = 2.0) -> None:
        axes.plot(bits, [row[key] for row in rows], style, color=colour, linewidth=width)

    def say(n: float, height: float, text: str, colour: str, **options: Any) -> None:
        axes.text(n, height, text, color=colour, fontsize=10, **options)

    # colours by Okabe and Ito, which the colour-blind tell apart; every line has its own dashes besides
    vermilion, orange, blue, sky, green, grey = "#D55E00", "#B07800", "#0072B2", "#2A7FB0", "#007A5A", "#444444"
    line("C U", vermilion, "-")
    line("U", orange, "--")
    line("written", blue, "-")
    line("written, not zero", sky, "-.")
    axes.plot(bits, [each * n for n in bits], ":", color=green, linewidth=2)
    axes.plot([row["bits"] for row in fitted], [row["trained"] for row in fitted], "o", color=green, markersize=7)
    line("least", grey, "-", 1.2)
    axes.fill_between(bits, 1, [row["least"] for row in rows], color="#dddddd")

    last = rows[-1]
    text = f"enough for anything as\nsteep as this image:\nC U$_2$(n), C = {result['C']:,.0f};"
    say(0.75, 2e12, f"{text}\n{_power(last['C U'])} at n = 16", vermilion, va="center")
    text = f"Eq. (6) with C = 1: U$_2$(n) = (2$^{{n+1}}$ - 2)$^4$;\n{_power(last['U'])} at n = 16"
    say(8.4, 2e10, text, orange, va="center")
    text = f"written down, no training, exact: {last['written']:,} for every n"
    say(16, last["written"] * 1.5, text, blue, ha="right")
    say(
        16,
        last["written, not zero"] * 1.5,
        f"of these not zero: at most {last['written, not zero']:,}",
        sky,
        ha="right",
    )
    text = f"trained, exact: {each} n, one network a plane (dots: measured)"
    say(16, 2.6e3, text, green, ha="right", va="top")
    say(16, 45, "impossible: fewer than N n / 32 float32\nparameters cannot tell all images apart", grey,
        ha="right", va="center")  # fmt: skip

    axes.set_yscale("log")
    axes.set_xlim(0.5, 16.3)
    axes.set_ylim(10, 1e14)
    axes.set_xticks(bits)
    axes.set_yticks([10.0**k for k in range(1, 15)])
    axes.minorticks_off()
    axes.set_xlabel("bits a sample, n")
    axes.set_ylabel("parameters")
    axes.set_title(f"Parameters that represent the top n bits of a {SIZE} x {SIZE} image", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.savefig(path, dpi=130)


def _power(number: float) -> str:
    digits, exponent = f"{number:.1e}".split("e+")
    return rf"${digits} \cdot 10^{{{exponent}}}$"


if __name__ == "__main__":
    print(table(compute()))
    plot()
