"""How a command ends before its time, and workers with their parent.

With this you can have signals end a command as Ctrl-C does (`signals_interrupt`), say that a file was cut while it was
read (`cuts_said`), and start workers that end with whoever started them (`interrupts_held`, `end_with_parent`).  What
holds before, while modules are loaded, is in `starting`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from refinr import starting


@contextmanager
def signals_interrupt() -> Iterator[list[int]]:
    """Inside, a signal that asks to end raises KeyboardInterrupt; given is a list of those that came, but for Ctrl-C.

    What `starting` has them do ends here, and is so again outside.
    Signals that whoever started the process had ignored, as ``nohup`` does, stay ignored.  Outside the main thread,
    where Python handles no signals, nothing changes.

    Examples
    --------
    >>> with signals_interrupt() as received:
    ...     received
    []
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        threading.excepthook = lambda arguments: None  # threads of an executor lose their workers
        raise KeyboardInterrupt

    before = {}
    say = threading.excepthook
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in starting.ASKED_TO_END if hasattr(signal, name)):
            if signal.getsignal(number) in (signal.SIG_DFL, starting.end):
                before[number] = signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        threading.excepthook = say


@contextmanager
def cuts_said(text: str) -> Iterator[None]:
    """Inside, whoever reads from a mapped file what is there no more says so, and ends the process with status 2.

    The system answers such a reading with a signal, for which Python has no handler that could run: the reading would
    be tried again for ever.  The C library calls this one at once, in the thread that reads.  Where there is no such
    signal, on Windows, files in use cannot be cut.

    Parameters
    ----------
    text : str
        What is said, on standard error.
    """
    if not hasattr(signal, "SIGBUS"):
        yield
        return
    import ctypes  # by few, and it takes its time

    kind = ctypes.CFUNCTYPE(None, ctypes.c_int)

    def end(number: int) -> None:
        os.write(2, text.encode(errors="backslashreplace") + b"\n")
        os._exit(2)

    handler = kind(end)
    library = ctypes.CDLL(None)
    library.signal.restype = ctypes.c_void_p
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    before = library.signal(signal.SIGBUS, ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield
    finally:
        library.signal(signal.SIGBUS, before)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes started inside never see Ctrl-C or the end of a terminal, not even while they load their modules.

    Both go to all processes of a terminal at once, and it is the parent who answers.  What arrives meanwhile reaches
    the parent afterwards.  Where signals cannot be held, on Windows, `end_with_parent` ignores them a little later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """In a worker: leave interrupts to the parent, and end when the parent does, however that is.

    A thread watches the parent.  A signal that the kernel sends at the parent's death would come when the thread ends
    that started the worker, which need not be the parent's last.
    """
    from multiprocessing import parent_process  # by few, and it takes its time

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), name="parent-watch", daemon=True).start()
        starting.begun()


def _end_after(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)  # nobody is left to tell
