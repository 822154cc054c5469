"""Cases of hostile files: digests are right, and a few bytes ask for gigabytes or hours, or lead readers astray.

With this you can make the cases of the family `hostile`, all of which must be refused, and have the files (`files`).
A reader that makes what a file speaks of before it looks at how large that is fails at them.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from refinr import mlp
from refinr.absent import Absent
from refinr.decompositions import Planes
from refinr.encodings import Fourier, Octaves
from refinr.files import container
from refinr.files.checksum import checksum
from refinr.files.residual import Residual, pack
from refinr.inr import INR
from refinr.layout import Layout
from refinr.mlp import MLP
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make_refused
from refinr.perceptrons import Perceptrons
from refinr.report import Report

FOURIER = Fourier(((1,) * 64,), 1 << 20)
TERNARY = MLP((15, 15000, 1), layer="ternary", activation="relu")

SHAPES: dict[str, tuple[tuple[int, ...], Any, str]] = {
    "63-axes": ((2,) * 22 + (1,) * 41, Perceptrons(MLP((63, 4, 1))), "a gigabyte of inputs"),
    "64-waves": ((1 << 22,), Perceptrons(MLP((128, 2, 1)), FOURIER), "three gigabytes of inputs"),
    "wide-ternary": ((1024,), Perceptrons(TERNARY, Octaves(7)), "more than half a gigabyte of activations"),
    "deep": ((1024, 1024), Perceptrons(MLP((2, *(8,) * 40, 1))), "ten thousand million multiply-adds"),
    "no-networks": ((4096, 4096), Absent(), "millions of samples in no bytes"),
}
"""Tile, networks, and what they ask for."""

FIELDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "endless-shape": ("layout", {"shape": [2**30, 2**30], "tile": [2**30, 2**30]}, "2^60 samples"),
    "endless-tile": ("layout", {"tile": [2**20, 2**20]}, "a tile of 2^40 samples"),
    "dtype-of-a-gigabyte": ("layout", {"dtype": "V1000000000"}, "samples of a gigabyte each"),
    "dtype-of-many": ("layout", {"dtype": "(1000000000)u1"}, "a dtype that is an array"),
    "objects": ("layout", {"dtype": "O"}, "samples that are no numbers"),
    "offset-without-end": ("layout", {"offset": 10**400}, "a number that no type holds"),
    "width-without-end": ("layout", {"spec": {"sizes": [2, 2**40, 1]}}, "a layer of 2^40 units"),
    "layers-without-end": ("layout", {"spec": {"sizes": [2, *[4] * 9000, 1]}}, "9,000 layers that are not there"),
    "bits-without-end": ("layout", {"cut": {"bits": 2**40}}, "codes of 2^40 bits"),
    "count-as-text": ("report", {"networks": "1"}, "text for a number"),
    "checksum-that-clears-the-screen": (".", {"checksum": "\x1b[2J"}, "a checksum that is none"),
}
"""Which part of the description says something else, and what that asks for."""

STREAMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "stream-that-goes-on": (lambda planes: zlib.compress(planes) + b"x", "a byte behind the end of a stream"),
    "stream-that-inflates": (lambda planes: zlib.compress(planes + bytes(1 << 20), 9), "far more than there are bits"),
    "stream-that-stops": (lambda planes: zlib.compress(planes)[:-5], "a stream that does not end"),
}
"""What stands in the place of a residual, of which all else is right."""


def files() -> Iterator[tuple[str, bytes, str]]:
    """Name, content, and what is wrong with it; the same whatever the seed."""
    for name, (tile, networks, why) in SHAPES.items():
        yield name, _written(_inr(tile, networks)), why
    small = _inr((4, 4), Perceptrons(MLP((2, 2, 1))))
    for name, (part, change, why) in FIELDS.items():
        yield name, _written(small, partial(_say, part=part, change=change)), why
    for name, (made, why) in STREAMS.items():
        yield name, stream(made), why


def stream(made: Callable[[bytes], bytes]) -> bytes:
    """A file of bits that networks say nothing of, with what is made of their plane in the place of its stream."""
    samples = np.eye(4, dtype=np.uint8)
    data = np.frombuffer(made(pack(samples, 1)), np.uint8)
    residual = Residual("zlib", data, 0.0, np.array([len(data)], np.uint64))
    return _written(_inr((4, 4), Absent(), samples, residual))


def hostile(rng: Draw) -> Iterator[Case]:
    """Files that must be refused, in little time and memory."""
    for name, content, why in files():
        yield make_refused(f"hostile.decode_file.{name}", {"file": np.frombuffer(content, np.uint8)}, why)


def _inr(
    tile: tuple[int, ...], networks: Any, samples: np.ndarray | None = None, residual: Residual | None = None
) -> INR:
    """One tile of bits, and parameters of ones."""
    layout = Layout("|u1", tile, False, 0, tile, Planes(bits=1), networks)
    params = {}
    if isinstance(networks, Perceptrons):
        params = {name: np.ones(shape, dtype) for name, (shape, dtype) in mlp.stored(networks.spec, 1).items()}
    report = Report(0.0, layout.networks, 1, 0.0, 0, 0, layout.outputs_in_all, (1,), (-1.0,), 1.0, 1.0)
    digest = "0" * 64 if samples is None else checksum(samples)
    crc = 0 if samples is None else zlib.crc32(samples.tobytes())
    return INR(layout, params, report, digest, {}, residual, checksums=np.array([crc], np.uint32))


def _say(said: dict[str, Any], part: str, change: dict[str, Any]) -> None:
    entry = said if part == "." else said[part]
    for key, value in change.items():
        entry[key] = entry[key] | value if isinstance(value, dict) else value


def _written(inr: INR, change: Callable[[dict[str, Any]], None] = lambda said: None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        inr.save(path)
        arrays, description = container.read(path)
        said = json.loads(json.dumps(description))
        change(said)
        container.write(path, arrays, said)
        return path.read_bytes()
