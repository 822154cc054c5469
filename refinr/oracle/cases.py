"""One case of the oracle: from its inputs to its outputs and their bounds.

With this you can make a case from an operation's inputs (`make`), make one of a short training run (`make_training`),
and draw inputs that are exact in as many dtypes as possible (`uniform`, `short`).

`make` runs the operation twice: on float64 arrays for the values, on arrays that carry their rounding error
(`refinr.oracle.rounding`) for the bounds.

A case is offered in a dtype only if it says something there: inputs are exact, nothing overflows, no decision is nearer
to its threshold than the bound, and the bound is less than half of what it bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refinr import losses, mlp, optim
from refinr.mlp import MLP
from refinr.oracle import operations
from refinr.oracle.compare import EPS, FACTOR, LARGEST, Case, Output, cast, tolerance
from refinr.oracle.rounding import Rounding, Tracked

Draw = np.random.Generator


def make(
    name: str,
    arrays: dict[str, np.ndarray],
    kind: str = "elementwise",
    *,
    track: Callable | None = None,
    extra: dict[str, Any] | None = None,
    fixed: bool = False,
    **options: Any,
) -> Case:
    """A case from its inputs.

    Parameters
    ----------
    name : str
        "family.operation.variant".
    arrays : dict of arrays
    kind : str
        Comparison class of its float tensors; all others are exact.
    track : callable, optional
        Computes the float tensors on arrays that carry errors; by default the operation itself.
    extra : dict, optional
        Units of eps to add, by tensor.
    fixed : bool
        As in `refinr.oracle.compare.Case`.
    **options
        Of the operation.
    """
    operation = name.split(".")[1]
    call = getattr(operations, operation)
    values = {key: np.asarray(value) for key, value in call(**arrays, **options).items()}
    outputs, usual, under = {}, Rounding(), Rounding(relative=False)
    bounded = kind != "exact" and any(v.dtype == np.float64 for v in values.values())
    units, floors = (_errors(track or call, arrays, options, model) if bounded else {} for model in (usual, under))
    for key, value in values.items():
        if kind == "exact" or value.dtype != np.float64:
            outputs[key] = Output(value)
        else:
            error = units[key] + np.asarray((extra or {}).get(key, 0.0))
            outputs[key] = Output(value, kind, np.array(error), float(np.max(floors[key], initial=1.0)))
    fits = [dtype for dtype in EPS if _says_something(dtype, arrays, outputs, usual.slack, usual.peak)]
    return Case(name, operation, arrays, options, outputs, tuple(EPS) if fixed else tuple(fits), fixed)


def given(values: dict[str, Any], relative: float, absolute: float = 0.0) -> Callable:
    """Bounds that are known, as `track` for `make`: so many units of the values' size, and so many of 1.

    Examples
    --------
    >>> given({"y": np.array([3.0])}, 2.0, 1.0)()["y"].error.tolist()
    [7.0]
    """
    sizes = {key: abs(np.where(np.isfinite(value), value, 0.0)) for key, value in values.items()}
    return lambda **_: {key: Rounding().array(value, relative * sizes[key] + absolute) for key, value in values.items()}


def _errors(track: Callable, arrays: dict, options: dict, model: Rounding) -> dict[str, np.ndarray]:
    tracked = {key: model.array(a) if a.dtype == np.float64 else a for key, a in arrays.items()}
    result = track(**tracked, **options)
    return {key: value.error for key, value in result.items() if isinstance(value, Tracked)}


def _exact(array: np.ndarray, dtype: str) -> bool:
    if dtype != "bfloat16":
        return np.array_equal(cast(array, dtype).astype(float), array, equal_nan=True)
    lower = cast(array, "float32").view(np.uint32) & 0xFFFF  # NumPy alone does not know it: the upper half of float32
    return _exact(array, "float32") and not lower.any()


def _says_something(dtype: str, arrays: dict, outputs: dict[str, Output], slack: float, peak: float) -> bool:
    for array in arrays.values():
        if array.dtype == np.float64 and not _exact(array, dtype):
            return False
    if peak > LARGEST[dtype] or slack <= FACTOR * EPS[dtype]:
        return False
    for output in outputs.values():
        if output.kind != "exact" and output.values.any():
            finite = np.where(np.isfinite(output.values), output.values, 0.0)
            bound = np.broadcast_to(tolerance(output, dtype), finite.shape)
            size = np.linalg.norm(bound) if output.kind != "trajectory" else bound.max()
            if size > 0.5 * np.linalg.norm(finite):
                return False
    return True


def short(values: Any, bits: int = 8) -> np.ndarray:
    """Rounded to `bits` significant bits; 8: exact in all four dtypes, multiples of 2^-24.

    Examples
    --------
    >>> float(short(0.1)), float(short(1.0 + 2.0**-9))
    (0.10009765625, 1.0)
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=float))
    rounded = np.ldexp(np.rint(mantissa * 2.0**bits), exponent - bits)
    return np.rint(rounded * 2.0**24) / 2.0**24 if bits == 8 else rounded


