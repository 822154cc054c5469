"""While modules are loaded: Ctrl-C is a sentence, and a worker whose parent has ended does not go on.

With this you can have a command answer signals before it has begun (`answer_signals`), and a worker end with its parent
before it works (`worker_name`, `end_without_parent`).  The package does both before it loads anything else, so nothing
is imported here that Python has not loaded by then.  `endings` takes over when a command or a worker begins.
"""

import _signal  # type: ignore[import-not-found]  # `signal` makes classes of what is in it, which takes its time
import _thread
import os
import sys
import time

ASKED_TO_END = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C, and what else asks a process to end; not every platform has all of them."""

PATIENCE = 0.2
"""Seconds between two looks at who the parent is."""

_WORKER = "refinr worker of "
_begun = False


def answer_signals() -> None:
    """Say in a sentence that a command was ended before it began; other people's programs are left alone.

    An exception would not do: NumPy makes another one of it, and classes that are being defined do, too.  Signals that
    whoever started the process had ignored, as ``nohup`` does, stay ignored.
    """
    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    if program not in sys.orig_argv:  # a worker has its parent's arguments
        return
    if os.path.splitext(os.path.basename(program))[0] == "refinr" or (program == "-m" and "refinr" in sys.orig_argv):
        for number in (getattr(_signal, name) for name in ASKED_TO_END if hasattr(_signal, name)):
            if _signal.getsignal(number) in (_signal.SIG_DFL, _signal.default_int_handler):
                _signal.signal(number, end)


def end(number: int, frame: object) -> None:
    """Answer a signal: a sentence, and the status that is usual for it."""
    os.write(2, b"refinr: interrupted\n")
    os._exit(128 + number)


def worker_name() -> str:
    """Name for a worker of this process, which tells the worker, before all else, whose it is."""
    return f"{_WORKER}{os.getpid()}"


def end_without_parent() -> None:
    """In a worker that loads its modules: end as soon as its parent has ended, by now or later.

    `endings.end_with_parent` needs modules itself.  On Windows the parent keeps its number: there it is left to that.
    """
    process = sys.modules.get("multiprocessing.process")
    name = process.current_process().name if process else ""
    if os.name == "nt" or not name.startswith(_WORKER):
        return
    parent = int(name.removeprefix(_WORKER))
    if os.getppid() != parent:
        os._exit(1)  # nobody is left to tell
    _thread.start_new_thread(_watch, (parent,))


def begun() -> None:
    """The worker begins to work: somebody else watches from now on."""
    global _begun
    _begun = True


def _watch(parent: int) -> None:
    while not _begun:
        if os.getppid() != parent:
            os._exit(1)
        time.sleep(PATIENCE)
