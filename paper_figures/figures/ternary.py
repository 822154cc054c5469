"""Table 4: ternary weights, what they store and what they cost.

Sizes follow from shapes; ours are also fitted: a 16-bit image, a network a plane, and a float32 fit beside them, each
at the best of its own step sizes.
Every fit is saved, loaded and decoded, so that what is called exact is what a file of trits gives back.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from paper_figures import claims, curves, fits, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import loading, ternary
from refinr.files import trits
from refinr.fitting import fit

PICTURES = {
    "ternary": "Left: bits stored for one bit of the image, by networks that represent it exactly (crosses on the bar: "
    "they do not), each at the best of its own step sizes. Right: how often weights are -1, 0 and 1 "
    "(dotted: a third), and the entropy of a trit; first seed.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "synthetic", "size": 6, "steps": 400, "seeds": 1, "sweep": 1},
    "small": {"signal": "synthetic", "size": 32, "steps": 4000, "seeds": 3, "sweep": 6},
    "paper": {"signal": "synthetic", "size": 256, "steps": 20000, "seeds": 3, "sweep": 6, "xp": "cupy"},
}
FITS: dict[str, dict[str, Any]] = {
    "ternary": fits.TERNARY,
    "ternary, fewer waves": fits.TERNARY | {"features": 50},
    "ternary, whole numbers": fits.WHOLE_NUMBERS,
    "float32": fits.PLANES | {"hidden": (16,) * 3},
}
SIZES = (30, 256, 256, 256, 256, 3)
NETWORKS = 16
"""Of the paper's ternary networks, as its code builds them."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Table 4 from shapes, and our fits."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        networks = FITS[case["fit"]] | {"margin": 0.0, "bits": signal.bits, "xp": settings.get("xp")}

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return _fitted(signal, networks | {"lr": lr, "max_steps": most or settings["steps"], "seed": seed})

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        found = tuning.tuned(run, networks["lr"], seeds, settings["sweep"])
        stored = [one.pop("stored") for one in found["runs"]]  # the same for every seed, but for its trits
        return found | stored[0] | {"wrong bits": max(one["wrong bits"] for one in found["runs"])}

    said = ternary.cost(SIZES, NETWORKS, coordinates=2)
    built = ternary.cost(SIZES, NETWORKS)
    return {
        "paper": {"bytes": built.bytes, "operations as built": built.operations, "operations as said": said.operations},
        "bits": signal.codes.size * signal.bits,
        "limit": settings["steps"],
        "rows": each(measure, [{"fit": name} for name in FITS], rng, workers=1),
    }


def _fitted(signal: signals.Signal, networks: dict[str, Any]) -> dict[str, Any]:
    """One fit, read back from a file: steps until the last network is exact, wrong bits, work, and what is stored."""
    clock = time.perf_counter if networks["xp"] else time.process_time  # nothing else runs
    start = clock()
    fitted = fit(signal.codes, **networks)
    seconds = clock() - start
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.inr"
        fitted.save(path)
        size = path.stat().st_size
        loaded = loading.load(path)
    codes = [p for p in loaded.params.values() if p.dtype == np.int8]
    spec = fitted.layout.spec
    report = fitted.report
    wrong = int(np.bitwise_count(loaded.decode() ^ signal.codes).sum())
    return {
        "exact_at": report.most_steps if wrong == 0 else None,
        "ber": [wrong / (signal.codes.size * signal.bits)],
        "wrong bits": wrong,
        "mean steps": report.steps,
        "multiply_adds": report.steps * curves.multiply_adds(spec, None, signal.bits, signal.codes.size),
        "seconds": seconds,
        "stored": {
            "sizes": list(spec.sizes),
            "parameters": report.parameters,
            "stored bytes": sum(trits.pack(p).nbytes if p.dtype == np.int8 else p.nbytes
                                for p in loaded.params.values()),
            "file bytes": size,
            "trits": [sum(int((p == t).sum()) for p in codes) for t in (-1, 0, 1)] if codes else None,
            "operations": ternary.cost(spec.sizes, report.networks, bits=spec.bits).operations if codes else None,
        },
    }  # fmt: skip


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Stored bits a bit; shares of trits."""
    sheet, grid = style.figure(1, 2, height=2.3)
    left, right = grid[0]
    rows = data["rows"]
    stored = [8 * row["stored bytes"] / data["bits"] for row in rows]
    bars = left.barh(range(len(rows)), stored, color="#BBBBBB")
    left.bar_label(bars, [f" {s:.1f}{'' if row['wrong bits'] == 0 else ' x'}" for s, row in zip(stored, rows,
                   strict=True)], fontsize=7)  # fmt: skip
    left.axvline(1, color="black", linewidth=0.8, linestyle=":")
    left.annotate("the image itself", (1, -0.55), (3, 0), textcoords="offset points", fontsize=6)
    left.set_yticks(range(len(rows)), [row["fit"] for row in rows])
    left.set_ylim(len(rows) - 0.5, -0.9)
    left.set_xlim(0, 1.15 * max(stored))
    left.grid(visible=False, axis="y")
    left.set_xlabel("bits stored for a bit of the image")
    ternaries = [row for row in rows if row["trits"]]
    for k, trit in enumerate((-1, 0, 1)):
        shares = [row["trits"][k] / sum(row["trits"]) for row in ternaries]
        right.bar(np.arange(len(ternaries)) + 0.27 * (k - 1), shares, 0.25, color=style.COLOURS[k], label=f"{trit}")
    right.axhline(1 / 3, color="black", linewidth=0.8, linestyle=":")
    names = [f"{row['fit'].replace(', ', chr(10))}\n{_entropy(row['trits']):.3f} bits" for row in ternaries]
    right.set_xticks(range(len(ternaries)), names)
    right.set_ylim(0, 0.52)
    right.grid(visible=False, axis="x")
    right.set_ylabel("share of the weights")
    right.legend(ncols=3, loc="upper center")
    return {"ternary": sheet}


def _entropy(counts: list[int]) -> float:
    p = np.array(counts) / sum(counts)
    return float(-sum(p * np.log2(np.where(p > 0, p, 1.0))))


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The paper's columns from its shapes; our fits."""
    paper = data["paper"]
    printed = [
        {"bit operations counted with": name, "thousand bytes": paper["bytes"] / 1e3,
         "million bit operations a sample": paper[f"operations {key}"] / 1e6}
        for name, key in (("2 coordinates", "as said"), ("30 inputs, as the networks have", "as built"))
    ]  # fmt: skip
    ours = [
        {
            "fit": row["fit"], "sizes": str(tuple(row["sizes"])),
            "parameters / bit": row["parameters"] / data["bits"],
            "stored bytes": row["stored bytes"], "file bytes": row["file bytes"],
            "million bit operations a sample": row["operations"] / 1e6 if row["operations"] else "-",
        } | tuning.columns(row, data["limit"])
        for row in data["rows"]
    ]  # fmt: skip
    heading = (
        f"An image of {data['bits'] // 8:,} bytes, {len(data['rows'][0]['runs'])} seeds (steps: until the last of the "
        f"networks is exact); {tuning.sweeps_in_words(data['rows'])}"
    )
    return {"The paper's 16 networks, from their shapes": printed, heading: ours}


