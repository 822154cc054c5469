"""What is trained, how, and what comes of it: all that passes between who asks for networks and who trains them.

With this you can describe a group of networks (`Job`), say how to train it (`Options`), and read what came of it
(`Outcome`).  All three may be sent to other processes and machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from refinr import losses, optim
from refinr.mlp import MLP
from refinr.optim import Optimiser, Schedule


@dataclass(frozen=True)
class Options:
    """How to train; the same for all networks of a signal.

    Parameters
    ----------
    levels : int
        Number of different digits the outputs stand for; 2 for bits.
    loss : str
        A name in `refinr.losses.LOSSES`.
    optimiser : Optimiser
        An instance, such as ``optim.Adam(betas=(0.9, 0.995))``.
    lr : float or callable
        Step size, or a schedule from `refinr.optim`.
    margin : float, >= 0
        How far every output must be from its nearest threshold before a network may stop, in the loss's unit: logits
        for "bce", half steps between levels (so below 1) for the others.
    max_steps : int, >= 0
        Steps a network may take, restarts included.
    patience : int or None
        A network whose number of wrong decisions has not fallen for so many steps starts again, with a new random
        stream and its step size times `backoff`; one that has none but whose margin no longer grows stops.  None: never
        either.
    backoff : float
    seed : int
    by_error : bool
        Whether of iterates that decide something wrong the one of the least squared error is kept, as regression wants
        it, or the last of an attempt.

    Raises
    ------
    ValueError
        For values out of range, unknown losses, and losses of bits with more than two levels.
    """

    levels: int = 2
    loss: str = "bce"
    optimiser: Optimiser = field(default_factory=optim.Adam)
    lr: float | Schedule = 3e-3
    margin: float = 0.5
    max_steps: int = 2000
    patience: int | None = 300
    backoff: float = 0.7
    seed: int = 0
    by_error: bool = False

    def __post_init__(self) -> None:
        loss = losses.get(self.loss)
        optim.schedule(self.lr)
        if loss.many_levels and self.levels != 2:
            others = " or ".join(repr(name) for name, other in losses.LOSSES.items() if not other.many_levels)
            raise ValueError(f"loss: {self.loss!r} is for bits, and there are {self.levels} levels: use {others}")
        unit = loss.margin_unit
        if not 0.0 <= self.margin < unit.limit:
            below = f"a number below {unit.limit:g} ({unit.name} of {self.loss})"
            limit = below if math.isfinite(unit.limit) else "a finite number"
            raise ValueError(f"margin: expected 0 or {limit}, got {self.margin}")
        if self.max_steps < 0:
            raise ValueError(f"max_steps: expected 0 or more, got {self.max_steps}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience: expected 1 or more steps, or None, got {self.patience}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed}")

    @property
    def goal(self) -> float:
        """`margin` in the unit of `refinr.decisions.margins`."""
        return losses.get(self.loss).margin_unit.size * self.margin


class Job(NamedTuple):
    """A group of networks that share their inputs: the unit of work, and all a worker needs to know."""

    spec: MLP
    networks: Sequence[int]
    """Index of each network in the signal; its random stream hangs on it."""
    x: np.ndarray
    """(N, I)"""
    targets: np.ndarray
    """(E, N, O), as made by `refinr.decisions.targets`"""


class Outcome(NamedTuple):
    """What came of a `Job`: one entry for each network, in the job's order."""

    params: dict[str, np.ndarray]
    wrong: np.ndarray
    """Wrong decisions left, int (E,)."""
    margin: np.ndarray
    """Smallest margin over all samples, float64 (E,); negative or NaN where decisions are wrong."""
    steps: np.ndarray
    """Steps taken, int (E,)."""
    restarts: np.ndarray
    """int (E,)"""
