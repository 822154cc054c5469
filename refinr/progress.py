"""How far a fit has come: a progress bar with the error rate, and moments for whoever wants to follow it.

A decision is a bit, or a digit where planes hold more than one: with bit planes the error rate is the bit error rate.

With this you can follow networks as they train (`Progress.update`), say what was reached (`Progress.summary`), hand on
where a fit stands (`Moment`), and show that in a line (`Live`).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np


class Moment(NamedTuple):
    """Where a fit stands: what `refinr.fit` calls its ``callback`` with.

    Parameters
    ----------
    step : int
        Steps that the networks have taken that were last heard of; networks of other groups may be elsewhere.
    error_rates : tuple of floats
        Wrong decisions over all decisions for each plane, least significant first, of the networks begun: the bit error
        rate of the plane.  One number where a network holds all planes.
    left : int
        Networks that train, or have not begun.
    seconds : float
        Since the training began.
    """

    step: int
    error_rates: tuple[float, ...]
    left: int
    seconds: float


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
    planes : int
        Planes of which networks hold one each, the least significant first, over and over.
    callback : callable, optional
        ``callback(moment)`` is told where the fit stands, by one thread at a time.

    Examples
    --------
    >>> progress = Progress(networks=4, decisions=100)
    >>> progress.update([0, 1], [50, 0])
    >>> progress.finish([1])
    >>> progress.summary()
    '1 of 4 networks done, error rate 0.25 over the 2 begun'
    """

    def __init__(
        self,
        networks: int,
        decisions: int,
        visible: bool = False,
        done: Sequence[int] = (),
        planes: int = 1,
        callback: Callable[[Moment], None] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._wrong = np.zeros(networks, dtype=np.int64)
        self._begun = np.zeros(networks, dtype=bool)
        self._decisions = decisions
        self._planes = planes
        self._done = 0
        self._step = 0
        self._start = time.perf_counter()
        self._bar: Any = None
        self._callback: Callable[[Moment], None] | None = None
        if visible:
            from tqdm import tqdm

            self._bar = tqdm(total=networks, unit="net", smoothing=0.05)
        self.update(done, [0] * len(done))
        self.finish(done)
        self._callback = callback  # what was done before is no news

    def update(self, networks: Sequence[int], wrong: Sequence[int] | np.ndarray, step: int = 0) -> None:
        """Note how many decisions of these networks are wrong after so many steps."""
        with self._lock:
            self._note(networks, wrong, step)
            self._tell()

    def finish(self, networks: Sequence[int], wrong: np.ndarray | None = None, step: int = 0) -> None:
        """Note that these networks train no more, and what they have wrong, if there is news of that."""
        with self._lock:
            if wrong is not None:
                self._note(networks, wrong, step)
            self._done += len(networks)
            if self._bar is not None:
                self._bar.update(len(networks))
            self._tell()

    def _note(self, networks: Sequence[int], wrong: Sequence[int] | np.ndarray, step: int) -> None:
        self._wrong[list(networks)] = wrong
        self._begun[list(networks)] = True
        self._step = step
        if self._bar is not None:
            self._bar.set_postfix(BER=f"{self.error_rate:.2e}", refresh=False)
            self._bar.update(0)  # redraws if the last time is long enough ago

    def _tell(self) -> None:
        if self._callback is None:
            return
        wrong = self._wrong.reshape(-1, self._planes).sum(axis=0)
        begun = self._begun.reshape(-1, self._planes).sum(axis=0)
        rates = wrong / np.maximum(1, begun * self._decisions)
        seconds = time.perf_counter() - self._start
        moment = Moment(self._step, tuple(rates.tolist()), len(self._wrong) - self._done, seconds)
        callback = self._callback
        self._callback = None  # after it has raised, it is not called again
        callback(moment)
        self._callback = callback

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


class Live:
    """A line that shows where a fit stands, in terminals and notebooks: ``refinr.fit(image, callback=refinr.Live())``.

    Parameters
    ----------
    file : text file, optional
        Where it goes; standard output by default.
    every : float
        Seconds between two lines at least.

    Examples
    --------
    >>> Live()(Moment(step=24, error_rates=(0.0, 0.125), left=0, seconds=1.25))
    step 24, 1.2 s, 0 networks left, BER of planes 1 to 0: .12 0
    """

    def __init__(self, file: TextIO | None = None, every: float = 0.1) -> None:
        self._file = file
        self._every = every
        self._shown = -every
        self._width = 0

    def __call__(self, moment: Moment) -> None:
        """Write the line over the one before."""
        if moment.left and moment.seconds < self._shown + self._every:
            return
        self._shown = moment.seconds if moment.left else -self._every
        rates = " ".join(_short(rate) for rate in reversed(moment.error_rates))
        planes = f" of planes {len(moment.error_rates) - 1} to 0" if len(moment.error_rates) > 1 else ""
        line = f"step {moment.step}, {moment.seconds:.1f} s, {moment.left} networks left, BER{planes}: {rates}"
        file = sys.stdout if self._file is None else self._file
        start = "\r" if self._width else ""
        file.write(start + line.ljust(self._width) + ("" if moment.left else "\n"))
        file.flush()
        self._width = len(line) if moment.left else 0


def _short(rate: float) -> str:
    """Two digits: 0, .12, .003, 1e-5."""
    if rate == 0.0:
        return "0"
    return f"{rate:.2f}"[1:] if rate >= 0.01 else f"{rate:.0e}".replace("e-0", "e-")
