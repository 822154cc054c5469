"""Ways to be wrong: backends with one defect each, and the case that finds it.

    python -m examples.backends.defects

The reference with one fault planted, of the kinds that fast code has.  The family of cases that ought to find it must
do so, by a number: a backend that raises would not count.  The table says which case did, in which tensor, and how far
beyond its bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from examples.backends import codec_defects, deep_defects, fast_defects, readout_defects
from examples.backends.planting import Broken, Defect, Result, Seen, after, before, find, found, like
from refinr import coords, oracle, planes
from refinr.oracle import network_operations, operations
from refinr.oracle.backends import taking
from refinr.oracle.calling import Session
from refinr.oracle.reporting import FAILED

# --- planes and coordinates ------------------------------------------------------------------------------------------


def _payload_lost(samples: np.ndarray) -> Result:
    if samples.dtype.kind == "f":
        samples = np.where(np.isnan(samples), np.array(np.nan, samples.dtype), samples)
    return {"codes": planes.to_codes(samples)[0]}


def _raw_bits(samples: np.ndarray) -> Result:
    return {"codes": samples.view(planes.code_dtype(samples.dtype)) if samples.dtype.kind != "b" else samples + 0}


def _zeros_merged(samples: np.ndarray) -> Result:
    return {"codes": planes.to_codes(np.where(samples == 0, np.abs(samples), samples).astype(samples.dtype))[0]}


def _float_planes(codes: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Result:
    top = np.float32(2**bits - 1)
    rounded = np.minimum(np.rint(codes.astype(np.float32) / top * top), 2.0**bits - 1).astype(codes.dtype)
    return operations.to_planes(np.minimum(rounded, codes.dtype.type(2**bits - 1)), bits, radix_bits, gray)


def _pixel_centres(ends: np.ndarray, shape: list[int]) -> Result:
    axes = [(2.0 * np.arange(n) + 1.0) / n - 1.0 for n in shape]
    return {"x": like(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape)), ends)}


def _columns_first(ends: np.ndarray, shape: list[int]) -> Result:
    return {"x": coords.grid(shape[::-1], ends.dtype)[:, ::-1]}


def _linspace(ends: np.ndarray, shape: list[int]) -> Result:
    axes = [np.linspace(-1.0, 1.0, n) for n in shape]  # an axis of one sits at -1
    return {"x": like(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape)), ends)}


def _encoding(rate: Callable[[int], float], swap: bool = False) -> dict[str, Callable]:
    def encode(x: np.ndarray, dy: np.ndarray, octaves: int) -> Result:
        parts = [x]
        for k in range(octaves):
            waves = [np.sin(rate(k) * x), np.cos(rate(k) * x)]
            parts += waves[::-1] if swap else waves
        return {"y": np.concatenate(parts, axis=-1)}

    return {"positional_encoding": encode}


def _by_coordinate(result: Result, arguments: dict) -> Result:
    y, d = result["y"], arguments["x"].shape[-1]
    return {"y": y.reshape(len(y), y.shape[-1] // d, d).swapaxes(1, 2).reshape(y.shape)}


def _rate_lost(result: Result, arguments: dict) -> Result:
    x, dy, dx, d = arguments["x"], arguments["dy"], 0.0, arguments["x"].shape[-1]
    for k in range(arguments["octaves"]):
        u, at = 2.0**k * math.pi * x, d * (1 + 2 * k)
        dx = dx + math.pi * (dy[:, at : at + d] * np.cos(u) - dy[:, at + d : at + 2 * d] * np.sin(u))
    return {"dx": dy[:, :d] + dx}


# --- activations and layers ------------------------------------------------------------------------------------------


def _tanh_gelu(z: np.ndarray, dy: np.ndarray) -> Result:
    return {"y": 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z * z * z)))}


def _half_sums(x: np.ndarray, w: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Result:
    products = (x[..., :, None] * dy[..., None, :]).astype(np.float16)  # (E, N, I, O)
    total = np.zeros((*products.shape[:-3], *products.shape[-2:]), np.float16)
    for n in range(products.shape[-3]):
        total = total + products[..., n, :, :]
    return operations.linear(x, w, b, dy) | {"dw": total.astype(x.dtype)}


def _cut_short(arguments: dict) -> dict:
    """Ten bits after the point, as matrix units that take float32 apart do."""
    return {
        name: (np.ascontiguousarray(a).view(np.uint32) & 0xFFFFE000).astype(np.uint32).view(np.float32)
        for name, a in arguments.items()
    }


def _last_reader(table: np.ndarray, rows: np.ndarray, weights: np.ndarray, dy: np.ndarray) -> Result:
    """As writes without atomic additions leave it."""
    dtable = np.zeros_like(table)
    for n, k in np.ndindex(rows.shape):
        dtable[:, rows[n, k]] = weights[n, k] * dy[:, n]
    return operations.lookup(table, rows, weights, dy) | {"dtable": dtable}


def _unweighted(table: np.ndarray, rows: np.ndarray, weights: np.ndarray, dy: np.ndarray) -> Result:
    ones = np.ones_like(weights)
    return {"dtable": operations.lookup(table, rows, ones, dy)["dtable"]}


def _row_once(table: np.ndarray, rows: np.ndarray, weights: np.ndarray, dy: np.ndarray) -> Result:
    """As `a[rows] += b` does it, which adds once to a row that is named twice."""
    dtable = np.zeros_like(table)
    for n, row in enumerate(rows):
        dtable[:, row] += weights[n, :, None] * dy[:, n, None]
    return {"dtable": dtable}


class _Stale:
    """Keeps the first input of each shape for the backward, like a cache that is never renewed."""

    def __init__(self) -> None:
        self.kept: dict[Any, np.ndarray] = {}

    def __call__(self, x: np.ndarray, w: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Result:
        old = self.kept.setdefault((x.shape, w.shape), x)
        return operations.linear(x, w, b, dy) | {"dw": operations.linear(old, w, b, dy)["dw"]}


def _one_nan(result: Result, arguments: dict) -> Result:
    y = result["y"].copy()
    y.reshape(-1)[-1:] = np.nan
    return {"y": y}


def _in_single(arguments: dict) -> dict:
    return {
        name: a.astype(np.float32).astype(a.dtype) if isinstance(a, np.ndarray) else a for name, a in arguments.items()
    }


def _single_sums(x: np.ndarray, w: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Result:
    result = operations.linear(*(a.astype(np.float32) for a in (x, w, b, dy)))
    return {name: a.astype(x.dtype) for name, a in result.items()}


# --- ternary layers --------------------------------------------------------------------------------------------------


def _half_up(w: np.ndarray) -> Result:
    s = operations.weight_codes(w)["s"]
    return {"s": s, "t": np.clip(np.floor(w / np.where(s > 0, s, 1) + w.dtype.type(0.5)), -1, 1)}


def _twice(result: Result, arguments: dict) -> Result:
    return operations.weight_codes(result["s"] * result["t"])


def _later_twice(arguments: dict) -> dict:
    codes = {name: operations.weight_codes(arguments[name]) for name in arguments if name in ("w1", "w2")}
    return {name: code["s"] * code["t"] for name, code in codes.items()}


def _sample_variance(x: np.ndarray, dy: np.ndarray) -> Result:
    y = x - x.mean(-1, keepdims=True)
    variance = (y * y).sum(-1, keepdims=True) / max(x.shape[-1] - 1, 1)
    return {"y": y / np.sqrt(variance + x.dtype.type(1e-5))}


def _eps_outside(x: np.ndarray, dy: np.ndarray) -> Result:
    y = x - x.mean(-1, keepdims=True)
    return {"y": y / (np.sqrt((y * y).mean(-1, keepdims=True)) + 1e-5)}


# --- losses and networks ---------------------------------------------------------------------------------------------


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def _bce_of_sigmoid(z: np.ndarray, targets: np.ndarray) -> Result:
    p, n = _sigmoid(z), z.shape[-1] * z.shape[-2]
    logs = targets * np.maximum(np.log(p), -100.0) + (1.0 - targets) * np.maximum(np.log(1.0 - p), -100.0)
    return {"loss": like(-logs.sum() / n, z)}


def _vanishing(result: Result, arguments: dict) -> Result:
    p, t = _sigmoid(arguments["z"]), arguments["targets"]
    n = p.shape[-1] * p.shape[-2]
    return {"dz": like((p - t) / np.maximum(p * (1.0 - p), 1e-12) * p * (1.0 - p) / n, p)}


def _overflowing(result: Result, arguments: dict) -> Result:
    z, t = arguments["z"], arguments["targets"]
    return {"loss": like((np.log1p(np.exp(z)) - z * t).sum() / (z.shape[-1] * z.shape[-2]), z)}


def _hidden(change: Callable[[dict, str], np.ndarray]) -> Callable[[dict], dict]:
    """A change of the hidden layers' parameters; the last layer stays."""

    def changed(arguments: dict) -> dict:
        names = [name for name in arguments if name[0] in "wb" and name[1:].isdigit()]
        return {name: change(arguments, name) for name in names if f"w{int(name[1:]) + 1}" in arguments}

    return changed


