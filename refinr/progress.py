"""How far a fit has come: a progress bar with the error rate, fed from any thread.

A decision is a bit, or a digit where planes hold more than one: with bit planes the error rate is the bit error rate.

With this you can follow networks as they train (`Progress.update`) and say what was reached (`Progress.summary`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np


class Progress:
    """Wrong decisions of every network, as last heard of.

    Parameters
    ----------
    networks : int
    decisions : int
        Decisions a network makes (at most: edge tiles make fewer).
    visible : bool
        Whether to show a bar, on standard error.
    done : sequence of ints
        Networks that were trained before.

    Examples
    --------
    >>> progress = Progress(networks=4, decisions=100)
    >>> progress.update([0, 1], [50, 0])
    >>> progress.finish([1])
    >>> progress.summary()
    '1 of 4 networks done, error rate 0.25 over the 2 begun'
    """

    def __init__(self, networks: int, decisions: int, visible: bool = False, done: Sequence[int] = ()) -> None:
        self._lock = threading.Lock()
        self._wrong = np.zeros(networks, dtype=np.int64)
        self._begun = np.zeros(networks, dtype=bool)
        self._decisions = decisions
        self._done = 0
        self._bar: Any = None
        if visible:
            from tqdm import tqdm

            self._bar = tqdm(total=networks, unit="net", smoothing=0.05)
        self.update(done, [0] * len(done))
        self.finish(done)

    def update(self, networks: Sequence[int], wrong: Sequence[int] | np.ndarray) -> None:
        """Note how many decisions of these networks are wrong."""
        with self._lock:
            self._wrong[list(networks)] = wrong
            self._begun[list(networks)] = True
            if self._bar is not None:
                self._bar.set_postfix(BER=f"{self.error_rate:.2e}", refresh=False)
                self._bar.update(0)  # redraws if the last time is long enough ago

    def finish(self, networks: Sequence[int]) -> None:
        """Note that these networks train no more."""
        with self._lock:
            self._done += len(networks)
            if self._bar is not None:
                self._bar.update(len(networks))

    @property
    def error_rate(self) -> float:
        """Wrong decisions over all decisions, of the networks begun."""
        return float(self._wrong.sum() / max(1, self._begun.sum() * self._decisions))

    def summary(self) -> str:
        """One line for people."""
        begun = int(self._begun.sum())
        return (
            f"{self._done} of {len(self._wrong)} networks done, error rate {self.error_rate:.3g} over the {begun} begun"
        )

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
