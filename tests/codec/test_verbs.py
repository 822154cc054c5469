"""Files: any samples, any budget, exact; never much larger than samples; nothing handed out that was not written."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import refinr
from refinr import tiling
from refinr.codec import cuts, header, models, values, verbs
from refinr.files.checksum import checksum
from tests.codec.strategies import coded_file, counted_file, walk
from tests.helpers import assert_equal_exact
from tests.strategies import samples, seeds


def image(seed: int = 0, size: int = 64, top: int = 255, dtype: str = "u1") -> np.ndarray:
    """Smooth with noise: something to predict."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    smooth = 0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 7)
    return np.clip(np.rint(top * smooth + rng.normal(size=x.shape) * max(1, top / 100)), 0, top).astype(dtype)


@given(samples(), st.integers(0, 3), st.sampled_from([None, True, False]))
def test_any_samples_come_back_and_cost_at_most_64_bytes_more(array, steps, channels):
    data = refinr.compress(array, steps=steps, channels=tiling.has_channels(array.shape, channels))
    assert_equal_exact(refinr.decompress(data), array, bitwise=True)
    assert len(data) <= array.nbytes + 64


@settings(max_examples=40)
@given(
    seeds,
    st.lists(st.integers(1, 13), min_size=1, max_size=4).map(tuple),
    st.sampled_from(["?", "u1", ">u2", "i4", "<i8", "f2", ">f4", "f8"]),
    st.integers(0, 4),
)
def test_smooth_signals_of_every_dtype_come_back(seed, shape, dtype, steps):
    rng = np.random.default_rng(seed)
    array = walk(rng, shape, 200)
    array = (array / 7.3).astype(dtype) if np.dtype(dtype).kind == "f" else array.astype(dtype)
    data = refinr.compress(array, steps=steps, channels=tiling.has_channels(shape))
    assert_equal_exact(refinr.decompress(data), array, bitwise=True)
    assert len(data) <= array.nbytes + 64


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (), (1,), (1, 1, 1)])
def test_next_to_nothing(shape):
    array = np.zeros(shape, "i2") + np.int16(7)
    data = refinr.compress(array)
    assert_equal_exact(refinr.decompress(data), array)
    assert len(data) <= array.nbytes + 64


def test_more_steps_make_files_smaller():
    array = image()
    sizes = [len(refinr.compress(array, steps=steps)) for steps in (0, 60, 300)]
    assert sizes[2] < sizes[1] < sizes[0] < 0.8 * array.nbytes


def test_noise_is_kept_as_it_is():
    array = np.random.default_rng(0).integers(0, 256, (100, 100)).astype("u1")
    found, _ = header.read(refinr.compress(array, steps=5))
    assert [slab.kind for slab in found.slabs] == [header.RAW]
    assert found.coding is None


def test_repetitions_are_left_to_xz():
    array = np.tile(np.random.default_rng(0).integers(0, 256, 1000).astype("u1"), 20)
    found, _ = header.read(refinr.compress(array, steps=5))
    assert {slab.kind for slab in found.slabs} == {header.XZ}


def test_the_same_samples_give_the_same_bytes():
    array = image()
    data = refinr.compress(array, steps=60)
    assert data == refinr.compress(array, steps=60) == refinr.compress(np.asfortranarray(array), steps=60)
    assert data != refinr.compress(array, steps=60, seed=1)


def test_side_information_is_kept():
    info = {"format": "wav", "rate": 44100, "channels": None, "text": "ä"}
    found, _ = header.read(refinr.compress(image(), steps=0, info=info))
    assert found.info == info


# --- slabs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_slabs(monkeypatch):
    monkeypatch.setattr(cuts, "SLAB", 700)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((50, 60), "u1"), ((3000,), "i2"), ((20, 30, 3), "u2"), ((9, 12, 11), "f4"), ((1200, 2), "i8")]
)
def test_slabs_and_regions(small_slabs, shape, dtype):
    rng = np.random.default_rng(0)
    array = walk(rng, shape, 250).astype(dtype)
    data = refinr.compress(array, steps=10)
    found, _ = header.read(data)
    assert len(found.slabs) > 1
    assert header.MODEL in {slab.kind for slab in found.slabs}
    assert_equal_exact(refinr.decompress(data), array)
    with ThreadPoolExecutor(2) as executor:
        assert refinr.compress(array, steps=10, executor=executor) == data
        assert_equal_exact(refinr.decompress(data, executor=executor), array)
    for _ in range(5):
        ends = [sorted(rng.integers(0, n + 1, 2)) for n in shape]
        region = tuple(slice(int(a), int(b)) for a, b in ends)
        assert_equal_exact(refinr.decompress(data, region=region), array[region])


def test_a_region_needs_the_slabs_it_touches_alone(small_slabs):
    array = image()
    data = bytearray(refinr.compress(array, steps=5))
    data[-5] ^= 1  # in the last slab
    with pytest.raises(ValueError, match=r"slab 8 of 8: damaged"):
        refinr.decompress(bytes(data))
    assert_equal_exact(refinr.decompress(bytes(data), region=(slice(0, 9), slice(2, 5))), array[:9, 2:5])


