"""What the command line says beside what was asked for: a line each, on standard error.

With this you can say such a line (`note`), and have the library's advice said in the same way (`noted`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from refinr.advice import NotExactWarning
from refinr.hints import SamplesWarning


def note(text: str) -> None:
    """Say it on standard error."""
    print(f"refinr: note: {text}", file=sys.stderr)


@contextmanager
def noted(quiet: bool = False) -> Iterator[None]:
    """Inside, what the library advises is a note, said once; other warnings are what they were.

    Parameters
    ----------
    quiet : bool
        Leave out what samples may deceive about.
    """
    said = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", NotExactWarning)
        warnings.simplefilter("ignore" if quiet else "always", SamplesWarning)
        show = warnings.showwarning

        def say(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, NotExactWarning | SamplesWarning):
                show(message, category, *place, **more)
            elif str(message) not in said:
                said.add(str(message))
                note(str(message))

        warnings.showwarning = say
        yield
