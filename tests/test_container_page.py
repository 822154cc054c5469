"""docs/container.md, followed with the standard library alone: a reader that shares no line with refinr."""

from __future__ import annotations

import hashlib
import itertools
import json
import lzma
import math
import struct
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refinr
from refinr import measuring, tiling
from refinr.files import residual
from refinr.tiled import Tiled
from tests.solved_reader import readouts

FORMATS = {
    "F32": ("f", 4, "<f4"),
    "F16": ("e", 2, "<f2"),
    "BF16": ("H", 2, "bfloat16"),
    "U8": ("B", 1, "|u1"),
    "U16": ("H", 2, "<u2"),
    "U32": ("I", 4, "<u4"),
    "U64": ("Q", 8, "<u8"),
}


BLOCK = 262144
"""Bytes of planes that make a block; a test takes smaller ones on both sides."""


def read(path: Path) -> tuple[dict[str, Any], list[int], dict[str, Any]]:
    """Shape and the codes of all samples after step 7, signed or unsigned or as bit patterns; and the description."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert (8 + length) % 8 == 0
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.pop("__metadata__")
    digest, arrays = hashlib.sha256(metadata["refinr"].encode()), {}
    each = json.loads(metadata["arrays"])
    assert each.keys() == header.keys()
    for name in sorted(header):
        entry = header[name]
        code, size, dtype = FORMATS[entry["dtype"]]
        raw = body[slice(*entry["data_offsets"])]
        assert each[name] == hashlib.sha256(raw).hexdigest()
        digest.update(f"\n{name} {dtype} {','.join(map(str, entry['shape']))}\n{each[name]}".encode())
        numbers = struct.unpack(f"<{len(raw) // size}{code}", raw)
        if dtype == "bfloat16":
            numbers = [struct.unpack("<f", struct.pack("<I", n << 16))[0] for n in numbers]
        arrays[name] = (entry["shape"], numbers, raw)
    assert digest.hexdigest() == metadata["digest"]
    description = json.loads(metadata["refinr"])
    newest = "undecided" in description or "absent" in description["layout"]
    solved = 3 if {"readouts", "signs"} & description["layout"].keys() else 2
    scrambled = description["layout"].get("signs", {}).get("scrambled", False)
    streams = any(name.endswith(("_zlib", "_xz")) for name in arrays)
    version = 6 if scrambled else 5 if streams else 4 if newest else solved
    assert (description["format"], description["version"]) == ("refinr", version)
    return description, _samples(description, arrays), arrays


def _samples(description: dict[str, Any], arrays: dict[str, Any]) -> list[int]:
    layout = description["layout"]
    shape, tile, bits = layout["shape"], layout["tile"], layout["cut"]["bits"]
    grid, channels = (shape[:-1], shape[-1]) if layout["channel_axis"] else (shape, 1)
    kind, k = layout["decomposition"], layout["cut"].get("radix_bits", bits)
    planes = -(-bits // k)
    each = channels * (planes if kind == "planes" else 1)
    starts = itertools.product(*[range(0, n, t) for n, t in zip(grid, tile, strict=True)])
    residuals = {name: _planes(name, description, arrays, bits) for name in ("undecided", "residual")}
    solved = readouts(description, arrays) if {"readouts", "signs"} & layout.keys() else None
    codes = [0] * math.prod(shape)
    for number, start in enumerate(starts):
        extent = [min(t, n - s) for s, t, n in zip(start, tile, grid, strict=True)]
        places = list(itertools.product(*[range(n) for n in extent]))
        found = {name: planes_of.send(len(places) * channels) for name, planes_of in residuals.items()}
        for (p, place), c in itertools.product(enumerate(places), range(channels)):
            x = [_coordinate(i, t) for i, t in zip(place, tile, strict=True)]
            if solved:
                outputs = [solved(number * each + c * planes + q, p, place, extent) for q in range(planes)]
            elif kind == "planes":
                outputs = [_network(arrays, layout, number * each + c * planes + q, x) for q in range(planes)]
            elif kind == "bit-coordinate":
                inputs = [[*x, _coordinate(q, planes)] for q in range(planes)]
                outputs = [_network(arrays, layout, number * each + c, one) for one in inputs]
            else:
                outputs = [_network(arrays, layout, number * each + c, x)]
            code = 0
            for q, z in enumerate(outputs):
                code |= min(_digit(z, k), 2 ** min(k, bits - q * k) - 1) << (q * k)
            if layout["cut"].get("gray"):
                shifted = code >> 1
                while shifted:
                    code, shifted = code ^ shifted, shifted >> 1
            index = 0
            for s, i, n in zip(start, place, grid, strict=True):
                index = index * n + s + i
            codes[index * channels + c] = (
                code & ~found["undecided"][p * channels + c] ^ found["residual"][p * channels + c]
            )
    for planes_of in residuals.values():
        with pytest.raises(StopIteration):
            planes_of.send(None)
    width = 8 * int(layout["dtype"][2:])
    return [(code + layout["offset"]) % 2**width for code in codes]


def _planes(name: str, description: dict[str, Any], arrays: dict[str, Any], bits: int) -> Generator:
    """Is sent the number of codes of tile after tile, and gives their bits; at the end None, and all must be read."""

    def of_tiles() -> Generator:
        before, block, left = 0, -1, iter(b"")
        size = yield
        while size is not None:
            if before // BLOCK > block:
                assert next(left, None) is None
                block = before // BLOCK
                left = iter(streams[block])
            before += bits * -(-size // 8)
            codes = [0] * size
            for plane in range(bits):
                packed = [next(left) if streams[block] else 0 for _ in range(-(-size // 8))]
                for i in range(size):
                    codes[i] |= (packed[i // 8] >> (i % 8) & 1) << plane
            size = yield codes
        assert next(left, None) is None
        assert len(streams) == block + 1

    def of_none() -> Generator:
        size = yield
        while size is not None:
            size = yield [0] * size

    if name in description:
        inflate = {"zlib": zlib.decompress, "xz": lzma.decompress}[description[name]["codec"]]
        data, ends = arrays[name][2], arrays[f"{name}_ends"][1]
        assert ends[-1] == len(data)
        starts = [0, *ends[:-1]]
        streams = [inflate(data[a:b]) if a < b else b"" for a, b in zip(starts, ends, strict=True)]
    else:
        assert not {name, f"{name}_ends"} & arrays.keys()
    started = of_tiles() if name in description else of_none()
    next(started)
    return started


def _coordinate(i: int, length: int) -> float:
    return struct.unpack("<f", struct.pack("<f", (2 * i - (length - 1)) / max(length - 1, 1)))[0]


def _network(arrays: dict[str, Any], layout: dict[str, Any], network: int, h: list[float]) -> float:
    if "absent" in layout:
        return -1.0
    spec = layout["spec"]
    depth = len(spec["sizes"]) - 1
    for i in range(depth):
        (_, rows, columns), weights, _ = arrays[f"w{i}"]
        biases = arrays[f"b{i}"][1]
        first = network * rows * columns
        z = [biases[network * columns + o] + sum(h[r] * weights[first + r * columns + o] for r in range(rows))
             for o in range(columns)]  # fmt: skip
        h = z if i == depth - 1 else [math.sin(spec["omega"] * v) for v in z]
    return h[0]


def _digit(z: float, k: int) -> int:
    return int(z > 0) if k == 1 else round((min(max(z, -0.5), 0.5) + 0.5) * (2**k - 1))


def _bits_of(samples: np.ndarray) -> list[int]:
    """Codes of samples, by the page's step 7 the other way round."""
    width = 8 * samples.itemsize
    numbers = [int(v) for v in samples.astype(samples.dtype.newbyteorder("=")).view(f"u{samples.itemsize}").ravel()]
    half = 2 ** (width - 1)
    if samples.dtype.kind == "f":
        return [n + half if n < half else 2**width - 1 - n for n in numbers]
    return [(n + half) % 2**width for n in numbers] if samples.dtype.kind == "i" else numbers


