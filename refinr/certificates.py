"""The same bits on every machine: a bound on what rounding can do to an INR's outputs.

With this you can ask whether decoding is provably the same on every machine (``refinr.certify(inr)``, here `certify`),
read the answer (`Certificate`), and bound the outputs of a stack of networks (`enclose`).

The method is running error analysis (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., Sec. 3.3):
evaluate once in float64, here, and carry a radius beside every value, such that whatever any machine computes in its
place lies within it.  A decision is safe where the output is farther from its threshold than its radius.

*Any machine* that computes in a float type means: parameters and coordinates are cast to the type, and every operation
rounds to nearest in this type or in one that contains it.  Sums may run in any order, with or without fused
multiply-add.  The frequency of a sine may be multiplied into the weights or not.  Anything below the smallest normal
number may be flushed to zero.  The functions sin, cos, exp and tanh, all at most 1 here, are off by at most `FUNCTION`
unit roundoffs: four units in the last place of numbers next to 1.  glibc, NumPy and the standard functions of CUDA
claim that or better; fast-math intrinsics do not, and TF32 is not float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from refinr import activations, cpu, mlp, ternary, tiling
from refinr.inr import INR
from refinr.mlp import MLP, Params


class FloatType(NamedTuple):
    """What rounding depends on: unit roundoff, smallest normal and largest finite number."""

    unit: float
    tiny: float
    largest: float


FLOAT_TYPES = {
    "float64": FloatType(2.0**-53, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": FloatType(2.0**-24, 2.0**-126, float(np.finfo(np.float32).max)),
    "float16": FloatType(2.0**-11, 2.0**-14, 65504.0),
    "bfloat16": FloatType(2.0**-8, 2.0**-126, (2.0 - 2.0**-7) * 2.0**127),
}

FUNCTION = 4.0
"""Error of sin, cos, exp and tanh in unit roundoffs."""

NORMAL_CDF = 32.0
"""Error of the normal distribution function in unit roundoffs: `refinr.activations.normal_cdf` in the type itself."""

_HERE = FLOAT_TYPES["float64"].unit  # of the evaluation that all radii refer to
_CHUNK = 2**15  # values a layer has at once: arrays that fit into the caches
_UPWARDS = 1.0 + 2.0**-30  # radii are sums of positive numbers, themselves rounded: off by far less than this


class Ball(NamedTuple):
    """A value and how far from it any machine may be: `mid` (E, N, D), `rad` (T, E, N, D), one for each float type."""

    mid: np.ndarray
    rad: np.ndarray


def _gamma(count: Any, unit: Any) -> Any:
    """``n u / (1 - n u)``: n roundings in a row change a number by this share at most; no bound from n = 1/u on."""
    nu = count * unit
    return np.where(nu < 1.0, nu / np.abs(1.0 - nu), np.inf)


class Machines:
    """All machines that compute in one of T float types, and the evaluation here, in float64: arithmetic of balls.

    Each operation takes balls and returns one that holds its result on any machine.  Its radius is the sum of what the
    incoming radii spread to, of the error that machines make, and of the one made here.  An infinite radius means that
    there is no bound: sums too long for the type, or values that may overflow.

    Parameters
    ----------
    names : iterable of str
        Float types, of `FLOAT_TYPES`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        columns = zip(*(FLOAT_TYPES[name] for name in names), strict=True)
        self.unit, self.tiny, self.largest = (np.array(c)[:, None, None, None] for c in columns)  # (T, 1, 1, 1)

    def _ball(self, mid: np.ndarray, rad: np.ndarray, magnitude: np.ndarray) -> Ball:
        """Rounded upwards; `magnitude` bounds what machines meet on the way.  Written so that NaN means no bound."""
        return Ball(mid, np.where(magnitude <= self.largest, rad * _UPWARDS, np.inf))

    def _constant(self, value: float) -> np.ndarray:
        """A positive constant, or infinity for types that have it only flushed to zero or not at all."""
        return np.where((self.tiny <= value) & (value <= self.largest), value, np.inf)

    def rounded(self, mid: np.ndarray, spread: np.ndarray, roundings: int = 1, met: Any = 0.0) -> Ball:
        """A result within `spread` of `mid` before it is rounded; `met` bounds what else machines meet on the way."""
        gamma = _gamma(roundings, self.unit) + _gamma(roundings, _HERE)
        rad = spread + gamma * (np.abs(mid) + spread) + (roundings + 1) * self.tiny
        return self._ball(mid, rad, np.maximum(np.abs(mid) + rad, met))

    def data(self, x: np.ndarray) -> Ball:
        """Numbers cast to the type: exact if it is no coarser than theirs, and for integers up to 1/u."""
        mid = x.astype(np.float64)
        size = np.abs(mid)
        kept = (self.unit <= np.finfo(x.dtype).eps / 2) | ((mid == np.rint(mid)) & (size <= 1.0 / self.unit))
        exact = kept & ((size >= self.tiny) | (size == 0.0))
        return self._ball(mid, np.where(exact, 0.0, self.unit * size + self.tiny), size)

    def linear(self, h: Ball, w: np.ndarray, b: np.ndarray, gain: float) -> Ball:
        """``z = h (gain w) + gain b``, of I products and a bias.

        With ``m = (|h| + r) |w| + |b|`` the radius is ``r |w| + gamma_n m``, where n counts the roundings that a term
        may go through: one product, I sums, and those of the parameter itself.  Where all is integer and m at most 1/u,
        every partial sum is an integer that the type holds, and nothing is rounded at all.
        """
        terms = w.shape[-2] + 1
        coarser = self.unit > np.finfo(w.dtype).eps / 2
        roundings = terms + coarser + (2 if gain != 1.0 else 0)  # cast of w; cast of the gain, and the product
        gamma = _gamma(roundings, self.unit) + _gamma(roundings, _HERE)
        weights, biases = gain * w.astype(np.float64), gain * b.astype(np.float64)  # (E, I, O), (E, 1, O)
        mid = np.matmul(h.mid, weights) + biases  # (E, N, O)
        spread = np.matmul(h.rad, np.abs(weights))  # (T, E, N, O)
        total = np.matmul(np.abs(h.mid), np.abs(weights)) + np.abs(biases) + spread
        reach = np.max(np.abs(h.mid) + h.rad, axis=(1, 2, 3), keepdims=True)
        # flushed to zero: each product, each sum, and each parameter, before or after the gain
        flushed = self.tiny * (1.0 + gamma) * terms * (1.0 + gain) * (2.0 + reach)
        whole = gain == 1.0 and all(np.array_equal(a, np.rint(a)) for a in (h.mid, weights, biases))
        largest = np.maximum(np.max(np.abs(weights)), np.max(np.abs(biases)))
        exact = whole & (np.max(h.rad, axis=(1, 2, 3), keepdims=True) == 0.0)
        exact &= np.maximum(np.max(total, axis=(1, 2, 3), keepdims=True), np.maximum(reach, largest)) <= 1.0 / self.unit
        rad = np.where(exact, 0.0, spread + gamma * total + flushed)
        met = np.maximum((1.0 + gamma) * total + flushed, largest) * max(1.0, 1.0 / gain)  # before or after the gain
        return self._ball(mid, rad, np.maximum(met, self._constant(gain)))

    def integer_linear(self, h: Ball, w: np.ndarray, bits: int) -> Ball:
        """`refinr.ternary.integer_linear`: nothing is rounded where the type holds every sum, half included."""
        mid, _ = ternary.integer_linear(h.mid, w.astype(np.float64), bits=bits)  # (E, N, O)
        held = 2.0 * ternary.largest_sum(w.shape[-2], bits) + 1.0 <= 1.0 / self.unit
        exact = held & (np.max(h.rad, axis=(1, 2, 3), keepdims=True) == 0.0)
        return Ball(mid, np.where(exact, np.zeros_like(mid), np.inf))

    def unknown(self, mid: np.ndarray) -> Ball:
        """No bound.  Ternary layers round activations to codes, and near a half the least error changes a code."""
        return Ball(mid, np.full((len(self.unit), *mid.shape), np.inf))

    def scaled(self, z: Ball, constant: float) -> Ball:
        """``constant z``; the constant is rounded too."""
        return self.rounded(constant * z.mid, constant * z.rad, 2, self._constant(constant))

    def product(self, a: Ball, b: Ball) -> Ball:
        """``a b``."""
        return self.rounded(a.mid * b.mid, np.abs(a.mid) * b.rad + np.abs(b.mid) * a.rad + a.rad * b.rad)

    def function(self, mid: np.ndarray, z: Ball, slope: np.ndarray, units: float = FUNCTION) -> Ball:
        """A function of z, at most 1, whose values differ by at most ``slope r`` within z, and by 2 at all.

        Slopes are functions too, computed here: they are off by a few units of their own.
        """
        spread = np.minimum((slope + 4.0 * units * _HERE) * z.rad, 2.0)
        rad = np.where(np.isfinite(z.rad), spread, np.inf) + units * (self.unit + _HERE) + self.tiny
        return self._ball(mid, rad, np.abs(mid) + rad)

    def sin(self, z: Ball) -> Ball:
        """``|sin(z + d) - sin(z)| <= |cos z| |d| + d^2 / 2``, and at most ``|d|``."""
        return self.function(np.sin(z.mid), z, np.minimum(np.abs(np.cos(z.mid)) + z.rad / 2, 1.0))

    def cos(self, z: Ball) -> Ball:
        """The same for the cosine."""
        return self.function(np.cos(z.mid), z, np.minimum(np.abs(np.sin(z.mid)) + z.rad / 2, 1.0))

    def bell(self, v: Ball) -> Ball:
        """``exp(-v^2)``: steepest where the square is smallest."""
        q = self.product(v, v)
        return self.function(np.exp(-q.mid), q, np.exp(-np.maximum(q.mid - q.rad, 0.0)))

    def tanh(self, z: Ball) -> Ball:
        """Slope ``1 - tanh^2``, largest where ``|z|`` is smallest."""
        return self.function(np.tanh(z.mid), z, 1.0 - np.tanh(np.maximum(np.abs(z.mid) - z.rad, 0.0)) ** 2)

    def normal_cdf(self, z: Ball) -> Ball:
        """The normal distribution function; its slope is the density, largest where ``|z|`` is smallest."""
        nearest = np.maximum(np.abs(z.mid) - z.rad, 0.0)
        density = np.exp(-0.5 * nearest**2) * (1.0 / math.sqrt(2.0 * math.pi))
        return self.function(activations.normal_cdf(z.mid), z, density, NORMAL_CDF)

    def finer(self, z: Ball, omega: float) -> Ball:
        """``sin(omega (|z| + 1) z)``."""
        a = self.rounded(np.abs(z.mid) + 1.0, z.rad)
        return self.sin(self.scaled(self.product(a, z), omega))

    def relu(self, z: Ball) -> Ball:
        """``max(z, 0)``, without rounding."""
        return Ball(np.maximum(z.mid, 0.0), np.where(z.mid < -z.rad, 0.0, z.rad))


