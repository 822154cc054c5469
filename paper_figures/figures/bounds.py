"""How many parameters do n bits of an image take?  The paper's bound, two exact networks, and the least possible.

For n = 1, 2, ... on the top n bits of a square image:

- ``U_2(n) = C eps(n)^(-4)``, Eq. (6), for C = 1, and for a C that is proved to hold for the slope of this image;
- the network of `refinr.constructive.exact`: all parameters, and those that are not zero by construction;
- one trained network a plane, with bit planes that `refinr.fit` gets right to the last bit;
- ``N n / 32``: fewer float32 numbers cannot tell all images apart.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from paper_figures import claims, fits, signals
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import constructive, theory
from refinr.fitting import fit

PICTURES = {
    "bounds": "Parameters that represent the top n bits of an image: the bound of Eq. (6), networks written down and "
    "trained (one seed), and the least possible.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "synthetic", "size": 5, "bits": [1, 2], "fitted": [1, 2]},
    "small": {"signal": "synthetic", "size": 32, "bits": list(range(1, 17)), "fitted": [1, 2, 4, 8, 12, 16]},
    "paper": {"signal": "synthetic", "size": 64, "bits": list(range(1, 17)), "fitted": list(range(1, 17))},
}


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Count, fit, write down."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])
    step, _ = theory.neighbour_gain(signal.codes)
    slope = Fraction(step, 2**signal.bits - 1) * Fraction(settings["size"] - 1, 2)  # values in [0, 1] on [-1, 1]^2
    constant = theory.lipschitz_constant(2, slope)

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        n = case["bits"]
        top = signal.codes >> (signal.bits - n)
        written = constructive.exact(top)
        row = {
            "U": int(theory.upper_bound(n, 2)),
            "C U": float(theory.upper_bound(n, 2, constant)),
            "written": written.report.parameters,
            "written, not zero": constructive.nonzeros(top.size, 2),
            "written, wrong bits": sum(written.report.wrong_bits),
            "least": theory.counting_bound(top.size, n, 32),
        }
        if n in settings["fitted"]:
            networks = fits.PLANES | {"hidden": (16,) * 3}
            report = fit(top, **networks, bits=n, seed=int(stream.integers(2**31))).report
            row |= {
                "trained": report.parameters, "trained, wrong bits": sum(report.wrong_bits), "steps": report.steps,
            }  # fmt: skip
        return row

    rows = each(measure, [{"bits": n} for n in settings["bits"]], rng, workers=1)
    return {
        "size": settings["size"],
        "slope": float(slope),
        "C": float(constant),
        "U_5(8)": int(theory.upper_bound(8, 5)),
        "rows": rows,
    }


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Parameters of what was trained, beside those of what was written down."""
    bound = f"U_2(n) with C = {data['C']:,.0f}"
    columns = {
        "bits": "bits", bound: "C U", "written down": "written", "of these not zero": "written, not zero",
        "trained": "trained", "least possible in float32": "least", "steps of training": "steps",
    }  # fmt: skip
    rows = [{name: row[key] for name, key in columns.items()} for row in _trained_rows(data)]
    rows = [row | {bound: f"{row[bound]:.1e}"} for row in rows]
    return {f"Parameters for the top bits of {data['size']} x {data['size']} pixels, one seed": rows}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """All numbers of parameters against bits."""
    import matplotlib.figure

    rows = data["rows"]
    bits = [row["bits"] for row in rows]
    fitted = _trained_rows(data)
    each_plane = fitted[0]["trained"] // fitted[0]["bits"]
    sheet = matplotlib.figure.Figure(figsize=(9, 5.6), layout="constrained")
    axes = sheet.subplots()

    def line(key: str, colour: str, dashes: str, width: float = 2.0) -> None:
        axes.plot(bits, [row[key] for row in rows], dashes, color=colour, linewidth=width)

    def say(n: float, height: float, text: str, colour: str, **options: Any) -> None:
        axes.text(n, height, text, color=colour, fontsize=10, in_layout=False, **options)

    # darker than the colours of `style`, as text has them too; every line has its own dashes besides
    vermilion = "#D55E00"
    orange = "#B07800"
    blue = "#0072B2"
    sky = "#2A7FB0"
    green = "#007A5A"
    grey = "#444444"
    line("C U", vermilion, "-")
    line("U", orange, "--")
    line("written", blue, "-")
    line("written, not zero", sky, "-.")
    axes.plot(bits, [each_plane * n for n in bits], ":", color=green, linewidth=2)
    axes.plot([row["bits"] for row in fitted], [row["trained"] for row in fitted], "o", color=green, markersize=7)
    line("least", grey, "-", 1.2)
    axes.fill_between(bits, 1, [row["least"] for row in rows], color="#dddddd")

    last = rows[-1]
    most = bits[-1]
    text = "Eq. (6), U$_2$(n) = C (2$^{n+1}$ - 2)$^4$, with the C\nthat is enough for anything as steep as this image,"
    say(0.75, 3e22, f"{text}\n{data['C']:,.0f}: {_power(last['C U'])} at n = {most}", vermilion, va="center")
    say(0.64 * most, 3e11, f"Eq. (6) with C = 1:\n{_power(last['U'])} at n = {most}", orange, va="center")
    text = f"written down, no training, exact: {last['written']:,} for every n"
    say(most, last["written"] * 2, text, blue, ha="right")
    text = f"of these not zero: at most {last['written, not zero']:,}"
    say(most, last["written, not zero"] * 2.5, text, sky, ha="right")
    text = f"trained, exact: {each_plane} n, one network a plane (dots: measured)"
    say(most, 0.4 * each_plane * most, text, green, ha="right", va="top")
    text = "impossible: fewer than N n / 32 float32\nparameters cannot tell all images apart"
    say(most, 0.09 * last["least"], text, grey, ha="right", va="center")

    axes.set_yscale("log")
    axes.set_xlim(0.5, most + 0.3)
    axes.set_ylim(1, 1e25)
    axes.set_xticks(bits)
    axes.set_yticks([10.0**k for k in range(1, 26, 2)])
    axes.minorticks_off()
    axes.tick_params(labelsize=9)
    axes.set_xlabel("bits a sample, n", fontsize=10)
    axes.set_ylabel("parameters", fontsize=10)
    size = data["size"]
    axes.set_title(f"Parameters that represent the top n bits of a {size} x {size} image", loc="left", fontsize=11)
    axes.grid(visible=False, axis="x")
    axes.set_axisbelow(True)
    return {"bounds": sheet}


