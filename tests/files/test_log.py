"""Parts of any length, by name: what was written whole is read back, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.files.journal import discard
from refinr.files.log import Log

KEY = bytes(range(32))
PARTS = {"trained": b"networks", "trained, 0": b"", "trained, 1": bytes(300)}
LENGTHS = [64 + sum(40 + len(content) for content in list(PARTS.values())[:count]) for count in range(4)]


@pytest.fixture
def path(tmp_path):
    """A log with all parts."""
    with Log(tmp_path / "a.part", KEY) as log:
        for name, content in PARTS.items():
            log.add(name, content)
    return tmp_path / "a.part"


def _held(path):
    """What a log has, opened anew."""
    with Log(path, KEY) as log:
        return {name: log[name] for name in PARTS if name in log}


def _first(count):
    return dict(list(PARTS.items())[:count])


def test_what_was_written_is_read(path):
    assert path.stat().st_size == LENGTHS[-1]
    assert _held(path) == PARTS


@given(st.integers(0, LENGTHS[-1]), st.binary(max_size=60))
def test_torn_anywhere_it_has_what_is_whole_and_goes_on(tmp_path_factory, length, rubbish):
    path = tmp_path_factory.mktemp("torn") / "a.part"
    with Log(path, KEY) as log:
        for name, content in PARTS.items():
            log.add(name, content)
    path.write_bytes(path.read_bytes()[:length] + (rubbish if length >= 64 else b""))
    whole = sum(end <= length for end in LENGTHS[1:])
    held = _held(path)
    assert held == _first(len(held))
    assert len(held) >= whole
    assert len(held) == whole or path.stat().st_size > length  # the rubbish was what had been there
    with Log(path, KEY) as log:
        for name, content in PARTS.items():
            if name not in log:
                log.add(name, content)
    assert _held(path) == PARTS


@given(st.integers(64, LENGTHS[-1] - 1), st.integers(1, 255))
def test_a_changed_byte_is_the_end(tmp_path_factory, place, change):
    path = tmp_path_factory.mktemp("changed") / "a.part"
    with Log(path, KEY) as log:
        for name, content in PARTS.items():
            log.add(name, content)
    data = bytearray(path.read_bytes())
    data[place] ^= change
    path.write_bytes(data)
    assert _held(path) == _first(sum(end <= place for end in LENGTHS[1:]))


def test_what_changes_while_it_is_in_use_is_refused(path):
    with Log(path, KEY) as log:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"a\.part: somebody has changed the journal"):
            log["trained, 1"]
    with pytest.raises(OSError, match="moved, replaced or removed"), Log(path, KEY):
        path.unlink()


def test_others_are_refused_and_nothing_is_changed(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="other samples or settings"):
        Log(path, bytes(32))
    with pytest.raises(ValueError, match="a machine that rounds differently"):
        Log(path, KEY, machine=b"machine2")
    with Log(path, KEY), pytest.raises(BlockingIOError, match="another process is at it"):
        Log(path, KEY)
    assert path.read_bytes() == before
    with Log(path, KEY, machine=b"machine2", mixed=True) as log:
        assert log["trained"] == b"networks"
    path.write_bytes(b"somebody else's")
    with pytest.raises(ValueError, match="another file in the place"):
        Log(path, KEY)


def test_it_goes_as_journals_do(path, tmp_path):
    (tmp_path / "done").write_bytes(b"done")
    discard(path, tmp_path / "done")
    assert not path.exists()
