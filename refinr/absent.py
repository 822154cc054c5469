"""No networks at all: what is kept of an exact fit that was given no step to learn anything in.

With this an array can do without networks (`Absent`): every output is -1 on every machine, so every bit is 0 until the
residual says otherwise, and the residual is the array.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from refinr.decompositions import Place
from refinr.files import storing
from refinr.mlp import Params


@dataclass(frozen=True)
class Absent:
    """Networks that say no to everything, and have no parameters; `refinr.perceptrons` says what networks offer."""

    version: ClassVar[int] = 4
    together: ClassVar[int] = 1
    beside: ClassVar[tuple[str, ...]] = ()

    stores: ClassVar[Mapping[str, Any]] = storing.STORES

    def check(self, axes: tuple[int, ...]) -> None:
        """Any axes will do."""

    # --- outputs -----------------------------------------------------------------------------------------------------

    def evaluator(
        self, params: Params, cut: Any, tile: tuple[int, ...], xp: ModuleType
    ) -> Callable[[range, tuple[int, ...]], np.ndarray]:
        """-1 for every one."""
        return lambda networks, extent: np.full((len(networks), math.prod(cut.axes(extent)), 1), -1.0, np.float32)

    def at(self, params: Params, place: Place, points: np.ndarray, xp: ModuleType) -> np.ndarray:
        """-1 between samples, too."""
        each = math.prod(place.cut.axes(place.tile)) // math.prod(place.tile)
        return np.full((len(place.networks), len(points) * each, 1), -1.0, np.float32)

    def enclosed(self, on: Any, params: Params, place: Place, which: Any = ...) -> Iterator[Any]:
        """A whole number, which every type holds."""
        z = self.evaluator(params, place.cut, place.tile, np)(place.networks, place.extent).astype(np.float64)
        yield on.some(on.whole(z, np.ones((len(z), 1, 1))), which)

    def apart(self, params: Params, place: Place, z: np.ndarray) -> float:
        """Not at all."""
        return 0.0

    # --- parameters --------------------------------------------------------------------------------------------------

    def cast(self, params: Params) -> Params:
        """None."""
        return {}

    def count(self, params: Params, samples: np.ndarray) -> int:
        """None."""
        return 0

    def check_room(self, networks: int, size: int) -> None:
        """They take none."""

    def packed_bytes(self, params: Params, store: str) -> int:
        """None."""
        return 0

    def pack(self, params: Params, store: str) -> Params:
        """Nothing."""
        return {}

    def unpack(self, arrays: Params, store: str, samples: np.ndarray, harmed: Collection[str] = ()) -> Params:
        """Nothing."""
        if arrays:
            raise ValueError(f"expected no parameters, got {', '.join(arrays)}")
        return {}

    # --- in words ----------------------------------------------------------------------------------------------------

    def words(self, params: Params) -> str:
        """That there are none."""
        return "no parameters (0 steps)"

    def details(self, params: Params, store: str) -> dict[str, str]:
        """Nothing else."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"absent": {}}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Absent:
        """The inverse."""
        return cls(**value)