def _sines_only(change: Callable[[dict], dict]) -> Callable[[dict], dict]:
    return lambda arguments: change(arguments) if arguments["activation"] == "sine" else {}


def _last_activated(result: Result, arguments: dict) -> Result:
    last = max(name for name in result if name.startswith("z"))
    return {last: np.sin(arguments["omega"] * result[last])}


def _gain_lost(result: Result, arguments: dict) -> Result:
    return {name: g / arguments["omega"] for name, g in result.items() if name in ("dw0", "db0")}


def _first_network(arguments: dict) -> dict:
    return {name: np.broadcast_to(a[:1], a.shape) for name, a in arguments.items() if name[0] == "w" and a is not None}


def _bound(factor: Callable[[int, dict], float], kind: str = "w") -> dict[str, Callable]:
    def change(result: Result, arguments: dict) -> Result:
        return {n: like(p * factor(int(n[1:]), arguments), p) for n, p in result.items() if n[0] == kind}

    return after("init", change)


# --- optimiser and training ------------------------------------------------------------------------------------------


def _adam(
    *,
    inside: bool = False,
    correct: bool = True,
    late: int = 0,
    decay: float = 0.0,
    swap: bool = False,
    old: bool = False,
) -> dict[str, Callable]:
    def adam(p: np.ndarray, g: np.ndarray, lr: float, beta1: float, beta2: float, eps: float) -> Result:
        m, v = np.zeros_like(p), np.zeros_like(p)
        b1, b2 = (beta2, beta1) if swap else (beta1, beta2)
        for t, gradient in enumerate(g, start=1 + late):
            before = m
            m, v = b1 * m + (1.0 - b1) * gradient, b2 * v + (1.0 - b2) * gradient * gradient
            used = before if old else m
            mhat, vhat = (used / (1.0 - b1**t), v / (1.0 - b2**t)) if correct else (used, v)
            root = np.sqrt(vhat + eps) if inside else np.sqrt(vhat) + eps
            p = p - lr * (mhat / root + decay * p)
        return {"m": m, "v": v, "p": p}

    return {"adam": adam}


