"""An INR is an array: indices, the protocols of NumPy and Dask, points between samples, equality, what it says."""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import pickle
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import png
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr import summary
from refinr.files import container
from refinr.perceptrons import Perceptrons
from tests.helpers import assert_equal_exact
from tests.strategies import SAMPLE_DTYPES, seeds, shapes
from tests.test_indexing import indices

FEW = settings(max_examples=settings.default.max_examples // 2, deadline=None)


def _noise(dtype: object, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Raw bits: NaN payloads and -0.0 among the floats."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)


def _rough(original: np.ndarray, **options: Any) -> refinr.INR:
    """Networks that were hardly trained: only a residual makes them exact."""
    return refinr.fit(original, **{"hidden": (3,), "max_steps": 1} | options)


IMAGE = _noise("uint8", (13, 11)) >> 3


# --- indices ---------------------------------------------------------------------------------------------------------


@FEW
@given(st.data(), shapes(min_dims=1, max_dims=4, max_side=6), st.sampled_from(SAMPLE_DTYPES), st.booleans(), seeds)
def test_an_index_gives_what_it_gives_of_the_decoded_array(data, shape, dtype, exact, seed):
    original = _noise(dtype, shape, seed)
    channels = len(shape) > 1 and data.draw(st.booleans())
    grid = shape[:-1] if channels else shape
    tile = tuple(data.draw(st.integers(1, n)) for n in grid)
    inr = _rough(original, tile=tile, channels=channels, exact=exact)
    decoded = inr.decode()
    assert not exact or decoded.tobytes() == original.tobytes()
    for _ in range(3):
        index = data.draw(indices(shape))
        found, expected = inr[index], decoded[index]
        assert type(found) is type(expected)
        assert_equal_exact(np.asarray(found), np.asarray(expected), bitwise=True)


@FEW
@given(st.data(), shapes(min_dims=1, max_dims=3, max_side=7))
def test_only_the_tiles_that_an_index_touches_are_computed(data, shape):
    tile = tuple(data.draw(st.integers(1, n)) for n in shape)
    inr = _rough(_noise("uint8", shape) >> 7, tile=tile, channels=False)
    numbers = np.zeros(shape, int)
    for number, place in enumerate(inr.layout.tiles):
        numbers[place] = number
    index = data.draw(indices(shape))
    computed = []
    whole = Perceptrons._outputs

    def counted(network: Perceptrons, params: Any, networks: range, x: Any) -> np.ndarray:
        computed.extend(networks)  # one for each tile
        return whole(network, params, networks, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Perceptrons, "_outputs", counted)
        inr[index]
    assert sorted(computed) == np.unique(numbers[index]).tolist()


def test_a_region_can_be_computed_by_another_library():
    inr = _rough(IMAGE, tile=4, exact=True)
    assert_equal_exact(inr.region(np.s_[2:9, -3:], xp="array-api-strict"), IMAGE[2:9, -3:])


def test_out_of_range_and_masks():
    inr = _rough(IMAGE)
    with pytest.raises(IndexError, match="index: expected -13 to 12 on axis 0 of length 13, got 13"):
        inr[13]
    with pytest.raises(IndexError, match="masks, decode first"):
        inr[IMAGE > 3]


def test_rows_in_order():
    assert_equal_exact(np.stack(list(_rough(IMAGE, tile=4, exact=True))), IMAGE)


# --- protocols -------------------------------------------------------------------------------------------------------


def test_it_has_what_arrays_have():
    colour = _rough(_noise(">u2", (5, 4, 3)), tile=(2, 4))
    assert (colour.shape, colour.ndim, colour.size, len(colour)) == ((5, 4, 3), 3, 60, 5)
    assert (colour.dtype, colour.chunks) == (np.dtype(">u2"), (2, 4, 3))
    assert colour.parameters == colour.report.parameters == sum(p.size for p in colour.params.values())
    assert _rough(IMAGE, tile=4).chunks == (4, 4)


def test_numpy_makes_an_array_of_it():
    inr = _rough(IMAGE, exact=True)
    assert_equal_exact(np.asarray(inr), IMAGE)
    assert_equal_exact(np.array(inr, copy=True), IMAGE)
    assert_equal_exact(np.asarray(inr, dtype=">f4"), IMAGE.astype(">f4"))
    assert np.max(inr) == IMAGE.max()
    with pytest.raises(ValueError, match="copy: the samples of an INR are computed anew"):
        np.array(inr, copy=False)


def test_dask_makes_a_lazy_array_of_it():
    # threads of this process: a cluster that another test has closed would be waited for
    inr = _rough(IMAGE, tile=4, exact=True)
    lazy = dask.array.from_array(inr, chunks=(4, 8))
    assert (lazy.shape, lazy.dtype) == (inr.shape, inr.dtype)
    assert_equal_exact(lazy.compute(scheduler="threads"), IMAGE)
    assert_equal_exact(lazy[3:9, ::2].compute(scheduler="threads"), IMAGE[3:9, ::2])
    assert_equal_exact(dask.array.from_array(inr).compute(scheduler="threads"), IMAGE)


# --- between samples -------------------------------------------------------------------------------------------------

WAYS = [
    {}, {"gray": True}, {"radix_bits": 3}, {"decomposition": "bit-coordinate"}, {"encoding": "fourier"},
    {"encoding": "octaves"}, {"encoding": "triangle"}, {"decomposition": "bit-coordinate", "encoding": "fourier"},
    {"layer": "ternary-integer"},
]  # fmt: skip


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize("shape", [(9,), (7, 5), (5, 4, 2)], ids=str)
def test_at_samples_points_are_logits(options, shape):
    inr = _rough(_noise("int16", shape) >> 9, tile=3, max_steps=2, **options)
    points = np.argwhere(np.ones(inr.layout.grid, bool)).astype(float)
    expected = inr.logits().reshape(len(points), inr.layout.channels, -1)
    found = inr.at(points)
    assert (found.shape, found.dtype) == (expected.shape, np.dtype("float32"))
    # inputs are the same numbers; products may be summed in another order: a few units of the largest term
    most = max(1.0, *(float(np.abs(p).max()) for p in inr.params.values())) * 64
    rounding = 64 * np.finfo("f4").eps * most
    np.testing.assert_allclose(found, expected, rtol=0, atol=rounding)
    np.testing.assert_allclose(inr.at(points[::-1])[::-1], expected, rtol=0, atol=rounding)  # in any order


def test_points_are_not_read_from_memory_that_nobody_wrote(monkeypatch):
    inr = _rough(_noise("int16", (7, 5)) >> 9, decomposition="none", max_steps=2)
    signalling = np.uint32(0x7FA00000).view("float32")  # a NaN that warns when it is cast
    monkeypatch.setattr(np, "empty", lambda shape, dtype=float: np.full(shape, signalling, dtype))
    assert np.isfinite(inr.at([[2.5, 3.25]])).all()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool", "float32", "float64"])
def test_direct_fits_give_values_in_the_samples_unit(dtype):
    original = np.random.default_rng(0).normal(-3, 40, (7, 5)).astype(dtype)
    inr = _rough(original, decomposition="none", tile=4, max_steps=30)
    points = np.argwhere(np.ones(original.shape, bool))
    found = inr.at(points)[:, 0, 0].reshape(original.shape)
    decoded = inr.decode().astype(float)
    nearest = 0.5 if np.dtype(dtype).kind != "f" else 1e-5 * np.ptp(original.astype(float))
    assert float(np.abs(found - decoded).max()) <= nearest * (1 + 1e-4)


def test_networks_that_are_written_down_are_exact_at_samples():
    original = np.array([[3, -7, 2], [0, 5, 5]], dtype=np.int16)
    inr = refinr.constructive.exact(original, channels=False)
    points = np.argwhere(np.ones(original.shape, bool))
    assert_equal_exact(inr.at(points)[:, 0, 0], original.ravel().astype(float))


def test_between_samples_networks_are_smooth():
    """The network of the only tile, evaluated by hand where no sample is."""
    inr = _rough(IMAGE, tile=13, max_steps=3)
    points = np.array([[0.25, 10.0], [11.75, 3.5]])
    x = ((2 * points - np.array([12, 10])) / np.array([12, 10])).astype(np.float32)
    z, _ = refinr.mlp.forward(inr.layout.spec, inr.params, x)
    np.testing.assert_allclose(inr.at(points)[:, 0, :], z[:, :, 0].T, rtol=1e-5, atol=1e-6)


def test_a_point_belongs_to_the_tile_that_it_is_in():
    inr = _rough(_noise("uint8", (8,)) >> 7, tile=(4,))
    x = np.array([[(2 * 3.9 - 3) / 3]], np.float32)
    first = {name: p[:1] for name, p in inr.params.items()}
    assert_equal_exact(inr.at([[3.9]])[0], refinr.mlp.forward(inr.layout.spec, first, x)[0][0])


def test_points_outside_and_none_at_all():
    inr = _rough(IMAGE)
    assert inr.at(np.zeros((0, 2))).shape == (0, 1, 5)
    for points in ([[0.0, 10.5]], [[-0.1, 0.0]], [[0.0, np.nan]], [[0, 0], [13, 0]]):
        with pytest.raises(ValueError, match=r"points: expected 0 to \(12, 10\), got \("):
            inr.at(points)
    for points in ([0.0, 1.0], [[0.0]], np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"points: expected an array \(n, 2\), got shape"):
            inr.at(points)


# --- equality and copies ---------------------------------------------------------------------------------------------


def test_copies_are_equal_and_others_are_not(tmp_path):
    inr = _rough(IMAGE, tile=4, exact=True, info={"rate": 5})
    inr.save(tmp_path / "a.inr")
    for other in (refinr.load(tmp_path / "a.inr"), copy.deepcopy(inr), pickle.loads(pickle.dumps(inr))):
        assert other == inr
        assert hash(other) == hash(inr)
        assert_equal_exact(other.decode(), IMAGE)
    different = [
        _rough(IMAGE, tile=4, exact=True), _rough(IMAGE, tile=4, exact=True, info={"rate": 5}, seed=1),
        _rough(IMAGE, tile=4, info={"rate": 5}), _rough(IMAGE ^ 1, tile=4, exact=True, info={"rate": 5}),
        _rough(IMAGE, tile=5, exact=True, info={"rate": 5}),
    ]  # fmt: skip
    assert all(inr != other for other in different)
    assert inr != "an INR"
    assert len({inr, copy.deepcopy(inr)}) == 1


# --- what it says ----------------------------------------------------------------------------------------------------


def test_it_says_what_it_is_how_large_and_how_exact():
    lines = repr(_rough(IMAGE, tile=(7, 11), exact=True, store="float16")).splitlines()
    assert lines[0] == "INR of uint8 (13, 11)"
    assert lines[1].strip() == "10 networks of widths 2-3-1, 2 tiles of 7 x 11"
    assert "130 parameters (0.182 per bit), 260 bytes as float16, and a residual of" in lines[2]
    assert "exact with the residual, smallest margin" in lines[3]
    assert "of 715 bits wrong, PSNR" in lines[3]
    assert "not exact: " in repr(_rough(IMAGE))
    assert "exact: every bit is right, smallest margin" in repr(refinr.fit(np.zeros((2, 5), np.uint8), hidden=(8,)))


@pytest.mark.parametrize(("shape", "grey"), [((13, 11), True), ((6, 5, 3), False), ((200, 7), True)])
def test_notebooks_see_a_picture(shape, grey):
    original = (np.arange(np.prod(shape)).reshape(shape) * 3).astype(np.uint16)
    page = _rough(original, exact=True)._repr_html_()
    assert "<strong>INR of uint16" in page
    content = base64.b64decode(page.split("base64,")[1].split('"')[0])
    width, height, rows, about = png.Reader(io.BytesIO(content)).read()
    image = np.array([list(row) for row in rows], np.uint8)
    assert about["greyscale"] is grey
    assert (height, width) == (min(shape[0], summary.PREVIEW), shape[1])
    start = (shape[0] - height) // 2
    shown = original[start : start + height].reshape(height, -1).astype(float)
    assert_equal_exact(image, np.rint(255 * (shown - shown.min()) / np.ptp(shown)).astype(np.uint8))


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 7, 6, 5), (6, 5, 2), (6, 5, 4)], ids=str)
def test_of_volumes_and_other_channels_they_see_one_section(shape):
    original = (np.arange(np.prod(shape)).reshape(shape) * 3).astype(np.uint16)
    image, grey = _picture(_rough(original, exact=True))
    section = original[tuple(n // 2 for n in shape[:-2])] if shape[-1] == 5 else original[..., : 4 - 1]
    section = section[..., :1] if shape[-1] == 2 else section
    shown = section.reshape(len(section), -1).astype(float)
    assert grey is (shape[-1] != 4)
    assert_equal_exact(image, np.rint(255 * (shown - shown.min()) / np.ptp(shown)).astype(np.uint8))


def test_of_recordings_they_see_the_line():
    sound = np.array([0, 47, 47, 0], np.uint8)
    image, grey = _picture(_rough(sound, exact=True))
    assert grey
    assert (image == 0).sum(axis=0).tolist() == [1, 48, 1, 48]
    assert [int(np.flatnonzero(column == 0)[0]) for column in image.T] == [47, 0, 0, 0]


def _picture(inr: refinr.INR) -> tuple[np.ndarray, bool]:
    """What a notebook shows of it, uint8 (height, width times channels), and whether it is grey."""
    content = base64.b64decode(inr._repr_html_().split("base64,")[1].split('"')[0])
    *_, rows, about = png.Reader(io.BytesIO(content)).read()
    return np.array([list(row) for row in rows], np.uint8), about["greyscale"]


def test_pictures_of_floats_that_are_not_finite():
    assert summary.grey_levels(np.array([np.nan, np.inf])).tolist() == [0, 0]
    largest = np.finfo("f8").max
    assert summary.grey_levels(np.array([-largest, largest, -np.inf])).tolist() == [0, 255, 0]


def test_a_changed_network_can_still_be_looked_at():
    inr = _rough(IMAGE, exact=True)
    inr.params["b1"][:] = 1e3
    assert "INR of uint8" in repr(inr)
    assert "<strong>" in inr._repr_html_()


# --- damage ----------------------------------------------------------------------------------------------------------


def _damaged(exact: bool = True) -> refinr.INR:
    """Tile [4:8, 8:11] has a network that decides otherwise; the tile after it is good."""
    inr = _rough(IMAGE, tile=4, exact=exact)
    tile = [[axis.start for axis in place] for place in inr.layout.tiles].index([4, 8])
    inr.params["b1"][tile * inr.layout.cut.bits] *= -1e3
    return inr


def test_damage_in_a_tile_is_reported_with_its_place():
    inr = _damaged()
    for read in (inr.decode, lambda: inr[5, 9], lambda: inr[:, -1], lambda: np.asarray(inr)):
        with pytest.raises(refinr.LosslessError, match=r"samples of tile \[4:8, 8:11\] are not those that were fitted"):
            read()


def test_other_tiles_stay_readable():
    inr = _damaged()
    assert_equal_exact(inr[:4], IMAGE[:4])
    assert_equal_exact(inr[8:, ::-1], IMAGE[8:, ::-1])
    assert_equal_exact(inr[4:8, :8], IMAGE[4:8, :8])


def test_damaged_tiles_can_be_masked():
    masked = _damaged().decode(damaged="mask")
    expected = np.zeros(IMAGE.shape, bool)
    expected[4:8, 8:11] = True
    assert isinstance(masked, np.ma.MaskedArray)
    assert_equal_exact(masked.mask, expected)
    assert_equal_exact(masked.data[~expected], IMAGE[~expected])
    whole = _rough(IMAGE, tile=4, exact=True).decode(damaged="mask")
    assert isinstance(whole, np.ma.MaskedArray)
    assert not whole.mask.any()
    with pytest.raises(ValueError, match="damaged: expected 'raise' or 'mask', got 'skip'"):
        _rough(IMAGE).decode(damaged="skip")


def test_without_a_promise_no_tile_is_damaged():
    assert not _damaged(exact=False).decode(damaged="mask").mask.any()


def test_files_of_version_1_are_checked_as_a_whole():
    """They have one checksum of all samples: a region of theirs is as sure as the whole, and not faster."""
    folder = Path(__file__).parent / "fixtures"
    inr = refinr.load(folder / "image.inr")
    samples = np.load(folder / "image.npy")
    assert inr.checksums is None
    assert_equal_exact(inr[2:5, ::-2], samples[2:5, ::-2])
    with pytest.raises(ValueError, match="damaged: files of version 1 have no checksums of tiles"):
        inr.decode(damaged="mask")
    params = {name: p.copy() for name, p in inr.params.items()}
    params["b0"] += 9
    with pytest.raises(refinr.LosslessError, match="the decoded samples are not those"):
        dataclasses.replace(inr, params=params)[0, 0]


def test_checksums_of_another_number_of_tiles_are_refused(tmp_path):
    _rough(IMAGE, tile=4).save(tmp_path / "a.inr")
    arrays, description = container.read(tmp_path / "a.inr")
    for checksums in (arrays["checksums"][1:], arrays["checksums"].astype(np.int32)):
        container.write(tmp_path / "b.inr", arrays | {"checksums": checksums}, description)
        with pytest.raises(ValueError, match="checksums: expected 12 of uint32, got"):
            refinr.load(tmp_path / "b.inr")