def test_noise_in_slabs_costs_no_more_than_elsewhere(small_slabs):
    array = np.random.default_rng(0).integers(0, 256, 9000).astype("u1")
    data = refinr.compress(array, steps=0)
    assert len(data) <= array.nbytes + 64
    assert_equal_exact(refinr.decompress(data), array)
    assert_equal_exact(refinr.decompress(data, region=(slice(100, 110),)), array[100:110])


@pytest.mark.parametrize("region", [(slice(0, 2),), (slice(0, 9, 2), slice(0, 3)), (3, 4), [slice(0, 2), slice(0, 2)]])
def test_what_is_no_region(region):
    with pytest.raises(ValueError, match="region: expected 2 slices"):
        refinr.decompress(refinr.compress(image(), steps=0), region=region)


def test_memory_maps(tmp_path, small_slabs):
    np.save(tmp_path / "a.npy", image())
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert_equal_exact(refinr.decompress(refinr.compress(mapped, steps=3)), image())


def _peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(200, 2000), (2, 200_000)])
@pytest.mark.parametrize("what", ["training", "compression"])
def test_what_memory_maps_take_does_not_grow_with_them(tmp_path, monkeypatch, what, shape):
    """Arrays of four times as many samples take the same memory, beside the file."""
    monkeypatch.setattr(cuts, "SLAB", 20_000)
    monkeypatch.setattr(values, "_BLOCK", 20_000)
    monkeypatch.setattr(models, "_TRAINED_ON", 2000)
    peaks = []
    for larger in (1, 1, 4):  # the first loads what is loaded once
        array = np.zeros((shape[0], shape[1] * larger))
        array[:, ::5] = what == "training"  # otherwise nothing to train for
        np.save(tmp_path / "a.npy", array)
        mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
        if what == "training":
            peaks.append(
                _peak(
                    lambda mapped=mapped: models.train(
                        models.look(mapped, False), models.Wish(), lambda done, total: None
                    )
                )
            )
        else:
            peaks.append(_peak(lambda mapped=mapped: refinr.compress(mapped, steps=0)))
    assert peaks[2] - peaks[1] < 1_000_000 < mapped.nbytes / 8