def _accumulated(**arguments: Any) -> Result:
    """Gradients of earlier steps are never set back to zero."""
    from refinr import losses, mlp, optim

    x, targets, steps, lr = (arguments.pop(name) for name in ("x", "targets", "steps", "lr"))
    options = {name: arguments.pop(name) for name in ("activation", "omega")}
    params, spec = arguments, network_operations.spec_of(arguments, **options)
    state, total, values = optim.adam_init(params), None, []
    for _ in range(steps + 1):
        z, cache = mlp.forward(spec, params, x)
        loss, dz = losses.bce_with_logits(z, targets)
        values.append(loss)
        grads, _ = mlp.backward(spec, params, cache, dz)
        total = grads if total is None else {name: total[name] + g for name, g in grads.items()}
        params, state = optim.adam_step(params, total, state, lr)
    return {"losses": np.stack(values), "z": z}


# --- results ---------------------------------------------------------------------------------------------------------


def _wrapping(a: np.ndarray, b: np.ndarray) -> Result:
    difference = (a - b).astype(np.float64)
    return {"rmse": np.sqrt(np.mean(difference * difference))}


def _psnr_peak(result: Result, arguments: dict) -> Result:
    bits = arguments["bits"]
    return {"psnr": result["psnr"] + 20.0 * math.log10(2.0**bits / (2.0**bits - 1.0))}


