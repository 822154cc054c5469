"""Table 8: the colour channel as outputs, or as one more coordinate.

Networks from (h, w, i) to three bits, from (h, w, i, c) to one, and one network (h, w, i) for each channel apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import coords
from refinr.decompositions import BitCoordinate

PICTURES = {
    "channels": "Bit error rate against steps for a colour image of 8 bits a channel, three seeds each.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "portrait", "size": 6, "hidden": [40] * 3, "steps": 200, "seeds": 1, "lr": 1e-3},
    "small": {"signal": "coffee", "size": 20, "hidden": [72] * 4, "steps": 500, "seeds": 3, "lr": 1e-3},
    "paper": {"signal": "coffee", "size": 256, "hidden": [512] * 6, "steps": 5000, "seeds": 3, "lr": 1e-4,
              "xp": "cupy"},
}  # fmt: skip
WAYS = {"outputs": "(h, w, i), three outputs", "coordinate": "(h, w, i, c)", "apart": "(h, w, i), a network a channel"}


@dataclass(frozen=True)
class AsOutputs(BitCoordinate):
    """One network whose outputs are the channels' bits at (sample, plane)."""

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (1, N P, C)."""
        return np.ascontiguousarray(super().targets(codes).transpose(2, 1, 0))

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs (1, N P, C) to codes (N, C)."""
        return super().codes(z.transpose(2, 1, 0))


@dataclass(frozen=True)
class AsCoordinate(BitCoordinate):
    """One network with the plane and the channel as its last two coordinates."""

    channels: int = 3

    def axes(self, tile: tuple[int, ...]) -> tuple[int, ...]:
        """The tile's, one for the planes, one for the channels."""
        return (*tile, self.planes, self.channels)

    def inputs(self, tile: tuple[int, ...]) -> np.ndarray:
        """Coordinates in [-1, 1]."""
        return coords.grid(self.axes(tile))

    def targets(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, C) to targets (1, N P C, 1), the channel running fastest."""
        return super().targets(codes)[:, :, 0].T.reshape(1, -1, 1)

    def codes(self, z: np.ndarray) -> np.ndarray:
        """Outputs (1, N P C, 1) to codes (N, C)."""
        return super().codes(np.ascontiguousarray(z.reshape(-1, self.channels).T)[:, :, None])


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Curves of all ways and seeds."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"], colour=True)
    cuts = {"outputs": AsOutputs(8), "coordinate": AsCoordinate(8), "apart": BitCoordinate(8)}

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        run = curves.follow(
            signal.codes, 8, cuts[case["way"]], replace(curves.OURS, lr=settings["lr"]), settings["hidden"],
            steps=settings["steps"], seed=int(stream.integers(2**31)), at=curves.looks(settings["steps"]),
            channels=True, xp=settings.get("xp"),
        )  # fmt: skip
        return {key: value for key, value in run.items() if key != "images"}

    cases = [{"way": way, "seed": seed} for way in WAYS for seed in range(settings["seeds"])]
    return {"rows": each(measure, cases, rng), "limit": settings["steps"], "signal": signal.name}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Curves."""
    sheet, grid = style.figure(1, 1, height=2.6)
    axes = grid[0, 0]
    for index, (way, label) in enumerate(WAYS.items()):
        for row in (row for row in data["rows"] if row["way"] == way):
            rate = np.maximum(np.mean(row["ber"], axis=1), 1e-5)
            axes.plot(style.steps(row["at"]), rate, label=label if row["seed"] == 0 else None, **style.line(index))
    style.logarithmic(axes.xaxis, [1, 10, 100, 1000])
    style.logarithmic(axes.yaxis)
    axes.set_xlabel("step")
    axes.set_ylabel("bit error rate (0 drawn at $10^{-5}$)")
    axes.legend(loc="lower left")
    return {"channels": sheet}


def _judge_steps(data: dict[str, Any]) -> Finding:
    means = {}
    for way in WAYS:
        steps = [row["exact_at"] for row in data["rows"] if row["way"] == way]
        means[way] = float("inf") if None in steps else float(np.mean(steps))
    shown = {way: claims.count(m if m < np.inf else None, data["limit"]) for way, m in means.items()}
    ours = "; ".join(f"{WAYS[way]}: {steps} steps" for way, steps in shown.items())
    ratio = means["coordinate"] / means["outputs"] if means["outputs"] < np.inf else 0.0
    return Finding(ours, claims.verdict(ratio >= 1.2, ratio > 1))


CLAIMS = (
    Claim(
        "With the channel as a further coordinate, a network needs more iterations than with channels as outputs.",
        "(h, w, i) 790, (h, w, i, c) 1438 iterations",
        "mean steps to zero wrong bits over the seeds; holds from 1.2 times as many on, differs above 1",
        _judge_steps,
    ),
)

FIGURE = Figure(
    title="The channel as a coordinate",
    shows="Table 8",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
)
