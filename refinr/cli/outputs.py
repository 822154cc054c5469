"""Where the command line may write: decided before the work, and never over what may be somebody's only copy.

With this you can claim a name for an output (`claim`), write a signal to it (`write_signal`), and say where the rest is
if making it is interrupted (`say_kept`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from refinr.cli.notes import note
from refinr.files import atomic, signals

_OF_THE_WHOLE = ("header", "dicom", "fits", "tags", "dataset", "attributes", "chunks")
"""Side information that may say where samples are."""


def _never(path: Path) -> bool:
    return False


def claim_signal(output: str, *inputs: str, force: bool = False) -> None:
    """The same for a signal, whose name says its format.

    Raises
    ------
    ValueError, OSError
        As `claim`, and for a name that speaks of no format.
    """
    if output == signals.STREAM:
        return
    signals.known(output)
    claim(output, *inputs, force=force)


def write_signal(output: str, samples: np.ndarray, info: Mapping[str, Any], *, whole: bool) -> None:
    """Write a signal, or a part of one, and note on the error stream what its file said and this one does not."""
    if not whole:
        info = _of_a_region(output, info)
    signals.write(output, samples, info)
    if lost := [_in_words(key, info[key]) for key in signals.left_behind(output, info)]:
        note(f"{output} does not hold what came with the samples: {', '.join(lost)}")


def _of_a_region(output: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """What holds of a part of a signal, too; the rest is noted on the error stream.

    Headers say where the first sample is in space, tags where it is on a map, chunks of a sound when marks come.
    """
    if lost := [_in_words(key, info[key]) for key in _OF_THE_WHOLE if key in info]:
        note(f"{output} is a region, and does not hold what came with all samples: {', '.join(lost)}")
    return {key: value for key, value in info.items() if key not in _OF_THE_WHOLE}


def _in_words(key: str, value: object) -> str:
    """What side information is called, with the names of chunks."""
    names = [str(part[0]) for part in value if isinstance(part, list) and part] if isinstance(value, list) else []
    return f"{key} ({', '.join(names)})" if key == "chunks" and names else key


def say_not_carried(info: Mapping[str, Any]) -> None:
    """Print what a signal's file may have said besides."""
    row = signals.FORMATS.get(str(info.get("format")))
    if row is not None and row.loses:
        print(f"not carried    of {row.name}: {row.loses}")


def stamp(path: str) -> tuple[int, int] | None:
    """What a file has another of when somebody writes it anew; None where there is none, or a pipe or a device."""
    if not os.path.isfile(path):
        return None
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns


def say_replaced(output: str, before: tuple[int, int] | None) -> None:
    """Note that somebody else has written the output since it was claimed."""
    if stamp(output) not in (before, None):
        note(f"{output} was written by another process meanwhile, and is replaced")


@contextmanager
def say_kept(journal: Path | None) -> Iterator[None]:
    """Have an interrupt say what is left of the work: what is in the journal, or nothing."""
    try:
        yield
    except KeyboardInterrupt as error:
        kept = f"what is done is in {journal}, and the same command goes on" if journal else "nothing was written"
        raise KeyboardInterrupt(f"{str(error) or 'interrupted'}; {kept}") from None


def claim(output: str, *inputs: str, force: bool = False, ours: Callable[[Path], bool] = _never) -> None:
    """Refuse an output that cannot be written, or must not be.

    Parameters
    ----------
    output : str
    inputs : str
        What is read, which no output replaces, under whatever name, not even by force.
    force : bool
        Replace any other file.
    ours : callable (path) -> bool, optional
        Whether a file may be replaced because refinr wrote it and can write it again.

    Raises
    ------
    ValueError
        If there is a file that must not be replaced.
    OSError
        If nothing can be written there.
    """
    if output == signals.STREAM:
        raise ValueError(f"{output}: only signals go to standard output, expected the name of a file")
    atomic.check(output)
    path = Path(output)
    for given in inputs:
        if path.exists() and os.path.exists(given) and path.samefile(given):
            raise ValueError(f"{output}: the same file as {given}, which would be lost; expected another name")
    if not path.is_file() or path.stat().st_size == 0 or force or ours(path):
        return
    raise ValueError(f"{output}: there is such a file already; give another name, or --force to replace it")
