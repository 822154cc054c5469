"""One row a name: tables of activations, losses, layers, ..., and the look-up that says what there is.

With this you can find the row of a name (`look_up`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Row = TypeVar("Row")


def look_up(table: Mapping[str, Row], name: str, argument: str) -> Row:
    """The row of that name.

    Parameters
    ----------
    table : mapping from str to rows
    name : str
    argument : str
        What the name was given as, for the error.

    Raises
    ------
    ValueError
        For an unknown name; the error lists the known ones.

    Examples
    --------
    >>> look_up({"sine": 1, "relu": 2}, "relu", "activation")
    2
    """
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"{argument}: unknown name {name!r}; known are {', '.join(table)}")
    return table[name]
