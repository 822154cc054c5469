"""Who trains: threads of this process, processes of this machine, or a cluster's own engine.

With this you can open an executor by its name (`open_executor`).  There is no scheduler of ours: groups of networks are
sent one by one to whatever executor there is, and an engine that loses a worker runs its groups again.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from refinr import cpu, endings, starting
from refinr.tables import look_up

SCHEDULERLESS = 10
"""Seconds that Dask's scheduler may take to answer, at first and when a connection is lost."""

WORKERLESS = 60.0
"""Seconds that Dask may be without a worker."""


@dataclass(frozen=True)
class Engine:
    """A way to open an executor.

    Parameters
    ----------
    name : str
    open : callable (workers, address) -> context manager
        It gives the executor, or None for the threads of a fit itself, and closes it.  RuntimeError if a library is not
        installed or workers die, OSError if nobody answers.
    workers : bool
        Whether it can be told how many workers to start.
    address : bool
        Whether it must be told where its scheduler is.
    """

    name: str
    open: Callable[[int, str], AbstractContextManager[Executor | None]]
    workers: bool = False
    address: bool = False


@contextmanager
def open_executor(
    name: str = "threads", *, workers: int | None = None, address: str | None = None
) -> Iterator[Executor | None]:
    """An executor for `refinr.fit`, closed at the end.

    Parameters
    ----------
    name : str
        One of `EXECUTORS`.  "threads" are those of `fit` itself, so there is nothing to open: None.  "dask" is a client
        of a Dask scheduler; "mpi" are the processes of ``mpiexec -n 4 python -m mpi4py.futures ...``.
    workers : int, optional
        Number of processes; by default as many as cores.
    address : str, optional
        Of the Dask scheduler, ``tcp://host:8786``.

    Raises
    ------
    ValueError
        For an unknown name, and for `workers` or an `address` where they have no meaning, or no address where there
        must be one.
    RuntimeError
        If the library is not installed, or workers die.
    OSError
        If the scheduler cannot be reached.

    Examples
    --------
    >>> with open_executor("threads") as executor:
    ...     print(executor)
    None
    """
    engine = look_up(EXECUTORS, name, "executor")
    if workers is not None and not (engine.workers and workers >= 1):
        takers = " or ".join(row.name for row in EXECUTORS.values() if row.workers)
        raise ValueError(f"workers: expected 1 or more, with {takers}, got {workers} with {name}")
    if (address is not None) != engine.address:
        takers = " or ".join(row.name for row in EXECUTORS.values() if row.address)
        raise ValueError(f"address: expected tcp://HOST:PORT with {takers} and nothing else, got {address} with {name}")
    with engine.open(workers or cpu.cores(), address or "") as executor:
        yield executor


@contextmanager
def _threads(workers: int, address: str) -> Iterator[None]:
    yield None


@contextmanager
def _processes(workers: int, address: str) -> Iterator[Executor]:
    others = multiprocessing.active_children()
    # fresh interpreters: a fork of a process with threads may hang
    context = _Spawn()
    with endings.interrupts_held():  # the process that counts semaphores is started here
        pool = _Processes(workers, mp_context=context, initializer=endings.end_with_parent)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise RuntimeError(f"a worker process died ({error})") from None
    except BaseException:
        for child in multiprocessing.active_children():  # nobody waits for what they do
            if child not in others:
                child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker(SpawnProcess):
    """Is told by its name whose it is, before it has loaded anything."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named | {"name": starting.worker_name()})


class _Spawn(SpawnContext):
    Process = _Worker


class _Processes(ProcessPoolExecutor):
    """Starts its workers when they are needed, and none of them answers Ctrl-C."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with endings.interrupts_held():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _dask(workers: int, address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise RuntimeError("executor: dask was asked for but is not installed: pip install 'refinr[cluster]'") from None
    try:
        client = Client(address, timeout=SCHEDULERLESS)
    except (OSError, ValueError) as error:
        raise OSError(f"{address}: no Dask scheduler answers ({error})") from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it has to say of a lost connection, we say in a sentence
    executor = client.get_executor(pure=False)  # no two groups are the same: nothing to look up
    executor.check = _Watch(client, address).check
    try:
        yield executor
    except KilledWorker as error:
        raise RuntimeError(f"workers died again and again ({error})") from None
    except (CommClosedError, CancelledError):
        raise RuntimeError(f"{address}: Dask's scheduler is gone") from None
    finally:
        with suppress(OSError, TimeoutError, CancelledError):  # nobody is left to say goodbye to
            client.close(timeout=SCHEDULERLESS if client.status == "running" else 1)
        log.setLevel(level)


class _Watch:
    """Asks a cluster whether anybody is left to work."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._alone: float | None = None  # since when there is no worker

    def check(self) -> None:
        """Raise RuntimeError if the scheduler is gone, or there has been no worker for too long."""
        if self._client.status not in ("running", "connecting"):
            raise RuntimeError(f"{self._address}: no Dask scheduler for {SCHEDULERLESS} s")
        try:
            workers = self._client.nthreads()
        except (OSError, TimeoutError):
            return  # it may come back; if not, the client gives up
        now = time.monotonic()
        if workers:
            self._alone = None
            return
        self._alone = now if self._alone is None else self._alone
        if now - self._alone >= WORKERLESS:
            raise RuntimeError(f"{self._address}: no Dask worker for {WORKERLESS:.0f} s")


@contextmanager
def _mpi(workers: int, address: str) -> Iterator[Executor]:
    try:
        from mpi4py.futures import MPIPoolExecutor
    except ImportError:
        raise RuntimeError("executor: mpi was asked for but mpi4py is not installed, or finds no MPI") from None
    with MPIPoolExecutor() as pool:
        yield pool


EXECUTORS: dict[str, Engine] = {
    engine.name: engine
    for engine in [
        Engine("threads", _threads),
        Engine("processes", _processes, workers=True),
        Engine("dask", _dask, address=True),
        Engine("mpi", _mpi),
    ]
}
"""Executors by name."""
