"""A slab in the shortest way: as many lanes as pay, xz where there is hope, nothing back that was not written."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest

from refinr.codec import header, models, network, parameters, rans, slabs, stream, values
from refinr.codec.arrangement import Arrangement
from refinr.files.checksum import checksum
from tests.codec.strategies import walk
from tests.helpers import assert_equal_exact

IMAGE = walk(np.random.default_rng(0), (40, 50), 255).astype("u1")
NONE = slabs.Given(None, (), np.dtype("u1"))


def _given(array: np.ndarray, model: str = "mixture") -> slabs.Given:
    given = models.train(models.look(array, False), models.Wish(model), lambda done, total: None)
    assert given is not None
    return given


def _digest(samples: np.ndarray, content: bytes = b"") -> bytes:
    return hashlib.sha256(bytes.fromhex(checksum(samples)) + content).digest()[:8]


def test_the_shortest_way_is_taken():
    given = _given(IMAGE)
    row, content = slabs.write(given, IMAGE)
    assert row == header.Slab(header.MODEL, len(content), _digest(IMAGE, content), 1, 0)
    assert len(content) < min(IMAGE.size, len(values.pack(IMAGE.tobytes())))
    assert_equal_exact(slabs.read(given, row, content, IMAGE.shape), IMAGE)

    noise = np.random.default_rng(0).integers(0, 256, (30, 20)).astype("u1")
    assert slabs.write(given, noise) == (header.Slab(header.RAW, 600, _digest(noise)), noise.tobytes())
    assert slabs.write(NONE, noise) == (header.Slab(header.RAW, 600, _digest(noise)), noise.tobytes())

    again = np.tile(noise[:2], (40, 1))
    packed = values.pack(again.tobytes())
    for each in (given, NONE):
        assert slabs.write(each, again) == (header.Slab(header.XZ, len(packed), _digest(again, packed)), packed)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", ">f4", "f8"])
def test_bytes_are_little_endian(dtype):
    samples = np.arange(6).reshape(3, 2).astype(dtype)
    row, content = slabs.write_raw(samples.T)
    little = samples.T.astype(np.dtype(dtype).newbyteorder("<"))
    assert content == little.tobytes()
    assert row == slabs.raw_row(samples.T) == header.Slab(header.RAW, len(content), _digest(samples.T))
    given = slabs.Given(None, (), samples.dtype)
    assert_equal_exact(slabs.read(given, row, content, (2, 3)), samples.T)
    packed = values.pack(content)
    row = header.Slab(header.XZ, len(packed), _digest(samples.T, packed))
    assert_equal_exact(slabs.read(given, row, packed, (2, 3)), samples.T)


def test_xz_is_asked_where_a_quick_look_gives_hope(monkeypatch):
    asked: list[int] = []
    pack = values.pack
    monkeypatch.setattr(values, "pack", lambda content: asked.append(len(content)) or pack(content))
    rng = np.random.default_rng(0)
    for repeated in range(1, 200, 7):  # from noise to what repeats itself
        samples = np.tile(rng.integers(0, 256, 400 // repeated + 1).astype("u1"), repeated)
        asked.clear()
        slabs.write(NONE, samples)
        assert bool(asked) == (1.5 * samples.nbytes > len(zlib.compress(samples.tobytes(), 1)))
    given = _given(IMAGE)
    content = slabs.write(given, IMAGE)[1]
    quick = len(zlib.compress(IMAGE.tobytes(), 1))
    for hopeless, hope in ((quick / len(content), False), (quick / len(content) + 1e-9, True)):
        monkeypatch.setattr(slabs, "_HOPELESS", hopeless)
        asked.clear()
        slabs.write(given, IMAGE)
        assert bool(asked) == hope


def test_lanes_are_as_many_as_their_bytes_and_samples_pay_for(monkeypatch):
    """The larger of the two numbers, rounded; and none that would never have a symbol."""
    for array, given in ((IMAGE, _given(IMAGE)), (IMAGE // 60, models.counted(models.look(IMAGE // 60, False)))):
        levels = values.to_levels(array, given.coding.recipe)[0]
        arrangement = Arrangement(levels.shape, given.coding.axes, False)
        batches = stream.batches(arrangement, slabs.model(given), arrangement.work(levels, given.coding.outside))
        widest = max(len(start) for start, _ in batches)
        bits = rans.price(batches)
        names = (
            ("_COUNTED_BYTES", "_COUNTED_SAMPLES")
            if given.coding.model == "counts"
            else ("_LANE_BYTES", "_LANE_SAMPLES")
        )
        for each_bytes, each_samples in (
            (8192, 16384),
            (100, 16384),
            (8192, 900),
            (8192, 799),
            (61, 301),
            (1, 1),
            (10**9, 5),
        ):
            monkeypatch.setattr(slabs, names[0], each_bytes)
            monkeypatch.setattr(slabs, names[1], each_samples)
            row, content = slabs._coded(given, levels)[::-1]
            lanes = min(max(1, round(bits / 8 / each_bytes), round(array.size / each_samples)), widest)
            assert row == lanes
            assert content == rans.encode(batches, lanes)
        monkeypatch.setattr(header, "MOST_LANES", 3)
        assert slabs._coded(given, levels)[1] == 3
        monkeypatch.undo()


def test_samples_of_no_bits_take_a_lane(monkeypatch):
    monkeypatch.setattr(slabs, "_LANE_SAMPLES", 4)
    array = np.zeros((3, 4), "u1")
    coding = header.Coding(values.survey(array), (0, 1), False, 0, "mixture", 0, (0,), b"")
    units = {name: np.zeros(shape, np.int64) for name, shape in network.shapes(network.Sizes(20, 16, 0, 9)).items()}
    assert slabs._coded(slabs.Given(coding, (units,), array.dtype), array) == (rans.encode([], 1), 1)


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 10, 15, 16, 17, 25, 31, 32])
def test_lower_bits_come_back(bits):
    rng = np.random.default_rng(bits)
    count = -(-bits // 8)
    noise = rng.integers(0, 2**bits, (9, 11)).astype(np.uint64)
    written = slabs._write_low(noise, bits)
    if bits > 6 and bits % 8 in (0, 7):
        planes = b"".join(((noise >> np.uint64(8 * i)) & np.uint64(255)).astype("u1").tobytes() for i in range(count))
        assert written == b"\0" + planes
        with pytest.raises(ValueError, match="the lower bits are not"):
            slabs._read_low(written + b"x", bits, noise.shape)
        with pytest.raises(ValueError, match="the lower bits are not"):
            slabs._read_low(written[:-1], bits, noise.shape)
        with pytest.raises(ValueError, match="the lower bits are not"):
            slabs._read_low(b"\2" + written[1:], bits, noise.shape)
    found = slabs._read_low(written, bits, noise.shape)
    assert found.dtype == np.dtype("<u8")
    assert_equal_exact(found, noise)
    same = np.full((20, 30), 2**bits - 1, np.uint64)
    written = slabs._write_low(same, bits)
    planes = b"".join(bytes([min(255, (2**bits - 1) >> 8 * i)]) * 600 for i in range(count))
    assert written == b"\1" + values.pack(planes)
    assert_equal_exact(slabs._read_low(written, bits, same.shape), same)
    with pytest.raises(ValueError, match="the lower bits are not"):
        slabs._read_low(b"", bits, noise.shape)


def test_lower_bits_are_behind_the_levels():
    array = np.random.default_rng(0).integers(0, 2**60, (6, 7)).astype("u8")
    array[0, :2] = 0, 2**60
    given = _given(array)
    recipe = given.coding.recipe
    assert recipe.low_bits == 29
    levels, low = values.to_levels(array, recipe)
    content, lanes = slabs._coded(given, levels)
    bits = slabs._write_low(low, 29)
    row = header.Slab(header.MODEL, len(content), _digest(array, content + bits), lanes, len(bits))
    assert_equal_exact(slabs.read(given, row, content + bits, array.shape), array)
    smooth = IMAGE.astype("u8") * np.uint64(2**40) + np.random.default_rng(0).integers(0, 2**38, IMAGE.shape).astype(
        "u8"
    )
    given = _given(smooth)
    row, content = slabs.write(given, smooth)
    assert (row.kind, row.low) == (header.MODEL, len(content) - row.size)
    low = values.to_levels(smooth, given.coding.recipe)[1]
    assert content[row.size :] == slabs._write_low(low, 16)
    assert_equal_exact(slabs.read(given, row, content, smooth.shape), smooth)


def test_other_samples_or_streams_are_not_handed_out():
    given = _given(IMAGE)
    row, content = slabs.write(given, IMAGE)
    other = row._replace(digest=bytes(8))
    with pytest.raises(ValueError, match="not those that were written"):
        slabs.read(given, other, content, IMAGE.shape)
    raw, plain = slabs.write_raw(IMAGE)
    with pytest.raises(ValueError, match="not those that were written"):
        slabs.read(NONE, raw, b"\0" + plain[1:], IMAGE.shape)
    for end in (plain[:-1], plain + b"x"):
        with pytest.raises(ValueError, match=f"{len(end)} bytes of {IMAGE.size}"):
            slabs.read(NONE, raw, end, IMAGE.shape)
    packed = values.pack(plain)
    row = header.Slab(header.XZ, len(packed), _digest(IMAGE, packed))
    with pytest.raises(ValueError, match="not those that were written"):
        slabs.read(NONE, row._replace(digest=_digest(IMAGE)), packed, IMAGE.shape)


@pytest.mark.parametrize(
    "array", [IMAGE, walk(np.random.default_rng(1), (300,), 900).astype("i2")], ids=["image", "sound"]
)
def test_what_all_slabs_share_is_in_the_header(array):
    given = models.train(models.look(array, False), models.Wish(), lambda *done: None, predicted=array.ndim == 1)
    coding = given.coding._replace(parameters=parameters.write(given.networks))
    found = header.Header(array.dtype, (1, *array.shape), {}, coding, ())
    shared = slabs.given_by(found)
    assert shared.coding == coding
    assert shared.dtype == array.dtype
    assert len(shared.networks) == 1
    for name, units in given.networks[0].items():
        assert_equal_exact(shared.networks[0][name], units)
    model = slabs.model(shared)
    assert model[1:] == (coding.recipe.coded_levels(), float(coding.outside), "mixture", coding.lags)
    for name, p in network.from_units(given.networks[0]).items():
        assert_equal_exact(model.networks[0][name], p)
    assert slabs.given_by(found._replace(coding=None)) == slabs.Given(None, (), array.dtype)


def test_roles_without_a_network_stay_without():
    array = walk(np.random.default_rng(0), (3, 6, 7), 99).astype("u1")
    given = _given(array)
    coding = given.coding._replace(
        parameters=parameters.write(given.networks[1:]), hidden=(None, *given.coding.hidden[1:])
    )
    shared = slabs.given_by(header.Header(array.dtype, array.shape, {}, coding, ()))
    assert shared.networks[0] is None
    assert_equal_exact(shared.networks[1]["skip"], given.networks[1]["skip"])
    assert slabs.model(shared).networks[0] is None
