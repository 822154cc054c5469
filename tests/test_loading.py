"""Damaged files: a description is refused, an array is named, a tile has a place, and the others can be had."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr.files import container, residual
from tests.helpers import assert_equal_exact

RNG = np.random.default_rng(5)
IMAGE = (np.add.outer(np.arange(14), np.arange(11)) // 2 + RNG.integers(0, 3, (14, 11))).astype(np.uint16)
KINDS: dict[str, dict[str, Any]] = {
    "float32": {}, "float16": {"store": "float16"}, "bfloat16": {"store": "bfloat16"},
    "ternary": {"layer": "ternary"}, "whole numbers": {"layer": "ternary-integer"}, "values": {"decomposition": "none"},
}  # fmt: skip


def _saved(folder: Path, kind: str, exact: bool) -> tuple[refinr.INR, bytes]:
    """Twelve tiles of networks that have something wrong, three or four of them in a block of the residual."""
    options: dict[str, Any] = {"hidden": (4,), "tile": 4, "max_steps": 3, "exact": exact} | KINDS[kind]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residual, "BLOCK", 40)
        inr = refinr.fit(IMAGE, **options)
    inr.save(folder / "good.inr")
    return inr, (folder / "good.inr").read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], tuple[refinr.INR, bytes]]:
    folder = tmp_path_factory.mktemp("loading")
    return {(kind, exact): _saved(folder, kind, exact) for kind in KINDS for exact in (True, False)}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "BLOCK", 40)


def _place(content: bytes, name: str) -> tuple[int, int]:
    """Where the bytes of an array begin and end in a file."""
    (length,) = struct.unpack_from("<Q", content)
    start, end = json.loads(content[8 : 8 + length])[name]["data_offsets"]
    return 8 + length + start, 8 + length + end


def _tile_numbers(inr: refinr.INR) -> np.ndarray:
    numbers = np.zeros(inr.shape, int)
    for number, place in enumerate(inr.layout.tiles):
        numbers[place] = number
    return numbers


def _damaged_tiles(inr: refinr.INR, path: Path) -> set[int]:
    """Numbers of the tiles that a damaged copy masks; all others must be what they were."""
    expected = inr.decode()
    found = refinr.load(path, damaged="mask")
    masked = found.decode(damaged="mask")
    mask = np.ma.getmaskarray(masked)
    assert_equal_exact(masked.data[~mask], expected[~mask])
    numbers = _tile_numbers(inr)
    damaged = set(numbers[mask].tolist())
    assert_equal_exact(mask, np.isin(numbers, sorted(damaged)))
    places = found.damaged_tiles()
    assert places == [inr.layout.tiles[tile] for tile in sorted(damaged)]
    for number, place in enumerate(inr.layout.tiles):
        if number in damaged:
            in_words = ", ".join(f"{axis.start}:{axis.stop}" for axis in place)
            with pytest.raises(refinr.LosslessError, match=rf"of tile \[{in_words}\] are not those .* file is damaged"):
                found[place]
            assert found.region(place, damaged="mask").mask.all()
        else:
            assert_equal_exact(found[place], expected[place])
    return damaged


def _write(path: Path, content: bytes, edit: Callable[[bytearray], object]) -> None:
    changed = bytearray(content)
    edit(changed)
    assert changed != content
    path.write_bytes(changed)


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_any_byte_of_any_array(files, tmp_path_factory, kind, exact, data):
    inr, content = files[kind, exact]
    names = [*inr.params, "checksums", *(["residual", "residual_ends"] if inr.residual else [])]
    name = data.draw(st.sampled_from(names))
    position = data.draw(st.integers(*np.add(_place(content, name), (0, -1)).tolist()))
    flip = data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped.inr"
    _write(path, content, lambda changed: changed.__setitem__(position, changed[position] ^ flip))
    with pytest.raises(ValueError, match=rf"flipped\.inr: damaged, its content is not what was written, in {name};"):
        refinr.load(path)
    assert refinr.load(path, damaged="mask").damaged == (name,)
    damaged = _damaged_tiles(inr, path)
    start, end = _place(content, name)
    share = (position - start) / (end - start) * len(inr.layout.tiles)
    if name == "checksums":
        assert damaged == {int(share)}
    elif name == "residual":
        assert inr.residual is not None
        block = int(np.searchsorted(inr.residual.ends, position - start, side="right"))
        assert damaged <= set(_tiles_of_blocks(inr, block, block))
    elif name == "residual_ends":
        block = (position - start) // 8
        assert damaged <= set(_tiles_of_blocks(inr, block, block + 1))
    else:
        assert len(damaged) <= 2
        assert all(abs(tile - share) <= 1.2 for tile in damaged)  # a byte of trits may belong to two of them


def _tiles_of_blocks(inr: refinr.INR, first: int, last: int) -> list[int]:
    sizes = [inr.layout.channels * int(np.prod([s.stop - s.start for s in tile])) for tile in inr.layout.tiles]
    return [t for t, b in enumerate(residual.blocks(sizes, inr.layout.cut.bits)) if first <= b <= last]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tile_of_nonsense_is_a_damaged_tile(files, tmp_path, kind):
    """Infinities, NaN and bytes above 242, which are no trits."""
    inr, content = files[kind, True]
    start, end = _place(content, "w0")
    a_tile = (end - start) // len(inr.layout.tiles)
    for filling in (0xFF, 0x7F):
        place = slice(start + 5 * a_tile + 1, start + 6 * a_tile - 1)
        _write(tmp_path / "a.inr", content, lambda c, p=place, f=filling: c.__setitem__(p, [f] * (p.stop - p.start)))
        assert _damaged_tiles(inr, tmp_path / "a.inr") == {5}


def test_damage_in_two_places(files, tmp_path):
    inr, content = files["float32", True]
    weights, sums = _place(content, "w1")[0], _place(content, "checksums")[0]

    def edit(changed: bytearray) -> None:
        changed[weights + 3] ^= 0xC0  # the sign and the exponent of a weight of the first network
        changed[sums + 4 * 7] ^= 1

    _write(tmp_path / "a.inr", content, edit)
    assert set(refinr.load(tmp_path / "a.inr", damaged="mask").damaged) == {"w1", "checksums"}
    assert _damaged_tiles(inr, tmp_path / "a.inr") == {0, 7}


# --- descriptions ----------------------------------------------------------------------------------------------------


@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_damaged_description_is_refused_in_any_case(files, tmp_path_factory, position, bit):
    _, content = files["float32", True]
    (length,) = struct.unpack_from("<Q", content)
    path = tmp_path_factory.getbasetemp() / "header.inr"
    position %= 8 + length
    _write(path, content, lambda changed: changed.__setitem__(position, changed[position] ^ 1 << bit))
    try:
        found = refinr.load(path, damaged="mask")
    except ValueError:
        return
    path.write_bytes(content)  # a space, or the case of a letter in an escape
    assert found == refinr.load(path)


def test_files_cut_short_are_refused_in_any_case(files, tmp_path):
    _, content = files["ternary", True]
    for size in (0, 7, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.inr").write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut\.inr: not an \.inr file, or a damaged one"):
            refinr.load(tmp_path / "cut.inr", damaged="mask")


def test_files_of_version_1_do_not_say_where_they_are_damaged(tmp_path):
    content = bytearray((Path(__file__).parent / "fixtures" / "image.inr").read_bytes())
    content[-1] ^= 1
    (tmp_path / "a.inr").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.inr: damaged, its content is not what was written"):
        refinr.load(tmp_path / "a.inr", damaged="mask")


@pytest.mark.parametrize("ends", ["short", "long", "another end", "another kind"])
def test_ends_that_do_not_fit_are_refused(files, tmp_path, ends):
    (tmp_path / "a.inr").write_bytes(files["float32", True][1])
    arrays, description = container.read(tmp_path / "a.inr")
    good = arrays["residual_ends"]
    changed = {
        "short": good[1:],
        "long": np.append(good, good[-1:]),
        "another end": np.append(good[:-1], good[-1:] - 1),
        "another kind": good.astype(np.int64),
    }[ends]
    container.write(tmp_path / "b.inr", arrays | {"residual_ends": changed}, description)
    with pytest.raises(ValueError, match=r"b\.inr: its description is damaged .*ends: expected"):
        refinr.load(tmp_path / "b.inr")


# --- what can be done with them --------------------------------------------------------------------------------------


def test_undamaged_files_are_what_they_are(files, tmp_path):
    inr, content = files["float32", False]
    (tmp_path / "a.inr").write_bytes(content)
    found = refinr.load(tmp_path / "a.inr", damaged="mask")
    assert found == inr
    assert found.damaged == ()
    assert found.damaged_tiles() == []
    with pytest.raises(ValueError, match="damaged: expected 'raise' or 'mask', got 'skip'"):
        refinr.load(tmp_path / "a.inr", damaged="skip")


def test_damage_is_not_saved_as_if_it_were_none(files, tmp_path):
    inr, content = files["float32", True]
    _write(tmp_path / "a.inr", content, lambda c: c.__setitem__(-1, c[-1] ^ 1))
    found = refinr.load(tmp_path / "a.inr", damaged="mask")
    assert found != inr
    with pytest.raises(ValueError, match="save: expected an undamaged INR, got one with damage in"):
        found.save(tmp_path / "b.inr")
    assert "damaged in the file" in repr(found)


def test_networks_of_damaged_arrays_are_not_asked(files, tmp_path):
    """Between samples there is nothing to check an output by."""
    _, content = files["float32", True]
    start, _ = _place(content, "w0")
    _write(tmp_path / "a.inr", content, lambda c: c.__setitem__(start + 3, c[start + 3] ^ 0x80))
    found = refinr.load(tmp_path / "a.inr", damaged="mask")
    for ask in (found.logits, lambda: found.at([[0.0, 0.0]]), lambda: refinr.certify(found)):
        with pytest.raises(ValueError, match="expected undamaged networks, got damage in w0"):
            ask()