FORMULAS: dict[str, Callable[[Machines, Ball, MLP], Ball]] = {
    "sine": lambda on, z, spec: on.sin(z),  # omega is in the weights
    "finer": lambda on, z, spec: on.finer(z, spec.omega),
    "finer-stopped": lambda on, z, spec: on.finer(z, spec.omega),
    "gauss": lambda on, z, spec: on.bell(on.scaled(z, spec.scale)),
    "wire": lambda on, z, spec: on.product(on.cos(on.scaled(z, spec.omega)), on.bell(on.scaled(z, spec.scale))),
    "relu": lambda on, z, spec: on.relu(z),
    "tanh": lambda on, z, spec: on.tanh(z),
    "gelu": lambda on, z, spec: on.product(z, on.normal_cdf(z)),
}
"""The activations of `refinr.activations`, operation by operation."""


def enclose(spec: MLP, params: Params, x: np.ndarray, dtypes: Iterable[str]) -> Ball:
    """Outputs of all networks at all samples, and how far from them any machine may be.

    Parameters
    ----------
    spec : MLP
    params : dict of arrays (E, I, O), (E, 1, O)
        The numbers that are stored, and later cast: usually float32.
    x : array (N, I)
    dtypes : iterable of str
        Float types, of `FLOAT_TYPES`.

    Returns
    -------
    Ball
        `mid` (E, N, O), float64: the outputs evaluated here.  `rad` (T, E, N, O): for each float type, the outputs of
        any machine that computes in it, and those of exact arithmetic, are at most this far from `mid`.

    Examples
    --------
    >>> from refinr import mlp
    >>> spec = MLP((2, 8, 1))
    >>> z = enclose(spec, mlp.init(spec), np.ones((5, 2), "float32"), ["float64", "float32"])
    >>> z.mid.shape, z.rad.shape, bool((z.rad[0] < 1e-13).all()), bool((z.rad[1] < 1e-4).all())
    ((1, 5, 1), (2, 1, 5, 1), True, True)
    """
    on = Machines(dtypes)
    width = len(params["w0"]) * max(spec.sizes)
    rows = max(1, _CHUNK // width)
    parts = [_forward(on, spec, params, x[None, first : first + rows]) for first in range(0, len(x), rows)]
    return Ball(np.concatenate([z.mid for z in parts], axis=1), np.concatenate([z.rad for z in parts], axis=2))


def _forward(on: Machines, spec: MLP, params: Params, x: np.ndarray) -> Ball:
    """`refinr.mlp.forward` on balls."""
    activation = activations.get(spec.activation)
    gain = getattr(spec, activation.frequency) if activation.frequency and activation.folds else 1.0
    last = spec.depth - 1
    with np.errstate(all="ignore"):  # infinities and NaN end as infinite radii
        h = on.data(x)
        if spec.layer not in ("linear", "ternary-integer"):
            return on.unknown(mlp.forward(spec, params, h.mid[0])[0])
        for i in range(spec.depth):
            if spec.layer == "ternary-integer":
                z = on.integer_linear(h, params[f"w{i}"], spec.bits)  # (E, N, D)
            else:
                z = on.linear(h, params[f"w{i}"], params[f"b{i}"], 1.0 if i == last else gain)  # (E, N, D)
            h = z if i == last else FORMULAS[spec.activation](on, z, spec)
        return h  # (E, N, O)


# --- the certificate -------------------------------------------------------------------------------------------------


class Guarantee(NamedTuple):
    """What holds in one float type.

    Parameters
    ----------
    guaranteed : bool
        Whether every machine that computes in this type decodes the same bits.
    bound : float
        Largest radius of an output: no two machines' outputs differ by more than twice this.
    slack_per_plane : tuple of floats
        How much an output of each plane may be off on top of rounding, by any cause, before a bit can change; negative
        where rounding alone could already change one.
    """

    guaranteed: bool
    bound: float
    slack_per_plane: tuple[float, ...]

    @property
    def slack(self) -> float:
        """The smallest of all planes."""
        return float(np.min(self.slack_per_plane))


@dataclass(frozen=True)
class Certificate:
    """Whether an INR decodes to the same bits on every machine.

    Parameters
    ----------
    types : mapping from str to Guarantee
        By the name of the float type.  All types that are guaranteed decode to the same bits, those of exact arithmetic
        (which are the samples' only if the fit is lossless).
    margin_per_plane : tuple of floats
        Smallest distance of an output from its nearest threshold: perturbations of the outputs that stay below it
        change no bit of the plane, and one just above it carries that output over its threshold.
    """

    types: Mapping[str, Guarantee]
    margin_per_plane: tuple[float, ...]

    @property
    def margin(self) -> float:
        """The smallest of all planes."""
        return float(np.min(self.margin_per_plane))

    def __str__(self) -> str:
        lines = [f"{'float type':<12}{'same bits everywhere':<22}{'rounding, at most':>18}{'to spare':>12}"]
        for name, found in self.types.items():
            bound = f"{found.bound:.2g}" if math.isfinite(found.bound) else "no bound"
            slack = f"{found.slack:.3g}" if found.guaranteed else "-"
            lines.append(f"{name:<12}{'yes' if found.guaranteed else 'not certain':<22}{bound:>18}{slack:>12}")
        lines += ["", f"{'plane':<12}{'smallest margin':<22}{'to spare in ' + next(iter(self.types)):>18}"]
        lines[-1] += "".join(f"{name:>12}" for name in list(self.types)[1:])
        for plane, margin in enumerate(self.margin_per_plane):
            spare = [found.slack_per_plane[plane] for found in self.types.values()]
            cells = [f"{value:.3g}" if value >= 0 else "-" for value in spare]
            lines.append(f"{plane:<12}{margin:<22.3g}{cells[0]:>18}" + "".join(f"{cell:>12}" for cell in cells[1:]))
        return "\n".join(lines)


def certify(inr: INR, dtypes: Iterable[str] | str | None = None) -> Certificate:
    """Whether decoding is provably the same on every machine, for each float type.

    Parameters
    ----------
    inr : INR
    dtypes : str or several, optional
        Of "float64", "float32", "float16" and "bfloat16".  By default all of them; there is then no bound for one that
        cannot hold the parameters.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        For another type, for one named that cannot hold the parameters, and for a direct regression of floats, which
        decides nothing.

    Examples
    --------
    >>> from refinr.fitting import fit
    >>> certificate = certify(fit(np.arange(16, dtype="uint8").reshape(4, 4)))
    >>> certificate.types["float32"].guaranteed, certificate.margin > 0.4
    (True, True)
    """
    names = tuple(FLOAT_TYPES) if dtypes is None else castable(inr.params, dtypes)
    layout = inr.layout
    each = layout.cut.networks(layout.channels)

    def of_tile(index: int) -> tuple:
        x = layout.inputs(tiling.extent(layout.tiles[index]))
        params = {name: p[index * each : (index + 1) * each] for name, p in inr.params.items()}
        z = enclose(layout.spec, params, x, names)
        with np.errstate(invalid="ignore"):
            distances = layout.cut.distances(z.mid)  # (networks, samples, 1)
            slacks = distances - z.rad  # (T, networks, samples, 1)
        safe = np.all((slacks > 0) | (z.rad == 0.0), axis=(1, 2, 3))  # a value known exactly is the same everywhere
        margins, *slacks = (layout.cut.by_sample(a).min(axis=(0, 1)) for a in (distances, *slacks))  # (P,) each
        return safe, z.rad.max(axis=(1, 2, 3)), margins, np.stack(slacks)

    cpu.recycle_memory()
    with cpu.single_threaded_blas(), ThreadPoolExecutor(cpu.cores()) as pool:
        safe, bounds, margins, slacks = zip(*pool.map(of_tile, range(len(layout.tiles))), strict=True)
    safe, bounds = np.all(safe, axis=0), np.max(bounds, axis=0)
    types = {
        name: Guarantee(bool(ok), float(bound), tuple(slack.tolist()))
        for name, ok, bound, slack in zip(names, safe, bounds, np.min(slacks, axis=0), strict=True)
    }
    return Certificate(MappingProxyType(types), tuple(np.min(margins, axis=0).tolist()))


def castable(params: Params, dtypes: Iterable[str] | str) -> tuple[str, ...]:
    """The names of float types, if they are known and can hold the parameters.

    Raises
    ------
    ValueError
        If not.

    Examples
    --------
    >>> castable({"w0": np.array([1000.0])}, ["float32", "float16"])
    ('float32', 'float16')
    >>> castable({"w0": np.array([1e6])}, "float16")
    Traceback (most recent call last):
    ValueError: dtypes: float16 cannot hold the parameters, which reach 1e+06
    """
    names = (dtypes,) if isinstance(dtypes, str) else tuple(str(name) for name in dtypes)
    known = ", ".join(FLOAT_TYPES)
    for name in names:
        if name not in FLOAT_TYPES:
            raise ValueError(f"dtypes: expected float types among {known}, got {name!r}")
        largest = float(np.max([np.max(np.abs(p)) for p in params.values()]))  # NaN wins, as it must
        if not largest <= FLOAT_TYPES[name].largest:
            raise ValueError(f"dtypes: {name} cannot hold the parameters, which reach {largest:.6g}")
    if not names:
        raise ValueError(f"dtypes: expected one or more of {known}, got none")
    return names