def _ssim_constants(result: Result, arguments: dict) -> Result:
    return {"ssim": operations.ssim(arguments["a"], arguments["b"], arguments["bits"] + 1)["ssim"]}


def _changed_bits(rule: Callable[[np.ndarray], np.ndarray]) -> dict[str, Callable]:
    return {"decide": lambda z: {"bits": rule(z).astype(np.uint8)}}


def _swapped_bytes(result: Result, arguments: dict) -> Result:
    return {"samples": result["samples"].byteswap()}


def _widened(result: Result, arguments: dict) -> Result:
    return {"samples": result["samples"].astype(np.float64)}


def _reversed_codes(result: Result, arguments: dict) -> Result:
    bits, codes = arguments["bits"], result["codes"]
    digits = planes.to_planes(codes, bits)[..., ::-1]
    return {"codes": planes.from_planes(digits, bits, dtype=codes.dtype)}


MATHEMATICS = [
    Defect(
        "most significant plane first", "planes", after("to_planes", lambda r, a: {"planes": r["planes"][..., ::-1]})
    ),
    Defect(
        "planes read in the other order",
        "planes",
        before("from_planes", lambda a: {"planes": a["planes"][..., :: -1 if a["radix_bits"] == 1 else 1]}),
    ),
    Defect("planes cut from floats", "planes", {"to_planes": _float_planes}),
    Defect("Gray code forgotten", "planes", before("to_planes", lambda a: {"gray": False})),
    Defect("two's complement and raw floats taken for codes", "planes", {"to_codes": _raw_bits}),
    Defect("-0.0 taken for 0.0", "planes", {"to_codes": _zeros_merged}),
    Defect("payload of not-a-number lost", "planes", {"to_codes": _payload_lost}),
    Defect("pixel centres instead of ends", "coords", {"grid": _pixel_centres}),
    Defect("first axis runs fastest", "coords", {"grid": _columns_first}),
    Defect("axis of length one at -1", "coords", {"grid": _linspace}),
    Defect("octaves off by one", "encodings", _encoding(lambda k: 2.0 ** (k + 1) * math.pi)),
    Defect("pi forgotten", "encodings", _encoding(lambda k: 2.0**k)),
    Defect("cosine before sine", "encodings", _encoding(lambda k: 2.0**k * math.pi, swap=True)),
    Defect("sorted by coordinate, not by octave", "encodings", after("positional_encoding", _by_coordinate)),
    Defect("2^k missing in the gradient", "encodings", after("positional_encoding", _rate_lost)),
    Defect(
        "2 pi in frequencies that are angular",
        "encodings",
        before("fourier_features", lambda a: {"frequencies": like(2 * math.pi * a["frequencies"], a["x"])}),
    ),
    Defect("omega forgotten", "activations", before("sine", lambda a: {"omega": 1.0})),
    Defect("omega missing in the gradient", "activations", after("sine", lambda r, a: {"dz": r["dz"] / a["omega"]})),
    Defect("sign of the cosine's gradient", "activations", after("wire", lambda r, a: {"dz": -r["dz"]})),
    Defect("scale outside the square", "activations", before("gauss", lambda a: {"scale": math.sqrt(a["scale"])})),
    Defect("FINER's factor always without gradient", "activations", before("finer", lambda a: {"stopped": True})),
    Defect(
        "gradient 1 of ReLU at zero",
        "activations",
        after("relu", lambda r, a: {"dz": np.where(a["z"] >= 0, a["dy"], r["y"] * 0)}),
    ),
    Defect("tanh formula for the exact GELU", "activations", {"gelu": _tanh_gelu}),
    Defect(
        "density missing in GELU's gradient",
        "activations",
        after(
            "gelu",
            lambda r, a: {"dz": np.where(a["z"] == 0, r["dz"], r["y"] / np.where(a["z"] == 0, 1, a["z"]) * a["dy"])},
        ),
    ),
    Defect(
        "logistic gradient for tanh",
        "activations",
        after("tanh", lambda r, a: {"dz": r["y"] * (1 - r["y"]) * a["dy"]}),
    ),
    Defect(
        "sine in half precision",
        "activations",
        after("sine", lambda r, a: {"y": like(np.sin((a["omega"] * a["z"]).astype(np.float16)), a["z"])}),
    ),
    Defect("sign of the weights' gradient", "layers", after("linear", lambda r, a: {"dw": -r["dw"]})),
    Defect(
        "weights read in transposed order",
        "layers",
        before(
            "linear", lambda a: {"w": np.swapaxes(a["w"].reshape(*a["w"].shape[:-2], *a["w"].shape[:-3:-1]), -1, -2)}
        ),
    ),
    Defect(
        "mean instead of sum in the bias's gradient",
        "layers",
        after("linear", lambda r, a: {"db": like(r["db"] / max(a["dy"].shape[-2], 1), r["db"])}),
    ),
    Defect("bias added twice", "layers", after("linear", lambda r, a: {"y": r["y"] + a["b"]})),
    Defect(
        "gradient of shared inputs from one network",
        "layers",
        after("linear", lambda r, a: {"dx": a["dy"][0] @ a["w"][0].T} if a["x"].ndim == 2 else {}),
    ),
    Defect("sums in half precision", "layers", {"linear": _half_sums}),
    Defect("products cut to ten bits", "layers", before("linear", _cut_short)),
    Defect("sums in single precision in float64", "layers", {"linear": _single_sums}, "float64"),
    Defect("stale cache", "layers", {"linear": _Stale()}),
    Defect("of the readers of a row only the last counts", "lookups", {"lookup": _last_reader}),
    Defect("weights left out of a table's gradient", "lookups", {"lookup": _unweighted}),
    Defect("a row twice in one sample counts once", "lookups", {"lookup": _row_once}),
    Defect("rows of a table counted in bytes", "lookups", before("lookup", lambda a: {"rows": a["rows"] & 0xFF})),
    Defect("features of a table in reverse", "lookups", after("lookup", lambda r, a: {"y": r["y"][..., ::-1]})),
    Defect("one not-a-number", "layers", after("linear", _one_nan)),
    Defect("result in float64", "layers", after("linear", lambda r, a: {"y": r["y"].astype(np.float64)})),
    Defect("axis dropped from the bias's gradient", "layers", after("linear", lambda r, a: {"db": r["db"][..., 0, :]})),
    Defect(
        "last row left out of the sum",
        "layers",
        after("linear", lambda r, a: {"db": a["dy"][..., :-1, :].sum(-2, keepdims=True)}),
    ),
    Defect(
        "sum instead of mean",
        "losses",
        after("mse", lambda r, a: {"loss": like(r["loss"] * a["z"][..., :, :].shape[-1] * a["z"].shape[-2], a["z"])}),
    ),
    Defect(
        "mean over the networks too",
        "losses",
        after("bce_with_logits", lambda r, a: {"loss": like(r["loss"] / math.prod(a["z"].shape[:-2]), a["z"])}),
    ),
    Defect("logarithm of a rounded sigmoid", "losses", {"bce_with_logits": _bce_of_sigmoid}),
    Defect("no gradient for the confidently wrong", "losses", after("bce_with_logits", _vanishing)),
    Defect("exponential that overflows", "losses", after("bce_with_logits", _overflowing)),
    Defect("2 missing in the gradient of the square", "losses", after("mse", lambda r, a: {"dz": 0.5 * r["dz"]})),
    Defect(
        "gradient of |z - t| at zero",
        "losses",
        after(
            "mae", lambda r, a: {"dz": np.where(a["z"] == a["targets"], abs(r["dz"]).max() + (r["dz"] * 0), r["dz"])}
        ),
    ),
    Defect("half rounded up, not to even", "ternary", {"weight_codes": _half_up}),
    Defect("quantised values quantised again", "ternary", after("weight_codes", _twice)),
    Defect(
        "levels up to 2^(b-1), not one less", "ternary", after("activation_codes", lambda r, a: {"s": r["s"] * 7 / 8})
    ),
    Defect("variance over n - 1", "ternary", {"layer_norm": _sample_variance}),
    Defect("eps of the norm outside the root", "ternary", {"layer_norm": _eps_outside}, "float64"),
    Defect(
        "no gradient through the rounding",
        "ternary",
        after("ternary_linear", lambda r, a: {"dw": np.zeros_like(r["dw"])}),
    ),
    Defect(
        "normalisation taken for a constant", "ternary", after("ternary_linear", lambda r, a: {"dx": a["x"] * 0 + 1})
    ),
    Defect(
        "half of the fixed point left out", "ternary", after("integer_linear", lambda r, a: {"y": np.floor(r["y"])})
    ),
    Defect("quantised again from the second layer on", "ternary", before("ternary_mlp", _later_twice)),
    Defect(
        "gradient of a network's weights at their codes",
        "ternary",
        after("ternary_mlp", lambda r, a: {"dw0": r["dw0"] * abs(operations.weight_codes(a["w0"])["t"])}),
    ),
    Defect("omega forgotten in the network", "mlp", before("mlp", lambda a: {"omega": 1.0})),
    Defect(
        "omega on the bias only",
        "mlp",
        before("mlp", _sines_only(_hidden(lambda a, n: a[n] / a["omega"] if n[0] == "w" else a[n]))),
    ),
    Defect(
        "omega on the weights only",
        "mlp",
        before("mlp", _sines_only(_hidden(lambda a, n: a[n] / a["omega"] if n[0] == "b" else a[n]))),
    ),
    Defect("activation behind the last layer", "mlp", after("mlp", _last_activated)),
    Defect("omega missing in the first layer's gradient", "mlp", after("mlp", _gain_lost)),
    Defect("hidden biases left out", "mlp", before("mlp", _hidden(lambda a, n: a[n] * (n[0] == "w")))),
    Defect(
        "first network's weights for all",
        "mlp",
        before("mlp", lambda a: _first_network({k: v for k, v in a.items() if k[0] == "w" and k[1:].isdigit()})),
    ),
    Defect(
        "encoding left out of the input's gradient",
        "mlp",
        after("mlp", lambda r, a: {"dx": r["dx"] * 0 + 1} if a["octaves"] else {}),
    ),
    Defect("bound of the hidden weights without omega", "mlp", _bound(lambda i, a: a["omega"] if i else 1.0)),
    Defect("first layer drawn like the others", "mlp", _bound(lambda i, a: 1.0 if i else 0.5)),
    Defect("biases drawn as zeros", "mlp", _bound(lambda i, a: 0.0, "b")),
    Defect("eps inside the root", "optim", _adam(inside=True)),
    Defect("no bias correction", "optim", _adam(correct=False)),
    Defect("steps counted from 2", "optim", _adam(late=1)),
    Defect("weight decay nobody asked for", "optim", _adam(decay=0.01)),
    Defect("betas swapped", "optim", _adam(swap=True)),
    Defect("step with the moment before", "optim", _adam(old=True)),
    Defect("gradients never set back to zero", "training", {"train": _accumulated}),
    Defect("losses shifted by a step", "training", after("train", lambda r, a: {"losses": np.roll(r["losses"], -1)})),
    Defect(
        "one step too few",
        "training",
        after("train", lambda r, a: {"z": operations.train(**(a | {"steps": a["steps"] - 1}))["z"]}),
    ),
    Defect("unsigned differences that wrap around", "metrics", {"rmse": _wrapping}),
    Defect("peak 2^n instead of 2^n - 1", "metrics", after("psnr", _psnr_peak)),
    Defect("SSIM's constants of another bit depth", "metrics", after("ssim", _ssim_constants)),
    Defect(
        "planes counted from the top",
        "metrics",
        after("bit_error_rate", lambda r, a: {"per_plane": r["per_plane"][::-1]}),
    ),
    Defect("rounded sigmoid for a decision", "inr", _changed_bits(lambda z: np.nan_to_num(np.rint(_sigmoid(z))))),
    Defect("half rounded up", "inr", _changed_bits(lambda z: np.nan_to_num(np.floor(_sigmoid(z) + z.dtype.type(0.5))))),
    Defect("ones at zero", "inr", _changed_bits(lambda z: z >= 0)),
    Defect("planes of a code in the other order", "inr", after("decode", _reversed_codes)),
    Defect("bytes of the samples in the other order", "container", after("decode_file", _swapped_bytes)),
    Defect("samples widened", "container", after("decode_file", _widened)),
    Defect(
        "inputs cropped to what the weights take",
        "refused",
        before("linear", lambda a: {"x": a["x"][..., : a["w"].shape[-2]], "w": a["w"][..., : a["x"].shape[-1], :]}),
    ),
]


