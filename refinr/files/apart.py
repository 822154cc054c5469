"""Readers of other libraries, in a process of their own: what it may take of memory and time is limited from outside.

With this you can have a file read there (`read`), by a process that waits for the next one and ends with its parent;
`serve` is what it does.  It answers in JSON and bytes, so nothing that a file does to a library comes back as code.

Memory is limited where there are limits on data (Linux), processor time where there are such limits (POSIX), and the
time on the clock everywhere.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from refinr.files.budget import Budget
from refinr.files.format import FormatError

Reader = Callable[[str, "Path | bytes", str, Budget], tuple[np.ndarray, dict[str, Any]]]
"""Samples and side information from a format's name, a path or content, a name in the file, and what it may ask for."""

PATIENCE = 4.0
"""Seconds on the clock for each of a processor's time, as the machine may be busy; and `LOADING`, before the first."""

LOADING = 30.0

NO_PROCESS = "no other process can be started to read it; trusted=True or --trusted reads it in this one"

READY = b"ready\n"
"""What the process says first."""

# without refinr itself, of which reading needs nothing: that takes a third of the time
_CODE = """
import sys, types
sys.path[:] = {path!r}
package = types.ModuleType("refinr")
package.__path__ = [{folder!r}]
sys.modules["refinr"] = package
from refinr.files import apart, signals
apart.serve(signals.parsed, signals.load)
"""

# threads ask for memory that they do not use, and their time counts
_ENVIRONMENT = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TIFFFILE_NUM_THREADS"), "1")
_ENVIRONMENT |= {"MALLOC_ARENA_MAX": "2"}


