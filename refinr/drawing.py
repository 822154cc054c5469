"""Pictures of what is to be seen of a signal.

With this you can draw a scene (`figure`: a picture of matplotlib), and have it as the content of a file (`encoded`).
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from refinr import planes
from refinr.sections import Scene, Section
from refinr.summary import grey_levels

WAVE = 512
"""Samples of a recording whose planes are drawn: more could not be told apart."""

KINDS = ("png", "pdf", "svg", "jpg")
"""Of files that pictures are written to."""

ACROSS = 8
"""Pictures of planes in a row."""


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
        beside.set_xlabel("smallest margin" + ("\n(below 0: wrong)" if rates.any() else ""), color="C0")
        beside.xaxis.get_major_locator().set_params(nbins=3)
        beside.ticklabel_format(axis="x", scilimits=(-2, 4))


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
