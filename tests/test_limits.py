"""What files may ask for: memory is bounded from above, and what is out of proportion refused before it is spent."""

from __future__ import annotations

import dataclasses
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refinr
from refinr import cli, decoding, limits, mlp
from refinr.decompositions import BitCoordinate, Direct, Planes
from refinr.encodings import Encoding, Fourier, Octaves, Triangle
from refinr.layout import NETWORKS, Layout
from refinr.limits import Limits
from refinr.mlp import MLP
from refinr.perceptrons import Perceptrons
from refinr.readouts import features
from refinr.readouts.networks import Readouts
from refinr.readouts.ragged import raw_bytes
from refinr.readouts.signs import SignReadouts


def _layout(tile: tuple[int, ...], network: Any, *, grid: tuple[int, ...] = (), cut: Any = None) -> Layout:
    cut = cut or Planes(bits=1)
    dtype = "<f8" if isinstance(cut, Direct) else f"<u{max(1, -(-cut.bits // 8))}"
    return Layout(np.dtype(dtype).str, grid or tile, False, 0, tile, cut, network)


def _net(*sizes: int, encoding: Encoding | None = None, **options: Any) -> Perceptrons:
    return Perceptrons(MLP(sizes, **options), encoding)


def _waves(axes: int, count: int, kind: type[Fourier] = Fourier) -> Fourier:
    steps = np.random.default_rng(0).integers(-100, 100, (axes, count))
    return kind(tuple(map(tuple, steps.tolist())), 1 << 20)


COSINES = Readouts(1.0, 0)
FLOATS = Direct(bits=64, dtype="<f8", low=0.0, high=1.0)
SHAPES: dict[str, Callable[[], Layout]] = {
    "63 axes": lambda: _layout((2,) * 13 + (1,) * 50, _net(63, 4, 1)),
    "63 axes in octaves": lambda: _layout((2,) * 10 + (1,) * 53, _net(945, 4, 1, encoding=Octaves(7))),
    "64 waves": lambda: _layout((1 << 15,), _net(128, 2, 1, encoding=_waves(1, 64))),
    "64 triangles": lambda: _layout((160, 160), _net(128, 2, 1, encoding=_waves(2, 64, Triangle))),
    "wide ternary": lambda: _layout(
        (1024,), _net(15, 4000, 1, encoding=Octaves(7), layer="ternary", activation="relu")
    ),
    "wide sine": lambda: _layout((32, 32), _net(2, 3000, 1)),
    "wide wavelet": lambda: _layout((32, 32), _net(2, 3000, 1, activation="wire")),
    "wide GELU": lambda: _layout((32, 32), _net(2, 3000, 1, activation="gelu")),
    "wide FINER": lambda: _layout((32, 32), _net(2, 3000, 1, activation="finer")),
    "deep": lambda: _layout((32, 32), _net(2, *(16,) * 200, 1)),
    "square weights": lambda: _layout((4, 4), _net(2, 1000, 1000, 1)),
    "16 planes": lambda: _layout((32, 32), _net(2, 200, 1), cut=Planes(bits=16)),
    "64 planes of one tile": lambda: _layout((100, 100), _net(2, 1), cut=Planes(bits=64)),
    "the bit as a coordinate": lambda: _layout((64, 64), _net(3, 8, 1), cut=BitCoordinate(bits=32)),
    "floats": lambda: _layout((400, 400), _net(2, 4, 1), cut=FLOATS),
    "many tiles": lambda: _layout((1,), _net(1, 1), grid=(3000,)),
    "many tiles on 8 axes": lambda: _layout((1,) * 8, _net(8, 1), grid=(2, 2, 2, 3, 3, 3, 3, 3)),
    "16 extents": lambda: _layout((8,) * 4, _net(64, 1, encoding=_waves(4, 32)), grid=(15,) * 4),
    "cosines on a long axis": lambda: _layout((1024,), COSINES),
    "cosines on a large tile": lambda: _layout((300, 300), COSINES),
    "cosines for 64 planes": lambda: _layout((64, 64), COSINES, cut=Planes(bits=64)),
    "cosines on many tiles": lambda: _layout((2, 2), COSINES, grid=(100, 100)),
    "signs": lambda: _layout((32, 32), SignReadouts("ternary", 1024, (1031, 2011)), cut=Planes(bits=16)),
}


