"""Files of strangers: what they say is of its type at once, and reaches the terminal as text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr import cli
from refinr.files import container
from refinr.summary import printable

WRONG = [
    ("report", {"networks": 1.0}), ("report", {"parameters": "1"}), ("report", {"parameters": 3.5}),
    ("report", {"most_steps": None}), ("report", {"restarts": True}), ("report", {"samples": 16.0}),
    ("report", {"steps": "many"}), ("report", {"rmse": []}), ("report", {"peak": [1.0]}),
    ("report", {"wrong_bits": [0.0]}), ("report", {"wrong_bits": 0}), ("report", {"margin_per_plane": 0.5}),
    ("report", {"margin_per_plane": [True]}),
    ("checksum", 3), ("checksum", "A" * 64), ("checksum", "\x1b[2J"), ("info", [["rate", 8000]]), ("info", "text"),
    ("layout", {"channel_axis": 1}), ("layout", {"channel_axis": "no"}), ("store", 3),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    refinr.fit(np.eye(4, dtype="uint8"), bits=1, channels=True, hidden=(2,), max_steps=1, exact=True).save(
        tmp_path / "a.inr"
    )
    return tmp_path / "a.inr"


def _say(path: Path, key: str, value: object) -> None:
    arrays, description = container.read(path)
    old = description[key]
    description[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    container.write(path, arrays, description)


@pytest.mark.parametrize(("key", "value"), WRONG, ids=json.dumps)
def test_what_is_of_another_type_is_refused_at_once(path, key, value):
    _say(path, key, value)
    with pytest.raises(ValueError, match=r"a\.inr: its description is damaged"):
        refinr.load(path)


def test_what_a_file_says_reaches_the_terminal_as_text(path, capsys):
    _say(path, "info", {"title\x1b]0;a\x07": "\x1b[2J\u202e\x9b31m line\nrefinr: lossless", "channels": False})
    assert cli.main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.split("\n"))
    (line,) = [line for line in said.splitlines() if line.startswith("carried along")]
    assert line.endswith(r"title\x1b]0;a\x07 \x1b[2J\u202e\x9b31m line\nrefinr: lossless, channels False")


def test_what_a_file_says_reaches_errors_as_text(path, capsys):
    _say(path, "checksum", "\x1b[2J")
    _say(path, "store", "\x1b[2J\u202e")
    assert cli.main(["info", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip("\n").isprintable()


def test_what_compressed_files_and_names_of_arrays_say_reaches_the_terminal_as_text(tmp_path, capsys):
    samples = np.eye(5, dtype="uint8")
    (tmp_path / "a.rinr").write_bytes(refinr.compress(samples, steps=0, info={"title": "\x1b[2J\u202e"}))
    np.savez(tmp_path / "a.npz", **{"\x1b[2Ja": samples, "\u202eb": samples})
    assert cli.main(["info", str(tmp_path / "a.rinr")]) == 0
    assert cli.main(["fit", str(tmp_path / "a.npz"), str(tmp_path / "a.inr")]) == 2
    out, err = capsys.readouterr()
    assert r"title \x1b[2J\u202e" in out
    assert r"\x1b[2Ja" in err
    assert all(line.isprintable() for line in (out + err).split("\n"))


def test_text_stays_as_it_is():
    assert printable("Größe 3 – naïve 漢字") == "Größe 3 – naïve 漢字"
    assert printable("\ud800") == r"\ud800"
