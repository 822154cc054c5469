"""Files: everything back, no damage unnoticed, and the old file or all of the new one."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import math
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import refinr
from refinr.files import container
from tests.helpers import assert_equal_exact

IMAGE = (np.arange(64).reshape(8, 8) * 37 % 16).astype(np.uint8)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
# strings of lone surrogates are no Unicode text, and no file can hold them
arrays = st.dictionaries(
    st.sampled_from(["w0", "b0", "w1", "b1"]),
    hnp.arrays(
        st.sampled_from(["float32", "float64"]), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)
    ),
    min_size=1,
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, refinr.INR]:
    path = tmp_path_factory.mktemp("container") / "image.inr"
    inr = refinr.fit(IMAGE, tile=(8, 4), hidden=(8, 8), info={"rate": 8000})
    assert inr.lossless
    inr.save(path)
    return path, inr


def _described(inr: refinr.INR) -> tuple:
    return inr.layout, repr(dataclasses.replace(inr.report, seconds=0.0)), inr.checksum, inr.info


def _same(a: refinr.INR, b: refinr.INR) -> bool:
    same_params = a.params.keys() == b.params.keys() and all(
        a.params[name].tobytes() == p.tobytes() and (a.params[name].dtype, a.params[name].shape) == (p.dtype, p.shape)
        for name, p in b.params.items()
    )
    return same_params and _described(a) == _described(b)


def _with_header(header: dict, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _write_edited(path: Path, original: Path, edit: Callable[[dict], object]) -> None:
    """The same file with another description."""
    arrays, description = container.read(original)
    edit(description)
    container.write(path, arrays, description)


# --- round trips -----------------------------------------------------------------------------------------------------


@given(arrays, st.dictionaries(st.text(max_size=4), json_values, max_size=3))
def test_arrays_and_description_come_back(tmp_path_factory, arrays, description):
    description = {key: value for key, value in description.items() if key not in ("format", "version")}
    path = tmp_path_factory.getbasetemp() / "round-trip.inr"
    container.write(path, arrays, description)
    back, said = container.read(path)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert_equal_exact(back[name], array, bitwise=True)
    assert said == description | {"format": "refinr", "version": container.VERSION}


def test_arrays_that_are_not_contiguous(tmp_path):
    array = np.arange(24.0).reshape(4, 6)
    container.write(tmp_path / "a", {"t": array.T, "s": array[::2, ::-1]}, {})
    back, _ = container.read(tmp_path / "a")
    assert_equal_exact(back["t"], array.T)
    assert_equal_exact(back["s"], array[::2, ::-1])


def test_the_file_is_a_safetensors_file(saved):
    path, inr = saved
    arrays = safetensors.numpy.load_file(path)
    assert arrays.keys() == {*inr.params, "checksums"}
    for name, p in inr.params.items():
        assert_equal_exact(arrays[name], p, bitwise=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_description_that_is_not_json_is_refused_and_nothing_is_written(tmp_path, value):
    with pytest.raises(ValueError, match="JSON"):
        container.write(tmp_path / "a.inr", {"w0": np.zeros(2)}, {"value": value})
    with pytest.raises(TypeError, match="JSON"):
        container.write(tmp_path / "a.inr", {"w0": np.zeros(2)}, {"value": object()})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path, umask):
    old = os.umask(umask)
    try:
        container.write(tmp_path / "a.inr", {"w0": np.zeros(2)}, {})
    finally:
        os.umask(old)
    assert (tmp_path / "a.inr").stat().st_mode & 0o777 == 0o666 & ~umask


# --- damage ----------------------------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere_is_refused(saved, tmp_path):
    content = saved[0].read_bytes()
    header = 8 + struct.unpack_from("<Q", content)[0]
    cut = tmp_path / "cut.inr"
    for size in [*range(0, header, 41), header, header + 1, *range(header, len(content), 997), len(content) - 1]:
        cut.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut\.inr: not an \.inr file, or a damaged one"):
            refinr.load(cut)


def test_a_file_that_goes_on_is_refused(saved, tmp_path):
    (tmp_path / "long.inr").write_bytes(saved[0].read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"long\.inr"):
        refinr.load(tmp_path / "long.inr")


def _flips(content: bytes) -> list[tuple[int, int]]:
    """Positions in the header, each with bits to flip."""
    header = 8 + struct.unpack_from("<Q", content)[0]
    return [(i, 1 << (i + k) % 8) for i in range(header) for k in (0, 3)]


def _load(path: Path, content: bytes) -> refinr.INR | None:
    """What is in such a file, None if it is refused."""
    path.write_bytes(content)
    try:
        return refinr.load(path)
    except ValueError:
        return None


def test_no_flipped_bit_of_the_header_raises_anything_but_value_errors(saved, tmp_path):
    content = bytearray(saved[0].read_bytes())
    for position, bit in _flips(content):
        content[position] ^= bit
        inr = _load(tmp_path / "flipped.inr", content)
        content[position] ^= bit
        # what can be loaded decodes to the samples or says that it does not
        if inr is not None:
            with contextlib.suppress(ValueError, refinr.LosslessError):
                assert_equal_exact(inr.decode(), IMAGE)


def test_no_flipped_bit_of_the_header_goes_unnoticed(saved, tmp_path):
    path, original = saved
    content = bytearray(path.read_bytes())
    unnoticed = []
    for position, bit in _flips(content):
        content[position] ^= bit
        with contextlib.suppress(ArithmeticError, TypeError):  # no errors that users expect, but errors
            inr = _load(tmp_path / "flipped.inr", content)
            if inr is not None and not _same(inr, original):
                unnoticed.append(bytes(content[position - 20 : position + 10]))
        content[position] ^= bit
    assert unnoticed == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.pop("layout"),
        lambda d: d.pop("report"),
        lambda d: d.pop("checksum"),
        lambda d: d.pop("info"),
        lambda d: d.update(layout=None),
        lambda d: d.update(layout=[]),
        lambda d: d.update(report={}),
        lambda d: d.update(info=3),
        lambda d: d["layout"].update(decomposition="digits"),
        lambda d: d["layout"].update(tile=[0, 4]),
        lambda d: d["layout"].update(tile=[4]),
        lambda d: d["layout"].update(tile=[-4, 4]),
        lambda d: d["layout"].update(tile=["a", 4]),
        lambda d: d["layout"].update(shape=[]),
        lambda d: d["layout"].update(shape=[8, 9]),
        lambda d: d["layout"].update(dtype="O"),
        lambda d: d["layout"].update(dtype="nonsense"),
        lambda d: d["layout"].update(extra=1),
        lambda d: d["layout"].update(offset="x"),
        lambda d: d["layout"]["cut"].update(bits=0),
        lambda d: d["layout"]["cut"].update(bits=5),
        lambda d: d["layout"]["cut"].update(radix_bits=0),
        lambda d: d["layout"]["cut"].update(unknown=0),
        lambda d: d["layout"]["spec"].update(sizes=[2, 8, 1]),
        lambda d: d["layout"]["spec"].update(sizes=[]),
        lambda d: d["layout"]["spec"].update(activation="step"),
        lambda d: d["layout"]["spec"].update(omega=-1.0),
    ],
    ids=range(27),
)
def test_a_description_that_makes_no_sense_is_refused(saved, tmp_path, edit):
    path = tmp_path / "edited.inr"
    _write_edited(path, saved[0], edit)
    with pytest.raises(ValueError, match=r"edited\.inr: (its description is damaged|its arrays are not those)"):
        refinr.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.pop("w0"),
        lambda p: p.update(w9=np.zeros(3, np.float32)),
        lambda p: p.update(w0=p["w0"][1:]),
        lambda p: p.update(w0=p["w0"][:, :, 1:]),
        lambda p: p.update(b0=p["b0"].reshape(-1)),
        lambda p: p.update(w0=p["w0"].astype(np.float64)),
        lambda p: p.update(b1=p["b1"].astype(np.int32)),
    ],
    ids=["missing", "one too many", "a network missing", "narrower", "flat", "wider numbers", "integers"],
)
def test_arrays_of_another_shape_or_kind_are_refused(saved, tmp_path, change):
    arrays, description = container.read(saved[0])
    change(arrays)
    container.write(tmp_path / "other.inr", arrays, description)
    with pytest.raises(ValueError, match=r"other\.inr: its arrays are not those that its description speaks of"):
        refinr.load(tmp_path / "other.inr")


# --- other files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"refinr": "hello"},
        {"refinr": "[]"},
        {"refinr": '{"format": "refinr", "version": "1"}'},
        {"refinr": '{"format": "else", "version": 1}'},
    ],
    ids=str,
)
def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path, metadata):
    safetensors.numpy.save_file({"w0": np.zeros(3)}, tmp_path / "else.inr", metadata)
    with pytest.raises(ValueError, match=r"else\.inr: a safetensors file, but not one of refinr's"):
        refinr.load(tmp_path / "else.inr")


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F8_E8M0", 1), ("F4", 1), ("C64", 8), ("BOOL", 1), ("U64", 8)],
)
def test_a_safetensors_file_of_any_dtype_is_refused_as_one(tmp_path, dtype, size):
    shape = [2] if dtype == "F4" else [1]
    header = {"model.weight": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}
    (tmp_path / "foreign.inr").write_bytes(_with_header(header, bytes(size)))
    with pytest.raises(ValueError, match=r"foreign\.inr"):
        refinr.load(tmp_path / "foreign.inr")


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 64, b"PK\x03\x04" + bytes(60), b"{}", os.urandom(300)])
def test_files_of_other_kinds_are_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match=r"other: not an \.inr file, or a damaged one"):
        refinr.load(tmp_path / "other")


def test_a_newer_version_is_refused_as_such(saved, tmp_path, monkeypatch):
    saved[1].save(tmp_path / "newer.inr")
    monkeypatch.setattr(container, "VERSION", 1)
    with pytest.raises(ValueError, match=r"newer\.inr: version 2, newer than 1, the newest this refinr reads"):
        refinr.load(tmp_path / "newer.inr")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.inr"):
        refinr.load(tmp_path / "nothing.inr")
    with pytest.raises(IsADirectoryError):
        refinr.load(tmp_path)


# --- all or nothing --------------------------------------------------------------------------------------------------


def test_a_move_that_fails_leaves_the_old_file(saved, tmp_path, monkeypatch):
    (tmp_path / "a.inr").write_bytes(b"what was there")

    def busy(*arguments: object) -> None:
        raise PermissionError(13, "in use by somebody else")

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(PermissionError, match="in use"):
        saved[1].save(tmp_path / "a.inr")
    assert (tmp_path / "a.inr").read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["a.inr"]


def test_a_disk_that_takes_no_more_leaves_the_old_file(saved, tmp_path):
    path, inr = tmp_path / "a.inr", saved[1]
    inr.save(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as good as a full disk: the system takes no more bytes
    try:
        with pytest.raises(OSError, match=r"a\.inr") as caught:
            inr.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.inr"]


def test_a_folder_that_is_not_there(saved, tmp_path):
    with pytest.raises(FileNotFoundError):
        saved[1].save(tmp_path / "nowhere" / "a.inr")
    assert os.listdir(tmp_path) == []


def test_a_folder_in_the_place_of_the_file(saved, tmp_path):
    (tmp_path / "a.inr").mkdir()
    with pytest.raises(OSError, match=r"a\.inr"):
        saved[1].save(tmp_path / "a.inr")
    assert os.listdir(tmp_path) == ["a.inr"]


def test_a_link_is_written_through(saved, tmp_path):
    target, link = tmp_path / "target.inr", tmp_path / "link.inr"
    target.write_bytes(b"old")
    link.symlink_to(target)
    saved[1].save(link)
    assert link.is_symlink()
    assert _same(refinr.load(target), saved[1])


def test_a_fit_that_is_killed_leaves_the_old_output(tmp_path):
    noise = np.random.default_rng(0).integers(0, 2**16, (32, 32)).astype(np.uint16)
    np.save(tmp_path / "noise.npy", noise)
    old = tmp_path / "out.inr"
    old.write_bytes(b"what was there")
    command = [
        sys.executable,
        "-m",
        "refinr",
        "fit",
        "noise.npy",
        "out.inr",
        "--force",
        "--hidden",
        "2",
        "--max-steps",
        "1000000000",
    ]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    try:
        seen = b""
        assert process.stderr is not None
        start = time.monotonic()
        while b"BER" not in seen:  # the networks are training
            seen += os.read(process.stderr.fileno(), 4096)
            assert process.poll() is None, seen
            assert time.monotonic() - start < 60
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate()
    assert old.read_bytes() == b"what was there"
    assert sorted(os.listdir(tmp_path)) == ["noise.npy", "out.inr"]
