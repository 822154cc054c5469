"""What the command line shows of a file: lines in a terminal, a window on a display, a picture in a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from refinr import drawing, scenes, sections, tiling
from refinr.cli import compression, outputs, streams
from refinr.codec import header
from refinr.files import container, signals
from refinr.files.atomic import replace_file
from refinr.loading import load
from refinr.sections import Scene


def view(options: argparse.Namespace) -> int:
    """Show a signal, or networks and what they represent."""
    if options.out is not None:
        kind = _kind(options.out)
        outputs.claim(options.out, options.input, *filter(None, [options.against]), force=options.force)
    scene = _scene(options)
    if options.out is not None:  # before the lines, of which somebody may want only the first
        replace_file(options.out, drawing.encoded(drawing.figure(scene), kind))
    print(sections.table(scene))
    if options.out is None and sys.stdout.isatty() and has_display(sys.platform, os.environ):
        from matplotlib import pyplot  # opens windows

        drawing.figure(scene, pyplot.figure())
        pyplot.show()
    return 0


def has_display(platform: str, environment: Any) -> bool:
    """Whether windows can be opened.

    Examples
    --------
    >>> has_display("linux", {}), has_display("linux", {"DISPLAY": ":0"}), has_display("darwin", {})
    (False, True, True)
    """
    return platform in ("win32", "darwin") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _kind(path: str) -> str:
    """Of the picture's file."""
    suffix = Path(path).suffix
    if suffix[1:].lower() not in drawing.KINDS:
        raise ValueError(f"{path}: expected a name ending in one of .{', .'.join(drawing.KINDS)}, got {suffix!r}")
    return suffix[1:].lower()


def _scene(options: argparse.Namespace) -> Scene:
    ours = container.is_one(options.input) and not signals.format_of(options.input)
    compressed = not ours and compression.holds(options.input)
    if options.against is not None and not ours:
        raise ValueError(f"--against: {options.input} holds no networks to compare with {options.against}")
    if options.page is not None and options.against is None and (ours or compressed):
        raise ValueError(f"--page: {options.input} has no pages or frames, expected no page, got {options.page}")
    if ours:
        original = None if options.against is None else _read(options.against, options).samples
        return load(options.input, trusted=options.trusted).scene(original)
    if compressed:
        data = Path(options.input).read_bytes()
        samples = compression.decoded(options.input, data, trusted=options.trusted)
        info = header.read(data)[0].info
    else:
        samples, info = _read(options.input, options)
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(f"{options.input}: no samples to show, its shape is {samples.shape}")
    channels = tiling.has_channels(samples.shape, info.get("channels"))
    name = streams.in_words(options.input) + (f", page {info['page']}" if "page" in info else "")
    return scenes.of_samples(samples, channels, [f"{name}: {samples.dtype} {samples.shape}"])


def _read(path: str, options: argparse.Namespace) -> signals.Signal:
    return signals.read(path, page=options.page, trusted=options.trusted)
