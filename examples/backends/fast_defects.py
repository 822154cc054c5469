"""Ways in which fast code goes wrong: at some sizes only, for some options, after an earlier call, for some strides.

Each is the reference with one fault that most calls do not show.  `examples.backends.defects` has those that change
every value, and the table of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from examples.backends.planting import Defect, Result, after, before, like
from refinr import optim
from refinr.oracle import operations

# --- sizes -----------------------------------------------------------------------------------------------------------


def _beyond(tensor: str, axis: int, step: int, value: float = 0.0) -> Callable[[Result, dict], Result]:
    """From `step` on, this axis of the result is not computed."""

    def change(result: Result, arguments: dict) -> Result:
        if tensor not in result or result[tensor].ndim < -axis or result[tensor].shape[axis] <= step:
            return {}
        array = np.moveaxis(result[tensor].copy(), axis, 0)
        array[step:] = value
        return {tensor: np.moveaxis(array, 0, axis)}

    return change


def _tail(tensor: str, axis: int, step: int, least: int | None = None) -> Callable[[Result, dict], Result]:
    """What is left over after whole vectors of `step` is not computed; from `least` on, where the fast loop begins."""

    def change(result: Result, arguments: dict) -> Result:
        n = result[tensor].shape[axis] if tensor in result and result[tensor].ndim >= -axis else 0
        if n % step == 0 or n < (step if least is None else least):
            return {}
        return _beyond(tensor, axis, n - n % step)(result, arguments)

    return change


def _flat_tail(tensor: str, step: int) -> Callable[[Result, dict], Result]:
    """The same of the array as a whole."""

    def change(result: Result, arguments: dict) -> Result:
        flat = result[tensor].ravel().copy()
        if flat.size >= step:
            flat[flat.size - flat.size % step :] = 0
        return {tensor: flat.reshape(result[tensor].shape)}

    return change


def _if_many(least: int, name: str, axis: int, change: Callable[[Result, dict], Result]) -> Callable:
    """A change of the result where an argument has so many along an axis."""
    return lambda result, arguments: change(result, arguments) if arguments[name].shape[axis] >= least else {}


def _long_sum(step: int, keep: bool) -> Callable[[Result, dict], Result]:
    """Sums over inputs in blocks: what is left over is lost, or a later block takes the place of the sum."""

    def change(result: Result, arguments: dict) -> Result:
        x, w, b = arguments["x"], arguments["w"], arguments["b"]
        n = x.shape[-1]
        if n <= step:
            return {}
        part = slice(0, n - n % step) if keep else slice(step * ((n - 1) // step), n)
        return {"y": like(x[..., part] @ w[:, part] + b, result["y"])}

    return change


def _blocks_of_samples(step: int) -> Callable[[Result, dict], Result]:
    """Gradients of the weights from the samples of whole blocks alone."""

    def change(result: Result, arguments: dict) -> Result:
        x, dy = arguments["x"], arguments["dy"]
        n = dy.shape[-2] - dy.shape[-2] % step
        if n == 0:
            return {}
        return {"dw": like(np.swapaxes(x[..., :n, :], -1, -2) @ dy[:, :n], result["dw"])}

    return change


def _first_rows(n: int, tensor: str) -> Callable[[Result, dict], Result]:
    """Means of the loss over so many values at most."""

    def change(result: Result, arguments: dict) -> Result:
        z = arguments["z"]
        return {tensor: like(result[tensor] * n / z.shape[-2], z)} if z.shape[-2] > n else {}

    return change


def _byte_index(ends: np.ndarray, shape: list[int]) -> Result:
    axes = [2.0 * (np.arange(n) % 256) / (n - 1) - 1.0 if n > 1 else np.zeros(1) for n in shape]
    return {"x": like(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(shape)), ends)}


def _fast_gelu(result: Result, arguments: dict) -> Result:
    z = arguments["z"]
    return {"y": like(0.5 * z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))), z)}


def _row_sums(least: int) -> dict[str, Callable]:
    def norm(x: np.ndarray, dy: np.ndarray) -> Result:
        if x.shape[-1] <= least:
            return operations.layer_norm(x, dy)
        centred = x - x[:, :least].mean(-1, keepdims=True)
        return {"y": like(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5), x)}

    return {"layer_norm": norm}


def _vector_maximum(x: np.ndarray, bits: int) -> Result:
    n = x.shape[-1] - x.shape[-1] % 8 or x.shape[-1]
    s = abs(x[..., :n]).max(-1, keepdims=True, initial=0) / (2 ** (bits - 1) - 1)
    return {"s": like(s, x), "a": like(np.rint(x / np.where(s > 0, s, 1)), x)}


def _mean_of_some(w: np.ndarray) -> Result:
    flat = w.reshape(*w.shape[:-2], 1, -1)[..., :64]
    s = abs(flat).mean(-1, keepdims=True)
    return {"s": like(s, w), "t": like(np.clip(np.rint(w / np.where(s > 0, s, 1)), -1, 1), w)}


def _some_samples(arguments: dict) -> dict:
    """Losses and gradients from the first 32 samples."""
    if arguments["targets"].shape[-2] <= 32:
        return {}
    return {"x": arguments["x"][..., :32, :], "targets": arguments["targets"][:, :32]}


def _some_of_training(result: Result, arguments: dict) -> Result:
    return {name: operations.train(**(arguments | _some_samples(arguments)))[name] for name in ("losses",)}


def _later_networks(step: int) -> Callable[[dict], dict]:
    """Networks from `step` on have the parameters of those before: an index that wraps."""

    def change(arguments: dict) -> dict:
        return {
            name: a[np.arange(len(a)) % step] for name, a in arguments.items() if name[0] in "wb" and name[1:].isdigit()
        }

    return change


def _counted_in_bytes(a: np.ndarray, b: np.ndarray, bits: int) -> Result:
    wrong = [int(((a ^ b) >> np.array(i, a.dtype) & np.array(1, a.dtype)).sum()) % 256 for i in range(bits)]
    return {"per_plane": np.array(wrong) / a.size}


SIZES = [
    Defect("outputs left over after vectors of 4", "layers", after("linear", _tail("y", -1, 4))),
    Defect("outputs left over after vectors of 8", "layers", after("linear", _tail("y", -1, 8))),
    Defect("outputs left over after tiles of 32", "layers", after("linear", _tail("y", -1, 32))),
    Defect("outputs from the 17th on", "layers", after("linear", _beyond("y", -1, 16))),
    Defect("gradient of weights, inputs from the 33rd on", "layers", after("linear", _beyond("dw", -2, 32))),
    Defect("gradient of inputs from the 65th on", "layers", after("linear", _beyond("dx", -1, 64))),
    Defect("samples left over after tiles of 16", "layers", after("linear", _tail("y", -2, 16))),
    Defect("samples from the 65th on", "layers", after("linear", _beyond("y", -2, 64))),
    Defect("networks from the 17th on", "layers", after("linear", _beyond("y", -3, 16))),
    Defect("networks from the 33rd on", "layers", after("linear", _beyond("db", -3, 32))),
    Defect("sum over inputs, what is left over after 16", "layers", after("linear", _long_sum(16, True))),
    Defect("sum over inputs, what is left over after 64", "layers", after("linear", _long_sum(64, True))),
    Defect("later block of a sum in place of the sum", "layers", after("linear", _long_sum(32, False))),
    Defect("sum over samples in whole blocks of 4", "layers", after("linear", _blocks_of_samples(4))),
    Defect("sum over samples in whole blocks of 64", "layers", after("linear", _blocks_of_samples(64))),
    Defect("sine left over after vectors of 16", "activations", after("sine", _flat_tail("y", 16))),
    Defect("slope of WIRE left over after vectors of 64", "activations", after("wire", _flat_tail("dz", 64))),
    Defect("GELU by tanh from 64 values on", "activations", after("gelu", _if_many(64, "z", 0, _fast_gelu))),
    Defect(
        "tanh clipped at 4 in the vector loop",
        "activations",
        after("tanh", lambda r, a: {"y": np.clip(r["y"], -math.tanh(4), math.tanh(4))} if r["y"].size >= 64 else {}),
    ),
    Defect(
        "slope of ReLU in vectors: sign of the neighbour",
        "activations",
        after("relu", lambda r, a: {"dz": np.where(np.roll(a["z"], 1) > 0, a["dy"], 0)} if a["z"].size > 300 else {}),
    ),
    Defect("mean of squares over 64 rows at most", "losses", after("mse", _first_rows(64, "loss"))),
    Defect("gradient of the loss from the 65th row on", "losses", after("bce_with_logits", _beyond("dz", -2, 64))),
    Defect("absolute errors over 256 rows at most", "losses", after("mae", _first_rows(256, "loss"))),
    Defect("index of a grid in a byte", "coords", {"grid": _byte_index}),
    Defect("rows of an encoding from the 257th on", "encodings", after("positional_encoding", _beyond("y", -2, 256))),
    Defect("waves from the 65th on", "encodings", after("fourier_features", _beyond("y", -1, 64))),
    Defect("mean of a long row from its first 32", "ternary", _row_sums(32)),
    Defect("maximum of a row in whole vectors", "ternary", {"activation_codes": _vector_maximum}),
    Defect("mean of weights from the first 64", "ternary", {"weight_codes": _mean_of_some}),
    Defect("ternary outputs left over after 8", "ternary", after("ternary_linear", _tail("y", -1, 8))),
    Defect("fixed-point inputs from the 65th on", "ternary", after("integer_linear", _beyond("dx", -1, 64))),
    Defect("hidden units left over after 32", "mlp", after("mlp", _tail("z0", -1, 32))),
    Defect("hidden units left over after 16 in the second layer", "mlp", after("mlp", _tail("z1", -1, 16))),
    Defect(
        "loss and gradients of the first 32 samples",
        "mlp",
        after(
            "mlp",
            lambda r, a: {
                name: g for name, g in operations.mlp(**(a | _some_samples(a))).items() if name in ("loss", "dw0")
            },
        ),
    ),
    Defect("gradient of biases left over after 64", "mlp", after("mlp", _tail("db0", -1, 64))),
    Defect("networks from the 9th on are the first again", "mlp", before("mlp", _later_networks(8))),
    Defect("first weights drawn for 16 inputs at most", "mlp", after("init", _beyond("w1", -2, 16))),
    Defect("parameters left over after vectors of 32", "optim", after("adam", _flat_tail("p", 32))),
    Defect("second moments from the 65th on", "optim", after("adam", _beyond("v", -1, 64))),
    Defect("batches of 32 samples at most", "training", after("train", _some_of_training)),
    Defect("codes from the 65th on", "planes", after("to_planes", _beyond("planes", 0, 64))),
    Defect("codes left over after 8", "planes", after("from_planes", _flat_tail("codes", 8))),
    Defect("wrong bits counted in a byte", "metrics", {"bit_error_rate": _counted_in_bytes}),
    Defect(
        "image columns from the 33rd on not compared",
        "metrics",
        before("ssim", lambda a: {"a": a["a"][:, :32], "b": a["b"][:, :32]}),
    ),
    Defect("decisions left over after 32", "inr", after("decide", _flat_tail("bits", 32))),
    Defect("samples left over after 8 in decoding", "inr", after("decode", _tail("codes", -2, 8))),
]


# --- options ---------------------------------------------------------------------------------------------------------


def _fixed(operation: str, **options: Any) -> dict[str, Callable]:
    """Options that are what they mostly are, whatever is asked for."""
    return before(operation, lambda arguments: {k: v for k, v in options.items() if k in arguments})


def _swapped(arguments: dict) -> dict:
    return {"omega": arguments["scale"], "scale": arguments["omega"]}


def _first_scale(change: Callable[[dict], Any]) -> dict[str, Callable]:
    return before("init", lambda a: {"first_scale": change(a)} if a["first_scale"] is not None else {})


def _gain_of_omega(result: Result, arguments: dict) -> Result:
    if arguments["first_scale"] is None or arguments["activation"] not in ("gauss", "relu", "tanh", "gelu"):
        return {}
    gain = {"gauss": arguments["scale"]}.get(arguments["activation"], 1.0) / arguments["omega"]
    return {name: like(result[name] * gain, result[name]) for name in ("w0", "b0")}


def _short_prefix(planes: np.ndarray, bits: int, radix_bits: int, gray: bool, dtype: str) -> Result:
    """The Gray code undone by five shifts: right up to 32 bits."""
    code = operations.from_planes(planes, bits, radix_bits, False, dtype)["codes"]
    for shift in (1, 2, 4, 8, 16):
        if gray and shift < 8 * code.dtype.itemsize:
            code = code ^ (code >> np.array(shift, code.dtype))
    return {"codes": code}


def _gray_of_digits(codes: np.ndarray, bits: int, radix_bits: int, gray: bool) -> Result:
    return operations.to_planes(codes, bits, radix_bits, gray and radix_bits == 1)


def _own_encoding(arguments: dict) -> dict:
    x = arguments["x"]
    return {"x": np.broadcast_to(x[:1], x.shape)} if arguments["octaves"] and x.ndim == 3 else {}


OPTIONS = [
    Defect("omega is 30", "activations", _fixed("sine", omega=30.0)),
    Defect("omega a whole number", "activations", before("sine", lambda a: {"omega": float(int(a["omega"]))})),
    Defect("omega never negative", "activations", before("sine", lambda a: {"omega": abs(a["omega"])})),
    Defect(
        "omega of FINER is 30 unless stopped",
        "activations",
        before("finer", lambda a: {} if a["stopped"] else {"omega": 30.0}),
    ),
    Defect("scale of Gauss is 10", "activations", _fixed("gauss", scale=10.0)),
    Defect("scale of WIRE is 10", "activations", _fixed("wire", scale=10.0)),
    Defect("omega and scale of WIRE swapped", "activations", before("wire", _swapped)),
    Defect(
        "six octaves at most",
        "encodings",
        after(
            "positional_encoding",
            lambda r, a: {
                "y": np.concatenate([r["y"][:, : 13 * a["x"].shape[1]], 0 * r["y"][:, 13 * a["x"].shape[1] :]], 1)
            },
        ),
    ),
    Defect("lr is 1e-2", "optim", _fixed("adam", lr=1e-2)),
    Defect("eps is 1e-8", "optim", _fixed("adam", eps=1e-8)),
    Defect("beta1 is 0.9", "optim", _fixed("adam", beta1=0.9)),
    Defect("beta2 is 0.999", "optim", _fixed("adam", beta2=0.999)),
    Defect(
        "first scale of one axis for all",
        "mlp",
        _first_scale(lambda a: a["first_scale"][0] if isinstance(a["first_scale"], list) else a["first_scale"]),
    ),
    Defect("first scale over omega whatever the activation", "mlp", after("init", _gain_of_omega)),
    Defect("hidden weights drawn for omega 30", "mlp", _fixed("init", omega=30.0)),
    Defect("a network's omega is 30", "mlp", _fixed("mlp", omega=30.0)),
    Defect("a network's scale is 10", "mlp", _fixed("mlp", scale=10.0)),
    Defect(
        "absolute errors taken for squares",
        "mlp",
        before("mlp", lambda a: {"loss": "mse"} if a["loss"] == "mae" else {}),
    ),
    Defect("encoded inputs shared though they are not", "mlp", before("mlp", _own_encoding)),
    Defect("targets of a network rounded", "mlp", before("mlp", lambda a: {"targets": np.rint(a["targets"])})),
    Defect("targets rounded", "losses", before("bce_with_logits", lambda a: {"targets": np.rint(a["targets"])})),
    Defect("Gray code only in digits of one bit", "planes", {"to_planes": _gray_of_digits}),
    Defect("Gray code undone up to 32 bits", "planes", {"from_planes": _short_prefix}),
    Defect("activations of 8 bits", "ternary", _fixed("activation_codes", bits=8)),
    Defect("activations of a ternary layer of 4 bits", "ternary", _fixed("ternary_linear", bits=4)),
    Defect("the official layer taken for ours", "ternary", _fixed("ternary_linear", faithful=None)),
    Defect("fixed point of 8 places", "ternary", _fixed("integer_linear", bits=8)),
    Defect("bits of a ternary network are 8", "ternary", _fixed("ternary_mlp", bits=8)),
    Defect("peak of 8 bits", "metrics", _fixed("psnr", bits=8)),
    Defect("SSIM of 8 bits", "metrics", _fixed("ssim", bits=8)),
    Defect(
        "planes of the dtype, not of the codes",
        "metrics",
        after("bit_error_rate", lambda r, a: {"total": r["total"] * a["bits"] / (8 * a["a"].dtype.itemsize)}),
    ),
    Defect("decoding at omega 30", "inr", _fixed("decode", omega=30.0)),
    Defect("decoding by sines", "inr", _fixed("decode", activation="sine")),
    Defect("training at omega 30", "training", _fixed("train", omega=30.0)),
    Defect("training at lr 1e-2", "training", _fixed("train", lr=1e-2)),
    Defect("training sines", "training", _fixed("train", activation="sine")),
]


# --- state -----------------------------------------------------------------------------------------------------------


class Buffers:
    """Results in buffers of their own, used again for the next result of that shape."""

    def __init__(self, operation: str, tensor: str) -> None:
        self.call = getattr(operations, operation)
        self.tensor = tensor
        self.kept: dict[Any, np.ndarray] = {}

    def __call__(self, **arguments: Any) -> Result:
        result = self.call(**arguments)
        fresh = result[self.tensor]
        buffer = self.kept.setdefault((fresh.shape, fresh.dtype.name), fresh.copy())
        buffer[...] = fresh
        return result | {self.tensor: buffer}


class Remembered:
    """An argument is uploaded once for each shape, and what was first given stays."""

    def __init__(self, operation: str, name: str) -> None:
        self.call = getattr(operations, operation)
        self.name = name
        self.kept: dict[Any, Any] = {}

    def __call__(self, **arguments: Any) -> Result:
        value = arguments[self.name]
        key = (getattr(value, "shape", None), str(getattr(value, "dtype", None)))
        kept = self.kept.setdefault(key, np.array(value) if isinstance(value, np.ndarray) else value)
        return self.call(**(arguments | {self.name: kept}))


class Accumulating:
    """Gradients are added to those of the call before, where it had the same shape."""

    def __init__(self, operation: str, tensor: str) -> None:
        self.call = getattr(operations, operation)
        self.tensor = tensor
        self.sums: dict[Any, np.ndarray] = {}

    def __call__(self, **arguments: Any) -> Result:
        result = self.call(**arguments)
        fresh = result[self.tensor]
        key = (fresh.shape, fresh.dtype.name)
        self.sums[key] = self.sums[key] + fresh if key in self.sums else fresh
        return result | {self.tensor: self.sums[key].copy()}


class Moments:
    """Adam goes on from the moments of the call before, where shapes agree."""

    def __init__(self) -> None:
        self.kept: dict[Any, tuple] = {}

    def __call__(self, p: np.ndarray, g: np.ndarray, lr: float, beta1: float, beta2: float, eps: float) -> Result:
        params = {"p": p}
        state = self.kept.get((p.shape, p.dtype.name), optim.adam_init(params))
        for gradient in g:
            params, state = optim.adam_step(params, {"p": gradient}, state, lr, betas=(beta1, beta2), eps=eps)
        self.kept[p.shape, p.dtype.name] = state
        return {"m": state.m["p"], "v": state.v["p"], "p": params["p"]}


class Padded:
    """Inputs in a buffer padded to 16, what is beyond them left from earlier calls."""

    def __init__(self) -> None:
        self.x = np.zeros((512, 128))
        self.w = np.zeros((128, 128))

    def __call__(self, x: np.ndarray, w: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Result:
        result = operations.linear(x, w, b, dy)
        if x.ndim == 2 and len(w) == 1:
            n, inner = x.shape
            padded = -(-inner // 16) * 16
            self.x[:n, :inner] = x
            self.w[:inner, : w.shape[-1]] = w[0]
            y = self.x[:n, :padded] @ self.w[:padded, : w.shape[-1]] + b
            return result | {"y": like(y.reshape(result["y"].shape), x)}
        return result


def _writes(operation: str, name: str, change: Callable[[np.ndarray], None]) -> dict[str, Callable]:
    """Works in the caller's array, where that can be written to."""
    call = getattr(operations, operation)

    def run(**arguments: Any) -> Result:
        result = call(**arguments)
        if arguments[name].flags.writeable:
            change(arguments[name])
        return result

    return {operation: run}


