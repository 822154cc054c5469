"""Figure 6's footnote: what weights on the most significant bits do to the order in which bits are learned.

A network with the bit as a coordinate, and a cross-entropy in which plane i counts ``base^i`` times, all weights
together as much as before.  Base 1 is the paper's loss; above 1 the high planes weigh more, below 1 the low ones.  The
footnote's text was not at hand, so the claim about it is what its subject suggests.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from paper_figures import claims, curves, signals, style, tuning
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import cpu, losses, mlp, optim
from refinr.decompositions import BitCoordinate

PICTURES = {
    "bit_weights": "Left: the step at which each plane has a fifth of the wrong bits that a constant has, where plane "
    "i counts base^i times (mean of the seeds; bars: extremes; planes that some seed has not learned are left out). "
    "Right: steps to zero wrong bits, every seed (crosses: not reached at the limit, dotted).",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"signal": "bathymetry", "size": 8, "hidden": [24, 24], "steps": 60, "sweep": 1, "seeds": 1},
    "small": {"signal": "bathymetry", "size": 24, "hidden": [48] * 3, "steps": 400, "sweep": 9, "seeds": 3},
    "paper": {"signal": "bathymetry", "size": 91, "hidden": [512] * 6, "steps": 5000, "sweep": 9, "seeds": 3},
}
BASES = (0.5, 0.8, 1.0, 1.25, 2.0)
EQUAL = BASES.index(1.0)
LEARNED = 0.2
"""Wrong bits at which a plane counts as learned, in units of those that a constant plane would have."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Every base at its own step size."""
    settings = PRESETS[preset]
    signal = signals.image(settings["signal"], settings["size"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        weights = case["base"] ** np.arange(signal.bits)
        weights /= weights.mean()

        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            return weighted(signal, weights, lr, settings["hidden"], most or settings["steps"], seed)

        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        return tuning.tuned(run, curves.OURS.lr, seeds, settings["sweep"])

    rows = each(measure, [{"base": base} for base in BASES], rng)
    return {"signal": signal.name, "bits": signal.bits, "limit": settings["steps"], "rows": rows}


def weighted(
    signal: signals.Signal, weights: np.ndarray, lr: float, hidden: list[int], steps: int, seed: int
) -> dict[str, Any]:
    """Train a bit-coordinate network until every bit is right or the steps are used up.

    Parameters
    ----------
    signal : Signal
    weights : array (bits,)
        Of the planes in the loss, least significant first, with mean 1.

    Returns
    -------
    dict
        ``exact_at``, ``learned`` (for each plane the first step at which it is, see `LEARNED`, or None),
        ``ber`` at the end (a list with that of every plane), ``multiply_adds`` and processor ``seconds``.
    """
    cut = BitCoordinate(signal.bits)
    spec, x = curves.specification(replace(curves.OURS, lr=lr), cut, signal.codes.shape, hidden)
    t = cut.targets(signal.codes.reshape(-1, 1))  # (1, N P, 1), planes fastest
    ones = (t > 0).reshape(-1, signal.bits).mean(axis=0)
    few = LEARNED * np.minimum(ones, 1.0 - ones)
    w = np.tile(weights.astype(np.float32), signal.codes.size)[None, :, None]
    params = mlp.init(spec, 1, seed)
    state = optim.adam_init(params)
    learned: list[int | None] = [None] * signal.bits
    start = time.thread_time()
    with cpu.single_threaded_blas():
        for step in range(steps + 1):
            z, cache = mlp.forward(spec, params, x)
            rates = (z * t <= 0).reshape(-1, signal.bits).mean(axis=0)
            learned = [
                step if at is None and rate <= most else at for at, rate, most in zip(learned, rates, few, strict=True)
            ]
            if not rates.any() or step == steps:
                break
            _, dz = losses.bce_with_logits(z, t + 0.5)
            grads, _ = mlp.backward(spec, params, cache, w * dz, input_gradient=False)
            params, state = optim.adam_step(params, grads, state, lr)
    return {
        "exact_at": None if rates.any() else step,
        "learned": learned,
        "ber": [[round(float(rate), 5) for rate in rates]],
        "multiply_adds": step * curves.multiply_adds(spec, x, 1, len(x)),
        "seconds": time.thread_time() - start,
    }


def ordered(row: dict[str, Any]) -> tuple[int, int, int]:
    """Pairs of planes of which the higher one is learned sooner, those where the lower one is, and all, of all runs.

    Examples
    --------
    >>> ordered({"runs": [{"learned": [9, 5, 5, None]}]})
    (2, 3, 6)
    """
    high = low = pairs = 0
    for run in row["runs"]:
        steps = [np.inf if at is None else at for at in run["learned"]]
        pairs += len(steps) * (len(steps) - 1) // 2
        high += sum(b < a for a, b in combinations(steps, 2))
        low += sum(a < b for a, b in combinations(steps, 2))
    return high, low, pairs


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """When planes are learned, and when all bits are right."""
    sheet, grid = style.figure(1, 2, height=2.7, width_ratios=[3, 2])
    left, right = grid[0]
    names = [f"base {row['base']:g}" for row in data["rows"]]
    for index, row in enumerate(data["rows"]):
        steps = np.array([[np.nan if at is None else at for at in run["learned"]] for run in row["runs"]])  # (S, P)
        mean = steps.mean(axis=0)  # not a number where one seed did not learn it
        reach = np.abs(np.stack([steps.min(axis=0), steps.max(axis=0)]) - mean)
        left.errorbar(np.arange(data["bits"]), mean, reach, label=names[index], **style.line(index), elinewidth=0.6)
        style.every_run(right, row["runs"], index, "exact_at", data["limit"])
    style.logarithmic(left.yaxis, [1, 3, 10, 30, 100, 300])
    left.set_xlabel("plane (0: least significant)")
    left.set_ylabel("step at which a plane is learned")
    left.set_title(f"{data['signal']}, {data['bits']} bits")
    right.axvline(data["limit"], color="gray", linestyle=":", linewidth=0.8)
    style.rows_of(right, names, "steps to zero wrong bits", [10, 20, 50, 100, 200, 400, 1000, 2000, 5000])
    right.set_title("each base at its best step size")
    style.legend_below(sheet, left, len(names))
    return {"bit_weights": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Orders, steps and work."""
    rows = []
    for row in data["rows"]:
        high, low, pairs = ordered(row)
        order = {"higher plane sooner": f"{high} of {pairs}", "lower plane sooner": f"{low} of {pairs}"}
        rows.append({"plane i weighs": f"{row['base']:g}^i"} | order | tuning.columns(row, data["limit"]))
    return {f"Pairs of planes, {len(data['rows'][0]['runs'])} seeds": rows}


def _shares(data: dict[str, Any], which: int) -> list[float]:
    """Of pairs in one order, by base."""
    counts = [ordered(row) for row in data["rows"]]
    return [count[which] / count[2] for count in counts]


def _judge_high(data: dict[str, Any]) -> Finding:
    shares = _shares(data, 0)
    ours = "the higher of two planes is sooner in " + ", ".join(
        f"{share:.0%} of pairs at base {base:g}" for base, share in zip(BASES[EQUAL:], shares[EQUAL:], strict=True)
    )
    more = shares[EQUAL + 1 :]
    return Finding(ours, claims.verdict(min(more) >= 0.9 and min(more) > shares[EQUAL], min(more) > shares[EQUAL]))


def _judge_low(data: dict[str, Any]) -> Finding:
    shares = _shares(data, 1)[:EQUAL]
    ours = "the lower of two planes is sooner in " + ", ".join(
        f"{share:.0%} of pairs at base {base:g}" for base, share in zip(BASES, shares, strict=False)
    )
    return Finding(ours, claims.verdict(min(shares) >= 0.9, min(shares) > 0.5))


def _judge_cost(data: dict[str, Any]) -> Finding:
    equal = data["rows"][EQUAL]
    others = [row for row in data["rows"] if row is not equal]
    found = [claims.sooner(equal, row) for row in others]
    ours = ", ".join(f"base {row['base']:g} {tuning.steps_in_words(row, data['limit'])}" for row in data["rows"])
    return Finding(f"steps: {ours}", claims.verdict(all(first for first, _ in found), all(mean for _, mean in found)))


CLAIMS = (
    Claim(
        "Weights on the most significant bits make these be learned before the others, more than they are anyway.",
        "a footnote; its text was not at hand",
        f"a plane is learned when it has {LEARNED} times the wrong bits that a constant has; of all pairs of planes "
        "and all seeds; holds if at every base above 1 the higher plane is sooner in 90 % of the pairs, and in more "
        "than at base 1, partly if only in more",
        _judge_high,
    ),
    Claim(
        "(Ours.) Bit bias of a network on bits follows the loss: weights on the low planes turn it round.",
        "",
        "holds if at every base below 1 the lower plane is sooner in 90 % of the pairs, partly if in most",
        _judge_low,
    ),
    Claim(
        "(Ours.) Weights cost steps: with equal ones all bits are right first.",
        "",
        "holds if every seed of base 1 is before all seeds of all others, partly if it is so on average",
        _judge_cost,
    ),
)

FIGURE = Figure(
    title="Weights on some of the bits",
    shows="Figure 6, footnote",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    tables=tables,
    claims=CLAIMS,
)
