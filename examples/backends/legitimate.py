"""Ways to be right: backends that compute in another order, wider, or with other functions, and must pass.

`Alternative` writes the operations that have room for it straight from their formulas, on a product, a sum, functions
and a form of results that can be chosen; all others are the reference, on arrays that compute so
(`examples.backends.arithmetic`).  A difference found in one is a false alarm: `examples.backends.alarms` counts them.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from examples.backends.arithmetic import Library, Means, on
from refinr import loading
from refinr.oracle import operations
from refinr.oracle.case import BITS

Result = dict[str, Any]


class Alternative:
    """A backend on chosen means.

    Parameters
    ----------
    name : str
    product : callable
        Of stacks of matrices.
    total : callable
        ``total(array, axes)``: a sum, axes kept.
    function : callable
        ``function(name, x)``: sin, cos, exp, tanh, log1p, erf.
    wide : dtype, optional
        Compute in this one.
    form : callable, optional
        What becomes of every result.
    folded : bool
        Round Adam's constants to the dtype first, and fold its corrections into the step.
    flush : bool
        Every number below the normal ones becomes zero as it is computed.
    """

    def __init__(
        self,
        name: str,
        product: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.matmul,
        total: Callable[[np.ndarray, Any], np.ndarray] | None = None,
        function: Callable[[str, np.ndarray], np.ndarray] | None = None,
        wide: Any = None,
        form: Callable[[np.ndarray], np.ndarray] | None = None,
        folded: bool = False,
        flush: bool = False,
    ) -> None:
        self.__name__ = name
        self.chosen = product
        self.total = total or (lambda a, axes: a.sum(axes, keepdims=True))
        self.means = Means(None if product is np.matmul else product, total, function)
        self.flush = flush
        self.function = function or _function
        self.wide = wide
        self.form = form or (lambda a: a)
        self.folded = folded

    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.shape[-1] != b.shape[-2]:
            raise ValueError(f"expected {a.shape[-1]} rows, got {b.shape[-2]}")
        return self.chosen(a, b)

    def __getattr__(self, operation: str) -> Any:
        if operation not in operations.OPERATIONS:
            raise AttributeError(operation)
        return lambda **arguments: self._run(operation, arguments)

    def _run(self, operation: str, arguments: dict[str, Any]) -> Result:
        row = operations.OPERATIONS[operation]
        written = operation in WRITTEN
        call = getattr(self, f"_{operation}") if written else row.call
        means = Means() if written else self.means  # what is written here asks for them itself
        if self.flush and row.kind != BITS:
            means = means._replace(result=_flushed)
        arrays = {name: a for name, a in arguments.items() if isinstance(a, np.ndarray)}
        dtype = None if row.fixed else next((a.dtype for a in arrays.values() if _is_float(a)), None)
        wide = self.wide or (dtype if dtype != "bfloat16" else np.float32)
        taken = {name: a if dtype is None or not _is_float(a) else a.astype(wide) for name, a in arrays.items()}
        if any(means):
            taken = {name: on(means, a) for name, a in taken.items()}
        result = {name: np.asarray(a).view(np.ndarray) for name, a in call(**arguments | taken).items()}
        if dtype is not None:
            result = {name: a.astype(dtype) if _is_float(a) else a for name, a in result.items()}
        if means.result:
            result = {name: means.result(a) for name, a in result.items()}
        return {name: self.form(a) for name, a in result.items()}

    # --- formulas ---

    def _activate(self, name: str, z: np.ndarray, omega: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """Value and slope."""
        f = self.function
        if name == "sine":
            return f("sin", omega * z), omega * f("cos", omega * z)
        if name in ("finer", "finer-stopped"):
            slope = abs(z) + 1 if name == "finer-stopped" else 2 * abs(z) + 1
            return f("sin", omega * (abs(z) + 1) * z), omega * f("cos", omega * (abs(z) + 1) * z) * slope
        if name == "gauss":
            y = f("exp", -scale * scale * z * z)
            return y, -2 * scale * scale * z * y
        if name == "wire":
            e = f("exp", -((scale * z) ** 2))
            c = f("cos", omega * z)
            return c * e, -(omega * f("sin", omega * z) + 2 * scale * scale * z * c) * e
        if name == "tanh":
            y = f("tanh", z)
            return y, (1 - y) * (1 + y)
        if name == "gelu":
            cdf = (1 + f("erf", z / math.sqrt(2))) / 2
            return z * cdf, cdf + z * f("exp", -z * z / 2) / math.sqrt(2 * math.pi)
        if name != "relu":
            raise ValueError(f"activation: unknown name {name!r}")
        return np.where(z > 0, z, 0 * z), np.where(z > 0, 1.0, 0.0).astype(z.dtype)

    def _single(self, name: str, z: np.ndarray, dy: np.ndarray, omega: float = 1.0, scale: float = 1.0) -> Result:
        y, slope = self._activate(name, z, omega, scale)
        return {"y": y, "dz": slope * dy}

    def _sine(self, **a: Any) -> Result:
        return self._single("sine", **a)

    def _finer(self, stopped: bool, **a: Any) -> Result:
        return self._single("finer-stopped" if stopped else "finer", **a)

    def _gauss(self, **a: Any) -> Result:
        return self._single("gauss", **a)

    def _wire(self, **a: Any) -> Result:
        return self._single("wire", **a)

    def _tanh(self, **a: Any) -> Result:
        return self._single("tanh", **a)

    def _gelu(self, **a: Any) -> Result:
        return self._single("gelu", **a)

    def _linear(self, x: np.ndarray, w: np.ndarray, b: np.ndarray, dy: np.ndarray) -> Result:
        xs = np.broadcast_to(x, (len(w), *x.shape[-2:]))
        dx = self.product(dy, w.swapaxes(-1, -2))
        return {
            "y": self.product(xs, w) + b,
            "dw": self.product(xs.swapaxes(-1, -2), dy),
            "db": self.total(dy, 1),
            "dx": self.total(dx, 0)[0] if x.ndim == 2 else dx,
        }

    def _mean(self, a: np.ndarray) -> np.ndarray:
        return self.total(self.total(a, (-2, -1)) / (a.shape[-1] * a.shape[-2]), tuple(range(a.ndim))).reshape(())

    def _mse(self, z: np.ndarray, targets: np.ndarray) -> Result:
        if z.shape != targets.shape:
            raise ValueError(f"targets: expected shape {z.shape}, got {targets.shape}")
        d = z - targets
        return {"loss": self._mean(d * d), "dz": d * 2 / (z.shape[-1] * z.shape[-2])}

    def _mae(self, z: np.ndarray, targets: np.ndarray) -> Result:
        d = z - targets
        return {"loss": self._mean(abs(d)), "dz": np.sign(d) / (z.shape[-1] * z.shape[-2])}

    def _bce_with_logits(self, z: np.ndarray, targets: np.ndarray) -> Result:
        e = self.function("exp", -abs(z))
        loss = np.where(z > 0, z * (1 - targets), -z * targets) + self.function("log1p", e)
        p = np.where(z > 0, 1 / (1 + e), e / (1 + e))
        return {"loss": self._mean(loss), "dz": (p - targets) / (z.shape[-1] * z.shape[-2])}

    def _encode(self, x: np.ndarray, octaves: int) -> np.ndarray:
        waves = [self.function(f, 2.0**k * math.pi * x) for k in range(octaves) for f in ("sin", "cos")]
        return np.concatenate([x, *waves], -1)

    def _decoded(self, x: np.ndarray, dy: np.ndarray, octaves: int) -> np.ndarray:
        d = x.shape[-1]
        dx = dy[..., :d]
        for k in range(octaves):
            rate = 2.0**k * math.pi
            sines = dy[..., d * (1 + 2 * k) : d * (2 + 2 * k)]
            cosines = dy[..., d * (2 + 2 * k) : d * (3 + 2 * k)]
            slope = sines * self.function("cos", rate * x) - cosines * self.function("sin", rate * x)
            dx = dx + rate * slope
        return dx

    def _positional_encoding(self, x: np.ndarray, dy: np.ndarray, octaves: int) -> Result:
        return {"y": self._encode(x, octaves), "dx": self._decoded(x, dy, octaves)}

    def _fourier_features(self, x: np.ndarray, frequencies: np.ndarray, dy: np.ndarray) -> Result:
        u = self.product(x[None], frequencies[None])[0]
        m = frequencies.shape[-1]
        c, s = self.function("cos", u), self.function("sin", u)
        du = dy[:, m:] * c - dy[:, :m] * s
        return {"y": np.concatenate([c, s], -1), "dx": self.product(du[None], frequencies.T[None])[0]}

    def _mlp(self, x: np.ndarray, targets: np.ndarray, activation: str, omega: float, scale: float, loss: str,
             octaves: int, **params: np.ndarray) -> Result:  # fmt: skip
        depth = len(params) // 2
        h = h0 = self._encode(x, octaves) if octaves else x
        result: Result = {"h0": h0} if octaves else {}
        kept = []
        for i in range(depth):
            hs = np.broadcast_to(h, (len(params["w0"]), *h.shape[-2:]))
            z = result[f"z{i}"] = self.product(hs, params[f"w{i}"]) + params[f"b{i}"]
            y, slope = self._activate(activation, z, omega, scale) if i < depth - 1 else (z, np.ones_like(z))
            kept.append((hs, slope))
            h = y
            if i < depth - 1:
                result[f"h{i + 1}"] = h
        losses = {"bce": self._bce_with_logits, "mse": self._mse, "mae": self._mae}
        result |= losses[loss](z, targets)
        dz = result["dz"]
        for i in reversed(range(depth)):
            hs, slope = kept[i]
            dz = dz * slope
            result[f"dw{i}"] = self.product(hs.swapaxes(-1, -2), dz)
            result[f"db{i}"] = self.total(dz, 1)
            dz = self.product(dz, params[f"w{i}"].swapaxes(-1, -2))
        dx = self.total(dz, 0)[0] if x.ndim == 2 else dz
        return result | {"dx": self._decoded(x, dx, octaves) if octaves else dx}

    def _adam(self, p: np.ndarray, g: np.ndarray, lr: float, beta1: float, beta2: float, eps: float) -> Result:
        kind = p.dtype.type
        m = v = np.zeros_like(p)
        for t, gradient in enumerate(g, start=1):
            if self.folded:  # constants rounded to the dtype first, and the corrections folded into the step
                m = kind(beta1) * m + (kind(1) - kind(beta1)) * gradient
                v = kind(beta2) * v + (kind(1) - kind(beta2)) * gradient * gradient
                root = np.sqrt(v) / kind(math.sqrt(1 - beta2**t)) + kind(eps)
                p = p - kind(lr / (1 - beta1**t)) * (m / root)
            else:
                # by the nearer end, as torch.lerp: with beta1 = 0, m + (gradient - m) would lose a small gradient
                m = m + (1 - beta1) * (gradient - m) if beta1 > 0.5 else gradient - beta1 * (gradient - m)
                v = beta2 * v + (1 - beta2) * gradient**2
                p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        return {"m": m, "v": v, "p": p}

    def _certificate(self, rows: np.ndarray, multipliers: np.ndarray) -> Result:
        """By the singular values themselves."""
        proved = False
        if np.isfinite(multipliers).all() and (multipliers >= 0.0).all():
            held = multipliers > 0.0
            weighted = multipliers[held, None] * rows[held]
            if weighted.shape[0] > weighted.shape[1]:
                rest = np.linalg.norm(self.total(weighted, 0))
                proved = bool(rest < np.linalg.svd(weighted, compute_uv=False)[-1] / 2)
        return {"proved": np.asarray(proved, np.uint8)}

    def _decode_file(self, file: np.ndarray) -> Result:
        """The reference reads the file, and its networks compute on these means."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "case.inr"
            path.write_bytes(file.tobytes())
            samples = loading.load(path).decode(xp=Library(self.means)).view(np.ndarray)
        return {"samples": samples.astype(samples.dtype.newbyteorder("="))}


