"""All families of the oracle's cases, made when they are asked for.

With this you can make the cases of one family (`generate`), and choose cases by family or by name (`cases`; `select`
from others): a family that nobody asked for is not made.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch

import numpy as np

from refinr.incoming import checked
from refinr.oracle import (
    codec_cases,
    file_cases,
    hostile_cases,
    leaf_cases,
    network_cases,
    readout_cases,
    result_cases,
    sample_cases,
    ternary_cases,
)
from refinr.oracle.case import Case
from refinr.oracle.making import Draw
from refinr.tables import look_up

FAMILIES: dict[str, Callable[[Draw], Iterator[Case]]] = {
    "planes": sample_cases.planes,
    "coords": sample_cases.coords,
    "encodings": leaf_cases.encodings,
    "activations": leaf_cases.activations,
    "layers": leaf_cases.layers,
    "lookups": leaf_cases.lookups,
    "losses": leaf_cases.losses,
    "ternary": ternary_cases.ternary,
    "readout": readout_cases.readout,
    "mlp": network_cases.mlp,
    "optim": network_cases.optim,
    "training": network_cases.training,
    "metrics": result_cases.metrics,
    "inr": result_cases.inr,
    "container": file_cases.container,
    "codec": codec_cases.codec,
    "refused": file_cases.refused,
    "hostile": hostile_cases.hostile,
    "counts": codec_cases.counts,
}
"""By name, what draws a family's cases; the name is the first part of each case's, and of the file they are kept in."""


@functools.lru_cache(maxsize=2 * len(FAMILIES))
def generate(family: str, seed: int = 0) -> tuple[Case, ...]:
    """The cases of one family; another seed gives other numbers in the same places.

    Raises
    ------
    ValueError
        For an unknown family.

    Examples
    --------
    >>> len({case.name for case in generate("layers")}) == len(generate("layers")) == 47
    True
    """
    draw = look_up(FAMILIES, family, "family")
    # a stream of its own for each family, by its name: adding one changes no other
    return tuple(draw(np.random.default_rng([seed, *family.encode()])))


@checked
def cases(families: str | Iterable[str] | None = None, *, seed: int = 0) -> list[Case]:
    """Cases whose family or name matches.

    Parameters
    ----------
    families : str or several, optional
        Families ("layers"), or patterns of whole names ("mlp.mlp.siren*"); all by default.
    seed : int
        Other numbers in the same places.

    Raises
    ------
    ValueError
        For a pattern that matches nothing.

    Examples
    --------
    >>> [case.name for case in cases("coords.grid.?")]
    ['coords.grid.1', 'coords.grid.2', 'coords.grid.7']
    """
    patterns = None if families is None else _patterns(families)
    wanted = [name for name in FAMILIES if patterns is None or any(_may_match(name, p) for p in patterns)]
    return select([case for name in wanted for case in generate(name, seed)], patterns)


def select(given: Iterable[Case], families: str | Iterable[str] | None) -> list[Case]:
    """Those of the given cases whose family or name matches, in their order.

    Raises
    ------
    ValueError
        For a pattern that matches nothing.

    Examples
    --------
    >>> [case.name for case in select(generate("coords"), "coords.grid.[12]")]
    ['coords.grid.1', 'coords.grid.2']
    """
    given = list(given)
    if families is None:
        return given
    patterns = _patterns(families)
    for pattern in patterns:
        if not any(matches(case, pattern) for case in given):
            raise ValueError(f"families: {pattern!r} matches no case; families are {', '.join(FAMILIES)}")
    return [case for case in given if any(matches(case, pattern) for pattern in patterns)]


def matches(case: Case | str, pattern: str) -> bool:
    """Whether the pattern is of the case's family, or of its name; a case, or a name.

    Examples
    --------
    >>> case = generate("coords")[0]
    >>> matches(case, "coords"), matches(case, "coords.grid.7")
    (True, False)
    """
    return fnmatch(case if isinstance(case, str) else case.name, _whole(pattern))


def _patterns(families: str | Iterable[str]) -> list[str]:
    return [families] if isinstance(families, str) else list(families)


def _whole(pattern: str) -> str:
    return pattern if "." in pattern or pattern == "*" else f"{pattern}.*"


def _may_match(family: str, pattern: str) -> bool:
    """Whether names of that family can match, by what the pattern begins with before anything is left open."""
    beginning = re.split(r"[*?[]", _whole(pattern))[0]
    return beginning.startswith(f"{family}.") or f"{family}.".startswith(beginning)
