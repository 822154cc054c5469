"""All families of the oracle's cases.

With this you can make every case (`generate`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from refinr.oracle import leaf_cases, network_cases
from refinr.oracle.cases import Draw
from refinr.oracle.compare import Case

FAMILIES: dict[str, Callable[[Draw], Iterator[Case]]] = {
    "planes": leaf_cases.planes,
    "coords": leaf_cases.coords,
    "encodings": leaf_cases.encodings,
    "activations": leaf_cases.activations,
    "layers": leaf_cases.layers,
    "losses": leaf_cases.losses,
    "ternary": leaf_cases.ternary,
    "mlp": network_cases.mlp,
    "optim": network_cases.optim,
    "training": network_cases.training,
    "metrics": network_cases.metrics,
    "inr": network_cases.inr,
    "container": network_cases.container,
}


@functools.lru_cache(maxsize=2)
def generate(seed: int = 0) -> tuple[Case, ...]:
    """All cases; another seed gives other numbers in the same places.

    Examples
    --------
    >>> len({case.name for case in generate()}) == len(generate()) > 200
    True
    """
    # a stream of its own for each family, by its name: adding one changes no other
    streams = {name: np.random.default_rng([seed, *name.encode()]) for name in FAMILIES}
    return tuple(case for name, family in FAMILIES.items() for case in family(streams[name]))