def _params(layout: Layout) -> dict[str, np.ndarray]:
    if isinstance(layout.network, SignReadouts):
        features = np.full(layout.networks, layout.network.ladder[-1])
        weights = np.ones(int(features.sum()), np.int8)
        return layout.network.params(
            features, weights, np.empty((0, raw_bytes(layout.outputs_each)), np.uint8), layout.outputs_each
        )
    if isinstance(layout.network, Readouts):
        weights = np.ones(layout.networks, np.float32)
        ones = np.ones(layout.networks, int)
        return layout.network.params(
            ones, weights, np.empty((0, raw_bytes(layout.outputs_each)), np.uint8), layout.outputs_each
        )
    return {name: np.ones(shape, dtype) for name, (shape, dtype) in mlp.stored(layout.spec, layout.networks).items()}


@pytest.mark.parametrize("name", SHAPES)
def test_no_more_memory_than_predicted(name):
    """And no less than a fifteenth: a bound without proportion would refuse honest files."""
    layout = SHAPES[name]()
    params = _params(layout)
    features._waves.cache_clear()
    features._ranks.cache_clear()
    list(
        decoding.decode(_layout((2,), _net(1, 1)), _params(_layout((2,), _net(1, 1))), None, [0])
    )  # what is loaded once
    tracemalloc.start()
    try:
        samples = np.empty(layout.shape, layout.dtype)
        found = decoding.decode(layout, params, None, range(len(layout.tiles)))
        for where, part in zip(layout.tiles, found, strict=True):
            samples[where] = part
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    predicted = limits.cost(layout).memory
    print(f"{name}: predicted {predicted / 1e6:.1f} MB, measured {peak / 1e6:.1f} MB")
    assert peak <= predicted + 200_000
    assert predicted <= 15 * peak + 200_000


# --- files -----------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[], Layout]] = {
    "63 axes": lambda: _layout((2,) * 22 + (1,) * 41, _net(63, 4, 1)),
    "2^22 samples with 64 waves": lambda: _layout((1 << 22,), _net(128, 2, 1, encoding=_waves(1, 64))),
    "a wide ternary layer": lambda: _layout(
        (1024,), _net(15, 40000, 1, encoding=Octaves(7), layer="ternary", activation="gelu"), cut=Planes(bits=2)
    ),
    "a deep network": lambda: _layout((2048, 2048), _net(2, *(16,) * 200, 1)),
    "cosines of 64 planes": lambda: _layout((256, 256), COSINES, grid=(256, 1024), cut=Planes(bits=64)),
}


def _forged(layout: Layout, path: Path) -> None:
    """A file whose digests are right."""
    small = refinr.fit(np.eye(3, dtype="uint8"), hidden=(2,), max_steps=0)
    bits = layout.cut.bits
    report = dataclasses.replace(
        small.report, samples=layout.outputs_in_all // (bits if layout.networks_each > 1 else 1),
        networks=layout.networks, wrong_bits=(1,) * bits, margin_per_plane=(-1.0,) * bits,
    )  # fmt: skip
    checksums = np.zeros(len(layout.tiles), np.uint32)
    refinr.INR(layout, _params(layout), report, small.checksum, checksums=checksums).save(path)


@pytest.mark.parametrize("name", HOSTILE)
def test_small_files_do_not_ask_for_much(tmp_path, name, capsys):
    path = tmp_path / "a.inr"
    layout = HOSTILE[name]()
    _forged(layout, path)
    assert path.stat().st_size < 300_000
    start = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a\.inr: \d+ bytes of arrays stand for .*, expected at most .*trusted"):
            refinr.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6
    assert time.process_time() - start < 2
    assert cli.main(["info", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert refinr.load(path, trusted=True).layout == layout
    lifted = Limits(memory=1e12, operations=1e15, outputs=1 << 40)
    assert refinr.load(path, limits=lifted).layout == layout


def test_lengths_without_end_are_refused():
    grid = (10**300, 10**300)
    with pytest.raises(ValueError, match="outputs, expected at most"):
        limits.check(_layout((1, 1), _net(2, 1), grid=grid), 1000)


def test_limits_may_be_lower(tmp_path):
    refinr.fit(np.eye(8, dtype="uint8"), hidden=(2,), max_steps=0).save(tmp_path / "a.inr")
    refinr.load(tmp_path / "a.inr")
    for lower in (Limits(memory=10, memory_a_byte=0), Limits(operations=10, operations_a_byte=0)):
        with pytest.raises(ValueError, match="expected at most 10"):
            refinr.load(tmp_path / "a.inr", limits=lower)


def test_every_kind_of_networks_has_a_cost():
    assert limits.COSTS.keys() == set(NETWORKS.values())
