"""What a figure consists of: one row, with everything that the command line, the gallery and the tests need.

With this you can describe a figure (`Figure`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from paper_figures.claims import Claim
from paper_figures.datafiles import Data


def no_tables(data: Data) -> dict[str, list[Data]]:
    """Of a figure that has none.

    Examples
    --------
    >>> no_tables({"rows": [1, 2]})
    {}
    """
    return {}


class Figure(NamedTuple):
    """A figure or table of the paper."""

    title: str
    """Its heading in the gallery."""
    shows: str
    """What in the paper it answers to."""
    pictures: dict[str, str]
    """The names of its pictures, which are all files' names too, with their captions."""
    presets: dict[str, dict[str, Any]]
    """Settings in JSON values for "tiny" (seconds: the tests run it), "small" (minutes on two cores: its results are
    kept in the repository) and "paper" (the paper's sizes, on a GPU)."""
    compute: Callable[[str, np.random.Generator], Data]
    """``compute(preset, rng)``, where `preset` is a name.  It runs its cases through `paper_figures.resume.each`, so
    that a run that was cut short goes on where it stopped."""
    plot: Callable[[Data], dict[str, Any]]
    """matplotlib figures by the names of `pictures`, drawn from the data alone."""
    claims: tuple[Claim, ...]
    """What the paper, or we, say of it, each judged from the data by a stated rule."""
    tables: Callable[[Data], dict[str, list[Data]]] = no_tables
    """Rows by heading, for the gallery."""
