"""What is to be seen of a signal, and how it is drawn.

With this you can describe sections through a signal (`Section`, `Scene`), draw them (`figure`: a picture of matplotlib)
and say the same in lines of text (`table`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinr import planes
from refinr.summary import grey_levels

WAVE = 512
"""Samples of a recording whose planes are drawn: more could not be told apart."""

KINDS = ("png", "pdf", "svg", "jpg")
"""Of files that pictures are written to."""

ACROSS = 8
"""Pictures of planes in a row."""


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


# --- text ------------------------------------------------------------------------------------------------------------


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


# --- pictures --------------------------------------------------------------------------------------------------------


def figure(scene: Scene, on: Any = None) -> Any:
    """A picture: the signal, where its networks are near their thresholds or wrong, their planes.

    Parameters
    ----------
    scene : Scene
    on : matplotlib.figure.Figure, optional
        What to draw on, such as ``pyplot.figure()``, which has a window.

    Returns
    -------
    matplotlib.figure.Figure
        ``.savefig("picture.png")`` writes it, and a notebook shows it.
    """
    from matplotlib.figure import Figure  # needed by pictures alone

    first = scene.sections[0]
    count = planes.count(scene.bits, scene.radix_bits)
    waves = len(first.axes) == 1
    rows = 1 if waves else -(-count // ACROSS)
    height = 3.2 if waves else 1.7 * rows  # of the planes, in inches
    fig: Any = Figure() if on is None else on
    fig.set_size_inches(12.0, 4.2 + height)
    fig.set_layout_engine("constrained")
    fig.suptitle("\n".join(scene.lines), fontsize="medium")
    above, below = fig.subfigures(2, 1, height_ratios=(3.6, height))
    _draw_signal(above, scene)
    _draw_planes(below, scene, first, rows)
    fig._repr_png_ = lambda: encoded(fig, "png")
    return fig


def encoded(fig: Any, kind: str) -> bytes:
    """A picture as the content of a file of one of the `KINDS`."""
    file = io.BytesIO()
    fig.savefig(file, format=kind)
    return file.getvalue()


def _draw_signal(fig: Any, scene: Scene) -> None:
    """Sections, then for the first of them margins and wrong bits, then bars for each plane."""
    first = scene.sections[0]
    maps = [name for name in ("margin", "wrong") if getattr(first, name) is not None]
    bars = bool(scene.error_rates)
    waves = len(first.axes) == 1
    if waves:  # one above the other, on one axis of time
        left, right = fig.subfigures(1, 2, width_ratios=(4, 1)) if bars else (fig, None)
        axes = list(np.ravel(left.subplots(1 + len(maps), 1, sharex=True)))
    else:
        axes = list(np.ravel(fig.subplots(1, len(scene.sections) + len(maps) + bars)))
        right = axes.pop() if bars else None
    for ax, section in zip(axes, scene.sections, strict=False):
        _draw_samples(ax, section)
    for ax, name in zip(axes[len(scene.sections) :], maps, strict=True):
        _draw_map(ax, first, name)
    if waves:
        axes[-1].set_xlabel(first.axes[0])
    if right is not None:
        _draw_bars(right.subplots() if waves else right, scene)


def _draw_samples(ax: Any, section: Section) -> None:
    ax.set_title(section.title, fontsize="small")
    if len(section.axes) == 1:
        at = section.starts[0] + np.arange(len(section.samples))
        for channel in range(section.samples.shape[-1]):
            ax.plot(at, section.samples[:, channel], linewidth=0.6, label=f"channel {channel}")
        if 1 < section.samples.shape[-1] <= 8:
            ax.legend(fontsize="x-small", loc="upper right")
        ax.set_ylabel("sample")
        ax.margins(x=0)
        return
    channels = section.samples.shape[-1]
    shown = grey_levels(section.samples[..., : 3 if channels in (3, 4) else 1])
    ax.imshow(shown if shown.shape[-1] == 3 else shown[..., 0], cmap="gray", vmin=0, vmax=255, extent=_extent(section))
    _label(ax, section)


def _draw_map(ax: Any, section: Section, name: str) -> None:
    """The smallest margin, or the number of wrong bits, of each sample."""
    from matplotlib.colors import LogNorm

    if name == "margin":
        values = np.asarray(section.margin).min(axis=-1)
        finite = values[np.isfinite(values) & (values > 0)]
        scale: dict[str, Any] = {"cmap": "viridis"}
        if finite.size and finite.min() < finite.max():
            scale["norm"] = LogNorm(float(finite.min()), float(finite.max()))
        title = "smallest margin of a sample"
    else:
        values = np.bitwise_count(np.asarray(section.wrong)).sum(axis=-1)
        scale = {"cmap": "Reds", "vmin": 0, "vmax": max(1, int(values.max()))}
        title = f"bits the networks have wrong: {int(values.sum())} here"
    ax.set_title(title, fontsize="small")
    if len(section.axes) == 1:
        at = section.starts[0] + np.arange(len(values))
        ax.plot(at, values, linewidth=0.6, color="C1" if name == "margin" else "C3")
        if name == "margin" and "norm" in scale:
            ax.set_yscale("log")
        ax.set_ylabel("margin" if name == "margin" else "wrong bits")
        return
    drawn = ax.imshow(values, extent=_extent(section), **scale)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.7)
    _label(ax, section)


def _draw_bars(ax: Any, scene: Scene) -> None:
    """The error rate of each plane, and its margin beside it."""
    rates = np.asarray(scene.error_rates)
    ax.set_title("wrong bits in each plane", fontsize="small")
    ax.barh(np.arange(len(rates)), rates, color="C3")
    ax.set_ylim(-0.5, len(rates) - 0.5)
    ax.set_xlabel("bit error rate" if rates.any() else "bit error rate: 0", color="C3")
    ax.xaxis.get_major_locator().set_params(nbins=3)
    if not rates.any():
        ax.set_xlim(0, 1)
        ax.set_xticks([])
    ax.set_ylabel("plane (0: least significant)")
    ax.yaxis.get_major_locator().set_params(integer=True)
    if len(scene.margins) == len(rates):
        beside = ax.twiny()
        beside.plot(scene.margins, np.arange(len(rates)), "o", color="C0", markersize=3)
        beside.axvline(0.0, color="C0", linewidth=0.5)
        beside.set_xlabel("smallest margin", color="C0")


def _draw_planes(fig: Any, scene: Scene, section: Section, rows: int) -> None:
    """Planes of the first channel, the most significant first; those of a recording above each other."""
    code = "Gray code" if scene.gray else "code"
    channel = ", channel 0" if section.samples.shape[-1] > 1 else ""
    top = (1 << scene.radix_bits) - 1
    look: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": top, "interpolation": "nearest", "aspect": "auto"}
    if len(section.axes) == 1:
        start = max(0, (len(section.codes) - WAVE) // 2)
        digits = scene.planes(_window(section, start))[:, 0]  # (n, P)
        fig.suptitle(f"planes of the {code}{channel}, in the middle", fontsize="small")
        ax = fig.subplots()
        left = section.starts[0] + start
        ax.imshow(digits.T[::-1], extent=(left, left + len(digits), -0.5, digits.shape[1] - 0.5), **look)
        ax.set_xlabel(section.axes[0])
        ax.set_ylabel("plane (0: least significant)")
        ax.yaxis.get_major_locator().set_params(integer=True)
        return
    digits = scene.planes(section)[:, :, 0]  # (h, w, P)
    fig.suptitle(f"planes of the {code}{channel}: {section.title}", fontsize="small")
    axes = list(np.ravel(fig.subplots(rows, min(ACROSS, digits.shape[-1]))))
    for ax in axes[digits.shape[-1] :]:
        ax.set_axis_off()
    for ax, k in zip(axes, reversed(range(digits.shape[-1])), strict=False):
        ax.set(xticks=[], yticks=[])
        ax.imshow(digits[..., k], **look | {"aspect": "equal"})
        ax.set_title(f"plane {k}", fontsize="x-small")


def _window(section: Section, start: int) -> Section:
    of_it = slice(start, start + WAVE)
    return Section(section.title, section.axes, section.starts, section.samples[of_it], section.codes[of_it])


def _extent(section: Section) -> tuple[float, float, float, float]:
    """Pixels have their position in the middle."""
    top, left = section.starts
    height, width = section.samples.shape[:2]
    return left - 0.5, left + width - 0.5, top + height - 0.5, top - 0.5


def _label(ax: Any, section: Section) -> None:
    ax.set_ylabel(section.axes[0], fontsize="small")
    ax.set_xlabel(section.axes[1], fontsize="small")
    ax.tick_params(labelsize="x-small")
