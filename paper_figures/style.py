"""One look for all figures.

With this you can make a figure (`figure`, within `look`), draw in colours and markers that everybody can tell apart
(`COLOURS`, `MARKERS`, `line`), put all runs of a
case in a row (`every_run`, `rows_of`), show an image (`image`), and save pictures for screens and for print (`save`).

The colours are those of Okabe and Ito, "Color Universal Design", 2008, grey for their yellow, olive and violet beside
them; lines differ in marker and dash as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#7F7F7F", "#8C8000", "#6A3D9A")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (6, 2)),
    (0, (4, 1, 1, 1, 1, 1)),
    "-",
    "-",
    (0, (2, 2)),
    (0, (8, 1, 2, 1)),
)
WIDTH = 7.0
"""Inches: the text width of a page."""

_SETTINGS = {
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "legend.fontsize": 7.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: small files
    "svg.hashsalt": "refinr",  # the same data, the same bytes
}


def look() -> Any:
    """A context in which figures are drawn and saved in this style."""
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)


def figure(rows: int = 1, columns: int = 1, height: float = 2.4, **options: Any) -> tuple[Any, np.ndarray]:
    """A figure of the page's width and its axes (rows, columns); `height` in inches is that of one row."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(WIDTH, rows * height), layout="constrained")
    return sheet, sheet.subplots(rows, columns, squeeze=False, **options)


def line(index: int) -> dict[str, Any]:
    """Colour, marker and dash of the line with that index."""
    k = index % len(COLOURS)
    return {"color": COLOURS[k], "marker": MARKERS[k], "linestyle": DASHES[k]}


def shades(number: int) -> Any:
    """Colours from dark to bright, as a map, none too bright for white paper."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.92, number)))


def logarithmic(axis: Any, ticks: Sequence[float] | None = None) -> None:
    """A logarithmic axis (``axes.xaxis`` or ``axes.yaxis``) with plain numbers at these places, or at powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    if ticks is not None:
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def steps(at: Sequence[int]) -> np.ndarray:
    """Steps for a logarithmic axis: step 0, which has no place there, left of step 1.

    Examples
    --------
    >>> steps([0, 1, 3]).tolist()
    [0.7, 1.0, 3.0]
    """
    return np.maximum(at, 0.7)


def legend_below(sheet: Any, axes: Any, columns: int) -> None:
    """The legend of `axes` below everything, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    sheet.legend(handles, labels, loc="outside lower center", ncols=columns)


def every_run(axes: Any, runs: Sequence[Mapping[str, Any]], index: int, what: str, limit: float | None) -> None:
    """A number of every run in row `index`; a cross (at `limit` if there is one) where it did not become exact."""
    look = line(index)
    for run in runs:
        reached = run["exact_at"] is not None
        value = run[what] if reached or limit is None else limit
        axes.plot(value, index, look["marker"] if reached else "x", color=look["color"], markersize=4, alpha=0.8)


def rows_of(axes: Any, names: Sequence[str], label: str, ticks: Sequence[float] | None = None) -> None:
    """Names of the rows of `every_run`, first on top, over a logarithmic axis."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    logarithmic(axes.xaxis, ticks)
    axes.set_xlabel(label)


def image(axes: Any, picture: np.ndarray, title: str = "", **options: Any) -> Any:
    """An image without ticks, pixel for pixel."""
    shown = axes.imshow(picture, interpolation="nearest", **({"cmap": "gray"} | options))
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return shown


def save(figures: Mapping[str, Any], folder: Path) -> None:
    """``NAME.png`` for screens, and ``NAME.svg`` for print unless the figure consists of pixels."""
    for name, sheet in figures.items():
        sheet.savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})
        if not any(axes.images for axes in sheet.axes):
            sheet.savefig(folder / f"{name}.svg", metadata={"Date": None})
