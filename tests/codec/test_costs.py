"""What files may ask for: memory is bounded from above, and what is out of proportion refused before it is spent."""

from __future__ import annotations

import dataclasses
import functools
import math
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


def _plain(shape: tuple[int, ...], *slabs: header.Slab, dtype: str = "u1") -> header.Header:
    return header.Header(np.dtype(dtype), shape, {}, None, slabs)


def _changed(found: header.Header, *slabs: dict[str, int]) -> header.Header:
    """The same, with its first slabs changed."""
    first = [slab._replace(**fields) for slab, fields in zip(found.slabs, slabs, strict=False)]
    return found._replace(slabs=(*first, *found.slabs[len(first) :]))


RAW = header.Slab(header.RAW, 300, bytes(8))
XZ = header.Slab(header.XZ, 40, bytes(8))
LISTED = header.Recipe(-1, 0, 1, 0, 5000, bytes(9))
LOWER = header.Recipe(-1, 0, 1, 3, 5000, b"")
ANY = {
    "nothing": _plain((0, 3)),
    "raw": _plain((20, 15), RAW),
    "raw doubles in several slabs": _plain((3 << 20,), *[RAW] * 4, dtype="f8"),
    "one slab for all": _plain((3 << 20,), XZ, dtype="f8"),
    "one of them xz": _plain((3 << 20,), RAW, XZ, RAW._replace(size=9000), RAW),
    "raw in two slabs": _plain((2 << 20,), RAW, RAW),
    "an image": _forged((50, 40), lanes=3),
    "of few levels": _forged((50, 40), levels=5),
    "of 17 bits": _forged((50, 40), levels=1 << 17),
    "neurons": _forged((50, 40), hidden=(30,)),
    "no neurons": _forged((50, 40), hidden=(0,)),
    "no network": _forged((50, 40), hidden=(None,)),
    "a volume": _forged((7, 50, 40), hidden=(3, 8)),
    "of two volumes one has no network": _forged((7, 50, 40), hidden=(9, None)),
    "colours": _forged((50, 40, 3), axes=(2, 0, 1), channels=True, hidden=(2, 3, 4)),
    "a sound": _forged((5000,), lanes=2),
    "a sound, predicted": _forged((5000,), lanes=2, lags=64),
    "bit by bit": _forged((50, 40), model="planes", lanes=3),
    "bit by bit, 17": _forged((50, 40), model="planes", levels=1 << 17),
    "learning": _forged((50, 400), model="adaptive"),
    "learning in few waves": _forged((4, 4), model="adaptive"),
    "counted": _forged((50, 40), model="counts", levels=7, hidden=(None,)),
    "counted, many levels": _forged((50, 40), model="counts", levels=99, hidden=(None,), lanes=3),
    "listed": _forged((50, 40), recipe=LISTED),
    "lower bits": _changed(_forged((50, 40), recipe=LOWER), {"low": 70}),
    "many parameters": _forged((50, 40), hidden=(255,), lanes=7),
    "wide": _forged((3, 100_000), lanes=300),
    "large": _forged((3000, 1000), lanes=300),
    "large, ends": _changed(_forged((3000, 1000), lanes=300), {"lanes": 2}, {"kind": header.RAW, "size": 10**6}),
}
COUNTED = {
    "nothing": (500, 0),
    "raw": (2_300, 6_000),
    "raw doubles in several slabs": (50_333_948, 503_316_480),
    "one slab for all": (135_829_660, 503_316_480),
    "one of them xz": (16_302_456, 62_914_560),
    "raw in two slabs": (6_292_756, 41_943_040),
    "an image": (2_794_412, 176_006_000),
    "of few levels": (2_794_348, 214_746_000),
    "of 17 bits": (2_794_348, 584_506_000),
    "neurons": (4_888_748, 437_070_000),
    "no neurons": (2_702_348, 285_930_000),
    "no network": (2_643_748, 279_480_000),
    "a volume": (39_082_508, 1_640_654_000),
    "of two volumes one has no network": (38_549_948, 1_590_924_000),
    "colours": (25_398_908, 977_238_000),
    "a sound": (11_530_060, 759_128_000),
    "a sound, predicted": (32_033_100, 783_012_000),
    "bit by bit": (2_822_572, 1_720_447_334),
    "bit by bit, 17": (2_822_508, 6_873_714_000),
    "learning": (21_173_164, 2_227_890_000),
    "learning in few waves": (187_372, 29_153_232),
    "counted": (11_507_396, 127_080_000),
    "counted, many levels": (25_684_836, 102_213_334),
    "listed": (2_994_348, 459_026_000),
    "lower bits": (12_794_418, 458_526_000),
    "many parameters": (21_718_940, 341_834_286),
    "wide": (77_296_172, 2_868_060_000),
    "large": (179_656_232, 18_484_170_000),
    "large, ends": (179_656_232, 47_452_230_000),
}


@pytest.mark.parametrize("name", ANY)
def test_what_is_counted_does_not_change(name):
    """A file that is taken by one version is not refused by the next."""
    found = costs.cost(ANY[name])
    assert (math.ceil(found.memory), math.ceil(found.operations)) == COUNTED[name]


@pytest.mark.parametrize("name", ["an image", "raw"])
def test_a_file_at_its_limits_is_taken(name):
    needed = costs.cost(ANY[name])
    samples = math.prod(ANY[name].shape)
    exact = Limits(memory=needed.memory, memory_a_byte=0, operations=needed.operations, operations_a_byte=0,
                   samples=samples, samples_a_byte=0)  # fmt: skip
    costs.check(ANY[name], 100, exact)
    share = Limits(memory=0, memory_a_byte=needed.memory / 64, operations=needed.operations - 64, operations_a_byte=1,
                   samples=1, samples_a_byte=samples)  # fmt: skip
    costs.check(ANY[name], 64, share)
    for field, words in (("memory", "bytes of memory"), ("operations", "operations"), ("samples", "samples")):
        less = dataclasses.replace(exact, **{field: getattr(exact, field) - 1})
        with pytest.raises(ValueError, match=rf"^100 bytes stand for .* {words}, expected at most"):
            costs.check(ANY[name], 100, less)
    for field, size in (("memory_a_byte", 63), ("operations_a_byte", 63), ("samples_a_byte", 0)):
        with pytest.raises(ValueError, match=f"^{size} bytes stand for"):
            costs.check(
                ANY[name],
                size,
                dataclasses.replace(exact, **{field.removesuffix("_a_byte"): 0}, **{field: getattr(share, field)}),
            )


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