RNG = np.random.default_rng(0)
SIGNALS = {
    "image": RNG.integers(0, 200, (5, 6)).astype(np.uint8),
    "colour": RNG.integers(0, 60, (3, 4, 3)).astype(np.uint16),
    "signed": RNG.integers(-90, 40, (7,)).astype(">i2"),
    "floats": RNG.normal(size=(3, 2)).astype(np.float32),
    "bits": RNG.random((4, 5)) < 0.5,
    "smooth": np.add.outer(np.arange(24) // 3, np.arange(18) // 4).astype(np.uint8),
}


@pytest.mark.parametrize("max_steps", [0, 1, 300])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("image", {}), ("image", {"gray": True, "tile": (2, 4)}), ("image", {"radix_bits": 3, "tile": 3}),
        ("image", {"decomposition": "none"}), ("image", {"decomposition": "bit-coordinate"}),
        ("colour", {"tile": (3, 3)}), ("colour", {"decomposition": "bit-coordinate", "radix_bits": 2, "tile": (2, 2)}),
        ("image", {"store": "float16"}), ("floats", {"store": "bfloat16"}), ("signed", {"tile": (3,)}),
        ("floats", {}), ("bits", {}), ("bits", {"decomposition": "none"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_reader_that_follows_the_page_gets_the_samples(tmp_path, name, options, max_steps):
    samples = SIGNALS[name]
    options |= {"max_steps": max_steps, "channels": tiling.has_channels(samples.shape)}
    inr = refinr.fit(samples, hidden=(8, 8), exact=True, info={"rate": 5}, **options)
    assert (inr.residual is None) <= (max_steps == 300)
    inr.save(tmp_path / "a.inr")
    description, codes, arrays = read(tmp_path / "a.inr")
    assert description["layout"]["shape"] == list(samples.shape)
    assert description["info"] == {"rate": 5}
    assert codes == _bits_of(samples)
    little = samples.astype(samples.dtype.newbyteorder("<"))
    head = f"{little.dtype.str} {','.join(map(str, samples.shape))}\n"
    assert description["checksum"] == hashlib.sha256(head.encode() + little.tobytes()).hexdigest()
    assert "seconds" not in description["report"]
    tiles = [little[tile].tobytes() for tile in inr.layout.tiles]
    assert arrays["checksums"][1] == tuple(zlib.crc32(tile) for tile in tiles)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("image", {}), ("image", {"tile": (2, 4), "gray": False, "store": "float32"}), ("image", {"store": "bfloat16"}),
        ("colour", {"tile": (3, 3), "store": "int8"}), ("colour", {"store": "int5", "effort": "small"}),
        ("signed", {"store": "smallest", "effort": "small"}), ("floats", {"seed": 7}), ("bits", {"tile": (3, 3)}),
        ("image", {"weights": "binary", "tile": (2, 3)}), ("colour", {"weights": "ternary"}),
        ("smooth", {"store": "int5", "tile": 12}), ("smooth", {"store": "smallest", "tile": (24, 18)}),
    ],
    ids=str,
)  # fmt: skip
def test_the_same_of_solved_readouts(tmp_path, name, options):
    samples = SIGNALS[name]
    inr = refinr.solve(samples, exact=True, channels=tiling.has_channels(samples.shape), **options)
    inr.save(tmp_path / "a.inr")
    description, codes, arrays = read(tmp_path / "a.inr")
    assert codes == _bits_of(samples)
    assert (description["version"] == 5) >= (name == "smooth")
    little = samples.astype(samples.dtype.newbyteorder("<"))
    assert arrays["checksums"][1] == tuple(zlib.crc32(little[tile].tobytes()) for tile in inr.layout.tiles)
    page = (Path(__file__).parent.parent / "docs" / "container.md").read_text()
    layout = description["layout"]
    (kind,) = {"readouts", "signs"} & layout.keys()
    assert [n for n in (*description, *layout, *layout[kind], *arrays) if f"`{n}`" not in page] == []


@pytest.mark.parametrize("block", [1, 6, 13])
def test_a_residual_of_many_blocks(tmp_path, monkeypatch, block):
    """Blocks of one tile, and none at all between two; of a few tiles; some of them without anything wrong."""
    monkeypatch.setattr(residual, "BLOCK", block)
    monkeypatch.setitem(globals(), "BLOCK", block)
    inr = refinr.fit(SIGNALS["image"], hidden=(8, 8), tile=(2, 2))
    assert inr.lossless
    samples = SIGNALS["image"].copy()
    samples[:2, 3] ^= 5
    samples[4, 0] ^= 2
    measuring.measure(Tiled(inr.layout, samples), inr.params, seconds=0.0, exact=True).save(tmp_path / "a.inr")
    _, codes, arrays = read(tmp_path / "a.inr")
    assert codes == _bits_of(samples)
    lengths = np.diff(arrays["residual_ends"][1], prepend=0)
    assert (lengths == 0).any()
    assert np.count_nonzero(lengths) == 2


def test_the_page_names_every_key_there_is(tmp_path):
    page = (Path(__file__).parent.parent / "docs" / "container.md").read_text()
    assert f"floor(o / {BLOCK})" in page
    near = {"decomposition": "none", "max_steps": 1, "exact": True}
    refinr.fit(SIGNALS["colour"] * 1000, **near).save(tmp_path / "a.inr")
    description, _, arrays = read(tmp_path / "a.inr")
    assert "undecided" in description
    layout = description["layout"]
    names = [*description, *description["report"], *layout, *layout["cut"], *layout["spec"], *arrays]
    assert [name for name in names if f"`{name}`" not in page and name not in ("w2", "b2", "w3", "b3")] == []
