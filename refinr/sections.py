"""What is to be seen of a signal: sections through it, and their planes; in lines of text, too.

With this you can describe sections (`Section`, `Scene`), and say in a line for each plane what is in them (`table`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refinr import planes


@dataclass(frozen=True)
class Section:
    """A line or a plane through a signal, with C channels.

    Parameters
    ----------
    title : str
        Where it is.
    axes : tuple of str
        What its axes are called: one, or two, the vertical one first.
    starts : tuple of ints
        Position of its first sample on these axes.
    samples : array (h, w, C) or (n, C)
    codes : array of that shape
        Of the samples, see `refinr.planes.to_codes`, without an offset.
    margin : float array of that shape, optional
        Distance of the nearest output from its threshold.
    wrong : array of that shape, optional
        Bits that the networks have wrong: an exclusive or of codes.
    """

    title: str
    axes: tuple[str, ...]
    starts: tuple[int, ...]
    samples: np.ndarray
    codes: np.ndarray
    margin: np.ndarray | None = None
    wrong: np.ndarray | None = None


@dataclass(frozen=True)
class Scene:
    """What is to be seen.

    Parameters
    ----------
    lines : sequence of str
        What it is, the first of them a heading.
    sections : sequence of Section
    bits : int
        Of the codes.
    radix_bits : int
        Bits of a plane.
    gray : bool
        Whether planes are those of the Gray code.
    error_rates : tuple of floats
        Share of samples that the networks have wrong in each plane of bits, least significant first.
    margins : tuple of floats
        Smallest margin of each plane that networks decide.
    """

    lines: Sequence[str]
    sections: Sequence[Section]
    bits: int
    radix_bits: int = 1
    gray: bool = False
    error_rates: tuple[float, ...] = ()
    margins: tuple[float, ...] = ()

    def planes(self, section: Section) -> np.ndarray:
        """Its planes, (*section, C, P), least significant first."""
        return planes.to_planes(section.codes, self.bits, radix_bits=self.radix_bits, gray=self.gray)


def table(scene: Scene) -> str:
    """What it is, and a line for each plane, the most significant first.

    Examples
    --------
    >>> samples = np.array([[0], [1], [1], [3]], "uint8")
    >>> section = Section("samples 0 to 3", ("sample",), (0,), samples, samples)
    >>> print(table(Scene(["a.npy: uint8 (4, 1)"], [section], bits=2, error_rates=(0.25, 0.0))))
    a.npy: uint8 (4, 1)
    plane   ones   wrong
        1   25 %       0
        0   75 %    0.25
    ones: samples 0 to 3
    """
    parts = [(scene.planes(s).reshape(-1, planes.count(scene.bits, scene.radix_bits)) != 0) for s in scene.sections]
    ones = np.concatenate(parts).mean(axis=0)
    by_plane = len(scene.error_rates) == len(ones)  # of digits, bits have error rates of their own
    with_margin = len(scene.margins) == len(ones)
    head = "plane   ones" + ("   wrong" if by_plane else "") + ("  margin" if with_margin else "")
    lines = [*scene.lines, head]
    for k in reversed(range(len(ones))):
        rate = f"{scene.error_rates[k]:>8.2g}" if by_plane else ""
        margin = f"{scene.margins[k]:>8.2g}" if with_margin else ""
        lines.append(f"{k:>5}{100 * ones[k]:>5.0f} %{rate}{margin}")
    return "\n".join([*lines, f"ones: {', '.join(section.title for section in scene.sections)}"])