class FirstClosure:
    """Compiled once: the options of the first call stay in it."""

    def __init__(self, operation: str, option: str) -> None:
        self.call = getattr(operations, operation)
        self.option = option
        self.first: dict[Any, Any] = {}

    def __call__(self, **arguments: Any) -> Result:
        key = tuple(a.shape for a in arguments.values() if isinstance(a, np.ndarray))
        value = self.first.setdefault(key, arguments[self.option])
        return self.call(**(arguments | {self.option: value}))


def _negate(array: np.ndarray) -> None:
    array *= -1


STATE = [
    Defect("outputs in a buffer used again", "layers", {"linear": Buffers("linear", "y")}),
    Defect("gradients in a buffer used again", "mlp", {"mlp": Buffers("mlp", "dw0")}),
    Defect("codes in a buffer used again", "planes", {"to_codes": Buffers("to_codes", "codes")}),
    Defect("slopes in a buffer used again", "losses", {"mse": Buffers("mse", "dz")}),
    Defect("weights uploaded once for each shape", "layers", {"linear": Remembered("linear", "w")}),
    Defect("inputs of a network uploaded once", "mlp", {"mlp": Remembered("mlp", "x")}),
    Defect(
        "targets uploaded once for each shape", "losses", {"bce_with_logits": Remembered("bce_with_logits", "targets")}
    ),
    Defect(
        "frequencies uploaded once", "encodings", {"fourier_features": Remembered("fourier_features", "frequencies")}
    ),
    Defect("a file read once", "container", {"decode_file": Remembered("decode_file", "file")}),
    Defect("gradients added to those before", "layers", {"linear": Accumulating("linear", "dw")}),
    Defect("a network's gradients added to those before", "mlp", {"mlp": Accumulating("mlp", "db0")}),
    Defect("moments of the call before", "optim", {"adam": Moments()}),
    Defect("padding left from earlier calls", "layers", {"linear": Padded()}),
    Defect("gradient scaled in the caller's array", "layers", _writes("linear", "dy", _negate)),
    Defect("parameters updated in the caller's array", "optim", _writes("adam", "p", _negate)),
    Defect("activation in the caller's array", "activations", _writes("sine", "z", _negate)),
    Defect("codes shifted in the caller's array", "planes", _writes("to_planes", "codes", lambda a: a.fill(0))),
    Defect("omega compiled into the first call of a shape", "activations", {"sine": FirstClosure("sine", "omega")}),
    Defect("octaves compiled into the first call of a shape", "mlp", {"mlp": FirstClosure("mlp", "loss")}),
    Defect("scale compiled into the first call of a shape", "activations", {"gauss": FirstClosure("gauss", "scale")}),
]


