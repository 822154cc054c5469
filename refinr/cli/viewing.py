"""What the command line shows of a file: lines in a terminal, a window on a display, a picture in a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from refinr import drawing, scenes
from refinr.cli import compression, outputs, streams
from refinr.codec import header
from refinr.drawing import Scene
from refinr.files import container, signals
from refinr.files.atomic import replace_file
from refinr.loading import load
from refinr.planning import MOST_CHANNELS


def view(options: argparse.Namespace) -> int:
    """Show a signal, or networks and what they represent."""
    if options.out is not None:
        kind = _kind(options.out)
        outputs.claim(options.out, options.input, *filter(None, [options.against]), force=options.force)
    scene = _scene(options)
    print(drawing.table(scene))
    if options.out is not None:
        replace_file(options.out, drawing.encoded(drawing.figure(scene), kind))
    elif sys.stdout.isatty() and has_display(sys.platform, os.environ):
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
    if container.is_one(options.input) and not signals.format_of(options.input):
        original = None if options.against is None else signals.read(options.against).samples
        return load(options.input, trusted=options.trusted).scene(original)
    if options.against is not None:
        raise ValueError(f"--against: {options.input} holds no networks to compare with {options.against}")
    if compression.holds(options.input):
        data = Path(options.input).read_bytes()
        samples = compression.decoded(options.input, data, trusted=options.trusted)
        info = header.read(data)[0].info
    else:
        samples, info = signals.read(options.input)
    if samples.ndim == 0 or samples.size == 0:
        raise ValueError(f"{options.input}: no samples to show, its shape is {samples.shape}")
    channels = _channels(samples, info.get("channels"))
    return scenes.of_samples(samples, channels, [f"{streams.in_words(options.input)}: {samples.dtype} {samples.shape}"])


def _channels(samples: np.ndarray, said: bool | None) -> bool:
    """Whether the last axis counts channels: as `refinr.fit` decides it."""
    return samples.ndim > 1 and samples.shape[-1] <= MOST_CHANNELS if said is None else said
