"""Compressed arrays of solved readouts: the same numbers, never longer, and nothing that inflates without bound."""

from __future__ import annotations

import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr.files import checksum, container
from refinr.files.streams import COMPRESSIONS
from refinr.limits import Limits
from refinr.readouts import streaming

IMAGE = (np.add.outer(np.arange(40) ** 2, 7 * np.arange(48)) // 3).astype(np.uint16)
IMAGE[:16, :16] = np.random.default_rng(0).integers(0, 1 << 10, (16, 16))


@settings(max_examples=40)
@given(
    st.sampled_from(["u1", "<u2", ">u2", "<u4", "i1"]), st.lists(st.integers(0, 9), min_size=1, max_size=3),
    st.sampled_from([1, 3, 120]), st.integers(0, 2000),
)  # fmt: skip
def test_numbers_come_back_and_are_never_longer(dtype, shape, most, least):
    array = np.random.default_rng(sum(shape)).integers(0, most, shape).astype(dtype)
    stored = streaming.shortest({"raw": array}, {"raw": array}, least)
    ((name, found),) = stored.items()
    assert found.nbytes <= array.nbytes
    assert name == "raw" or found.nbytes >= least
    assert streaming.plain(name) == "raw"
    if name != "raw":
        again = streaming.inflated(name, found, array.dtype, array.shape)
        assert again.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        assert np.array_equal(again, array)


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_streams_of_another_length_are_refused(codec):
    stream = np.frombuffer(COMPRESSIONS[codec].compress(bytes(9000)), np.uint8)
    assert not streaming.inflated(f"raw_{codec}", stream, np.dtype("u1"), (9000,)).any()
    longer = np.append(stream, np.uint8(0))
    for wrong, size in ((stream, 8999), (stream, 9001), (stream, 0), (stream[:-1], 9000), (longer, 9000)):
        with pytest.raises(ValueError, match=f"raw_{codec}: expected a stream of {size} bytes"):
            streaming.inflated(f"raw_{codec}", wrong, np.dtype("u1"), (size,))
    with pytest.raises(ValueError, match=f"raw_{codec}: expected bytes, got uint16"):
        streaming.inflated(f"raw_{codec}", stream.astype(np.uint16), np.dtype("u1"), (9000,))


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_no_more_is_inflated_than_there_should_be(codec):
    stream = np.frombuffer(COMPRESSIONS[codec].compress(bytes(20_000_000)), np.uint8)
    tracemalloc.start()  # after the stream was made
    try:
        with pytest.raises(ValueError, match="expected a stream of 1000 bytes"):
            streaming.inflated(f"raw_{codec}", stream, np.dtype("u1"), (1000,))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_what_a_stream_cut_short_still_has(codec):
    numbers = np.random.default_rng(1).integers(0, 9, 40_000).astype(np.uint8)
    stream = np.frombuffer(COMPRESSIONS[codec].compress(numbers.tobytes()), np.uint8)
    found = streaming.inflated(f"raw_{codec}", stream[: stream.size // 2], numbers.dtype, numbers.shape, damaged=True)
    assert found.shape == numbers.shape
    assert np.array_equal(found[:12_000], numbers[:12_000])
    assert not found[30_000:].any()


@pytest.mark.parametrize("codec", COMPRESSIONS)
def test_names_may_have_several_parts(codec):
    assert streaming.plain(f"residual_ends_{codec}") == "residual_ends"
    assert streaming.plain("residual_ends") == "residual_ends"
    stream = np.frombuffer(COMPRESSIONS[codec].compress(b"abc"), np.uint8)
    found = streaming.inflated(f"residual_ends_{codec}", stream, np.dtype("u1"), (3, 1))
    assert found.tolist() == [[97], [98], [99]]


def test_pieces_of_a_large_array_follow_each_other(monkeypatch):
    monkeypatch.setattr(checksum, "_BLOCK", 8)
    array = np.resize(np.arange(9, dtype="<u2"), (30, 5))
    ((name, stream),) = streaming.shortest({"raw": array}, {"raw": array}, 0).items()
    assert name != "raw"
    assert np.array_equal(streaming.inflated(name, stream, array.dtype, array.shape), array)
    assert list(streaming.shortest({"raw": array}, {"raw": array}, stream.nbytes)) == [name]
    assert list(streaming.shortest({"raw": array}, {"raw": array}, stream.nbytes + 1)) == ["raw"]


# --- files -----------------------------------------------------------------------------------------------------------


def _changed(folder: Path, change: Callable[[dict, dict], None]) -> Path:
    refinr.solve(IMAGE, tile=8, store="smallest").save(folder / "a.inr")
    arrays, description = container.read(folder / "a.inr")
    change(arrays, description)
    container.write(folder / "b.inr", arrays, description)
    return folder / "b.inr"


def _inflate(arrays: dict, name: str) -> tuple[str, bytes]:
    (form,) = (form for form in arrays if form.startswith(f"{name}_"))
    return form, {"zlib": zlib.decompress, "xz": lzma.decompress}[form.split("_")[1]](arrays.pop(form))


def _plain(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "features")
    arrays["features"] = np.frombuffer(content, np.uint8)


def _other_codec(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "weights")
    for codec in COMPRESSIONS.values():
        arrays.pop("weights_zlib", None)
        arrays[f"weights_{codec.name}"] = np.frombuffer(codec.compress(content), np.uint8)


def _both(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "features")
    arrays["features"] = np.frombuffer(content, np.uint8)
    arrays["features_zlib"] = np.frombuffer(zlib.compress(content), np.uint8)


def _bomb(arrays: dict, description: dict) -> None:
    form, content = _inflate(arrays, "weights")
    codec = COMPRESSIONS[form.split("_")[1]]
    arrays[form] = np.frombuffer(codec.compress(content + bytes(9_000_000)), np.uint8)


def _out_of_range(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "weights")
    arrays["weights_zlib"] = np.frombuffer(zlib.compress(b"\x10" + content[1:]), np.uint8)


def _other_store(arrays: dict, description: dict) -> None:
    description["store"] = "int8"


def _too_many_features(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "features")
    arrays["features_zlib"] = np.frombuffer(zlib.compress(b"\xff" + content[1:]), np.uint8)


def _unknown_codec(arrays: dict, description: dict) -> None:
    _, content = _inflate(arrays, "weights")
    arrays["weights_lz"] = np.frombuffer(content, np.uint8)


@pytest.mark.parametrize("change", [_plain, _other_codec])
def test_either_form_of_an_array_will_do(tmp_path, change):
    assert refinr.load(_changed(tmp_path, change)).decode().tobytes() == IMAGE.tobytes()


@pytest.mark.parametrize(
    "change", [_both, _bomb, _out_of_range, _other_store, _too_many_features, _unknown_codec], ids=lambda f: f.__name__
)
def test_what_a_compressed_file_says_is_checked(tmp_path, change):
    with pytest.raises(ValueError, match=r"b\.inr: its arrays"):
        refinr.load(_changed(tmp_path, change), trusted=True)


def test_a_compressed_file_is_smaller_and_says_how_large_it_is(tmp_path):
    inr = refinr.solve(IMAGE, tile=8, store="smallest")
    inr.save(tmp_path / "a.inr")
    arrays, _ = container.read(tmp_path / "a.inr")
    sizes = {streaming.plain(name): array.nbytes for name, array in arrays.items()}
    plain = inr.params["features"].nbytes + -(-5 * inr.params["weights"].size // 8) + inr.params["raw"].nbytes
    said = inr.layout.network.packed_bytes(inr.params, inr.store)
    assert said == sum(sizes.values()) - sizes["checksums"] < 0.9 * plain
    assert refinr.load(tmp_path / "a.inr") == inr


def test_what_would_be_out_of_proportion_is_not_compressed(tmp_path):
    """A file of next to nothing but its description is taken without being told to trust it, as before."""
    flat = np.zeros((64, 64), np.uint8)
    flat[0, 0] = 255
    inr = refinr.solve(flat, tile=4, store="smallest")
    inr.save(tmp_path / "a.inr")
    arrays, description = container.read(tmp_path / "a.inr")
    assert {"features", "weights", "raw"} < arrays.keys()
    assert description["version"] == 3
    assert refinr.load(tmp_path / "a.inr").decode().tobytes() == flat.tobytes()


def test_a_compressed_file_does_not_ask_for_more_than_its_own_bytes_allow(tmp_path):
    """Limits count the bytes that are there, not those that they inflate to."""
    with pytest.raises(ValueError, match=r"bytes of arrays stand for .* outputs, expected at most"):
        refinr.load(_changed(tmp_path, lambda arrays, description: None), limits=Limits(outputs=1, outputs_a_byte=4))
    arrays, _ = container.read(tmp_path / "a.inr")
    size = sum(array.nbytes for array in arrays.values())
    outputs = refinr.load(tmp_path / "a.inr").layout.outputs_in_all
    enough = -(-outputs // size)
    assert refinr.load(tmp_path / "b.inr", limits=Limits(outputs=1, outputs_a_byte=enough)).lossless
    with pytest.raises(ValueError, match="outputs"):
        refinr.load(tmp_path / "b.inr", limits=Limits(outputs=1, outputs_a_byte=enough - 1))


@pytest.mark.parametrize("name", ["weights", "raw"])
def test_what_stands_before_the_damage_can_be_had(tmp_path, name):
    samples = np.tile(IMAGE, (4, 4))
    refinr.solve(samples, tile=8, store="smallest").save(tmp_path / "a.inr")
    content = bytearray((tmp_path / "a.inr").read_bytes())
    stored, _ = container.read(tmp_path / "a.inr")
    (form,) = (form for form in stored if form.startswith(name))
    at = bytes(content).index(stored[form].tobytes()) + int(0.8 * stored[form].nbytes)
    content[at] ^= 0x55
    (tmp_path / "b.inr").write_bytes(content)
    with pytest.raises(ValueError, match=f"damaged.*{form}"):
        refinr.load(tmp_path / "b.inr")
    inr = refinr.load(tmp_path / "b.inr", damaged="mask")
    assert inr.damaged == (name,)
    found = inr.decode(damaged="mask")
    good = ~np.ma.getmaskarray(found)
    assert 0.6 < good.mean() < 1
    assert np.array_equal(found.data[good], samples[good])
    with pytest.raises(ValueError, match=f"damage in {name}"):
        inr.logits()