def _judge_bytes(data: dict[str, Any]) -> Finding:
    found = data["paper"]["bytes"]
    holds = abs(found - 656.18e3) <= 5
    ours = f"{found / 1e3:.2f}K: 16 networks of sizes {', '.join(map(str, SIZES))}, 1.6 bits a weight"
    return Finding(ours, claims.verdict(holds, 0.5 <= found / 656.18e3 <= 2))


def _judge_operations(data: dict[str, Any]) -> Finding:
    built = data["paper"]["operations as built"]
    said = data["paper"]["operations as said"]
    ours = f"{built / 1e6:.2f}M with the 30 inputs that the first layer has, {said / 1e6:.2f}M if it had 2"
    return Finding(ours, claims.verdict(abs(built - 50.66e6) <= 5e3, abs(said - 50.66e6) <= 5e3))


def _judge_exact(data: dict[str, Any]) -> Finding:
    rows = [row for row in data["rows"] if row["trits"]]
    wrong = [row["wrong bits"] for row in rows]
    ours = "; ".join(
        f"{row['fit']}: {tuning.steps_in_words(row, data['limit'])} steps, at most {row['wrong bits']} wrong bits, "
        f"{row['parameters'] / data['bits']:.2f} trits a bit"
        for row in rows
    )
    return Finding(ours, claims.verdict(max(wrong) == 0, min(wrong) == 0))


def _judge_smaller(data: dict[str, Any]) -> Finding:
    exact = [row for row in data["rows"] if row["wrong bits"] == 0]
    sizes = {row["fit"]: row["stored bytes"] for row in exact}
    small = min((row["stored bytes"] for row in exact if row["trits"]), default=np.inf)
    large = min((row["stored bytes"] for row in exact if not row["trits"]), default=np.inf)
    ours = f"stored bytes of what is exact: {'; '.join(f'{name}: {size:,}' for name, size in sizes.items())}; "
    ours += f"the image has {data['bits'] // 8:,}"
    return Finding(ours, claims.verdict(small <= 0.5 * large, small < large))


CLAIMS = (
    Claim(
        "The ternary networks take 656.18K bytes.",
        "656.18K bytes",
        "holds if the shapes of its networks give the printed digits, partly if they give it within a factor of 2",
        _judge_bytes,
    ),
    Claim(
        "They take 50.66M bit operations a pixel.",
        "50.66M",
        "holds if the shapes give the printed digits, partly if they do with 2 inputs in place of 30",
        _judge_operations,
    ),
    Claim(
        "Ternary networks represent 16 bits without loss.",
        "lossless after 80K iterations",
        "holds if no seed of any ternary fit has a wrong bit when read back from a file, partly if some fits have none",
        _judge_exact,
    ),
    Claim(
        "They need far less memory than networks in float32.",
        "656.18K bytes against 1.27M parameters, which reach 119.7 dB after 200K iterations",
        "among fits without a wrong bit, holds if ternary ones store at most half the bytes, partly if fewer",
        _judge_smaller,
    ),
)

FIGURE = Figure(
    title="Ternary weights: bytes and bit operations",
    shows="Table 4",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
