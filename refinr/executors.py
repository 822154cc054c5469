"""Who trains: threads of this process, processes of this machine, or a cluster's own engine.

With this you can open an executor by its name (`open_executor`).  There is no scheduler of ours: groups of networks are
sent one by one to whatever executor there is, and an engine that loses a worker runs its groups again.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from refinr import cpu

NAMES = ("threads", "processes", "dask", "mpi")


@contextmanager
def open_executor(
    name: str = "threads", *, workers: int | None = None, address: str | None = None
) -> Iterator[Executor | None]:
    """An executor for `refinr.fit`, closed at the end.

    Parameters
    ----------
    name : {"threads", "processes", "dask", "mpi"}
        Threads are `fit`'s own, so there is nothing to open: None.  "dask" is a client of a Dask scheduler; "mpi" are
        the processes of ``mpiexec -n 4 python -m mpi4py.futures ...``.
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
    if name not in NAMES:
        raise ValueError(f"executor: unknown name {name!r}; known are {', '.join(NAMES)}")
    if workers is not None and (name != "processes" or workers < 1):
        raise ValueError(f"workers: expected 1 or more, with processes, got {workers} with {name}")
    if (address is None) == (name == "dask"):
        raise ValueError(f"address: expected tcp://HOST:PORT with dask and nothing else, got {address} with {name}")
    opened = {"threads": _threads, "processes": _processes, "dask": _dask, "mpi": _mpi}[name]
    with opened(workers or cpu.cores(), address or "") as executor:
        yield executor


@contextmanager
def _threads(workers: int, address: str) -> Iterator[None]:
    yield None


@contextmanager
def _processes(workers: int, address: str) -> Iterator[Executor]:
    others = multiprocessing.active_children()
    # fresh interpreters: a fork of a process with threads may hang
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
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


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _dask(workers: int, address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise RuntimeError("executor: dask was asked for but is not installed: pip install 'refinr[cluster]'") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise OSError(f"{address}: no Dask scheduler answers ({error})") from None
    with client:
        try:
            yield client.get_executor(pure=False)  # no two groups are the same: nothing to look up
        except KilledWorker as error:
            raise RuntimeError(f"workers died again and again ({error})") from None


@contextmanager
def _mpi(workers: int, address: str) -> Iterator[Executor]:
    try:
        from mpi4py.futures import MPIPoolExecutor
    except ImportError:
        raise RuntimeError("executor: mpi was asked for but mpi4py is not installed, or finds no MPI") from None
    with MPIPoolExecutor() as pool:
        yield pool
