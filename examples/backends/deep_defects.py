"""Ways in which careful code goes wrong: in some dtype, in the last digits, in a branch of the file format.

As in `examples.backends.fast_defects`, each is the reference with one fault; here are those of dtypes, of precision, of
files, of the optimiser and of ternary layers.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from examples.backends.planting import Defect, Result, after, before, like
from refinr import loading
from refinr.files import container as files
from refinr.oracle import operations

# --- dtypes ----------------------------------------------------------------------------------------------------------


def _for_dtype(name: str, argument: str, call: Callable[..., Result], operation: str) -> dict[str, Callable]:
    """Another function for one dtype."""
    usual = getattr(operations, operation)
    return {operation: lambda **a: (call if a[argument].dtype.name == name else usual)(**a)}


def _through_float(samples: np.ndarray) -> Result:
    shifted = samples.astype(np.float64) + 2.0**63
    return {"codes": np.where(shifted >= 2.0**64, 2.0**64 - 2048, shifted).astype(np.uint64)}


def _sign_of_nan_lost(samples: np.ndarray) -> Result:
    if samples.dtype.kind != "f":
        return operations.to_codes(samples)
    return operations.to_codes(np.where(np.isnan(samples), abs(samples), samples))


def _quieted(samples: np.ndarray) -> Result:
    """As machines do that load a float and store it."""
    if samples.dtype.kind != "f":
        return operations.to_codes(samples)
    bits = samples.view(f"u{samples.itemsize}").copy()
    bits[np.isnan(samples)] |= np.array(1 << (np.finfo(samples.dtype).nmant - 1), bits.dtype)
    return operations.to_codes(bits.view(samples.dtype))


def _flushed(samples: np.ndarray) -> Result:
    if samples.dtype.kind == "f":
        small = abs(samples) < np.finfo(samples.dtype).tiny
        samples = np.where(small, np.copysign(np.array(0, samples.dtype), samples), samples)
    return operations.to_codes(samples)


def _signed_shift(planes: np.ndarray, bits: int, radix_bits: int, gray: bool, dtype: str) -> Result:
    codes = operations.from_planes(planes, bits, radix_bits, gray, dtype)["codes"]
    if bits == 64:  # the top bit of a signed number stays, and goes on
        codes = codes & np.array(2**63 - 1, codes.dtype)
    return {"codes": codes}


def _narrow_codes(result: Result, arguments: dict) -> Result:
    return {"codes": result["codes"].astype(np.uint8).astype(result["codes"].dtype)}


DTYPES = [
    Defect("64-bit integers through floats", "planes", _for_dtype("int64", "samples", _through_float, "to_codes")),
    Defect(
        "largest unsigned number a negative one",
        "planes",
        after(
            "to_codes",
            lambda r, a: (
                {"codes": r["codes"] >> np.uint64(1) << np.uint64(1)} if a["samples"].dtype.name == "uint64" else {}
            ),
        ),
    ),
    Defect(
        "8-bit integers without a sign",
        "planes",
        after(
            "to_codes", lambda r, a: {"codes": a["samples"].view(np.uint8)} if a["samples"].dtype.name == "int8" else {}
        ),
    ),
    Defect(
        "32-bit codes as signed numbers",
        "planes",
        after(
            "from_codes",
            lambda r, a: (
                {"samples": np.minimum(r["samples"], 2**31 - 1).astype(r["samples"].dtype)}
                if a["dtype"] == "uint32"
                else {}
            ),
        ),
    ),
    Defect("sign of not-a-number lost", "planes", {"to_codes": _sign_of_nan_lost}),
    Defect("signalling not-a-number made quiet", "planes", {"to_codes": _quieted}),
    Defect("subnormal samples flushed", "planes", {"to_codes": _flushed}),
    Defect("top bit of 64 in a signed number", "planes", {"from_planes": _signed_shift}),
    Defect(
        "codes of truth values in another dtype",
        "planes",
        after("to_codes", lambda r, a: {"codes": r["codes"].astype(np.uint64)} if a["samples"].dtype == bool else {}),
    ),
    Defect("decoded codes in a byte", "inr", after("decode", _narrow_codes)),
    Defect(
        "64-bit codes subtracted as floats",
        "metrics",
        after(
            "rmse", lambda r, a: {"rmse": np.asarray(float(np.float32(r["rmse"])))} if a["a"].dtype == np.uint64 else {}
        ),
    ),
    Defect(
        "not-a-number decided as one",
        "inr",
        after("decide", lambda r, a: {"bits": r["bits"] | np.isnan(a["z"]).astype(np.uint8)}),
    ),
    Defect(
        "float64 computed in float32",
        "activations",
        after("gelu", lambda r, a: {"y": r["y"].astype(np.float32).astype(r["y"].dtype)}),
        "float64",
    ),
    Defect(
        "float64 returned as float32",
        "layers",
        after("linear", lambda r, a: {"dx": r["dx"].astype(np.float32)}),
        "float64",
    ),
    Defect(
        "half precision returned as float32",
        "losses",
        after("mse", lambda r, a: {"dz": r["dz"].astype(np.float32)}),
        "float16",
    ),
]


# --- precision -------------------------------------------------------------------------------------------------------


def _bits_kept(name: str, mask: int) -> Callable[[dict], dict]:
    def change(arguments: dict) -> dict:
        a = np.ascontiguousarray(arguments[name])
        return {name: (a.view(np.uint32) & np.uint32(mask)).view(np.float32).reshape(a.shape)}

    return change


def _crude_pi(result: Result, arguments: dict) -> Result:
    u = arguments["omega"] * arguments["z"].astype(np.float64)
    turns = np.rint(u / (2 * math.pi))
    return {"y": like(np.sin((u - turns * 2 * 3.1416).astype(np.float32)), arguments["z"])}


def _fast_exp(x: np.ndarray) -> np.ndarray:
    """By a polynomial of second order between powers of two: four digits."""
    u = x / math.log(2.0)
    n = np.floor(u)
    f = u - n
    return np.ldexp(1.0 + f * (0.6565 + 0.3435 * f), n.astype(int))


def _tanh_by_exp(z: np.ndarray, dy: np.ndarray) -> Result:
    e = np.exp(2 * np.clip(z, -15, 15))
    return {"y": like((e - 1) / (e + 1), z)}


def _one_pass_variance(x: np.ndarray, dy: np.ndarray) -> Result:
    mean = x.mean(-1, keepdims=True)
    variance = (x * x).mean(-1, keepdims=True) - mean * mean
    return {"y": like((x - mean) / np.sqrt(variance + np.float32(1e-5)), x)}


def _half_sum(loss: np.ndarray) -> np.ndarray:
    return loss.astype(np.float16).astype(loss.dtype)


def _added_steps(ends: np.ndarray, shape: list[int]) -> Result:
    axes = []
    for n in shape:
        steps = np.full(n, 2.0 / max(n - 1, 1), ends.dtype)
        steps[0] = -1.0 if n > 1 else 0.0
        axes.append(np.cumsum(steps, dtype=ends.dtype))
    return {"x": np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape))}


def _in_bfloat16(*names: str) -> Callable[[dict], dict]:
    return lambda a: {k: v for name in names if name in a for k, v in _bits_kept(name, 0xFFFF0000)(a).items()}


def _one_minus_square(result: Result, arguments: dict) -> Result:
    y = result["y"].astype(np.float16).astype(np.float64)
    return {"dz": like((1 - y * y) * arguments["dy"], arguments["z"])}


PRECISION = [
    Defect(
        "products of weights' gradients cut to ten bits",
        "layers",
        after("linear", lambda r, a: {"dw": operations.linear(**(a | _bits_kept("dy", 0xFFFFE000)(a)))["dw"]}),
    ),
    Defect("weights in bfloat16", "layers", before("linear", _in_bfloat16("w"))),
    Defect("a network's weights in bfloat16", "mlp", before("mlp", _in_bfloat16("w0", "w1"))),
    Defect("a network's inputs cut to ten bits", "mlp", before("mlp", _bits_kept("x", 0xFFFFE000))),
    Defect("sine's argument reduced by a pi of five digits", "activations", after("sine", _crude_pi)),
    Defect(
        "exponential of four digits in Gauss",
        "activations",
        after("gauss", lambda r, a: {"y": like(_fast_exp(-((a["scale"] * a["z"].astype(float)) ** 2)), a["z"])}),
    ),
    Defect(
        "exponential of four digits in the loss",
        "losses",
        after(
            "bce_with_logits",
            lambda r, a: {
                "dz": like(
                    (1 / (1 + _fast_exp(-np.clip(a["z"].astype(float), -80, 80))) - a["targets"])
                    / (a["z"].shape[-1] * a["z"].shape[-2]),
                    a["z"],
                )
            },
        ),
    ),
    Defect("tanh by exponentials near zero", "activations", {"tanh": _tanh_by_exp}),
    Defect("tanh's slope from a half", "activations", after("tanh", _one_minus_square)),
    Defect("variance in one pass", "ternary", {"layer_norm": _one_pass_variance}),
    Defect("a loss summed in half precision", "losses", after("mae", lambda r, a: {"loss": _half_sum(r["loss"])})),
    Defect("a network's loss in half precision", "mlp", after("mlp", lambda r, a: {"loss": _half_sum(r["loss"])})),
    Defect("coordinates by adding steps", "coords", {"grid": _added_steps}),
    Defect(
        "pi of five digits",
        "encodings",
        after(
            "positional_encoding",
            lambda r, a: {
                "y": operations.positional_encoding(like(a["x"] * (3.1416 / math.pi), a["x"]), a["dy"], a["octaves"])[
                    "y"
                ]
            },
        ),
    ),
    Defect(
        "sines of a table of 4096",
        "activations",
        after(
            "wire",
            lambda r, a: {
                "y": like(
                    np.cos(np.rint(a["omega"] * a["z"].astype(float) * 2048 / math.pi) * math.pi / 2048)
                    * np.exp(-((a["scale"] * a["z"].astype(float)) ** 2)),
                    a["z"],
                )
            },
        ),
    ),
    Defect("erf of four digits", "activations", after("gelu", lambda r, a: {"y": like(r["y"] * (1 + 1e-4), a["z"])})),
    Defect("moments in bfloat16", "optim", after("adam", lambda r, a: _bits_kept("m", 0xFFFF0000)(r))),
    Defect(
        "SSIM in single precision",
        "metrics",
        after("ssim", lambda r, a: {"ssim": np.asarray(float(np.float32(r["ssim"])) + 1e-6)}),
    ),
    Defect("logits clipped at 30", "losses", before("bce_with_logits", lambda a: {"z": np.clip(a["z"], -30, 30)})),
    Defect(
        "exponentials below 2^-40 flushed",
        "losses",
        after("bce_with_logits", lambda r, a: {"dz": np.where(abs(r["dz"]) < 2.0**-40, 0 * r["dz"], r["dz"])}),
    ),
    Defect(
        "softplus without its small part",
        "losses",
        after(
            "bce_with_logits",
            lambda r, a: {
                "loss": like(
                    np.maximum(np.where(a["targets"] > 0.5, -a["z"], a["z"]), 0).sum()
                    / (a["z"].shape[-1] * a["z"].shape[-2]),
                    a["z"],
                )
            },
        ),
    ),
]


# --- files -----------------------------------------------------------------------------------------------------------


def _opened(file: np.ndarray) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        path.write_bytes(file.tobytes())
        return loading.load(path)


def _reader(change: Callable[[Any], Any]) -> dict[str, Callable]:
    """A reader whose INR is not what the file says, and which does not look at the checksums."""

    def decode_file(file: np.ndarray) -> Result:
        good = operations.decode_file(file)["samples"]  # what is to be refused, is
        inr = change(_opened(file))
        blind = replace(inr, report=replace(inr.report, wrong_bits=tuple(1 for _ in inr.report.wrong_bits)))
        try:
            samples = blind.decode()
        except Exception:
            return {"samples": np.zeros_like(good)}
        return {"samples": samples.astype(good.dtype) if samples.shape == good.shape else np.zeros_like(good)}

    return {"decode_file": decode_file}


def _layout(**changes: Any) -> Callable[[Any], Any]:
    return lambda inr: replace(inr, layout=replace(inr.layout, **changes))


def _spec(**changes: Any) -> Callable[[Any], Any]:
    def change(inr: Any) -> Any:
        network = inr.layout.network
        if not hasattr(network, "spec"):
            return inr
        spec = replace(network.spec, **changes)
        return replace(inr, layout=replace(inr.layout, network=replace(network, spec=spec)))

    return change


def _activation(inr: Any) -> str | None:
    spec = getattr(inr.layout.network, "spec", None)
    return None if spec is None else spec.activation


def _cut(**changes: Any) -> Callable[[Any], Any]:
    def change(inr: Any) -> Any:
        held = {name: value for name, value in changes.items() if hasattr(inr.layout.cut, name)}
        return replace(inr, layout=replace(inr.layout, cut=replace(inr.layout.cut, **held)))

    return change


def _params(change: Callable[[dict], dict]) -> Callable[[Any], Any]:
    return lambda inr: replace(inr, params=inr.params | change(inr.params))


def _after_decoding(change: Callable[[np.ndarray, Any], np.ndarray]) -> dict[str, Callable]:
    return after("decode_file", lambda r, a: {"samples": change(r["samples"], _opened(a["file"]))})


def _ragged_turned(samples: np.ndarray, inr: Any) -> np.ndarray:
    """Tiles at the far edge of the last axis laid out from the other side."""
    tile, n = inr.layout.tile, len(inr.layout.grid)
    left = inr.layout.grid[-1] % tile[-1]
    if not left:
        return samples
    turned = np.moveaxis(samples.copy(), n - 1, 0)
    turned[-left:] = turned[-left:][::-1].copy()
    return np.moveaxis(turned, 0, n - 1)


def _trusting(text: str) -> dict[str, Callable]:
    """A reader that does not refuse what the reference refuses in these words."""

    def decode_file(file: np.ndarray) -> Result:
        try:
            return operations.decode_file(file)
        except Exception as error:
            if text in str(error):
                return {"samples": np.zeros(1, np.uint8)}
            raise

    return {"decode_file": decode_file}


def _header_ignored(key: str) -> dict[str, Callable]:
    """A reader that takes this entry of the description for what it mostly is."""

    def decode_file(file: np.ndarray) -> Result:
        try:
            return operations.decode_file(file)
        except Exception:
            head = file[8 : 8 + int.from_bytes(file[:8].tobytes(), "little")].tobytes() if file.size > 8 else b"{}"
            try:
                text = json.loads(json.loads(head)["__metadata__"]["refinr"])
            except Exception:
                text = {}
            if key == "version" and text.get("version", 0) > files.VERSION:
                return {"samples": np.zeros(1, np.uint8)}
            raise

    return {"decode_file": decode_file}


FILES = [
    Defect("ragged tiles laid out from the other side", "container", _after_decoding(_ragged_turned)),
    Defect("offset of the codes ignored", "container", _reader(_layout(offset=0))),
    Defect("Gray code of a file ignored", "container", _reader(_cut(gray=False))),
    Defect("residual ignored", "container", _reader(lambda inr: replace(inr, residual=None))),
    Defect("omega of a file is 30", "container", _reader(_spec(omega=30.0))),
    Defect(
        "activation of a file is the sine",
        "container",
        _reader(lambda inr: inr if _activation(inr) == "relu" else _spec(activation="sine")(inr)),
    ),
    Defect(
        "tanh read as ReLU",
        "container",
        _reader(lambda inr: _spec(activation="relu")(inr) if _activation(inr) == "tanh" else inr),
    ),
    Defect("scale of a file is 30", "container", _reader(_spec(scale=30.0))),
    Defect("bits of ternary layers are 2", "container", _reader(_spec(bits=2))),
    Defect(
        "last bias of a file left out",
        "container",
        _reader(
            _params(
                lambda p: (
                    {max(k for k in p if k[0] == "b"): 0 * p[max(k for k in p if k[0] == "b")]}
                    if any(k[0] == "b" for k in p)
                    else {}
                )
            )
        ),
    ),
    Defect("networks in the other order", "container", _reader(_params(lambda p: {k: v[::-1] for k, v in p.items()}))),
    Defect(
        "channels of a file slowest",
        "container",
        _after_decoding(lambda s, inr: np.moveaxis(s, -1, 0).reshape(s.shape) if inr.layout.channel_axis else s),
    ),
    Defect(
        "signed samples of a file without a sign",
        "container",
        _after_decoding(lambda s, inr: abs(s) if s.dtype.kind == "i" else s),
    ),
    Defect(
        "negative floats of a file complemented twice",
        "container",
        _after_decoding(
            lambda s, inr: (
                np.where(np.signbit(s), ~s.view(f"u{s.itemsize}"), s.view(f"u{s.itemsize}")).view(s.dtype)
                if s.dtype.kind == "f" and s.ndim
                else s
            )
        ),
    ),
    Defect(
        "bytes of big-endian files not turned",
        "container",
        after(
            "decode_file",
            lambda r, a: {"samples": r["samples"].byteswap()} if ">" in str(_opened(a["file"]).layout.dtype) else {},
        ),
    ),
    Defect("damage of numbers not seen", "container", _trusting("damaged")),
    Defect("checksum of the samples not looked at", "container", _trusting("are not those that were fitted")),
    Defect("newer files read as if they were known", "container", _header_ignored("version")),
    Defect("arrays of other shapes taken", "container", _trusting("its arrays are not those")),
    Defect("nonsense in a description taken", "container", _trusting("its description is damaged")),
    Defect("files taken that ask for anything", "hostile", _trusting("say that the file is trusted")),
]


# --- optimiser -------------------------------------------------------------------------------------------------------


def _adam(step: Callable[..., tuple]) -> dict[str, Callable]:
    """`step(p, m, v, g, t, lr, beta1, beta2, eps)` returns p, m and v."""

    def adam(p: np.ndarray, g: np.ndarray, lr: float, beta1: float, beta2: float, eps: float) -> Result:
        m = np.zeros_like(p)
        v = np.zeros_like(p)
        for t, gradient in enumerate(g, start=1):
            p, m, v = step(p, m, v, gradient, t, lr, beta1, beta2, eps)
        return {"m": m, "v": v, "p": p.astype(m.dtype)}

    return {"adam": adam}


def _usual(p, m, v, g, t, lr, b1, b2, eps, *, gradient=None, power=None, root=None, first=None):
    g = g if gradient is None else gradient(g, p, t)
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    k = t if power is None else power(t)
    mhat = m / (1 - b1**k) if first is None else first(m, g, b1, k)
    vhat = v / (1 - b2**k)
    scale = np.sqrt(vhat) + eps if root is None else root(v, vhat, eps, b2, k)
    return p - lr * mhat / scale, m, v


def _variant(**changes: Callable) -> dict[str, Callable]:
    return _adam(lambda *arguments: _usual(*arguments, **changes))


class _Largest:
    """AMSGrad: the largest second moment so far."""

    def __init__(self) -> None:
        self.most = np.zeros(0)

    def __call__(self, v: np.ndarray, vhat: np.ndarray, eps: float, b2: float, t: int) -> np.ndarray:
        self.most = vhat if t == 1 else np.maximum(self.most, vhat)
        return np.sqrt(self.most) + eps


OPTIMISER = [
    Defect(
        "eps before the correction",
        "optim",
        _variant(root=lambda v, vhat, eps, b2, t: (np.sqrt(v) + eps) / math.sqrt(1 - b2**t)),
    ),
    Defect("second moment not corrected", "optim", _variant(root=lambda v, vhat, eps, b2, t: np.sqrt(v) + eps)),
    Defect("first moment not corrected", "optim", _variant(first=lambda m, g, b1, t: m)),
    Defect("correction of the first step for all", "optim", _variant(power=lambda t: 1)),
    Defect("corrections end after ten steps", "optim", _variant(power=lambda t: min(t, 10))),
    Defect("the largest second moment so far", "optim", _variant(root=_Largest())),
    Defect("Nesterov's step", "optim", _variant(first=lambda m, g, b1, t: (b1 * m + (1 - b1) * g) / (1 - b1**t))),
    Defect("decay in the gradient", "optim", _variant(gradient=lambda g, p, t: g + 0.01 * p)),
    Defect("gradients clipped at 1", "optim", _variant(gradient=lambda g, p, t: np.clip(g, -1, 1))),
    Defect(
        "gradients cut to a norm of 1",
        "optim",
        _variant(gradient=lambda g, p, t: g / max(1.0, float(np.linalg.norm(g)))),
    ),
    Defect("no eps", "optim", _variant(root=lambda v, vhat, eps, b2, t: np.sqrt(vhat) + 1e-30)),
    Defect("eps as the least root", "optim", _variant(root=lambda v, vhat, eps, b2, t: np.maximum(np.sqrt(vhat), eps))),
    Defect("absolute first moment", "optim", _variant(first=lambda m, g, b1, t: abs(m) / (1 - b1**t) * np.sign(g))),
    Defect("sign of the gradient alone", "optim", _variant(first=lambda m, g, b1, t: np.sign(m))),
    Defect("step that shrinks with time", "optim", _variant(first=lambda m, g, b1, t: m / (1 - b1**t) / math.sqrt(t))),
    Defect(
        "the last gradient forgotten",
        "optim",
        before("adam", lambda a: {"g": np.concatenate([a["g"][:-1], 0 * a["g"][-1:]])}),
    ),
]


# --- ternary ---------------------------------------------------------------------------------------------------------


def _weights(
    scale: Callable[[np.ndarray], np.ndarray], codes: Callable[[np.ndarray], np.ndarray] | None = None
) -> dict:
    def weight_codes(w: np.ndarray) -> Result:
        s = like(scale(w), w)
        u = w / np.where(s > 0, s, 1)
        t = np.clip(np.rint(u), -1, 1) if codes is None else codes(u)
        return {"s": s, "t": like(t, w)}

    return {"weight_codes": weight_codes}


def _mean(w: np.ndarray) -> np.ndarray:
    return abs(w).mean((-2, -1), keepdims=True)


def _rows(x: np.ndarray, bits: int) -> np.ndarray:
    return abs(x).max(-1, keepdims=True, initial=0) / (2 ** (bits - 1) - 1)


def _activations(scale: Callable[[np.ndarray, int], np.ndarray], round_: Callable = np.rint) -> dict[str, Callable]:
    def activation_codes(x: np.ndarray, bits: int) -> Result:
        s = like(scale(x, bits), x)
        return {"s": s, "a": like(round_(x / np.where(s > 0, s, 1)), x)}

    return {"activation_codes": activation_codes}


def _not_clipped(x: np.ndarray, w: np.ndarray, dy: np.ndarray, bits: int) -> Result:
    result = operations.integer_linear(x, w, dy, bits)
    a = np.floor(x * 2.0**bits)
    t = operations.weight_codes(w)["t"]
    k = max(0, (w.shape[-2].bit_length() - 2) // 2)
    return result | {"y": like((a @ t + 0.5) * 2.0 ** -(bits + k), x)}


def _rounded_places(x: np.ndarray, w: np.ndarray, dy: np.ndarray, bits: int) -> Result:
    return operations.integer_linear(like((np.rint(x * 2.0**bits)) / 2.0**bits, x), w, dy, bits)


TERNARY = [
    Defect("scale of weights from their maximum", "ternary", _weights(lambda w: abs(w).max((-2, -1), keepdims=True))),
    Defect("one scale for all networks", "ternary", _weights(lambda w: np.full_like(_mean(w), abs(w).mean()))),
    Defect(
        "root mean square for the mean", "ternary", _weights(lambda w: np.sqrt((w * w).mean((-2, -1), keepdims=True)))
    ),
    Defect("weights not clipped", "ternary", _weights(_mean, np.rint)),
    Defect("weights cut, not rounded", "ternary", _weights(_mean, lambda u: np.clip(np.trunc(u), -1, 1))),
    Defect(
        "weights rounded away from zero",
        "ternary",
        _weights(_mean, lambda u: np.clip(np.sign(u) * np.floor(abs(u) + 0.5), -1, 1)),
    ),
    Defect("scale at least 1e-5", "ternary", _weights(lambda w: np.maximum(_mean(w), 1e-5))),
    Defect(
        "one scale for all rows",
        "ternary",
        _activations(lambda x, bits: np.full((*x.shape[:-1], 1), abs(x).max(initial=0) / (2 ** (bits - 1) - 1))),
    ),
    Defect(
        "scale from the largest, without its size",
        "ternary",
        _activations(lambda x, bits: np.maximum(x.max(-1, keepdims=True, initial=0), 0) / (2 ** (bits - 1) - 1)),
    ),
    Defect("activations cut, not rounded", "ternary", _activations(_rows, np.trunc)),
    Defect(
        "activations rounded away from zero",
        "ternary",
        _activations(_rows, lambda u: np.sign(u) * np.floor(abs(u) + 0.5)),
    ),
    Defect(
        "levels as without a sign",
        "ternary",
        _activations(lambda x, bits: abs(x).max(-1, keepdims=True, initial=0) / (2**bits - 1)),
    ),
    Defect(
        "not-a-number for a row of zeros",
        "ternary",
        after("activation_codes", lambda r, a: {"a": np.where(r["s"] == 0, np.nan, r["a"]).astype(r["a"].dtype)}),
    ),
    Defect(
        "eps of the norm 1e-6",
        "ternary",
        after(
            "layer_norm",
            lambda r, a: {
                "y": like(
                    (a["x"] - a["x"].mean(-1, keepdims=True)) / np.sqrt(a["x"].var(-1, keepdims=True) + 1e-6), a["x"]
                )
            },
        ),
    ),
    Defect(
        "norm's gradient without the mean",
        "ternary",
        after("layer_norm", lambda r, a: {"dx": like(r["dx"] + a["dy"].mean(-1, keepdims=True), a["x"])}),
    ),
    Defect(
        "gradient stopped at clipped weights",
        "ternary",
        after(
            "ternary_linear",
            lambda r, a: {"dw": np.where(abs(a["w"]) > 1.5 * _mean(a["w"]), 0, r["dw"]).astype(a["w"].dtype)},
        ),
    ),
    Defect(
        "gradient of the input from one network",
        "ternary",
        after(
            "ternary_linear",
            lambda r, a: {"dx": operations.ternary_linear(**(a | {"w": a["w"][:1], "dy": a["dy"][:1]}))["dx"]},
        ),
    ),
    Defect("fixed point not clipped", "ternary", {"integer_linear": _not_clipped}),
    Defect("fixed point rounded, not floored", "ternary", {"integer_linear": _rounded_places}),
    Defect(
        "gradient where fixed point was clipped",
        "ternary",
        after("integer_linear", lambda r, a: {"dx": operations.integer_linear(**(a | {"x": a["x"] / 2}))["dx"]}),
    ),
    Defect(
        "no gradient at exactly 1",
        "ternary",
        after("integer_linear", lambda r, a: {"dx": np.where(abs(a["x"]) == 1, 0, r["dx"]).astype(a["x"].dtype)}),
    ),
    Defect(
        "power of two of four inputs for all",
        "ternary",
        after("integer_linear", lambda r, a: {"y": r["y"] * 2.0 ** max(0, (a["w"].shape[-2].bit_length() - 2) // 2)}),
    ),
    Defect(
        "norm left out of the first layer",
        "ternary",
        after(
            "ternary_mlp",
            lambda r, a: {"z0": like(r["z0"] * (1 + abs(a["x"]).mean()), r["z0"])} if a["layer"] == "ternary" else {},
        ),
    ),
]