WRITTEN = {"sine", "finer", "gauss", "wire", "tanh", "gelu", "linear", "mse", "mae", "bce_with_logits", "mlp", "adam"}
WRITTEN |= {"positional_encoding", "fourier_features", "certificate", "decode_file"}
"""Operations that an `Alternative` computes itself."""


# --- products, sums, functions ---------------------------------------------------------------------------------------


def _is_float(a: np.ndarray) -> bool:
    return a.dtype.kind == "f" or a.dtype.name == "bfloat16"


def _function(name: str, x: np.ndarray) -> np.ndarray:
    return (special.erf(x.astype(np.float64)) if name == "erf" else getattr(np, name)(x)).astype(x.dtype)


def _off(ulp: float, rng: np.random.Generator | None = None) -> Callable[[str, np.ndarray], np.ndarray]:
    """Functions that are off by so many units in the last place, or by up to so many."""

    def function(name: str, x: np.ndarray) -> np.ndarray:
        y = _function(name, x.astype(np.float64))
        share = ulp if rng is None else rng.uniform(-abs(ulp), abs(ulp), y.shape)
        return (y * (1 + share * np.finfo(x.dtype).eps / 2)).astype(x.dtype)

    return function


SMALL = 2**14
"""Products of so many numbers are added up in one call, others in a loop: what is the shorter way."""


