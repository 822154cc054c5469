"""One frame of an animation, or one page of several, by its number: 1 is the first.

With this you can take the number from a name (`number`), say which it is of how many (`which`), and have the frame of a
GIF, APNG or WebP animation as a player shows it (`by_pillow`).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from refinr.files.format import FormatError


def number(name: str, count: int | None = None) -> int:
    """A frame's number from the name that it goes by.

    Parameters
    ----------
    name : str
    count : int, optional
        How many there are, where that is known.

    Raises
    ------
    FormatError
        If it is no number, or there is no such frame.

    Examples
    --------
    >>> number("2", 5)
    2
    """
    there = "one from 1 on" if count is None else f"one of 1 to {count}"
    if not (name.isascii() and name.isdigit() and len(name) < 10) or not 1 <= int(name) <= (count or int(name)):
        raise FormatError(f"expected the number of a page or frame, {there}, got {name!r:.40}")
    return int(name)


def which(wanted: int, count: int) -> dict[str, str]:
    """Side information: what was read of how many.

    Examples
    --------
    >>> which(1, 5)
    {'page': '1 of 5'}
    """
    return {"page": f"{wanted} of {count}"}


def by_pillow(content: bytes, name: str, format: str) -> tuple[np.ndarray, dict[str, Any]]:
    """A frame with all that earlier ones leave to be seen, its palette looked up.

    Parameters
    ----------
    content : bytes
    name : str
        Its number.
    format : str
        What Pillow calls the format.

    Raises
    ------
    FormatError
        If there is no such frame.
    """
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=[format]) as image:
        count = getattr(image, "n_frames", 1)
        wanted = number(name, count)
        image.seek(wanted - 1)
        transparent = "transparency" in image.info
        looked_up = image if image.mode != "P" and not transparent else image.convert("RGBA" if transparent else "RGB")
        samples = np.array(looked_up)
    return samples, {"channels": samples.ndim == 3, **which(wanted, count)}
