"""What files may ask for: memory is bounded from above, and what is out of proportion refused before it is spent."""

from __future__ import annotations

import functools
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import refinr
from refinr.codec import costs, cuts, header
from refinr.codec.costs import Limits
from tests.codec.strategies import coded_file, counted_file, walk


def _file(shape: tuple[int, ...], dtype: str, *, top: int = 200, **options: Any) -> bytes:
    array = walk(np.random.default_rng(0), shape, top)
    array = (array / 7.3).astype(dtype) if dtype[0] == "f" else array.astype(dtype)
    return coded_file(array, **options)


@functools.cache
def _made(name: str) -> bytes:
    return FILES[name]()


FILES = {
    "an image": lambda: _file((90, 70), "u1"),
    "wide networks": lambda: _file((24, 32), "u1", hidden=255),
    "colours": lambda: _file((22, 30, 3), "u2", channels=True, top=60000),
    "a volume": lambda: _file((8, 12, 20), "i4", top=2**20),
    "a sound": lambda: _file((900,), "i2", top=3000),
    "doubles": lambda: _file((40, 30), "f8"),
    "bit by bit": lambda: _file((60, 50), "u1", model="planes"),
    "still learning": lambda: _file((60, 50), "u1", model="adaptive", hidden=24),
    "a sound, predicted": lambda: _file((600,), "i2", top=3000, predicted=True),
    "four axes": lambda: _file((5, 6, 5, 6), "u1"),
    "counted": lambda: counted_file(walk(np.random.default_rng(0), (70, 60), 5).astype("u1")),
    "counted labels": lambda: counted_file(walk(np.random.default_rng(0), (9, 20, 30), 15).astype("i2")),
    "raw": lambda: refinr.compress(np.random.default_rng(0).integers(0, 256, 100_000).astype("u1"), steps=0),
    "xz": lambda: refinr.compress(np.zeros((700, 600), "u4"), steps=0),
}


@pytest.mark.parametrize("name", FILES)
def test_no_more_memory_than_predicted(name):
    """And no less than a fifteenth: a bound without proportion would refuse honest files."""
    data = _made(name)
    refinr.decompress(data)  # what is loaded once
    tracemalloc.start()
    try:
        refinr.decompress(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    predicted = costs.cost(header.read(data)[0]).memory
    print(f"{name}: predicted {predicted / 1e6:.1f} MB, measured {peak / 1e6:.1f} MB")
    assert peak <= predicted + 200_000
    assert predicted <= 15 * peak + 200_000


@pytest.mark.parametrize("name", FILES)
def test_not_much_more_time_than_predicted(name):
    data = _made(name)
    operations = costs.cost(header.read(data)[0]).operations
    start = time.process_time()
    refinr.decompress(data)
    seconds = time.process_time() - start
    print(f"{name}: predicted {operations / 1e9:.2f} s, measured {seconds:.2f} s")
    assert seconds <= 4e-9 * operations + 0.05  # of a slow machine, too


def _forged(shape: tuple[int, ...], *, lanes: int = 1, levels: int = 256, **coding: object) -> header.Header:
    """A header that asks for more than its bytes are worth."""
    count = cuts.count_blocks(shape)
    recipe = header.Recipe(-1, 0, 1, 0, levels, b"")
    hidden = (2,) * _roles(len(shape))
    fields = header.Coding(recipe, tuple(range(len(shape))), False, 0, "mixture", 0, hidden, bytes(10))
    slab = header.Slab(header.MODEL, 16, bytes(8), lanes)
    return header.Header(np.dtype("u4"), shape, {}, fields._replace(**coding), (slab,) * count)


def _roles(axes: int) -> int:
    return 1 << min(2, max(0, axes - 2))


HOSTILE = {
    "one lane": _forged((2000, 2000)),
    "as many samples as waves": _forged((1 << 21,), levels=1 << 32),
    "wide networks": _forged((2048, 2048), lanes=64, hidden=(255,)),
    "more than four million": _forged((4096, 4096), lanes=64),
    "counted, one lane": _forged((1000, 4000), model="counts", levels=2, hidden=(None,)),
    "many axes": _forged((2,) * 21, lanes=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_small_files_do_not_ask_for_much(name):
    found = HOSTILE[name]
    data = found.to_bytes() + bytes(sum(slab.size for slab in found.slabs))
    start = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"\d+ bytes stand for .*, expected at most .*: say that .* trusted"):
            refinr.decompress(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2e6
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "lower",
    [
        Limits(memory=10, memory_a_byte=0),
        Limits(operations=10, operations_a_byte=0),
        Limits(samples=10, samples_a_byte=0),
    ],
)
def test_limits_may_be_lower(lower):
    data = _made("an image")
    with pytest.raises(ValueError, match="expected at most 10"):
        refinr.decompress(data, limits=lower)
    refinr.decompress(data)
    refinr.decompress(data, limits=lower, trusted=True)
