"""Figure 12 and Table 9: sound in float32, exactly.

A float32 sample is 32 bits: one network a plane represents them all, and the residual is zero.  Direct regression has
the whole sound in one network, at the better of two first layers (SIREN's frequency for sound, 3000, and half Nyquist)
and the best of three learning rates.  DINER, a hash table, is not tried here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_figures import claims, datafiles, fits, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import planes
from refinr.fitting import fit

PICTURES = {
    "audio": "Each sound, and what remains after subtracting the fit: of direct regression and of bit planes (all "
    "samples, all 32 bits the same).",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"length": 128, "tile": 12, "hidden": [32, 32], "steps": 60, "rates": [1e-3]},
    "small": {"length": 2048, "tile": 32, "hidden": [96] * 3, "steps": 1000, "rates": [3e-4, 1e-3, 3e-3]},
    "paper": {
        "length": 12_000, "tile": 32, "hidden": [512] * 6, "steps": 10000, "rates": [1e-4, 3e-4], "xp": "cupy",
    },
}  # fmt: skip


FIRST: dict[str, Any] = {"omega 3000": 3000.0, "half Nyquist": "half-nyquist"}
"""Scales of the first layer: SIREN's for sound, which has one coordinate, and ours."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Both ways on every sound."""
    settings = PRESETS[preset]
    sounds = {sound.name: planes.from_codes(sound.codes, "float32") for sound in signals.sounds(settings["length"])}

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        samples = sounds[case["sound"]]
        seed = int(stream.integers(2**31))
        xp = settings.get("xp")
        if case["method"] == "bit planes":
            inr = fit(samples, **(fits.PLANES | {"tile": settings["tile"], "margin": 0.0}), seed=seed, xp=xp)
        else:
            whole = fits.DIRECT | {
                "tile": (len(samples),),
                "hidden": settings["hidden"],
                "first_scale": FIRST[case["first"]],
                "lr": case["lr"],
                "max_steps": settings["steps"],
            }
            inr = fit(samples, **whole, seed=seed, xp=xp)
        report = inr.report
        decoded = inr.decode()
        return {
            "psnr": datafiles.finite(report.psnr), "ber": report.ber, "steps": report.most_steps,
            "parameters": report.parameters, "same_bytes": decoded.tobytes() == samples.tobytes(),
            "residual": datafiles.pack((decoded.astype(np.float64) - samples).astype(np.float32)),
        }  # fmt: skip

    direct = [{"method": "direct", "first": first, "lr": lr} for first in FIRST for lr in settings["rates"]]
    cases = [{"sound": name} | way for name in sounds for way in ({"method": "bit planes"}, *direct)]
    rows = each(measure, cases, rng)
    for name in sounds:  # keep only the residual that is drawn
        losers = [row for row in rows if row["sound"] == name and row["method"] == "direct"]
        losers.remove(max(losers, key=lambda row: row["psnr"] or -np.inf))
        for row in losers:
            row["residual"] = None
    return {"rows": rows, "sounds": {name: datafiles.pack(samples) for name, samples in sounds.items()}}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Sound and residuals."""
    sheet, grid = style.figure(len(data["sounds"]), 3, height=1.7)
    for axes, (name, samples) in zip(grid, data["sounds"].items(), strict=True):
        axes[0].plot(datafiles.unpack(samples), color=style.COLOURS[0], linewidth=0.6)
        axes[0].set_title(name)
        for column, method in ((1, "direct"), (2, "bit planes")):
            row = _row(data, name, method)
            axes[column].plot(datafiles.unpack(row["residual"]), color=style.COLOURS[3], linewidth=0.6)
            worth = "exact" if row["same_bytes"] else f"{row['psnr']:.1f} dB, BER {row['ber']:.3f}"
            axes[column].set_title(f"{method}: {worth}")
        limit = 1.1 * float(np.abs(datafiles.unpack(_row(data, name, "direct")["residual"])).max())
        for column in (1, 2):
            axes[column].set_ylim(-limit, limit)
    for axes in grid[-1]:
        axes.set_xlabel("sample")
    return {"audio": sheet}


def _row(data: dict[str, Any], sound: str, method: str) -> dict[str, Any]:
    return next(r for r in data["rows"] if r["sound"] == sound and r["method"] == method and r["residual"])


def _judge_exact(data: dict[str, Any]) -> Finding:
    exact = [_row(data, name, "bit planes") for name in data["sounds"]]
    direct = [_row(data, name, "direct") for name in data["sounds"]]
    ours = "; ".join(
        f"{a['sound']}: planes {'exact' if a['same_bytes'] else 'not exact'} after {a['steps']} steps, direct "
        f"{b['psnr']:.1f} dB, {b['ber']:.1%} of the bits wrong"
        for a, b in zip(exact, direct, strict=True)
    )
    all_exact = all(row["same_bytes"] for row in exact)
    return Finding(ours, claims.verdict(all_exact and not any(row["same_bytes"] for row in direct), all_exact))


CLAIMS = (
    Claim(
        "Sound in float32 can be represented without any error; direct regression leaves a residual.",
        "SIREN 68.54 dB, DINER 85.19 dB, ours infinite",
        "holds if bit planes give every byte back for all sounds, direct regression for none; differs if bit planes do",
        _judge_exact,
    ),
)

FIGURE = Figure(
    title="Sound in float32",
    shows="Figure 12, Table 9",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
)
