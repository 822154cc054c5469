"""A report of a few pages in the form that reproducibility tracks ask for, made from the gallery's data files.

With this you can write it (`write`, or ``python -m paper_figures report``): scope, claims, what was done, results, what
was easy and what was not.  Numbers come from the data files and verdicts from the figures' rules; only the words that
say what was easy are written here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paper_figures import gallery, registry, style, tuning
from paper_figures.claims import UNTRIED
from paper_figures.gallery import Entry

PAGE = (8.27, 11.69)
"""Inches: A4."""
MARGIN = 0.7
LINE = 1.35
"""Line height in font sizes."""
EM = 0.53
"""Mean width of a letter in font sizes."""

TITLE = "Lossless implicit neural representation by bit planes: what can be reproduced on two cores"
SCOPE = """Han et al., "Towards Lossless Implicit Neural Representation via Bit Plane Decomposition" (CVPR 2025,
arXiv 2502.21001), say that a network which learns the bits of a signal, and not its values, represents it
without any error; that networks on values do not; and why. This report tries each claim again with an
independent implementation, refinr, in NumPy with gradients by hand. Images and networks are small (mostly
24 to 32 pixels a side), so that every number here can be computed again in minutes on two cores; Table 1
is also tried on the paper's 256 x 256 pixels, in tiles. What only large networks can show is said to be
untried."""
DONE = """Every figure and table is one module: settings, a function that computes data, a function that draws them, and
claims with a stated rule that turns data into a verdict: holds, partly, does not hold. Methods that are
compared each have a step size of their own: a sweep in factors of the square root of ten goes on until the best
lies inside, in steps to zero wrong bits, then in wrong bits; it has a seed of its own, and the runs that are
reported have others. Steps stand beside work (multiply-adds of training) and processor seconds. Data files
carry the hash of the code that computed them, seed, machine, versions and time; the gallery and this report are
made from them alone."""
EASY = """Bits are easy: one small network a plane with its first layer at half the Nyquist frequency is exact on
every small image and sound of the comparisons, 32-bit floats included, with every seed, after some tens of
steps, a hundred or so for micrographs and sound. Of runs on tiles of 256 x 256 pixels, with one step size for
all 64 tiles, 16 of 18 leave nothing wrong, and none more than two bits in a million. The arithmetic of the
paper (bytes of its ternary networks, bounds, PSNR of bit-depth expansion) can be checked to the last digit
from shapes alone."""
HARD = """The baselines are what needs care: which of them becomes exact depends on step size, seed and the number
of steps. At step sizes of their own SIREN and FINER often do; networks on octaves of coordinates, and
Gauss, hardly ever within the steps given here. Comparisons in iterations favour networks that see every
sample once a bit; in multiply-adds the order often changes. The paper's data sets are not ours to ship,
and one network for all of 256 x 256 pixels takes a GPU or hours: claims about it rest on frequencies measured
in units of the sampling, and on tiles of measured images of that size. Of the baselines of Table 2 the paper
does not say how bits and tables are combined; ours is one choice."""
PICTURES = ("comparison_curves", "first_scale", "combined", "convergence", "bit_bias", "microscopy", "bounds")
"""In this order, as far as they are there."""


def write(preset: str, folder: Path, path: Path) -> int:
    """Write the report of the results in `folder` as a PDF; returns the number of pages.

    Raises
    ------
    ValueError
        If there are no results.
    """
    found = gallery.entries(preset, folder)
    if not found:
        raise ValueError(f"folder: expected results in {folder}, got none")
    larger = gallery.larger_entries(folder)
    with style.look():
        pages = _Pages()
        _head(pages, preset, found)
        _claims(pages, found, larger)
        pages.heading("Results")
        _pictures(pages, folder, found, larger)
        _tail(pages, found)
        return pages.save(path)


def _head(pages: _Pages, preset: str, found: dict[str, Entry]) -> None:
    pages.text(TITLE, 15, weight="bold")
    pages.text(f"Reproducibility report, made from the data files of the preset '{preset}'", 9, color="#555555")
    pages.heading("Scope")
    pages.text(SCOPE)
    pages.heading("Summary of results")
    pages.text(gallery.summary(found).replace("**", ""))
    rows = [row for entry in found.values() for row in gallery.rows(entry.result.data) if "runs" in row]
    runs = [run for row in rows for run in row["runs"]]
    if runs:
        exact = sum(run["exact_at"] is not None for run in runs)
        pages.text(f"{len(runs)} training runs in {len(rows)} cases are behind these comparisons; {exact} of them end "
                   f"without a wrong bit. {tuning.sweeps_in_words(rows).capitalize()}.")  # fmt: skip
    pages.heading("Methodology")
    pages.text(DONE)


def _claims(pages: _Pages, found: dict[str, Entry], larger: dict[str, Entry]) -> None:
    pages.heading("Claims and verdicts")
    widths = (0.11, 0.33, 0.45, 0.11)
    pages.row(("where", "claim", "found here", "verdict"), widths, weight="bold")
    for size, results in (("", found), (", larger", larger)):
        for name, entry in results.items():
            for claim, finding in entry.findings:
                pages.row((registry.find(name).shows + size, claim.claim, finding.ours, finding.verdict), widths)
    for untried in registry.UNTRIED:
        pages.row((untried.where, untried.claim, untried.why, UNTRIED), widths)


def _pictures(pages: _Pages, folder: Path, found: dict[str, Entry], larger: dict[str, Entry]) -> None:
    """Of the larger result where there is one."""
    folders = {p: gallery.PAPER for name in larger for p in registry.find(name).pictures}
    captions = {p: text for name in found for p, text in registry.find(name).pictures.items()}
    for picture in PICTURES:
        path = folders.get(picture, folder) / f"{picture}.png"
        if picture in captions and path.exists():
            pages.picture(path, captions[picture])


def _tail(pages: _Pages, found: dict[str, Entry]) -> None:
    pages.heading("What was easy")
    pages.text(EASY)
    pages.heading("What was not")
    pages.text(HARD)
    pages.heading("Machine and provenance")
    runs = [entry.result.provenance for entry in found.values()]
    machine = max(runs, key=lambda about: about["date"])["machine"]
    facts = ", ".join(f"{name} {value}" for name, value in machine.items())
    pages.text(f"{len(runs)} results took {gallery.duration(runs)}. The latest: {facts}.")


class _Pages:
    """Text, rows and pictures below each other, on as many pages as it takes."""

    def __init__(self) -> None:
        self._sheets: list[Any] = []
        self._turn()

    def _turn(self) -> None:
        from matplotlib.figure import Figure

        self._sheets.append(Figure(figsize=PAGE))
        self._y = PAGE[1] - MARGIN  # inches from the bottom

    def _room(self, height: float) -> None:
        if self._y - height < MARGIN:
            self._turn()

    def _write(self, x: float, text: str, size: float, **options: Any) -> None:
        self._sheets[-1].text(x / PAGE[0], self._y / PAGE[1], text, size=size, va="top", linespacing=LINE * 0.85,
                              parse_math=False, **options)  # fmt: skip

    def heading(self, text: str) -> None:
        """With room for some lines below it."""
        self._room(1.3)
        self._y -= 0.12
        self._write(MARGIN, text, 11, weight="bold")
        self._y -= 0.26

    def text(self, text: str, size: float = 9, **options: Any) -> None:
        """A paragraph over the width of the page."""
        lines = _wrapped(text, PAGE[0] - 2 * MARGIN, size, options.get("weight"))
        height = len(lines) * size * LINE / 72
        self._room(height)
        self._write(MARGIN, "\n".join(lines), size, **options)
        self._y -= height + 0.08

    def row(self, cells: Sequence[str], widths: Sequence[float], size: float = 6.0, **options: Any) -> None:
        """Cells beside each other, each wrapped in its share of the page's width."""
        whole = PAGE[0] - 2 * MARGIN
        columns = [_wrapped(cell, share * whole - 0.1, size, options.get("weight")) for cell, share in
                   zip(cells, widths, strict=True)]  # fmt: skip
        height = max(map(len, columns)) * size * LINE / 72
        self._room(height)
        x = MARGIN
        for lines, share in zip(columns, widths, strict=True):
            self._write(x, "\n".join(lines), size, **options)
            x += share * whole
        self._y -= height + 0.05

    def picture(self, path: Path, caption: str) -> None:
        """As wide as the text, with its caption below."""
        from matplotlib.image import imread

        pixels = imread(path)
        width = PAGE[0] - 2 * MARGIN
        height = width * pixels.shape[0] / pixels.shape[1]
        lines = _wrapped(caption, width, 7.5)
        self._room(height + len(lines) * 7.5 * LINE / 72 + 0.1)
        place = (MARGIN / PAGE[0], (self._y - height) / PAGE[1], width / PAGE[0], height / PAGE[1])
        axes = self._sheets[-1].add_axes(place)
        axes.imshow(pixels)
        axes.axis("off")
        self._y -= height + 0.05
        self.text(caption, 7.5, style="italic")

    def save(self, path: Path) -> int:
        """All pages as one PDF, numbered; the same data give the same bytes."""
        from matplotlib.backends.backend_pdf import PdfPages

        with PdfPages(path, metadata={"Title": TITLE, "CreationDate": None}) as file:
            for number, sheet in enumerate(self._sheets, start=1):
                sheet.text(0.5, 0.4 / PAGE[1], str(number), size=8, ha="center")
                file.savefig(sheet)
        return len(self._sheets)


def _wrapped(text: str, width: float, size: float, weight: str | None = None) -> list[str]:
    letters = width * 72 / (size * EM * (1.1 if weight == "bold" else 1.0))
    return textwrap.wrap(" ".join(text.split()), int(letters), break_on_hyphens=False) or [""]
