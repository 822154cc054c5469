"""``refinr compress`` and ``decompress``: other programs' files there and back; verify and info know them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import png
import pytest

import refinr
from refinr import cli
from refinr.codec import header, slabs
from refinr.files import signals
from refinr.files.locking import Locked
from tests.cli.contents import content

FAST = ["--steps", "5", "--quiet"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with signals written by other programs than ours."""
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:40, :50]
    rng = np.random.default_rng(0)
    smooth = 30000 + 9000 * np.sin(x / 9) * np.cos(y / 7) + rng.normal(size=x.shape) * 20
    colour = np.stack([smooth, 0.8 * smooth, 0.6 * smooth], axis=-1).astype(np.uint16)
    with open("colour.png", "wb") as file:
        png.Writer(50, 40, bitdepth=16, greyscale=False).write(file, colour.reshape(40, 150).tolist())
    np.save("volume.npy", smooth.astype(">f4").reshape(5, 8, 50))
    sound = (9000 * np.sin(np.arange(3000) / 20) + rng.normal(size=3000) * 9).astype("<i2")
    with wave.open("sound.wav", "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(11025)
        writer.writeframes(sound.tobytes())
    return tmp_path


@pytest.mark.parametrize("name", ["colour.png", "sound.wav", "volume.npy"])
def test_there_and_back(folder, capsys, name):
    back = "back" + Path(name).suffix
    assert cli.main(["compress", name, "out.rinr", *FAST]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{os.path.getsize('out.rinr')} bytes, ")
    assert said.err == ""
    assert cli.main(["verify", name, "out.rinr"]) == 0
    assert capsys.readouterr().out.startswith("equal: all ")
    assert cli.main(["decompress", "out.rinr", back]) == 0
    assert content(back) == content(name)


def test_in_processes_of_their_own(folder):
    for arguments in (["compress", "sound.wav", "o.rinr", *FAST], ["decompress", "o.rinr", "back.wav"]):
        command = [sys.executable, "-m", "refinr", *arguments]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert (run.returncode, run.stderr) == (0, "")
    assert content("back.wav") == content("sound.wav")


def test_info_says_what_the_file_holds(folder, capsys):
    cli.main(["compress", "colour.png", "out.rinr", *FAST])
    capsys.readouterr()
    assert cli.main(["info", "out.rinr"]) == 0
    said = capsys.readouterr().out
    for words in ("uint16 (40, 50, 3)", "1 with networks", "3 with ", "bitdepth 16", "bits a sample"):
        assert words in said, words
    np.save("noise.npy", np.random.default_rng(0).integers(0, 256, 99).astype("u1"))
    cli.main(["compress", "noise.npy", "out.rinr", *FAST])
    capsys.readouterr()
    assert cli.main(["info", "out.rinr"]) == 0
    assert "1 as they are" in capsys.readouterr().out
    np.save("mask.npy", np.hypot(*np.mgrid[-40:40, -40:40]) < 30)
    cli.main(["compress", "mask.npy", "out.rinr", *FAST])
    capsys.readouterr()
    assert cli.main(["info", "--planes", "out.rinr"]) == 0
    said = capsys.readouterr().out
    assert "1 by counts" in said
    assert "network" not in said


def test_info_says_what_planes_take(folder, capsys):
    cli.main(["compress", "colour.png", "out.rinr", *FAST])
    capsys.readouterr()
    assert cli.main(["info", "--planes", "out.rinr"]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    planes = [float(word) for word in lines["planes"].split()[:-6]]
    found, _ = header.read(Path("out.rinr").read_bytes())
    assert sum(planes) * 6000 == pytest.approx(8 * found.slabs[0].size, rel=0.02)
    assert lines["model"] == "mixture"


def test_effort_and_channels_reach_the_codec(folder):
    cli.main(["compress", "colour.png", "out.rinr", "--effort", "none", "--quiet"])
    data = Path("out.rinr").read_bytes()
    found, _ = header.read(data)
    assert found.coding.hidden == (0, 0, 0)
    assert data == refinr.compress(refinr.decompress(data), effort="none", info=found.info)
    cli.main(["compress", "colour.png", "other.rinr", "--effort", "none", "--quiet", "--no-channels"])
    assert Path("other.rinr").read_bytes() != data


def test_a_bar_is_on_standard_error(folder, capfd):
    cli.main(["compress", "colour.png", "out.rinr", "--steps", "3"])
    assert "step" in capfd.readouterr().err


def test_a_difference_is_found(folder, capsys):
    cli.main(["compress", "volume.npy", "out.rinr", *FAST])
    array = np.load("volume.npy")
    array[1, 2, 3] += 1
    np.save("other.npy", array)
    assert cli.main(["verify", "other.npy", "out.rinr"]) == 1
    assert "the first at [1, 2, 3]" in capsys.readouterr().out


def test_a_damaged_file_is_named_and_writes_nothing(folder, capsys):
    cli.main(["compress", "volume.npy", "out.rinr", *FAST])
    content = Path("out.rinr").read_bytes()
    Path("back.npy").write_bytes(b"old")
    for bad in (content[:-3], content[:-1] + bytes([content[-1] ^ 1]), content[:20]):
        Path("bad.rinr").write_bytes(bad)
        for arguments in (["decompress", "bad.rinr", "back.npy", "--force"], ["verify", "volume.npy", "bad.rinr"]):
            capsys.readouterr()
            assert cli.main(arguments) == 2
            said = capsys.readouterr().err
            assert said.startswith("refinr: bad.rinr: ")
            assert said.count("\n") == 1
    assert Path("back.npy").read_bytes() == b"old"
    Path("bad.rinr").write_bytes(content[:20])
    assert cli.main(["info", "bad.rinr"]) == 2


def test_no_file_is_replaced_but_our_own(folder, capsys):
    assert cli.main(["compress", "volume.npy", "out.rinr", *FAST]) == 0
    assert cli.main(["compress", "volume.npy", "out.rinr", *FAST]) == 0
    assert cli.main(["decompress", "out.rinr", "sound.wav"]) == 2
    Path("notes.txt").write_text("mine")
    assert cli.main(["compress", "volume.npy", "notes.txt", *FAST]) == 2
    assert "there is such a file already" in capsys.readouterr().err
    assert Path("notes.txt").read_text() == "mine"


def test_a_region_is_written_alone(folder, capsys):
    for name, region, part in (
        ("colour.png", "3:9,-7:,:", np.s_[3:9, -7:]),
        ("sound.wav", "1000:1400,:", np.s_[1000:1400]),
        ("volume.npy", ":,2:3,40:99", np.s_[:, 2:3, 40:99]),
    ):
        back = "back" + Path(name).suffix
        cli.main(["compress", name, "out.rinr", *FAST])
        assert cli.main(["decompress", "out.rinr", back, f"--region={region}"]) == 0
        expected = signals.read(name)
        found = signals.read(back)
        assert np.array_equal(found.samples, expected.samples[part])
        assert found.info == expected.info
    assert "region" not in capsys.readouterr().err


def test_a_region_is_not_said_to_be_where_the_whole_was(folder, capsys):
    nibabel = pytest.importorskip("nibabel")
    volume = np.arange(7 * 8 * 9, dtype=np.int16).reshape(7, 8, 9)
    nibabel.Nifti1Image(volume, np.diag([2.0, 2.0, 3.0, 1.0])).to_filename("scan.nii")
    cli.main(["compress", "scan.nii", "scan.rinr", *FAST])
    assert cli.main(["decompress", "scan.rinr", "back.nii", "--region", "2:5,:,:3"]) == 0
    assert "back.nii is a region, and does not hold what came with all samples: header" in capsys.readouterr().err
    assert np.array_equal(signals.read("back.nii").samples, volume[2:5, :, :3])
    assert signals.read("back.nii").info["header"] != signals.read("scan.nii").info["header"]


@pytest.mark.parametrize("region", ["3", "0:3:2", "a:b", "0:3,"])
def test_what_is_no_region_is_said(folder, capsys, region):
    with pytest.raises(SystemExit) as caught:
        cli.main(["decompress", "out.rinr", "back.npy", "--region", region])
    assert caught.value.code == 2
    assert "expected START:STOP for every axis" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compress", "colour.png", "out.png"], "the name of a signal"),
        (["compress", "missing.png", "out.rinr"], "No such file"),
        (["compress", "colour.png", "out.rinr", "--steps", "-1"], "steps: expected 0 or more"),
        (["decompress", "colour.png", "back.png"], "colour.png: not a .rinr file"),
        (["decompress", "missing.rinr", "back.png"], "No such file"),
        (["decompress", "plain.rinr", "back.npy", "--region", "0:2"], "plain.rinr: region: expected 2 slices"),
    ],
)
def test_what_cannot_be_tried(folder, capsys, arguments, words):
    Path("plain.rinr").write_bytes(refinr.compress(np.arange(15, dtype="u1").reshape(3, 5)))
    before = sorted(os.listdir())
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err
    assert sorted(os.listdir()) == before


def test_interrupted_it_says_where_the_rest_is_and_goes_on(folder, capsys, monkeypatch):
    command = ["compress", "volume.npy", "out.rinr", *FAST, "--force"]
    assert cli.main(command) == 0
    expected = Path("out.rinr").read_bytes()
    Path("out.rinr").write_bytes(b"old")

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(slabs, "write", interrupted)
        capsys.readouterr()
        assert cli.main([*command, "--resume"]) == 130
        said = capsys.readouterr().err
        assert said == "refinr: interrupted; what is done is in out.rinr.part, and the same command goes on\n"
    with Locked("out.rinr.part"):
        assert cli.main([*command, "--resume"]) == 2
    assert "out.rinr.part: another process is at it" in capsys.readouterr().err
    assert cli.main([*command, "--resume", "--seed", "1"]) == 2
    assert "out.rinr.part: networks of other samples or settings" in capsys.readouterr().err
    assert Path("out.rinr").read_bytes() == b"old"
    monkeypatch.setattr("refinr.codec.models.train", interrupted)  # not again
    assert cli.main([*command, "--resume", "--mixed"]) == 0
    assert Path("out.rinr").read_bytes() == expected
    assert not Path("out.rinr.part").exists()


def test_ended_while_it_trains_again_it_goes_on(folder):
    command = ["compress", "sound.wav", "out.rinr", "--steps", "120", "--quiet", "--force"]
    assert cli.main(command) == 0
    expected = Path("out.rinr").read_bytes()
    Path("out.rinr").write_bytes(b"old")
    process = subprocess.Popen([sys.executable, "-m", "refinr", *command, "--resume"], stderr=subprocess.PIPE)
    while not (os.path.exists("out.rinr.part") and os.path.getsize("out.rinr.part") > 64):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert b"what is done is in out.rinr.part" in process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert Path("out.rinr").read_bytes() == b"old"
    assert cli.main([*command, "--resume"]) == 0
    assert Path("out.rinr").read_bytes() == expected
    assert not os.path.exists("out.rinr.part")
