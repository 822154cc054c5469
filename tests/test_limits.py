"""What files may ask for: memory is bounded from above, and what is out of proportion refused before it is spent."""

from __future__ import annotations

import dataclasses
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import refinr
from benchmarks import memory
from benchmarks.memory import layout_of, networks, ones_for, waves
from refinr import cli, decoding, limits
from refinr.decompositions import Planes
from refinr.encodings import Octaves
from refinr.files import signals
from refinr.files.budget import Budget
from refinr.layout import NETWORKS, Layout
from refinr.limits import Limits

MOST = memory.MOST


@pytest.mark.parametrize("name", memory.SHAPES)
def test_no_more_memory_than_predicted(name):
    """And no less than a share of it: a bound without proportion would refuse honest files."""
    layout = memory.SHAPES[name]()
    found = memory.peak(layout)
    predicted = limits.cost(layout).memory
    assert found <= predicted
    assert predicted <= MOST * found + 200_000


@pytest.mark.parametrize("name", memory.BESIDE)
def test_no_more_memory_than_predicted_with_a_residual(name):
    layout = memory.SHAPES[name]()
    found = memory.peak(layout, memory.beside(layout))
    predicted = limits.cost(layout).memory
    assert found <= predicted
    assert predicted <= MOST * found + 200_000


@pytest.mark.parametrize("name", memory.SHAPES)
def test_not_much_more_time_than_predicted(name):
    """An operation is a nanosecond, or a few of a slow machine's."""
    layout = memory.SHAPES[name]()
    params = memory.ones_for(layout)
    start = time.process_time()
    for _ in decoding.decode(layout, params, None, range(len(layout.tiles))):
        pass
    assert time.process_time() - start <= 4e-9 * limits.cost(layout).operations + 0.1


@pytest.mark.parametrize("name", [name for name in memory.SHAPES if name not in memory.UNCERTIFIED])
def test_certifying_takes_no_more_memory_than_predicted(name):
    layout = memory.SHAPES[name]()
    found = memory.certifying_peak(layout)
    predicted = limits.certificate_cost(layout, memory.TYPES).memory
    assert found <= predicted
    assert predicted <= MOST * found + 200_000


@pytest.mark.parametrize("name", ["cosines on many tiles", "signs", "16 planes"])
def test_certifying_takes_no_more_memory_than_predicted_with_a_residual(name):
    layout = memory.SHAPES[name]()
    found = memory.certifying_peak(layout, memory.beside(layout))
    predicted = limits.certificate_cost(layout, memory.TYPES).memory
    assert found <= predicted
    assert predicted <= MOST * found + 200_000


# --- files -----------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[], Layout]] = {
    "63 axes": lambda: layout_of((2,) * 22 + (1,) * 41, networks(63, 4, 1)),
    "2^22 samples with 64 waves": lambda: layout_of((1 << 22,), networks(128, 2, 1, encoding=waves(1, 64))),
    "a wide ternary layer": lambda: layout_of(
        (1024,), networks(15, 40000, 1, encoding=Octaves(7), layer="ternary", activation="gelu"), cut=Planes(bits=2)
    ),
    "a deep network": lambda: layout_of((2048, 2048), networks(2, *(16,) * 200, 1)),
    "cosines of 64 planes": lambda: layout_of((256, 256), memory.COSINES, grid=(256, 1024), cut=Planes(bits=64)),
}


def _forged(layout: Layout, path: Path) -> None:
    """A file whose digests are right."""
    small = refinr.fit(np.eye(3, dtype="uint8"), channels=True, hidden=(2,), max_steps=0)
    bits = layout.cut.bits
    report = dataclasses.replace(
        small.report, samples=layout.outputs_in_all // (bits if layout.networks_each > 1 else 1),
        networks=layout.networks, wrong_bits=(1,) * bits, margin_per_plane=(-1.0,) * bits,
    )  # fmt: skip
    checksums = np.zeros(len(layout.tiles), np.uint32)
    refinr.INR(layout, ones_for(layout), report, small.checksum, checksums=checksums).save(path)


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
        limits.check(layout_of((1, 1), networks(2, 1), grid=grid), 1000)


def test_limits_may_be_lower(tmp_path):
    refinr.fit(np.eye(8, dtype="uint8"), hidden=(2,), max_steps=0).save(tmp_path / "a.inr")
    refinr.load(tmp_path / "a.inr")
    for lower in (Limits(memory=10, memory_a_byte=0), Limits(operations=10, operations_a_byte=0)):
        with pytest.raises(ValueError, match="expected at most 10"):
            refinr.load(tmp_path / "a.inr", limits=lower)


def test_every_kind_of_networks_has_a_cost():
    assert limits.COSTS.keys() == set(NETWORKS.values())
    assert limits.CERTIFIED.keys() == set(NETWORKS.values())


def test_certificates_do_not_ask_for_much(tmp_path, capsys):
    """Decoding it is within the limits; bounds of its rounding take more."""
    layout = layout_of((1024, 1024), networks(2, 8, 1), cut=Planes(bits=4))
    _forged(layout, tmp_path / "a.inr")
    inr = refinr.load(tmp_path / "a.inr")
    start = time.process_time()
    with pytest.raises(ValueError, match=r"stand for up to .* bytes of memory, expected at most .*trusted"):
        refinr.certify(inr)
    assert time.process_time() - start < 1
    assert cli.main(["certify", str(tmp_path / "a.inr")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_certificates_have_limits_of_their_own():
    inr = refinr.fit(np.eye(8, dtype="uint8"), hidden=(2,), max_steps=1)
    with pytest.raises(ValueError, match="operations, expected at most 10"):
        refinr.certify(inr, limits=Limits(operations=10, operations_a_byte=0))
    expected = refinr.certify(inr)
    assert refinr.certify(inr, limits=Limits(operations=10, operations_a_byte=0), trusted=True) == expected
    infinite = Limits(memory=np.inf, operations=np.inf)
    assert refinr.certify(inr, limits=infinite) == expected


def test_lengths_without_end_have_a_cost():
    huge = layout_of((1, 1), networks(2, 1), grid=(10**300, 10**300))
    with pytest.raises(ValueError, match="outputs, expected at most"):
        limits.check(huge, 1000, needed=limits.certificate_cost(huge, 4))


def test_infinite_budgets_are_budgets(tmp_path):
    refinr.fit(np.eye(8, dtype="uint8"), hidden=(2,), max_steps=0).save(tmp_path / "a.inr")
    endless = Limits(memory=np.inf, memory_a_byte=np.inf, operations=np.inf, operations_a_byte=np.inf)
    refinr.load(tmp_path / "a.inr", limits=endless)
    signals.write(tmp_path / "a.bmp", np.eye(4, dtype="uint8"))
    found = signals.read(tmp_path / "a.bmp", budget=Budget(np.inf, np.inf, np.inf, np.inf))
    assert (found.samples == np.eye(4)).all()