class _Worker:
    """The process, and the pipes to it."""

    def __init__(self) -> None:
        code = _CODE.format(path=sys.path, folder=str(Path(__file__).parent.parent))
        try:
            # in a session of its own: what a terminal sends to all of its processes is for the parent to answer
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,
                start_new_session=True,
            )
        except (OSError, TypeError) as error:  # there is no such program, or no name of one
            raise FormatError(NO_PROCESS) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests = self.process.stdin
        self.answers = self.process.stdout
        self.owner = os.getpid()
        self.late = False
        if self.answers.readline() != READY:
            self.end()
            raise FormatError(NO_PROCESS)

    def ask(self, request: dict[str, Any], content: bytes, seconds: float) -> tuple[dict[str, Any], bytearray]:
        """The answer, and the bytes that follow it; EOFError if the process ends before it is complete."""
        timer = threading.Timer(seconds, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            self.requests.write(json.dumps(request).encode() + b"\n")
            self.requests.write(content)
            self.requests.flush()
            line = self.answers.readline()
            answer = json.loads(line) if line.endswith(b"\n") else {}
            data = bytearray(answer.get("bytes", 0))
            if not answer or _fill(self.answers, data) < len(data):
                raise EOFError
        except BrokenPipeError:
            raise EOFError from None
        finally:
            timer.cancel()
        return answer, data

    def _give_up(self) -> None:
        self.late = True
        self.process.kill()

    def end(self) -> None:
        """End the process, and wait until it has."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.requests, self.answers):
            with contextlib.suppress(OSError):  # what was not written yet, to nobody
                pipe.close()


_lock = threading.Lock()
_worker: _Worker | None = None


def read(format: str, source: Path | bytes, name: str, budget: Budget) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples and side information of a file, as `serve` reads them in the other process.

    Parameters
    ----------
    format : str
        Its name.
    source : path or bytes
        Of a file, or its content.
    name : str
        Of one of the arrays in it, or empty.
    budget : Budget

    Raises
    ------
    ValueError
        If the content is damaged, or takes more than the budget.
    ImportError
        If the library is missing that reads it.
    """
    global _worker
    content = source if isinstance(source, bytes) else b""
    path = None if isinstance(source, bytes) else os.fspath(source.absolute())
    size = len(content) if isinstance(source, bytes) else source.stat().st_size
    request: dict[str, Any] = {"format": format, "path": path, "content": len(content), "name": name}
    request |= {"budget": {field.name: getattr(budget, field.name) for field in dataclasses.fields(Budget)}}
    request |= {"memory": budget.bytes_for(size), "seconds": budget.seconds_for(size)}
    with _lock:
        if _worker is None or _worker.owner != os.getpid() or _worker.process.poll() is not None:
            _worker = _Worker()
        worker = _worker
        try:
            answer, data = worker.ask(request, content, LOADING + PATIENCE * budget.seconds_for(size))
        except BaseException as error:
            worker.end()
            _worker = None
            if isinstance(error, EOFError):
                raise FormatError(_why(worker, budget, size)) from None
            raise
        if answer.get("error") == "memory":  # a library without memory may be in any state
            worker.end()
            _worker = None
    if "error" in answer:
        raise _error(answer, budget, size)
    samples = np.frombuffer(data, np.dtype(answer["dtype"])).reshape(answer["shape"])
    return samples, answer["info"]


def _fill(pipe: IO[bytes], data: bytearray) -> int:
    view = memoryview(data)
    at = 0
    while at < len(data) and (got := pipe.readinto(view[at:])):  # type: ignore[attr-defined]
        at += got
    return at


def _unlock() -> None:
    """After a fork: whoever held the lock is not here."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


@atexit.register
def _end() -> None:
    if _worker is not None and _worker.owner == os.getpid():
        _worker.end()


_TRUST = "say that the file is trusted if it is (trusted=True, --trusted)"


def _why(worker: _Worker, budget: Budget, size: int) -> str:
    """What ended the process: a negative status is the number of a signal."""
    import signal

    status = worker.process.returncode
    if worker.late or status == -getattr(signal, "SIGXCPU", 0):
        return f"reading it takes more than the {budget.seconds_for(size):.3g} s that its {size} bytes may: {_TRUST}"
    return "it ends the library that reads it: it is damaged, or of a kind that is not known here"


def _error(answer: dict[str, Any], budget: Budget, size: int) -> Exception:
    if answer["error"] == "memory":
        most = budget.bytes_for(size)
        return FormatError(f"reading it takes more than the {most} bytes of memory that its {size} bytes may: {_TRUST}")
    if answer["error"] == "import":
        return ImportError(answer["text"], name=answer["name"])
    return (FormatError if answer["error"] == "format" else ValueError)(answer["text"])


# --- in the other process --------------------------------------------------------------------------------------------


def serve(reader: Reader, load: Callable[[str], None]) -> None:
    """Answer requests from standard input on standard output until there are no more.

    Parameters
    ----------
    reader : callable (format, source, name, budget) -> (samples, info)
    load : callable (format)
        Loads what it needs, which is not to be limited: half of a library is worse than none.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    answers.write(READY)
    answers.flush()
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        content = sys.stdin.buffer.read(request["content"])
        source = content if request["path"] is None else Path(request["path"])
        data: memoryview | bytes = b""
        _limit(None, None)
        load(request["format"])
        _limit(request["memory"], request["seconds"])
        try:
            samples, info = reader(request["format"], source, request["name"], Budget(**request["budget"]))
            data = np.ascontiguousarray(samples).reshape(-1).view(np.uint8).data
            answer: dict[str, Any] = {"dtype": samples.dtype.str, "shape": samples.shape, "info": info}
        except FormatError as error:
            answer = {"error": "format", "text": str(error)}
        except ImportError as error:
            answer = {"error": "import", "text": str(error), "name": error.name}
        except MemoryError:
            answer = {"error": "memory"}
        except Exception as error:  # the libraries let struct.error, zlib.error, IndexError and more through
            answer = {"error": "other", "text": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer | {"bytes": len(data)}).encode() + b"\n")
        answers.write(data)
        answers.flush()
        del data, content, source  # before the next one is read, whose limit counts from what there is
        samples = None  # type: ignore[assignment]


def _limit(memory: int | None, seconds: float | None) -> None:
    """So much more than what is in use by now, or anything; nothing where the system has no such limits."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set(resource.RLIMIT_CPU, None if seconds is None else int(used.ru_utime + used.ru_stime + seconds) + 1)
    status = Path("/proc/self/status")
    if hasattr(resource, "RLIMIT_DATA") and status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        data = 1024 * int(fields["VmData"].split()[0])
        _set(resource.RLIMIT_DATA, None if memory is None else data + memory)


def _set(which: int, most: int | None) -> None:
    """The limit that counts: not above the one that nobody may raise again, which is there for None."""
    import resource

    _, hard = resource.getrlimit(which)
    known = [n for n in (most, hard) if n not in (None, resource.RLIM_INFINITY)]
    resource.setrlimit(which, (min(known, default=resource.RLIM_INFINITY), hard))
