"""Arrays in HDF5 files and Zarr stores: one by its name, and nothing that is somewhere else."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refinr.files.budget import Budget
from refinr.files.signals import read, write
from tests.files.formats import assert_survives, ramp
from tests.helpers import assert_equal_exact

DTYPES = ["bool", "uint8", ">i2", "<u4", "int64", "float16", ">f8"]


@given(data=st.data(), dtype=st.sampled_from(DTYPES))
def test_there_and_back_and_readable_elsewhere(folder, data, dtype):
    samples = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, max_side=4)))
    info = {"dataset": "group/name", "attributes": {"unit": "K", "scale": [1.5, 2.0]}}
    signal = assert_survives(folder / "a.h5", samples, info)
    assert signal.info == {"format": "hdf5", "channels": None} | info
    with h5py.File(folder / "a.h5") as file:
        found = file["group/name"]
        assert_equal_exact(np.asarray(found[()], found.dtype), samples, bitwise=True)


def test_one_of_several_is_named(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x/a"] = ramp("int16", (3, 4))
        file.create_dataset("x/b", data=ramp("float32", (40, 50)), chunks=(7, 9), compression="gzip", shuffle=True)
        file["text"] = "words"
        file["soft"] = h5py.SoftLink("/x/a")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["x/circle"] = file["x"]
        file.create_dataset("elsewhere", (3,), "f4", external=[("raw.bin", 0, 12)])
        layout = h5py.VirtualLayout((3, 4), "i2")
        layout[:] = h5py.VirtualSource("other.h5", "a", (3, 4))
        file.create_virtual_dataset("virtual", layout)
    assert_equal_exact(read(f"{path}::x/b").samples, ramp("float32", (40, 50)))
    assert_equal_exact(read(f"{path}::/x/a").samples, ramp("int16", (3, 4)))
    for name, message in [
        ("", r"it holds elsewhere, virtual, x/a, x/b, .*; name one of them, as in file\.h5::elsewhere"),
        ("x", "'x' is no array; it holds"), ("y", "there is no 'y' in it"), ("x/a/b", "there is no 'x/a/b' in it"),
        ("outside/a", "there is no 'outside/a' in it"), ("soft", "'soft' is another name of '/x/a'; give that"),
        ("elsewhere", "the samples of 'elsewhere' are in other files"),
        ("virtual", "the samples of 'virtual' are in other files"), ("text", "expected booleans, integers or floats"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=rf"a\.h5: cannot be read as HDF5: {message}"):
            read(f"{path}::{name}" if name else path)


def test_an_array_that_is_large_for_its_file_must_be_trusted(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (1000, 1000), "u1", chunks=(10, 10), compression="gzip")  # nothing is stored
    zarr.create_array(tmp_path / "a.zarr", shape=(1000, 1000), dtype="u1", chunks=(10, 10))
    for path in (tmp_path / "a.h5", tmp_path / "a.zarr"):
        few = Budget(memory=1e6, memory_a_byte=1)
        with pytest.raises(ValueError, match="stand for 1000000 bytes of samples, and may for 500000: say that"):
            read(path, budget=few)
        assert_equal_exact(read(path, trusted=True).samples, np.zeros((1000, 1000), "u1"))


def test_damaged_files_are_refused(tmp_path):
    write(tmp_path / "a.h5", ramp("int16", (30, 40)))
    content = (tmp_path / "a.h5").read_bytes()
    for damaged in (b"", content[:7], content[:600], content[: len(content) // 2], b"text" * 500):
        (tmp_path / "a.h5").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.h5: cannot be read as HDF5: it (is|begins)"):
            read(tmp_path / "a.h5")


# --- Zarr ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
def test_stores(tmp_path, version):
    samples = ramp("int16", (9, 10))
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    for name in ("x/a", "b"):
        root.create_array(name, shape=samples.shape, dtype=samples.dtype, chunks=(4, 4))[...] = samples
    for name in ("x/a", "b"):
        assert_equal_exact(read(f"{tmp_path}/a.zarr::{name}").samples, samples)
    with pytest.raises(ValueError, match=r"it holds b, x/a; name one of them, as in a\.zarr::b"):
        read(tmp_path / "a.zarr")
    (tmp_path / "secret").mkdir()
    zarr.open_array(tmp_path / "secret" / "c", mode="w", shape=(3,), dtype="u1", zarr_format=version)
    for name in ("y", "../secret/c"):
        with pytest.raises(ValueError, match="it holds b, x/a"):
            read(f"{tmp_path}/a.zarr::{name}")
    (tmp_path / "a.zarr" / "b").rename(tmp_path / "b.zarr")  # an array alone
    assert_equal_exact(read(tmp_path / "b.zarr").samples, samples)
    (tmp_path / "a.zarr" / "x" / "a" / "0.9").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="there are links in it, which may lead to other files"):
        read(f"{tmp_path}/a.zarr::x/a")
    with pytest.raises(ValueError, match=r"c\.zarr: cannot be written as ZARR: a store is a folder"):
        write(tmp_path / "c.zarr", samples)


def test_a_store_that_would_run_code_is_refused(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.open_array(path, mode="w", shape=(3,), dtype="u1", chunks=(3,), zarr_format=2)[...] = 1
    found = json.loads((path / ".zarray").read_text())
    for place, value in (("filters", [{"id": "pickle"}]), ("compressor", {"id": "json2"})):
        (path / ".zarray").write_text(json.dumps(found | {place: value}))
        for trusted in (False, True):
            with pytest.raises(ValueError, match=r"its samples are encoded by '(pickle|json2)', expected one of"):
                read(path, trusted=trusted)
    for shape in (-1, [-1], "9", [2.5], [10**30]):
        (path / ".zarray").write_text(json.dumps(found | {"shape": shape}))
        with pytest.raises(ValueError, match=r"a\.zarr: cannot be read as ZARR"):
            read(path)
    (path / ".zarray").write_text("[" * 10_000)
    with pytest.raises(ValueError, match=r"a\.zarr: cannot be read as ZARR"):
        read(path)


def test_other_places_have_no_store(tmp_path):
    (tmp_path / "a.zarr").write_bytes(b"text")
    with pytest.raises(ValueError, match="expected a folder, as Zarr stores are"):
        read(tmp_path / "a.zarr")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "b.zarr")