# --- bad arguments, bad files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"samples": np.zeros(3, complex)}, TypeError, "samples: expected"),
        ({"samples": np.zeros(3), "effort": "huge"}, ValueError, "effort: unknown name 'huge'"),
        ({"samples": np.zeros(3), "steps": -1}, ValueError, "steps: expected 0 or more, got -1"),
        ({"samples": np.zeros((1,) * 40), "steps": 1}, ValueError, "expected up to 32 axes, got 40"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        refinr.compress(**arguments)


def test_a_file_that_is_cut_short_says_how_much_is_whole(small_slabs):
    data = refinr.compress(image(), steps=0)
    found, _ = header.read(data)
    last = found.slabs[-1].size
    with pytest.raises(ValueError, match=f"cut short by 1 bytes: {len(found.slabs) - 1} of {len(found.slabs)} slabs"):
        refinr.decompress(data[:-1])
    with pytest.raises(ValueError, match=f": {len(found.slabs) - 1} of"):
        refinr.decompress(data[:-last])
    with pytest.raises(ValueError, match="1 bytes behind"):
        refinr.decompress(data + b"x")


@pytest.mark.parametrize(
    "content",
    [b"", b"RINR", b"PNG\r\n\x1a\n", b"RINR\x03", b"RINR\x01" + bytes(30), b"RINR\x04" + bytes(30), bytes(50)],
)
def test_other_files_are_refused(content):
    with pytest.raises(ValueError, match=r"not a \.rinr file|cut short|version|damaged"):
        refinr.decompress(content)


@functools.cache
def small_files() -> list[bytes]:
    """One of every model and kind of stream, and of lower bits."""
    array = walk(np.random.default_rng(0), (5, 4), 255).astype("u1")
    coded = [coded_file(array, model=model) for model in header.NETWORKS]
    plain = [refinr.compress(a, steps=0, channels=False) for a in (array, np.tile(array, (9, 3)))]
    assert [header.read(data)[0].slabs[0].kind for data in plain] == [header.RAW, header.XZ]
    return [*coded, coded_file(array / 7.3), *plain, counted_file(array % 3)]


def refused_with_a_bit_changed(data: bytes, bit: int) -> None:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(
        ValueError, match=r"damaged|cut short|version|not a \.rinr|too many|behind|fit|states of 8 bytes"
    ):
        refinr.decompress(bytes(changed))


def test_no_change_of_a_bit_of_the_header_passes():
    """Nor of the networks, on some of whose parameters no sample depends."""
    for data in small_files():
        for bit in range(8 * (len(data) - len(header.read(data)[1]))):
            refused_with_a_bit_changed(data, bit)


@given(st.integers(0, 6), seeds)
@example(3, 152)  # a bit beyond the lower ones
@example(5, 7)  # and one behind the last that xz needs
def test_no_change_of_a_bit_of_the_streams_passes(which, seed):
    data = small_files()[which]
    refused_with_a_bit_changed(data, 8 * len(data) - 1 - seed % (8 * len(header.read(data)[1])))


CACHED: dict[int, bytes] = {}


def _forged(fields: dict, coding: dict | None = None, slab: dict | None = None) -> bytes:
    """A file whose header is whole and says something else."""
    array = image(size=24)
    found, streams = header.read(CACHED.setdefault(24, refinr.compress(array, steps=3)))
    if coding:
        recipe = found.coding.recipe._replace(**{k: v for k, v in coding.items() if k in found.coding.recipe._fields})
        rest = {k: v for k, v in coding.items() if k in found.coding._fields}
        found = found._replace(coding=found.coding._replace(recipe=recipe, **rest))
    if slab:
        found = found._replace(slabs=(found.slabs[0]._replace(**slab),))
    return found._replace(**fields).to_bytes() + bytes(streams)


FORGED = [
    ({"shape": (24, 25)}, None, None),
    ({"shape": (25, 24)}, None, None),
    ({"shape": (24, 24, 1, 5)}, None, None),
    ({"shape": (2**31, 2**31)}, None, None),
    ({"shape": (2**60,)}, None, None),
    ({"shape": (0,)}, None, None),
    ({"dtype": np.dtype("u2")}, None, None),
    ({"dtype": np.dtype("f8")}, None, None),
    ({"dtype": np.dtype("i1")}, None, None),
    ({}, {"levels": 1}, None),
    ({}, {"levels": 2}, None),
    ({}, {"levels": 255}, None),
    ({}, {"levels": 2**32}, None),
    ({}, {"offset": 255}, None),
    ({}, {"offset": 0}, None),
    ({}, {"factor": 3}, None),
    ({}, {"fraction": 3}, None),
    ({}, {"low_bits": 1}, None),
    ({}, {"used": b"\x00"}, None),
    ({}, {"axes": (1, 0)}, None),
    ({}, {"axes": (0, 0)}, None),
    ({}, {"channels": True}, None),
    ({}, {"outside": 3}, None),
    ({}, {"hidden": (255,)}, None),
    ({}, {"hidden": (2,)}, None),
    ({}, {"hidden": (None,)}, None),
    ({}, {"model": "planes"}, None),
    ({}, {"lags": 32}, None),
    ({"shape": (0, 5), "slabs": ()}, {"lags": 32}, None),
    ({"shape": (5, 0), "slabs": ()}, {}, None),
    ({}, {"hidden": (1,)}, None),
    ({}, {"hidden": (2, 2)}, None),
    ({}, {"parameters": b"\0"}, None),
    ({}, {"parameters": bytes(100)}, None),
    ({}, None, {"lanes": 2}),
    ({}, None, {"lanes": 2**16}),
    ({}, None, {"size": 8}),
    ({}, None, {"low": 1}),
    ({}, None, {"kind": header.RAW}),
    ({}, None, {"kind": header.XZ}),
    ({}, None, {"digest": bytes(8)}),
]


@pytest.mark.parametrize("forged", range(len(FORGED)))
def test_forged_headers_are_refused(forged):
    with pytest.raises(ValueError):  # noqa: PT011 - in whatever words
        refinr.decompress(_forged(*FORGED[forged]))


def test_a_few_bytes_stand_for_billions_only_if_they_are_trusted():
    large = np.broadcast_to(np.zeros(1, "u1"), (1 << 25,))
    data = refinr.compress(large, steps=0)
    assert len(data) < 10_000
    with pytest.raises(ValueError, match="say that the file is trusted"):
        refinr.decompress(data)
    assert not refinr.decompress(data, trusted=True).any()


@given(seeds)
def test_forged_numbers_neither_crash_nor_pass(seed):
    """Bytes of the header changed, and its CRC made right again."""
    data = small_files()[0]
    _, streams = header.read(data)
    head = bytearray(data[: len(data) - len(streams) - 4])
    rng = np.random.default_rng(seed)
    for _ in range(rng.integers(1, 4)):
        head[rng.integers(5, len(head))] = rng.integers(0, 256)
    forged = bytes(head) + zlib.crc32(bytes(head)).to_bytes(4, "little") + bytes(streams)
    try:
        found = refinr.decompress(forged)
    except ValueError:
        return
    # the digest covers dtype, shape and samples: only what does not count can differ
    assert checksum(found) == checksum(refinr.decompress(data))


SCRIPT = """
import sys
import refinr
from refinr.files.checksum import checksum
print(checksum(refinr.decompress(sys.stdin.buffer.read())))
"""


@pytest.mark.parametrize(
    ("core", "disabled"), [("Haswell", ""), ("Sandybridge", "AVX2 FMA3"), ("Prescott", "AVX512F AVX2 FMA3")]
)
def test_another_kind_of_processor_decodes_the_same(core, disabled):
    array = image(seed=3, size=48)
    data = refinr.compress(array, steps=20)
    environment = os.environ | {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": disabled}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], input=data, capture_output=True, check=True, env=environment
    )
    assert run.stdout.decode().strip() == checksum(array)


def test_efforts_are_in_order():
    assert list(verbs.EFFORTS.values()) == sorted(verbs.EFFORTS.values())
