"""The same bits on every machine: a bound on what rounding can do to an INR's outputs.

With this you can ask whether decoding is provably the same on every machine (``refinr.certify(inr)``, here `certify`),
read the answer (`Certificate`), and bound the outputs of a stack of networks (`enclose`).

The method is running error analysis (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., Sec. 3.3):
evaluate once in float64, here, and carry a radius beside every value, such that whatever any machine computes in its
place lies within it.  A decision is safe where the output is farther from its threshold than its radius.  What *any
machine* means, and how radii grow, is said in `refinr.balls`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from refinr import cpu, decoding, perceptrons, undecided
from refinr import limits as limits_of
from refinr.balls import Ball, Machines, joined
from refinr.files.floats import FLOAT_TYPES
from refinr.incoming import checked
from refinr.inr import INR
from refinr.limits import Limits
from refinr.mlp import MLP, Params
from refinr.tables import look_up


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
    with np.errstate(all="ignore"):  # infinities and NaN end as infinite radii
        return joined(perceptrons.enclosed(Machines(dtypes), spec, params, x))


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", MappingProxyType(dict(self.types)))  # nobody writes into it

    def __hash__(self) -> int:
        return hash((tuple(self.types.items()), self.margin_per_plane))

    def __reduce__(self) -> tuple[Any, ...]:
        return Certificate, (dict(self.types), self.margin_per_plane)  # views of mappings cannot be pickled

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


@checked
def certify(
    inr: INR, dtypes: Iterable[str] | str | None = None, *, trusted: bool = False, limits: Limits | None = None
) -> Certificate:
    """Whether decoding is provably the same on every machine, for each float type.

    Parameters
    ----------
    inr : INR
    dtypes : str or several, optional
        Of "float64", "float32", "float16" and "bfloat16".  By default all of them; there is then no bound for one that
        cannot hold the parameters.
    trusted : bool
        Certify what is small and stands for very much, too.
    limits : Limits, optional
        What an INR may ask for that is not trusted, in proportion to its bytes, as in `refinr.load`.

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError
        If it would take more memory or time than the limits, which is counted before either is spent; for another type,
        for one named that cannot hold the parameters, for a direct regression of floats, which decides nothing, and for
        networks of a damaged file.

    Examples
    --------
    >>> from refinr.fitting import fit
    >>> certificate = certify(fit(np.arange(25, dtype="uint8").reshape(5, 5)))
    >>> certificate.types["float32"].guaranteed, certificate.margin > 0.4
    (True, True)
    """
    inr.refuse_damage()
    names = tuple(FLOAT_TYPES) if dtypes is None else castable(inr.layout.network.cast(inr.params), dtypes)
    layout = inr.layout
    if not trusted:
        size = sum(array.nbytes for array in inr.params.values()) + (inr.residual.nbytes if inr.residual else 0)
        limits_of.check(layout, size, limits, limits_of.certificate_cost(layout, len(names)))
    on = Machines(names)

    def of_tile(index: int, kept: np.ndarray | None) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):  # infinities and NaN end as infinite radii
            z = joined(layout.network.enclosed(on, inr.params, layout.place(index)))
            distances = undecided.distances(layout.cut, z.mid, kept)  # (N, C, P)
            rad = np.stack([layout.cut.by_sample(a) for a in z.rad])  # (T, N, C, P)
            settled = np.isinf(distances) & np.isfinite(layout.cut.by_sample(z.mid))
            slacks = np.where(settled, np.inf, distances - rad)
        safe = np.all((slacks > 0) | (rad == 0.0), axis=(1, 2, 3))  # a value known exactly is the same everywhere
        return safe, rad.max(axis=(1, 2, 3)), distances.min(axis=(0, 1)), slacks.min(axis=(1, 2))

    cpu.recycle_memory()
    with cpu.single_threaded_blas(), ThreadPoolExecutor(cpu.cores()) as pool:
        safe, bounds, margins, slacks = zip(
            *pool.map(
                of_tile, range(len(layout.tiles)), decoding.kept(layout, inr.residual and inr.residual.undecided)
            ),
            strict=True,
        )
    types = {
        name: Guarantee(bool(ok), float(bound), tuple(slack.tolist()))
        for name, ok, bound, slack in zip(
            names, np.all(safe, axis=0), np.max(bounds, axis=0), np.min(slacks, axis=0), strict=True
        )
    }
    return Certificate(types, tuple(np.min(margins, axis=0).tolist()))


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
    for name in names:
        found = look_up(FLOAT_TYPES, name, "dtypes")
        largest = float(np.max([0.0, *(np.max(np.abs(p)) for p in params.values())]))  # NaN wins, as it must
        if not largest <= found.largest:
            raise ValueError(f"dtypes: {name} cannot hold the parameters, which reach {largest:.6g}")
    if not names:
        raise ValueError(f"dtypes: expected one or more of {', '.join(FLOAT_TYPES)}, got none")
    return names