def _one_by_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums in order, each product rounded."""
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    if 0 < math.prod(shape) * a.shape[-1] <= SMALL:
        terms = a[..., :, :, None] * b[..., None, :, :]
        return np.add.accumulate(terms, -2, dtype=a.dtype)[..., -1, :]
    y = np.zeros(shape, a.dtype)
    for k in range(a.shape[-1]):
        y = y + a[..., :, k, None] * b[..., k, None, :]
    return y


def _fused(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Every product exact, every sum rounded once: what FMA does, but for float64."""
    y = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)
    for k in range(a.shape[-1]):
        exact = a[..., :, k, None].astype(np.longdouble) * b[..., k, None, :].astype(np.longdouble)
        y = (y + exact).astype(a.dtype)
    return y


def _blocks(size: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        y = np.matmul(a[..., :0], b[..., :0, :])
        for k in range(0, a.shape[-1], size):
            y = y + np.matmul(a[..., k : k + size], b[..., k : k + size, :])
        return y

    return product


def _any_order(rng: np.random.Generator) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """As atomic additions do: another order in each call."""

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        order = rng.permutation(a.shape[-1])
        return _one_by_one(a[..., order], b[..., order, :])

    return product


def _reversed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _one_by_one(a[..., ::-1], b[..., ::-1, :])


def _transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.matmul(b.swapaxes(-1, -2), a.swapaxes(-1, -2)).swapaxes(-1, -2)


WIDER = {"float16": np.float32, "float32": np.float64, "float64": np.longdouble}


def _wider(a: np.ndarray) -> np.ndarray:
    return a.astype(WIDER.get(a.dtype.name, a.dtype))


def _wider_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.matmul(_wider(a), _wider(b)).astype(a.dtype)


def _wider_total(a: np.ndarray, axes: Any) -> np.ndarray:
    return _wider(a).sum(axes, keepdims=True).astype(a.dtype)


def _in_turn(a: np.ndarray, axes: Any) -> np.ndarray:
    """Sums in order, one axis after the other."""
    for axis in axes if isinstance(axes, tuple) else (axes,):
        n = a.shape[axis]
        a = np.take(np.cumsum(a, axis, dtype=a.dtype), [n - 1], axis) if n else a.sum(axis, keepdims=True)
    return a


def _flushed(a: np.ndarray) -> np.ndarray:
    """Numbers below the normal ones are zero, as on many machines; halves are not flushed."""
    if a.dtype not in (np.float32, np.float64):
        return a
    return np.where(abs(a) < np.finfo(a.dtype).tiny, np.copysign(np.zeros_like(a), a), a)


def _strided(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0:
        return a
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), 7, a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def _laid_out() -> Callable[[np.ndarray], np.ndarray]:
    """With gaps, column-major, read-only, backwards: the next of these for each result."""
    forms = itertools.cycle((_strided, _column_major, _read_only, _backwards))
    return lambda a: next(forms)(a)


def _column_major(a: np.ndarray) -> np.ndarray:
    return np.asfortranarray(a) if a.ndim else a


def _backwards(a: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(a).copy()) if a.ndim else a


def variants(seed: int = 0) -> list[Alternative]:
    """All of them."""
    rng = np.random.default_rng(seed)
    return [
        Alternative("formulas as they stand"),
        Alternative("sums in order", _one_by_one, _in_turn),
        Alternative("sums from the end", _reversed, _in_turn),
        Alternative("sums in any order, another each time", _any_order(rng), _in_turn),
        Alternative("sums in blocks of 4", _blocks(4)),
        Alternative("sums in blocks of 16", _blocks(16)),
        Alternative("sums in blocks of 64", _blocks(64), _in_turn),
        Alternative("fused multiply and add", _fused, _in_turn),
        Alternative("products of transposes", _transposed),
        Alternative("all in float64", wide=np.float64),
        Alternative("all in long double", wide=np.longdouble, product=_one_by_one),
        Alternative("wider accumulators", _wider_product, _wider_total),
        Alternative("functions off by up to 4 ulp", function=_off(4.0, rng)),
        Alternative("functions 4 ulp too large", function=_off(4.0)),
        Alternative("functions 4 ulp too small", function=_off(-4.0)),
        Alternative("functions off, sums in any order", _any_order(rng), _in_turn, _off(4.0, rng)),
        Alternative("constants rounded first", folded=True),
        Alternative("small results flushed to zero", flush=True),
        Alternative("flushed, in any order", _any_order(rng), _in_turn, flush=True),
        Alternative("results in other memory, by turns", form=_laid_out()),
        Alternative(
            "functions off, constants rounded, flushed",
            _reversed,
            _in_turn,
            _off(-4.0, rng),
            folded=True,
            flush=True,
        ),
    ]
