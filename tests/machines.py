"""Other machines, to be disagreed with: networks evaluated in any float type, in any order, by sloppy libraries.

`Machine` evaluates a network one operation at a time and rounds after each, to nearest or to zero below the smallest
normal number.  What it may choose (the order of a sum, fused multiply-add, the place of omega, the error of a library)
it draws from a generator.  `exact_outputs` evaluates in 100 decimal digits.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.special import ndtr

from refinr import activations
from refinr.mlp import MLP

# significant bits, smallest and largest exponent of normal numbers
TYPES = {
    "float64": (53, -1022, 1023),
    "float32": (24, -126, 127),
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
}
LIBRARY = 4.0  # unit roundoffs that sin, cos, exp and tanh may be off
LIBRARY_CDF = 32.0


def unit(name: str) -> float:
    return 2.0 ** -TYPES[name][0]


def nearest(x: np.ndarray, name: str, *, flush: bool = False) -> np.ndarray:
    """Float64 values rounded to nearest in a type, ties to even; subnormal results flushed to zero if asked."""
    bits, low, high = TYPES[name]
    _, exponent = np.frexp(x)
    step = np.maximum(exponent, low + 1) - bits  # the unit in the last place is 2^step
    with np.errstate(over="ignore"):
        y = np.ldexp(np.rint(np.ldexp(x, -step)), step)
    y = np.where(np.abs(y) > (2.0 - 2.0 ** (1 - bits)) * 2.0**high, np.copysign(np.inf, y), y)
    return np.where(np.abs(y) < 2.0**low, 0.0, y) if flush else y


@dataclass
class Machine:
    """One machine, as `rng` draws it.

    Parameters
    ----------
    name : str
        Its float type.
    rng : numpy Generator
    sloppiness : float
        Share of the error that its libraries make use of: 1 is all that they are allowed, for every value.
    """

    name: str
    rng: np.random.Generator
    sloppiness: float = 1.0

    def __post_init__(self) -> None:
        self.flush, self.fused, self.folded, self.pairwise, self.wide = (bool(b) for b in self.rng.integers(0, 2, 5))

    def round(self, x: np.ndarray) -> np.ndarray:
        return nearest(x, self.name, flush=self.flush)

    def library(self, f: Callable, x: np.ndarray, units: float = LIBRARY) -> np.ndarray:
        """f(x), off by up to `units` unit roundoffs; half of one is left for the rounding."""
        y = f(x)
        error = self.rng.choice([-1.0, 0.0, 1.0], y.shape) * self.sloppiness * (units - 0.5) * unit(self.name)
        return self.round(y + error)

    def total(self, terms: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Sum of products, in an order of its own."""
        order = self.rng.permutation(len(terms))
        keep = (lambda x: x) if self.wide else self.round  # an accumulator of 64 bits
        if self.fused and not self.pairwise:
            found = keep(terms[order[0]][0] * terms[order[0]][1])
            for i in order[1:]:
                found = keep(found + terms[i][0] * terms[i][1])
            return self.round(found)
        parts = [keep(terms[i][0] * terms[i][1]) for i in order]
        while len(parts) > 1:
            if self.pairwise:
                pairs = [keep(a + b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
                parts = pairs + parts[len(parts) - len(parts) % 2 :]
            else:
                parts = [keep(parts[0] + parts[1]), *parts[2:]]
        return self.round(parts[0])

    def linear(self, h: np.ndarray, w: np.ndarray, b: np.ndarray, gain: float) -> np.ndarray:
        w, b, gain = (self.round(np.asarray(a, dtype=np.float64)) for a in (w, b, gain))
        folded = self.folded or gain == 1.0
        if folded:
            w, b = self.round(gain * w), self.round(gain * b)
        one = np.ones(1)
        z = self.total([(h[..., i : i + 1], w[:, i : i + 1]) for i in range(w.shape[1])] + [(one, b)])
        return z if folded else self.round(gain * z)

    def activation(self, spec: MLP, z: np.ndarray) -> np.ndarray:
        r = self.round
        omega, scale = r(np.array(spec.omega)), r(np.array(spec.scale))
        match spec.activation:
            case "sine":
                return self.library(np.sin, z)
            case "finer" | "finer-stopped":
                return self.library(np.sin, r(omega * r(r(np.abs(z) + 1.0) * z)))
            case "gauss":
                v = r(scale * z)
                return self.library(np.exp, -r(v * v))
            case "wire":
                v = r(scale * z)
                return r(self.library(np.cos, r(omega * z)) * self.library(np.exp, -r(v * v)))
            case "relu":
                return np.maximum(z, 0.0)
            case "tanh":
                return self.library(np.tanh, z)
            case "gelu":
                return r(z * self.library(ndtr, z, LIBRARY_CDF))
        raise AssertionError(f"no machine knows {spec.activation}")

    def forward(self, spec: MLP, params: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
        """Outputs (E, N, O), in float64."""
        h = self.round(x.astype(np.float64))[None]
        gain = spec.omega if spec.activation == "sine" else 1.0
        with np.errstate(all="ignore"):
            for i in range(spec.depth - 1):
                h = self.activation(spec, self.linear(h, params[f"w{i}"], params[f"b{i}"], gain))
            return self.linear(h, params[f"w{spec.depth - 1}"], params[f"b{spec.depth - 1}"], 1.0)


# --- exact arithmetic ------------------------------------------------------------------------------------------------

EXACT = decimal.Context(prec=100, Emin=-(10**6), Emax=10**6)


def _series(first: Decimal, ratio: Callable[[int], Decimal]) -> Decimal:
    """Sum of terms, each the one before times a ratio; 100 digits leave 70 for arguments below 60."""
    total = term = first
    k = 1
    while k < 20 or abs(term) > Decimal("1e-90"):
        term *= ratio(k)
        total += term
        k += 1
    return total


def exact_sin(x: Decimal) -> Decimal:
    return _series(x, lambda k: -x * x / (2 * k * (2 * k + 1)))


def exact_cos(x: Decimal) -> Decimal:
    return _series(Decimal(1), lambda k: -x * x / (2 * k * (2 * k - 1)))


def exact_tanh(x: Decimal) -> Decimal:
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


def exact_normal_cdf(x: Decimal) -> Decimal:
    """``1/2 + density(x) (x + x^3 / 3 + x^5 / (3 5) + ...)``, with pi as four arctangents (Machin)."""

    def arctan_of_inverse(n: int) -> Decimal:
        total, k, power = Decimal(0), 0, Decimal(1) / n
        while power > Decimal("1e-95"):
            total += (-1) ** k * power / (2 * k + 1)
            power /= n * n
            k += 1
        return total

    pi = 16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)
    odd = _series(x, lambda k: x * x / (2 * k + 1))
    return Decimal("0.5") + odd * (-x * x / 2).exp() / (2 * pi).sqrt()


def exact_activation(spec: MLP, z: Decimal) -> Decimal:
    omega, scale = Decimal(spec.omega), Decimal(spec.scale)
    match spec.activation:
        case "sine":
            return exact_sin(omega * z)
        case "finer" | "finer-stopped":
            return exact_sin(omega * (abs(z) + 1) * z)
        case "gauss":
            return (-((scale * z) ** 2)).exp()
        case "wire":
            return exact_cos(omega * z) * (-((scale * z) ** 2)).exp()
        case "relu":
            return max(z, Decimal(0))
        case "tanh":
            return exact_tanh(z)
        case "gelu":
            return z * exact_normal_cdf(z)
    raise AssertionError(f"unknown {spec.activation}")


def exact_outputs(spec: MLP, params: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs (E, N, O) of the stored network in exact arithmetic, as Decimals."""
    assert spec.activation in activations.ACTIVATIONS
    nets = len(params["w0"])
    with decimal.localcontext(EXACT):
        out = np.empty((nets, len(x), spec.sizes[-1]), dtype=object)
        for e in range(nets):
            for n, row in enumerate(x.tolist()):
                h = [Decimal(v) for v in row]
                for i in range(spec.depth):
                    w, b = params[f"w{i}"][e].tolist(), params[f"b{i}"][e, 0].tolist()
                    columns = zip(*w, strict=True)
                    z = [
                        sum((a * Decimal(v) for a, v in zip(h, column, strict=True)), Decimal(c))
                        for column, c in zip(columns, b, strict=True)
                    ]
                    h = z if i == spec.depth - 1 else [exact_activation(spec, v) for v in z]
                out[e, n] = h
    return out


def distances_from_exact(mid: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """``|mid - exact|``, rounded once."""
    with decimal.localcontext(EXACT):
        far = [abs(Decimal(m) - v) for m, v in zip(mid.ravel().tolist(), exact.ravel().tolist(), strict=True)]
    assert all(math.isfinite(d) for d in far)
    return np.array([float(d) for d in far]).reshape(mid.shape)
