"""Peak memory of decoding and of certificates beside what a file's description predicts: the shapes of hostile files.

With this you can run ``python -m benchmarks.memory``.

Every shape is one that a small file may describe.  `refinr.limits` counts, before anything is made, what decoding it
takes; here it is decoded, with what networks have wrong and what they leave undecided beside it or not, or certified,
and Python's `tracemalloc` counts what it took.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import report
from refinr import decoding, limits, mlp
from refinr.certificates import certify
from refinr.decompositions import BitCoordinate, Direct, Planes
from refinr.encodings import Encoding, Fourier, Octaves, Triangle
from refinr.files.floats import FLOAT_TYPES
from refinr.files.residual import Residual, Writer
from refinr.fitting import fit
from refinr.inr import INR
from refinr.layout import Layout
from refinr.mlp import MLP
from refinr.perceptrons import Perceptrons
from refinr.planes import narrowest
from refinr.readouts import features as features_of
from refinr.readouts.networks import Readouts
from refinr.readouts.ragged import raw_bytes
from refinr.readouts.signs import SignReadouts


def layout_of(tile: tuple[int, ...], network: Any, *, grid: tuple[int, ...] = (), cut: Any = None) -> Layout:
    """A layout of one full tile, or of a grid of them."""
    cut = cut or Planes(bits=1)
    dtype = "<f8" if isinstance(cut, Direct) else f"<u{max(1, -(-cut.bits // 8))}"
    return Layout(np.dtype(dtype).str, grid or tile, False, 0, tile, cut, network)


def networks(*sizes: int, encoding: Encoding | None = None, **options: Any) -> Perceptrons:
    """Perceptrons of those widths."""
    return Perceptrons(MLP(sizes, **options), encoding)


def waves(axes: int, count: int, kind: type[Fourier] = Fourier) -> Fourier:
    """So many waves on so many axes."""
    steps = np.random.default_rng(0).integers(-100, 100, (axes, count))
    return kind(tuple(map(tuple, steps.tolist())), 1 << 20)


MOST = 6.0
"""Times the peak that may be predicted."""

COSINES = Readouts(1.0, 0)
FLOATS = Direct(bits=64, dtype="<f8", low=0.0, high=1.0)
SHAPES: dict[str, Callable[[], Layout]] = {
    "63 axes": lambda: layout_of((2,) * 13 + (1,) * 50, networks(63, 4, 1)),
    "63 axes in octaves": lambda: layout_of((2,) * 10 + (1,) * 53, networks(945, 4, 1, encoding=Octaves(7))),
    "64 waves": lambda: layout_of((1 << 15,), networks(128, 2, 1, encoding=waves(1, 64))),
    "64 triangles": lambda: layout_of((160, 160), networks(128, 2, 1, encoding=waves(2, 64, Triangle))),
    "wide ternary": lambda: layout_of(
        (1024,), networks(15, 4000, 1, encoding=Octaves(7), layer="ternary", activation="relu")
    ),
    "wide sine": lambda: layout_of((32, 32), networks(2, 3000, 1)),
    "wide wavelet": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="wire")),
    "wide GELU": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="gelu")),
    "wide FINER": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="finer")),
    "wide bell": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="gauss")),
    "wide hyperbolic tangent": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="tanh")),
    "wide rectifier": lambda: layout_of((32, 32), networks(2, 3000, 1, activation="relu")),
    "deep": lambda: layout_of((32, 32), networks(2, *(16,) * 200, 1)),
    "square weights": lambda: layout_of((4, 4), networks(2, 1000, 1000, 1)),
    "16 planes": lambda: layout_of((32, 32), networks(2, 200, 1), cut=Planes(bits=16)),
    "64 planes of one tile": lambda: layout_of((100, 100), networks(2, 1), cut=Planes(bits=64)),
    "the bit as a coordinate": lambda: layout_of((64, 64), networks(3, 8, 1), cut=BitCoordinate(bits=32)),
    "floats": lambda: layout_of((400, 400), networks(2, 4, 1), cut=FLOATS),
    "many tiles": lambda: layout_of((1,), networks(1, 1), grid=(1200,)),
    "many tiles on 8 axes": lambda: layout_of((1,) * 8, networks(8, 1), grid=(2, 2, 2, 2, 2, 3, 3, 3)),
    "16 extents": lambda: layout_of((8,) * 4, networks(64, 1, encoding=waves(4, 32)), grid=(15,) * 4),
    "cosines on a long axis": lambda: layout_of((1024,), COSINES),
    "cosines on a large tile": lambda: layout_of((300, 300), COSINES),
    "cosines for 64 planes": lambda: layout_of((64, 64), COSINES, cut=Planes(bits=64)),
    "cosines on many tiles": lambda: layout_of((2, 2), COSINES, grid=(60, 60)),
    "signs": lambda: layout_of((32, 32), SignReadouts("ternary", 1024, (1031, 2011)), cut=Planes(bits=16)),
}


def ones_for(layout: Layout) -> dict[str, np.ndarray]:
    """Parameters of all its networks."""
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


BESIDE = ("16 planes", "64 planes of one tile", "floats", "many tiles", "cosines on many tiles", "signs")
"""Shapes that are also decoded with residuals and undecided bits."""


def beside(layout: Layout) -> Residual:
    """What networks have wrong, and leave undecided, without pattern."""
    rng = np.random.default_rng(0)
    writers = [Writer(layout.cut.bits), Writer(layout.cut.bits)]
    for size in decoding.sizes(layout):
        for writer in writers:
            codes = rng.integers(0, 2**layout.cut.bits - 1, size, np.uint64, endpoint=True)
            writer.add(codes.astype(narrowest(layout.cut.bits)))
    wrong, undecided = (writer.finish(0.0, always=True) for writer in writers)
    assert wrong is not None
    return replace(wrong, undecided=undecided)


def peak(layout: Layout, residual: Residual | None = None) -> int:
    """Bytes that decoding holds at once."""
    params = ones_for(layout)
    features_of._waves.cache_clear()
    features_of._ranks.cache_clear()
    small = layout_of((2,), networks(1, 1))
    list(decoding.decode(small, ones_for(small), None, [0]))  # what is loaded once
    tracemalloc.start()
    try:
        samples = np.empty(layout.shape, layout.dtype)
        found = decoding.decode(layout, params, residual, range(len(layout.tiles)))
        for where, part in zip(layout.tiles, found, strict=True):
            samples[where] = part
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


UNCERTIFIED = ("floats",)
"""Shapes of which there are no certificates: they decide nothing."""

TYPES = len(FLOAT_TYPES)


def certifying_peak(layout: Layout, residual: Residual | None = None) -> int:
    """Bytes that certifying holds at once."""
    small = fit(np.eye(3, dtype="uint8"), channels=True, hidden=(2,), max_steps=0)
    inr = INR(layout, ones_for(layout), small.report, small.checksum, residual=residual)
    features_of._waves.cache_clear()
    features_of._ranks.cache_clear()
    certify(small)  # what is loaded once
    tracemalloc.start()
    try:
        certify(inr, trusted=True)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def main() -> None:
    """Predict, decode, print and keep."""
    run = report.Run("memory", __doc__, timed=False)
    rows: list[dict[str, Any]] = []
    cases = [(name, "") for name in SHAPES] + [(name, ", with a residual") for name in BESIDE]
    cases += [(name, ", certified") for name in SHAPES if name not in UNCERTIFIED]
    for name, how in cases[:3] if run.quick else cases:
        layout = SHAPES[name]()
        if how == ", certified":
            found = certifying_peak(layout) / 1e6
            predicted = limits.certificate_cost(layout, TYPES).memory / 1e6
        else:
            found = peak(layout, beside(layout) if how else None) / 1e6
            predicted = limits.cost(layout).memory / 1e6
        title = name + how
        rows.append({"shape": title, "predicted, MB": predicted, "peak, MB": found, "times": predicted / found})
        report.log(str(rows[-1]))
    targets = [
        report.Target("shapes that take more than predicted", sum(row["times"] < 1 for row in rows), "<=", 0),
        report.Target("predicted over peak, at most", max(row["times"] for row in rows), "<=", MOST),
    ]
    run.publish(
        "What decoding and certificates take, and what was predicted", {"Shapes of hostile files": rows}, targets
    )


if __name__ == "__main__":
    main()
