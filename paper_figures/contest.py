"""Direct regression in eight ways against bits, on any images: what the figures about Table 1 share.

With this you can run all methods on all images (`run`), and say what came of them: rows of a table (`table`), exact
runs (`exact`), mean bit error rates (`mean_rates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from paper_figures import curves, datafiles, tuning
from paper_figures.resume import each
from paper_figures.signals import Signal
from refinr import coords, metrics
from refinr.decompositions import BitCoordinate, Direct, Planes

OURS = ("bit coordinate", "bit planes")
NYQUIST = "SIREN, half Nyquist"
LARGE = "SIREN, as on 256"
DIRECT = curves.BASELINES | {
    LARGE: replace(curves.BASELINES["SIREN"], label=LARGE, first_scale=30.0 / 2 / coords.nyquist((256,))[0]),
    NYQUIST: replace(curves.BASELINES["SIREN"], label=NYQUIST, lr=curves.OURS.lr, first_scale=0.5),
}


def run(images: Sequence[Signal], settings: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """All methods on all images, each at its own step size.

    Parameters
    ----------
    images : sequence of Signals
    settings : dict
        ``hidden`` and ``planes`` (layers of one network for an image, and of one for a plane), ``steps``, ``seeds``,
        ``sweep`` (step sizes at most), ``early`` (a step at which to keep the decoded image), ``methods`` (some, all by
        default) and ``xp``.

    Returns
    -------
    dict with ``rows``, ``bits`` by image, and the ``first`` image's name: only of its first seed images are kept
    """
    by_name = {signal.name: signal for signal in images}
    first = images[0].name
    at = curves.looks(settings["steps"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        signal = by_name[case["image"]]
        cut, method, hidden = way(case["method"], signal.bits, settings)
        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()

        def once(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            found = curves.follow(
                signal.codes, signal.bits, cut, replace(method, lr=lr), hidden, steps=most or settings["steps"],
                seed=seed, at=at, images_at=[settings["early"]], xp=settings.get("xp"),
            )  # fmt: skip
            last = datafiles.unpack(found["images"][str(found["steps"])])
            if signal.name != first or seed != seeds[1] or case["method"] == "bit planes":
                found["images"] = {}
            return found | {"ssim": metrics.ssim(signal.codes, last.astype(signal.codes.dtype), signal.bits)}

        return tuning.tuned(once, method.lr, seeds, settings["sweep"])

    methods = settings.get("methods", [*DIRECT, *OURS])
    rows = each(measure, [{"image": s, "method": m} for s in by_name for m in methods], rng)
    return {
        "rows": rows,
        "bits": {name: signal.bits for name, signal in by_name.items()},
        "first": first,
        "original": datafiles.pack(by_name[first].codes),
        "early": settings["early"],
        "limit": settings["steps"],
    }


def way(name: str, bits: int, settings: dict[str, Any]) -> tuple[Any, curves.Method, list[int]]:
    """Decomposition, method and hidden layers."""
    if name == "bit planes":
        return Planes(bits), curves.PLANES, settings["planes"]
    if name == "bit coordinate":
        return BitCoordinate(bits), curves.OURS, settings["hidden"]
    return Direct(bits), DIRECT[name], settings["hidden"]


def table(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Table 1 in shape; of several seeds the worst."""
    shown = []
    for row in data["rows"]:
        runs = row["runs"]
        psnr = [run["psnr"][-1] for run in runs if run["psnr"][-1] is not None]
        shown.append({
            "image": f"{row['image']}, {data['bits'][row['image']]} bits", "method": row["method"],
            "parameters": runs[0]["parameters"], "PSNR, worst seed": f"{min(psnr):.2f}" if psnr else "inf",
            "SSIM": f"{min(run['ssim'] for run in runs):.4f}", "RMSE": f"{max(run['rmse'][-1] for run in runs):.2f}",
        } | tuning.columns(row, data["limit"]))  # fmt: skip
    return shown


def of(data: dict[str, Any], method: str) -> list[dict[str, Any]]:
    """The rows of a method, one an image."""
    return [row for row in data["rows"] if row["method"] == method]


def mean_rates(data: dict[str, Any]) -> dict[str, float]:
    """Bit error rate of each method, mean over images and seeds."""
    methods = dict.fromkeys(row["method"] for row in data["rows"])
    return {m: float(np.mean([tuning.summary(r).ber for r in of(data, m)])) for m in methods}


def exact(data: dict[str, Any], *methods: str) -> tuple[int, int]:
    """Exact runs of these methods, and all of theirs."""
    found = [tuning.summary(row) for method in methods for row in of(data, method)]
    return sum(f.exact for f in found), sum(f.of for f in found)