def uniform(rng: Draw, *shape: int, scale: float = 1.0, bits: int = 8) -> np.ndarray:
    """Numbers between -scale and scale, rounded by `short`."""
    return short(rng.uniform(-scale, scale, shape), bits)


# --- training --------------------------------------------------------------------------------------------------------


def make_training(name: str, rng: Draw, spec: MLP, x: np.ndarray, *, lr: float = 1e-2, most: int = 100) -> Case:
    """A training run on random bits that ends when every decision is clear, or after `most` steps.

    Rounding changes every step, and every step changes all that follow.  How much is measured: the run is repeated with
    gradients and parameters disturbed after every step by random shares ``d = 2^-20`` of their size, and the largest
    distance of a repetition from the run, over d, counts as the units of the whole trajectory.  The length of each step
    is disturbed by 1 / (1 - beta) times as much, which is what 1 - beta^t loses when computed in the dtype itself.
    """
    params = {key: short(p) for key, p in mlp.init(spec, 2, int(rng.integers(2**31)), "float64").items()}
    arrays = {"x": short(x), "targets": rng.integers(0, 2, (2, len(x), 1)).astype(float), **params}
    d, options = 2.0**-20, {"activation": spec.activation, "omega": spec.omega, "lr": lr}
    run = _run(spec, arrays, lr, most, None)
    clear = [
        step for step, (_, z) in enumerate(run) if abs(z).min() > 0.25 and not ((z > 0) != arrays["targets"]).any()
    ]
    steps = clear[0] if clear else most
    values = operations.train(**arrays, **options, steps=steps)  # type: ignore[arg-type]
    changes: dict[str, list[float]] = {"losses": [], "z": []}
    for _ in range(8):
        other = _run(spec, arrays, lr, steps, lambda *shape: d * rng.uniform(-1.0, 1.0, shape))
        changes["losses"].append(float(np.linalg.norm(values["losses"] - np.array([loss for loss, _ in other]))))
        changes["z"].append(float(np.linalg.norm(values["z"] - other[-1][1])))
    units = {key: max(found) / d + float(np.linalg.norm(values[key])) for key, found in changes.items()}
    outputs = {key: Output(value, "trajectory", units[key]) for key, value in values.items() if key in units}
    outputs |= {key: Output(np.asarray(values[key])) for key in ("bits", "wrong")}
    slack = float(abs(values["z"]).min()) / units["z"]
    wide = ("float64", "float32")  # in the others the squares of gradients vanish
    fits = [dtype for dtype in wide if _says_something(dtype, arrays, outputs, slack, 1.0)]
    return Case(name, "train", arrays, options | {"steps": steps}, outputs, tuple(fits))


def _run(spec: MLP, arrays: dict, lr: float, steps: int, noise: Callable | None) -> list[tuple[float, np.ndarray]]:
    """Loss and outputs at every step of a training run; with noise(*shape), disturbed at each."""
    params = {key: a for key, a in arrays.items() if key not in ("x", "targets")}
    state, found = optim.adam_init(params), []
    for _ in range(steps + 1):
        z, cache = mlp.forward(spec, params, arrays["x"])
        loss, dz = losses.bce_with_logits(z, arrays["targets"])
        found.append((float(loss), z))
        grads, _ = mlp.backward(spec, params, cache, dz, input_gradient=False)
        length = 1.0
        if noise:
            grads = {key: g + abs(g).max() * noise(*g.shape) for key, g in grads.items()}
            params = {key: p + abs(p).max() * noise(*p.shape) for key, p in params.items()}
            length += float(1000.0 * noise())
        params, state = optim.adam_step(params, grads, state, lr * length)
    return found
