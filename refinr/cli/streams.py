"""Standard input and output in place of refinr's own files, whatever their encoding.

With this every verb takes ``-`` for an `.inr` or `.rinr` file (`opened`), errors call it by its name (`in_words`), and
any text can be printed (`lenient`).
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path

from refinr.files import signals
from refinr.files.format import recognised
from refinr.files.signals import STREAM

PREFIX = "refinr-"
"""Of folders for files that stand for streams."""

INPUTS = ("input", "original", "against")
"""Options that name what is read."""


@contextmanager
def opened(options: argparse.Namespace, read: Collection[str], made: Collection[str]) -> Iterator[argparse.Namespace]:
    """Options in which files stand for ``-``: of standard input, and of what then goes to standard output.

    Parameters
    ----------
    options : Namespace
    read, made : collections of str
        Options that name files of ours, or files of any kind, that are read; and files of ours that are made.  When one
        goes to standard output, what is said goes to standard error.

    Raises
    ------
    ValueError
        If standard input is to be two files.
    """
    given = [name for name in read if getattr(options, name) == STREAM]
    wanted = [name for name in made if getattr(options, name) == STREAM]
    if given and [getattr(options, name, None) for name in INPUTS].count(STREAM) > 1:
        raise ValueError(f"{STREAM}: standard input is one file, expected names for the others")
    if not given and not wanted:
        yield options
        return
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, ExitStack() as stack:
        changed = argparse.Namespace(**vars(options))
        for name in given:
            setattr(changed, name, _of_input(Path(folder)))
        for name in wanted:
            setattr(changed, name, str(Path(folder) / "standard output"))
            stack.enter_context(redirect_stdout(sys.stderr))
        yield changed
        stack.close()
        for name in wanted:
            _to_output(Path(getattr(changed, name)))


def _of_input(folder: Path) -> str:
    """A file of what comes; its name speaks of its format where that is a signal's."""
    content = sys.stdin.buffer.read()
    found = recognised(content)
    path = folder / ("standard input" + (signals.FORMATS[found].suffixes[0] if found else ""))
    path.write_bytes(content)
    return str(path)


def _to_output(path: Path) -> None:
    if path.exists():  # nothing is made where what was asked cannot be
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()


def in_words(text: str) -> str:
    """Text in which files that stand for streams are called what they stand for.

    Examples
    --------
    >>> in_words(f"{tempfile.gettempdir()}/refinr-x1/standard input: not an .inr file")
    'standard input: not an .inr file'
    """
    return re.sub(re.escape(tempfile.gettempdir()) + rf"[/\\\\]{PREFIX}[^/\\\\]*[/\\\\]", "", text)


def lenient() -> None:
    """What an output cannot encode is spelled out, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