GROUPS: dict[str, list[Defect]] = {
    "mathematics": MATHEMATICS,
    "sizes": fast_defects.SIZES,
    "options": fast_defects.OPTIONS,
    "state": fast_defects.STATE,
    "strides": fast_defects.STRIDES,
    "races": fast_defects.RACES,
    "dtypes": deep_defects.DTYPES,
    "precision": deep_defects.PRECISION,
    "files": deep_defects.FILES,
    "optimiser": deep_defects.OPTIMISER,
    "ternary": deep_defects.TERNARY,
    "readout": readout_defects.READOUT,
    "codec": codec_defects.CODEC,
}
DEFECTS = [defect for group in GROUPS.values() for defect in group]


def table() -> tuple[str, int]:
    """A line a group, then a line a defect; and how many were missed."""
    seen = {id(defect): (report := find(defect), found(report)) for defect in DEFECTS}
    lines = [f"{'group':12}  defects  found  by values  around a call"]
    missed = 0
    for name, group in GROUPS.items():
        caught = [seen[id(defect)][1] for defect in group]
        values = sum(any(not result.case.startswith("call.") for result in results) for results in caught)
        around = sum(bool(results) and all(result.case.startswith("call.") for result in results) for results in caught)
        missed += sum(not results for results in caught)
        lines.append(f"{name:12}  {len(group):7}  {values + around:5}  {values:9}  {around:13}")
    for name, group in GROUPS.items():
        lines.append(f"\n{name:58}  {'family':11}  {'cases':>7}  found first in")
        for defect in group:
            report, results = seen[id(defect)]
            lines.append(
                f"{defect.what:58}  {defect.family:11}  {len(results):3} / {len(report.results):3}  {_where(results)}"
            )
    return "\n".join(lines), missed


