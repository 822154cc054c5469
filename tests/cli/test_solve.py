"""`refinr solve` on files of every kind: written, verified, described, and decoded to what other programs read."""

from __future__ import annotations

import wave

import nibabel
import numpy as np
import png
import pytest

from refinr import cli
from tests.cli.contents import content

SMOOTH = np.add.outer(np.arange(19) ** 2, 70 * np.arange(17))


def _png(path: str) -> None:
    with open(path, "wb") as file:
        png.Writer(17, 19, bitdepth=16, greyscale=True).write(file, (9 * SMOOTH).tolist())


def _wav(path: str) -> None:
    sound = (20000 * np.sin(np.arange(300) / 9)).astype("<i2")
    with wave.open(path, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(sound.tobytes())


def _nifti(path: str) -> None:
    volume = np.add.outer(SMOOTH[:7, :9], 11 * np.arange(6)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 3.0, 1.0])), path)


def _npy(path: str) -> None:
    field = np.sin(SMOOTH / 300).astype(np.float32)
    field[3, 4:7] = np.nan, -0.0, np.inf
    np.save(path, field)


FILES = {"image.png": _png, "sound.wav": _wav, "volume.nii.gz": _nifti, "field.npy": _npy}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("image.png", [], ("uint16 (19, 17)", "cosines", "(float16)")),
        ("image.png", ["--effort", "small", "--store", "smallest"], ("cosines", "as raw bits")),
        ("sound.wav", [], ("int16 (150, 2)", "2 channel(s)", "cosines")),
        ("sound.wav", ["--weights", "ternary", "--tile", "64"], ("signs", "(ternary)")),
        ("volume.nii.gz", ["--tile", "8"], ("int16 (7, 9, 6)", "cosines")),
        ("field.npy", ["--store", "int8"], ("float32 (19, 17)", "32 bits", "(int8)")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_files_of_every_kind_are_solved_and_come_back(tmp_path, monkeypatch, capsys, name, options, said):
    monkeypatch.chdir(tmp_path)
    FILES[name](name)
    assert cli.main(["solve", name, "out.inr", "--quiet", *options]) == 0
    assert "lossless: " in capsys.readouterr().out
    assert cli.main(["verify", name, "out.inr"]) == 0
    capsys.readouterr()
    assert cli.main(["info", "out.inr"]) == 0
    text = capsys.readouterr().out
    assert "lossless: " in text
    assert " steps on average" in text
    for part in said:
        assert part in text
    back = f"back.{name.partition('.')[2]}"
    assert cli.main(["decode", "out.inr", back]) == 0
    assert content(back) == content(name)
