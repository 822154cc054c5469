"""What an INR is, in a few lines, and with a picture where there is one to see.

With this you can say how many networks there are (`networks`), how large (`cost`) and how exact (`exactness`) they are,
and put lines and picture into a page (`html`), as notebooks show them; and show text from anybody's file on a terminal
(`printable`, `carried`).
"""

from __future__ import annotations

import base64
import html as markup
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refinr.report import Report

PREVIEW = 192
"""Samples on a side of a picture at most: what a notebook shows must not take long to decode."""

HEIGHT = 48
"""Of the picture of a recording."""


def networks(count: int, tiles: int, tile: Sequence[int], words: str) -> str:
    """How many networks there are, for what, and of what kind.

    Examples
    --------
    >>> networks(16, 2, (32, 32), "widths 2-16-1")
    '16 networks of widths 2-16-1, 2 tiles of 32 x 32'
    """
    tiles_in_words = "one tile" if tiles == 1 else f"{tiles} tiles"
    return f"{count} networks of {words}, {tiles_in_words} of {' x '.join(map(str, tile))}"


def cost(report: Report, packed: int, store: str, residual: int) -> str:
    """How large it is: parameters and bytes, as a file holds them."""
    rest = f", and a residual of {_bytes(residual)}" if residual else ""
    number = f"{report.parameters:,} parameters ({report.parameters_per_bit:.3g} per bit)"
    return f"{number}, {_bytes(packed)} as {store}{rest}"


def exactness(report: Report, margin: float, residual: bool) -> str:
    """How exact it is, with the residual and without."""
    margin_in_words = "" if np.isnan(margin) else f", smallest margin {margin:.3g}"
    if report.lossless:
        return f"exact: every bit is right{margin_in_words}"
    wrong = f"{sum(report.wrong_bits):,} of {report.total_bits:,} bits wrong, PSNR {report.psnr:.2f} dB"
    if residual:
        return f"exact with the residual{margin_in_words}; the networks alone have {wrong}"
    return f"not exact: {wrong}"


def elsewhere(portable: bool | None) -> str:
    """Where else it decodes to the same samples.

    Examples
    --------
    >>> elsewhere(True), elsewhere(None)
    ('; the same on every machine in float32', '')
    """
    if portable is None:
        return ""
    return "; the same on every machine in float32" if portable else "; perhaps not on machines that round differently"


def printable(text: str) -> str:
    r"""Text as a terminal may show it: what moves its cursor, colours it or turns its direction is spelled out.

    Examples
    --------
    >>> printable("a caf\u00e9 \x1b[2J\u202e")
    'a café \\x1b[2J\\u202e'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def carried(info: Mapping[str, Any]) -> str:
    """Side information, as anybody's file has it, in a line.

    Examples
    --------
    >>> carried({"rate": 8000, "channels": False})
    'rate 8000, channels False'
    """
    return printable(", ".join(f"{key} {value}" for key, value in info.items()))


def _bytes(count: int) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


# --- pages -----------------------------------------------------------------------------------------------------------


def middle(length: int) -> tuple[int, int]:
    """Where the middle of an axis begins and ends.

    Examples
    --------
    >>> middle(100), middle(1000)
    ((0, 100), (404, 596))
    """
    start = max(0, (length - PREVIEW) // 2)
    return start, min(length, start + PREVIEW)


def line(samples: np.ndarray) -> np.ndarray:
    """The line of a recording, uint8 (48, n, 1): its first channel, dark on white.

    Parameters
    ----------
    samples : array (n, C)

    Examples
    --------
    >>> line(np.array([[0], [3]], "uint8"))[[0, -1], :, 0].tolist()
    [[255, 0], [0, 0]]
    """
    heights = HEIGHT - 1 - np.rint(grey_levels(samples[:, 0]) * ((HEIGHT - 1) / 255.0)).astype(int)  # (n,) from the top
    before = np.concatenate([heights[:1], heights[:-1]])
    rows = np.arange(HEIGHT)[:, None]
    drawn = (rows >= np.minimum(heights, before)) & (rows <= np.maximum(heights, before))  # (HEIGHT, n)
    return np.where(drawn, 0, 255).astype(np.uint8)[..., None]


def html(lines: Sequence[str], picture: np.ndarray | None) -> str:
    """Lines, the first of them a heading, above a picture.

    Parameters
    ----------
    lines : sequence of str
    picture : array (height, width, 1 or 3), optional
        Of any dtype; its range is shown from black to white.
    """
    heading, *rest = map(markup.escape, lines)
    parts = [f"<strong>{heading}</strong>", *rest]
    if picture is not None:
        address = f"data:image/png;base64,{base64.b64encode(png(grey_levels(picture))).decode()}"
        parts.append(f'<img src="{address}" width="{picture.shape[1]}" height="{picture.shape[0]}" alt="the samples">')
    return "<div>" + "<br>\n".join(parts) + "</div>"


def grey_levels(samples: np.ndarray) -> np.ndarray:
    """Samples as 0 to 255, from the smallest to the largest finite one; what is not finite becomes 0.

    Examples
    --------
    >>> grey_levels(np.array([-1.0, 0.0, 3.0, np.nan])).tolist()
    [0, 64, 255, 0]
    """
    with np.errstate(invalid="ignore"):  # signalling NaNs
        values = samples.astype(np.float64)
    finite = np.isfinite(values)
    low = float(values[finite].min(initial=np.inf))
    high = float(values[finite].max(initial=-np.inf))
    if not low < high:
        return np.zeros(values.shape, np.uint8)
    share = np.where(finite, values / 2 - low / 2, 0.0) / (high / 2 - low / 2)  # halves: no overflow
    return np.rint(255.0 * np.clip(share, 0.0, 1.0)).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    """A PNG of grey levels (height, width, 1) or colours (height, width, 3), uint8."""
    import png as pypng  # needed by pages alone

    height, width, channels = image.shape
    file = io.BytesIO()
    pypng.Writer(width, height, greyscale=channels == 1).write(file, image.reshape(height, -1))
    return file.getvalue()