def _where(results: list[Seen]) -> str:
    if not results:
        return "MISSED"
    case, _, what = results[0].text.partition(": ")
    share = f", {results[0].share:.2g} times its bound" if np.isfinite(results[0].share) else ""
    return f"{case}, {what.partition(' differs')[0]}{share}" if " differs" in what else case


BEFORE = Path(__file__).parent / "results" / "cases-before.txt"
"""Names of the cases that the oracle had before it looked at main loops, options, state and damaged files."""


def found_before(defect: Defect, names: set[str]) -> bool:
    """Whether cases of these names find the defect by what is returned, as long as nobody looks around a call."""
    chosen = [case for case in oracle.cases(defect.family, seed=0) if case.name in names]
    session = Session(Broken(defect.functions), defect.dtype, taking(None))
    with np.errstate(all="ignore"):
        return any(session.call(case).state in FAILED for case in chosen)


def show_before() -> int:
    """Print by group how many of today's defects the cases of old found: 0, for that some are missed is the point."""
    names = set(BEFORE.read_text().split())
    caught = {name: sum(found_before(defect, names) for defect in group) for name, group in GROUPS.items()}
    print(f"group         defects  found by the {len(names)} cases before")
    for name, group in GROUPS.items():
        print(f"{name:12}  {len(group):7}  {caught[name]:29}")
    print(f"\n{len(DEFECTS)} defects, {sum(caught.values())} found")
    return 0


def main() -> int:
    """Print the table; 1 if a defect was missed."""
    text, missed = table()
    print(text)
    print(f"\n{len(DEFECTS)} defects, {missed} missed")
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
