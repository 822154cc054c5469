"""A file is the old one or all of the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from refinr.files.atomic import replace_file


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.inr"
    replace_file(path, b"what was there")

    def half() -> Iterator[bytes]:
        yield b"something"
        raise error

    with pytest.raises(type(error)):
        replace_file(path, half())
    assert path.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["a.inr"]


def test_pieces_and_the_whole_make_the_same_file(tmp_path):
    replace_file(tmp_path / "a", b"one two")
    replace_file(tmp_path / "b", iter([b"one ", memoryview(b"two")]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"one two"