def _power(number: float) -> str:
    digits, exponent = f"{number:.1e}".split("e+")
    return rf"${digits} \cdot 10^{{{int(exponent)}}}$"


def _trained_rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in data["rows"] if "trained" in row]


def _judge_printed(data: dict[str, Any]) -> Finding:
    ratio = data["U_5(8)"] / 1.23e27
    return Finding(f"510^10 = {data['U_5(8)']:.3e}", claims.verdict(abs(ratio - 1) <= 0.005, 0.5 <= ratio <= 2))


def _judge_growth(data: dict[str, Any]) -> Finding:
    first = _trained_rows(data)[0]
    last = _trained_rows(data)[-1]
    growth = (last["trained"] / first["trained"]) ** (1 / (last["bits"] - first["bits"]))
    linear = last["trained"] * first["bits"] == first["trained"] * last["bits"]
    ours = (
        f"from n = {first['bits']} to {last['bits']} the bound grows {last['U'] / first['U']:.1e}-fold, "
        f"trained networks, one a plane, {last['trained'] / first['trained']:.0f}-fold"
        f"{', in proportion to n' if linear else ''}"
    )
    return Finding(ours, claims.verdict(growth >= 8, last["U"] / first["U"] >= 8 ** (last["bits"] - first["bits"])))


def _judge_written(data: dict[str, Any]) -> Finding:
    numbers = {row["written"] for row in data["rows"]}
    wrong = sum(row["written, wrong bits"] for row in data["rows"])
    bits = [row["bits"] for row in data["rows"]]
    ours = f"written down: {' or '.join(f'{n:,}' for n in sorted(numbers))} parameters for n = {bits[0]} to {bits[-1]}"
    return Finding(f"{ours}, {wrong} wrong bits in all", claims.verdict(len(numbers) == 1 and wrong == 0, wrong == 0))


def _judge_trained(data: dict[str, Any]) -> Finding:
    rows = _trained_rows(data)
    factor = max(row["trained"] / row["least"] for row in rows)
    wrong = sum(row["trained, wrong bits"] for row in rows)
    ours = f"at most {factor:.1f} times as many parameters as any method needs, {wrong} wrong bits in all"
    return Finding(ours, claims.verdict(wrong == 0 and factor <= 20, wrong == 0 and factor <= 100))


CLAIMS = (
    Claim(
        "Eq. (6) gives 1.23e27 C parameters for 8 bits in 5 dimensions.",
        "U = 1.23e27 C",
        "holds if the formula gives the printed digits, partly if it is within a factor of 2",
        _judge_printed,
    ),
    Claim(
        "The more bits, the more parameters a network needs, exponentially.",
        "U_d(n) = C (2^(n+1) - 2)^(2d), an upper bound",
        "holds if trained networks grow by a factor of 8 or more a bit, about half of the bound's 16; partly if only "
        "the bound does",
        _judge_growth,
    ),
    Claim(
        "(Ours.) The number of parameters of an exact network for N samples need not grow with n.",
        "",
        "holds if a network written down for every n has always the same number and no wrong bit, partly if only no "
        "wrong bit",
        _judge_written,
    ),
    Claim(
        "(Ours.) One trained network a plane is exact with at most 20 times the parameters in float32 that any method "
        "needs to tell all signals apart.",
        "",
        "holds if all are exact with at most 20 times as many, partly if with at most 100 times as many",
        _judge_trained,
    ),
)

FIGURE = Figure(
    title="Parameters against bits",
    shows="Equation 6",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
