"""A backend in a process of its own: what aborts, exits, crashes or hangs there is a line of the report.

With this you can have a backend called in a child (`Isolated`), which answers case by case and may take so long for
each.  A child that has ended is started again for the next case.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import tempfile
from multiprocessing import connection
from pathlib import Path
from types import TracebackType
from typing import Any

from refinr import endings, starting
from refinr.oracle.around import look
from refinr.oracle.backends import Take, find_backend, name_of, taking
from refinr.oracle.calling import Session
from refinr.oracle.case import Case
from refinr.oracle.judging import about, in_words
from refinr.oracle.reporting import Result, Times

PATIENCE = 3
"""So often an operation may end its process; its other cases are not called any more."""
STARTING = 60.0
"""Seconds in which a backend may be imported, even if its calls have less."""
GRACE = 5.0
"""Seconds in which a process that has to end may do so by itself."""


class EndedError(Exception):
    """The child is no more: `str` says how it ended."""


class Isolated:
    """A backend in a process of its own, by its name; use it in a ``with``.

    Parameters
    ----------
    path : str
        As `find_backend` takes it.
    dtype : str
    take : str or callable, optional
        As `taking` takes it; a function is looked up by its name in the child.
    repeat : int
        As for `refinr.oracle.check_backend`.
    timeout : float, optional
        Seconds for each call; importing the backend may take `STARTING` at least.

    Raises
    ------
    ValueError
        Where the ``with`` begins: if the backend cannot be imported, or ends its process while it is.
    """

    def __init__(
        self, path: str, dtype: str, take: str | Take | None = None, repeat: int = 0, timeout: float | None = None
    ) -> None:
        self.settings = (path, dtype, take, repeat)
        self.timeout = timeout
        self.ended: dict[str, int] = {}
        """By operation, how often it has ended its process."""
        self.times: dict[str, Times] = {}
        self.folder = tempfile.TemporaryDirectory()
        self.trace = Path(self.folder.name) / "trace"
        """Where the child writes down where it was when it crashed."""
        self.process: Any = None
        self.name = path
        """What reports call it."""

    def __enter__(self) -> Isolated:
        try:
            self.name = self._start()
        except EndedError as error:
            self.folder.cleanup()
            raise ValueError(f"backend: importing {self.settings[0]}: {error}") from None
        except ValueError:
            self.folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self.folder.cleanup()

    def call(self, case: Case) -> Result:
        """The result of a case."""
        result = self._ask(case.operation, case.name, case)
        return result if result.facts else result._replace(facts=about(case))

    def look(self, name: str, chosen: list[Case]) -> Result:
        """One of `refinr.oracle.around.LOOKS`."""
        operation = chosen[0].operation
        return self._ask(operation, f"call.{operation}.{name}", (name, chosen))

    def _ask(self, operation: str, name: str, question: Case | tuple[str, list[Case]]) -> Result:
        if self.ended.get(operation, 0) >= PATIENCE:
            text = f"{name}: not called, {operation} has ended its process {PATIENCE} times"
            return Result(name, operation, "raised", text)
        try:
            if self.process is None:
                self._start()
            self._send(question)
            result, times = self._receive(self.timeout)
        except EndedError as error:
            self.ended[operation] = self.ended.get(operation, 0) + 1
            return Result(name, operation, "raised", f"{name}: {error}", trace=self.trace.read_text())
        self.times |= times
        return result

    # --- the child ---

    def _start(self) -> str:
        context = multiprocessing.get_context("spawn")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.trace, *self.settings), name=starting.worker_name()
        )
        with endings.interrupts_held():
            self.process.start()
        theirs.close()
        name = self._receive(None if self.timeout is None else max(self.timeout, STARTING))
        if isinstance(name, Exception):
            self._stop()
            raise name
        return name

    def _send(self, question: Any) -> None:
        try:
            self.ours.send(question)
        except OSError:
            raise EndedError(self._how_it_ended()) from None

    def _receive(self, timeout: float | None) -> Any:
        """What the child says, before its time is over."""
        if not connection.wait([self.ours, self.process.sentinel], timeout):
            os.kill(self.process.pid, signal.SIGABRT)  # it writes down where it is
            self.process.join(GRACE)
            self._stop()
            raise EndedError(f"took longer than {timeout:g} s")
        try:
            if self.ours.poll():
                return self.ours.recv()
        except (EOFError, OSError):  # it has ended while it spoke
            pass
        raise EndedError(self._how_it_ended())

    def _how_it_ended(self) -> str:
        self.process.join(GRACE)
        code = self.process.exitcode
        self._stop()
        if code is None:
            return "closed the connection to the check"
        if code < 0:
            return f"killed by signal {-code} ({signal.strsignal(-code)})"
        return f"ended the process with exit status {code}"

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.ours.close()
        self.process = None


def _serve(theirs: Any, trace: Path, path: str, dtype: str, take: str | Take | None, repeat: int) -> None:
    """The child: answer one question after the other, as long as there is somebody who asks."""
    endings.end_with_parent()
    with trace.open("w") as file:
        faulthandler.enable(file)
        try:
            backend = find_backend(path)
            session = Session(backend, dtype, taking(take), repeat)
        except Exception as error:
            known = isinstance(error, ValueError)
            theirs.send(error if known else ValueError(f"backend: {in_words(f'importing {path}', error)}"))
            return
        theirs.send(name_of(backend))
        while True:
            try:
                question = theirs.recv()
            except EOFError:
                return
            result = session.call(question) if isinstance(question, Case) else look(session, *question)
            theirs.send((result, session.times))