# --- strides ---------------------------------------------------------------------------------------------------------


def as_if_contiguous(array: np.ndarray) -> np.ndarray:
    """What a kernel reads that takes a pointer and a shape, and asks for no strides."""
    base = array.base if isinstance(array.base, np.ndarray) else array
    memory = base.ravel(order="K")
    start = (array.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // max(array.itemsize, 1)
    if array.size == 0 or base.dtype != array.dtype:
        return array
    return np.take(memory, start + np.arange(array.size), mode="wrap").reshape(array.shape)


def _raw(operation: str, *names: str) -> dict[str, Callable]:
    return before(operation, lambda arguments: {name: as_if_contiguous(arguments[name]) for name in names})


def _column_major_only(operation: str, name: str) -> dict[str, Callable]:
    """Knows column-major order by the flag, and takes the shape for row-major."""

    def change(arguments: dict) -> dict:
        a = arguments[name]
        wrong = a.flags.f_contiguous and not a.flags.c_contiguous
        return {name: a.ravel(order="K").reshape(a.shape)} if wrong else {}

    return before(operation, change)


def _backwards_lost(operation: str, name: str) -> dict[str, Callable]:
    """Takes the size of a stride and not its sign."""
    return before(operation, lambda a: {name: np.flip(a[name])} if a[name].strides[-1:] < (0,) else {})


def _gaps_lost(operation: str, name: str) -> dict[str, Callable]:
    """Knows rows that are apart, but no numbers that are."""

    def change(arguments: dict) -> dict:
        a = arguments[name]
        apart = a.ndim > 0 and a.size > 0 and a.strides[-1] == 2 * a.itemsize
        return {name: np.repeat(a, 2, -1)[..., : a.shape[-1]]} if apart else {}

    return before(operation, change)


STRIDES = [
    Defect("strides of inputs ignored", "layers", _raw("linear", "x")),
    Defect("strides of weights ignored", "layers", _raw("linear", "w")),
    Defect("strides of gradients ignored", "layers", _raw("linear", "dy")),
    Defect("strides of z ignored", "activations", _raw("sine", "z")),
    Defect("strides of a network's weights ignored", "mlp", _raw("mlp", "w0")),
    Defect("strides of moments' gradients ignored", "optim", _raw("adam", "g")),
    Defect("strides of codes ignored", "planes", _raw("to_planes", "codes")),
    Defect("strides of logits ignored", "losses", _raw("bce_with_logits", "z")),
    Defect("strides of an image ignored", "metrics", _raw("ssim", "a")),
    Defect("strides of outputs ignored", "inr", _raw("decide", "z")),
    Defect("column-major weights read row by row", "layers", _column_major_only("linear", "w")),
    Defect("column-major planes read row by row", "planes", _column_major_only("from_planes", "planes"), seen="raised"),
    Defect("negative strides taken for positive", "activations", _backwards_lost("tanh", "z")),
    Defect(
        "negative strides of a file taken for positive",
        "container",
        _backwards_lost("decode_file", "file"),
        seen="raised",
    ),
    Defect("gaps between numbers not seen", "encodings", _gaps_lost("positional_encoding", "x")),
    Defect("gaps between targets not seen", "losses", _gaps_lost("mae", "targets")),
]


# --- races -----------------------------------------------------------------------------------------------------------


class Race:
    """Right, but for one call in so many, which is changed."""

    def __init__(self, operation: str, share: float, change: Callable[[Result, np.random.Generator], Result]) -> None:
        self.call = getattr(operations, operation)
        self.share = share
        self.change = change
        self.rng = np.random.default_rng(0)

    def __call__(self, **arguments: Any) -> Result:
        result = self.call(**arguments)
        return result | self.change(result, self.rng) if self.rng.random() < self.share else result


def _one_lost(tensor: str) -> Callable[[Result, np.random.Generator], Result]:
    def change(result: Result, rng: np.random.Generator) -> Result:
        array = result[tensor].copy()
        if array.size:
            array.reshape(-1)[rng.integers(array.size)] = 0
        return {tensor: array}

    return change


def _twice_counted(tensor: str) -> Callable[[Result, np.random.Generator], Result]:
    return lambda result, rng: {tensor: result[tensor] * 2}


def _last_bit(tensor: str) -> Callable[[Result, np.random.Generator], Result]:
    return lambda result, rng: {tensor: np.nextafter(result[tensor], result[tensor] + 1).astype(result[tensor].dtype)}


def _rows_exchanged(tensor: str) -> Callable[[Result, np.random.Generator], Result]:
    return lambda result, rng: {tensor: np.roll(result[tensor], 1, 0)}


RACES = [
    Defect("an update lost now and then", "layers", {"linear": Race("linear", 0.1, _one_lost("dw"))}),
    Defect("a sum counted twice now and then", "layers", {"linear": Race("linear", 0.1, _twice_counted("db"))}),
    Defect(
        "a loss read too early now and then",
        "losses",
        {"bce_with_logits": Race("bce_with_logits", 0.1, _twice_counted("loss"))},
    ),
    Defect("a step done twice now and then", "optim", {"adam": Race("adam", 0.1, _twice_counted("p"))}),
    Defect("rows of two networks exchanged now and then", "mlp", {"mlp": Race("mlp", 0.1, _rows_exchanged("z0"))}),
    Defect("a bit lost now and then", "planes", {"to_planes": Race("to_planes", 0.1, _one_lost("planes"))}),
    Defect("sums in another order each time", "layers", {"linear": Race("linear", 0.5, _last_bit("y"))}, seen="repeat"),
    Defect(
        "an update lost in one of a hundred calls", "mlp", {"mlp": Race("mlp", 0.01, _one_lost("dw0"))}, seen="repeat"
    ),
]
