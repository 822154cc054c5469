"""Text for pages and for the terminal.

With this you can write rows as a table in Markdown (`table`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

_SHORTENED = 1000
"""Numbers below get three digits; larger ones are written out, with commas."""


def table(rows: Sequence[Row]) -> str:
    """Rows with the same keys as a table in Markdown, aligned for the terminal too.

    Examples
    --------
    >>> print(table([{"steps": 1200, "exact": True}, {"steps": 7.25, "exact": False}]))
    | steps | exact |
    |------:|------:|
    | 1,200 |   yes |
    |  7.25 |    no |
    """
    head = list(rows[0])
    body = [[_cell(row[name]) for name in head] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = []
    for line in [head, *body]:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and abs(value) < _SHORTENED:
        return f"{value:.3g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)
