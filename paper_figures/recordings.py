"""Measured signals that come with packages of their own: microscopy of 12 to 14 bits, and read speech.

With this you can load a channel of a micrograph (`microscopy`) and sentences of an audiobook with their text
(`speech`).

Micrographs come with ndev-sampledata (BSD): four channels of a neuron and three of a neocortex.  Sentences come with
Debian's pocketsphinx-testdata: five of "Sense and Sensibility", read for LibriVox, in the public domain, 16 kHz.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paper_figures.signals import Signal
from refinr.files import signals as files

MICROGRAPHS = {"neuron": ("neuron-4Ch.tiff", 4), "neocortex": ("neocortex-3Ch.tiff", 3)}
"""Files by what they show, and how many channels these have."""

SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox")


def microscopy(what: str, channel: int, size: int) -> Signal:
    """The brightest square of a channel of a micrograph, counted from its smallest value in steps of the camera.

    Brightest is the square of size x size, on a raster of a quarter of its side, with the largest sum.  A file may have
    a camera's 12 bits as multiples of 16; then what is counted is the multiples.

    Parameters
    ----------
    what : {"neuron", "neocortex"}
    channel, size : int

    Raises
    ------
    RuntimeError
        If the package is not installed.
    """
    package = importlib.util.find_spec("ndev_sampledata")
    if package is None or package.origin is None:
        raise RuntimeError("microscopy: comes with ndev-sampledata; pip install '.[figures]'")
    name, channels = MICROGRAPHS[what]
    stack = files.read(Path(package.origin).parent / "samples" / name).samples
    planes = stack if stack.shape[0] == channels else np.moveaxis(stack, -1, 0)
    whole = planes[channel].astype(np.int64)
    step = max(size // 4, 1)
    corners = [(i, j) for i in range(0, whole.shape[0] - size + 1, step)
               for j in range(0, whole.shape[1] - size + 1, step)]  # fmt: skip
    top, left = max(corners, key=lambda at: int(whole[at[0] : at[0] + size, at[1] : at[1] + size].sum()))
    square = whole[top : top + size, left : left + size]
    counted = square - int(square.min())
    counted //= np.gcd.reduce(whole, axis=None)
    return Signal(f"{what}, channel {channel}", counted.astype(np.uint16), int(counted.max()).bit_length())


class Sentence(NamedTuple):
    """Samples of a sentence (int16, 16 kHz), and what is read."""

    name: str
    samples: np.ndarray
    text: str


def speech() -> list[Sentence]:
    """The sentences, in the order of their names.

    Raises
    ------
    RuntimeError
        If they are not installed.
    """
    if not SPEECH.exists():
        raise RuntimeError("speech: comes with Debian's pocketsphinx-testdata; apt-get install pocketsphinx-testdata")
    lines = (SPEECH / "transcription").read_text().splitlines()
    found = (re.match(r"<s> (.*) </s> \((\S+)\)", line) for line in lines)
    texts = {match[2]: match[1] for match in found if match}
    return [
        Sentence(path.stem, np.squeeze(files.read(path).samples), texts[path.stem])
        for path in sorted(SPEECH.glob("*.wav"))
    ]
