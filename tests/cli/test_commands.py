"""The command line: what it writes, what it says, and an exit status of 0 only when what was asked holds."""

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
from refinr.cli import values
from refinr.files import signals
from tests.cli.contents import content
from tests.helpers import assert_equal_exact

SMALL = ["--hidden", "16,16", "--quiet"]


def _refinr(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "refinr", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with signals written by other programs than ours."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("volume.npy", (rng.normal(size=(3, 4, 3)) * 100).astype(np.float32))
    np.save("image.npy", rng.integers(0, 16, (6, 6)).astype(np.uint8))
    colour = rng.integers(0, 2**16, (5, 4, 3)).astype(np.uint16)
    with open("colour.png", "wb") as file:
        png.Writer(4, 5, bitdepth=16, greyscale=False).write(file, colour.reshape(5, 12).tolist())
    sound = rng.integers(-(2**23), 2**23, 25)
    with wave.open("sound.wav", "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(3)
        writer.setframerate(11025)
        writer.writeframes(b"".join(int(v).to_bytes(3, "little", signed=True) for v in sound))
    return tmp_path


# --- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["colour.png", "sound.wav", "volume.npy"])
def test_there_and_back(folder, capsys, name):
    back = "back" + Path(name).suffix
    assert cli.main(["fit", name, "out.inr", *SMALL]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("lossless: ")
    assert said.err == ""
    assert cli.main(["verify", name, "out.inr"]) == 0
    assert capsys.readouterr().out.startswith("equal: all ")
    assert cli.main(["decode", "out.inr", back]) == 0
    assert content(back) == content(name)
    capsys.readouterr()
    assert cli.main(["info", "out.inr"]) == 0
    assert "lossless" in capsys.readouterr().out


@pytest.mark.parametrize("region", ["3:9,-7:,:", ":,:4,1:"])
def test_a_region_is_written_alone(folder, capsys, region):
    assert cli.main(["fit", "colour.png", "out.inr", *SMALL]) == 0
    assert cli.main(["decode", "out.inr", "back.npy", f"--region={region}"]) == 0
    expected = signals.read("colour.png").samples[values.region(region)]
    assert_equal_exact(np.load("back.npy"), expected)
    assert "region" not in capsys.readouterr().err
    assert cli.main(["decode", "out.inr", "back.npy", "--region", "0:2", "--force"]) == 2
    assert "out.inr: region: expected 3 slices, got 1" in capsys.readouterr().err
    assert_equal_exact(np.load("back.npy"), expected)


def test_verify_with_the_file_first_says_how_it_goes(folder, capsys):
    assert cli.main(["verify", "out.inr", "image.npy"]) == 2
    assert capsys.readouterr().err.endswith(
        "expected the signal first and then the file: refinr verify image.npy out.inr\n"
    )


def test_there_and_back_in_processes_of_their_own(folder):
    for arguments in (
        ["fit", "sound.wav", "out.inr", *SMALL],
        ["verify", "sound.wav", "out.inr"],
        ["decode", "out.inr", "back.wav"],
        ["info", "out.inr"],
    ):
        result = _refinr(*arguments, cwd=folder)
        assert (result.returncode, result.stderr) == (0, ""), arguments
        assert result.stdout or arguments[0] == "decode"
    assert content("back.wav") == content("sound.wav")
    with wave.open("back.wav") as reader:
        assert (reader.getframerate(), reader.getsampwidth()) == (11025, 3)


def test_info_says_what_the_file_holds(folder, capsys):
    cli.main(["fit", "sound.wav", "out.inr", "--tile", "10", *SMALL])
    capsys.readouterr()
    assert cli.main(["info", "out.inr"]) == 0
    said = capsys.readouterr().out
    inr = refinr.load("out.inr")
    expected = ["int32 (25,)", "Planes", "24 bits", "sine", "rate 11025", f"{os.path.getsize('out.inr')} bytes"]
    for words in [*expected, str(inr.report.parameters), f"networks       {inr.report.networks}"]:
        assert words in said, words


def test_options_reach_the_fit(folder):
    options = ["--tile", "4,3", "--gray", "--seed", "5", "--activation", "gauss", "--bits", "6", "--margin", "0.25"]
    assert cli.main(["fit", "image.npy", "out.inr", *options, *SMALL]) == 0
    image = np.load("image.npy")
    actual = refinr.load("out.inr")
    expected = refinr.fit(
        image, tile=(4, 3), gray=True, seed=5, activation="gauss", bits=6, margin=0.25, hidden=(16, 16)
    )
    assert actual.layout == expected.layout
    for name, p in expected.params.items():
        assert_equal_exact(actual.params[name], p, bitwise=True)


@pytest.mark.parametrize(
    ("options", "grid"),
    [([], (3, 4)), (["--channels"], (3, 4)), (["--no-channels"], (3, 4, 3))],
    ids=["guessed", "said", "denied"],
)
def test_channels_can_be_said_where_the_file_does_not(folder, options, grid):
    assert cli.main(["fit", "volume.npy", "out.inr", *options, *SMALL]) == 0
    assert refinr.load("out.inr").layout.grid == grid


def test_one_number_is_an_area_and_a_comma_makes_a_length(folder):
    for text, tile in (("2", (4,)), ("2,", (2,))):
        assert cli.main(["fit", "sound.wav", "out.inr", "--tile", text, "--max-steps", "0", *SMALL]) == 0
        assert refinr.load("out.inr").layout.tile == tile


def test_the_bar_is_on_standard_error_and_can_be_left_out(folder, capfd):
    cli.main(["fit", "image.npy", "out.inr", "--hidden", "16,16"])
    said = capfd.readouterr()
    assert "BER=" in said.err
    assert said.out.count("\n") == 1
    cli.main(["fit", "image.npy", "out.inr", *SMALL])
    assert capfd.readouterr().err == ""


# --- what does not hold ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "where"), [("image.npy", (4, 1)), ("volume.npy", (2, 0, 1)), ("sound.wav", (17,))])
def test_one_wrong_sample_is_found_and_placed(folder, capsys, name, where):
    assert cli.main(["fit", name, "out.inr", *SMALL]) == 0
    if name.endswith(".wav"):
        content = bytearray(Path(name).read_bytes())
        content[len(content) - 3 * (25 - where[0])] ^= 1  # the sound has 25 samples of three bytes
        Path(name).write_bytes(content)
    else:
        samples = np.load(name)
        samples.view(f"u{samples.itemsize}")[where] ^= 1
        np.save(name, samples)
    capsys.readouterr()
    assert cli.main(["verify", name, "out.inr"]) == 1
    said = capsys.readouterr()
    assert (
        f"differs: 1 of {np.prod(refinr.load('out.inr').layout.shape)} samples, the first at {list(where)}" in said.out
    )


def test_zeros_of_another_sign_and_nan_of_another_payload_differ(folder, capsys):
    np.save("a.npy", np.array([0.0, np.nan, 1.0], dtype=np.float32))
    assert cli.main(["fit", "a.npy", "a.inr", *SMALL]) == 0
    assert cli.main(["verify", "a.npy", "a.inr"]) == 0, "NaN equals itself"
    for index, value in ((0, 0x80000000), (1, 0x7FC00001)):
        changed = np.load("a.npy")
        changed.view("u4")[index] = value
        np.save("b.npy", changed)
        capsys.readouterr()
        assert cli.main(["verify", "b.npy", "a.inr"]) == 1
        assert f"differs: 1 of 3 samples, the first at [{index}]" in capsys.readouterr().out


def test_another_shape_or_dtype_differs(folder, capsys):
    assert cli.main(["fit", "image.npy", "out.inr", *SMALL]) == 0
    image = np.load("image.npy")
    for other in (image.astype(np.uint16), image[:5], image.reshape(4, 9)):
        np.save("other.npy", other)
        capsys.readouterr()
        assert cli.main(["verify", "other.npy", "out.inr"]) == 1
        assert capsys.readouterr().out.startswith("differs: ")


def test_a_fit_that_is_not_exact_is_written_and_says_so(folder, capsys):
    assert cli.main(["fit", "image.npy", "out.inr", "--max-steps", "1", "--no-exact", *SMALL]) == 1
    assert capsys.readouterr().out.startswith("NOT lossless, bit error rate 0.")
    inr = refinr.load("out.inr")
    assert not inr.lossless
    assert cli.main(["verify", "image.npy", "out.inr"]) == 1
    wrong = int((inr.decode() != np.load("image.npy")).sum())
    assert f"differs: {wrong} of 36 samples" in capsys.readouterr().out
    assert cli.main(["info", "out.inr"]) == 0
    assert "NOT lossless" in capsys.readouterr().out
    cli.main(["decode", "out.inr", "back.npy"])
    assert "not exact" in capsys.readouterr().err
    assert_equal_exact(np.load("back.npy"), inr.decode())


def test_a_decode_that_breaks_the_promise_writes_nothing(folder, capsys):
    assert cli.main(["fit", "image.npy", "out.inr", *SMALL]) == 0
    inr = refinr.load("out.inr")
    inr.params["b2"][0] = -1e3
    inr.save("out.inr")
    Path("back.npy").write_bytes(b"old")
    for arguments in (["decode", "out.inr", "back.npy", "--force"], ["verify", "image.npy", "out.inr"]):
        capsys.readouterr()
        assert cli.main(arguments) == 1
        said = capsys.readouterr().err
        assert said.startswith("refinr: ")
        assert said.count("\n") == 1
        assert "smallest margin" in said
    assert Path("back.npy").read_bytes() == b"old"


# --- what cannot be tried --------------------------------------------------------------------------------------------

BAD = {
    "missing input": ["fit", "nothing.npy", "old.inr"],
    "unknown suffix": ["fit", "image.jpg", "old.inr"],
    "a folder": ["fit", "folder.npy", "old.inr"],
    "damaged image": ["fit", "damaged.png", "old.inr"],
    "text for an array": ["fit", "text.npy", "old.inr"],
    "objects": ["fit", "objects.npy", "old.inr"],
    "complex numbers": ["fit", "complex.npy", "old.inr"],
    "empty array": ["fit", "empty.npy", "old.inr"],
    "no such folder": ["fit", "image.npy", "nowhere/old.inr"],
    "too few bits": ["fit", "image.npy", "old.inr", "--bits", "2"],
    "tile of zero": ["fit", "image.npy", "old.inr", "--tile", "0"],
    "tile of three lengths": ["fit", "image.npy", "old.inr", "--tile", "4,4,4"],
    "hidden of zero": ["fit", "image.npy", "old.inr", "--hidden", "0"],
    "negative margin": ["fit", "image.npy", "old.inr", "--margin", "-1"],
    "no step size": ["fit", "image.npy", "old.inr", "--lr", "0"],
    "negative steps": ["fit", "image.npy", "old.inr", "--max-steps", "-1"],
    "negative seed": ["fit", "image.npy", "old.inr", "--seed", "-1"],
    "nan regressed": ["fit", "nan.npy", "old.inr", "--decomposition", "none"],
    "channels of a sound": ["fit", "sound.wav", "old.inr", "--channels"],
    "unknown library": ["fit", "image.npy", "old.inr", "--xp", "torch"],
    "decode missing": ["decode", "nothing.inr", "old.npy"],
    "decode an image": ["decode", "colour.png", "old.npy"],
    "decode half a file": ["decode", "half.inr", "old.npy"],
    "decode to an unknown suffix": ["decode", "good.inr", "old.jpg"],
    "decode to what cannot hold it": ["decode", "floats.inr", "old.png"],
    "decode to what needs to know more": ["decode", "good.inr", "old.wav"],
    "decode into no folder": ["decode", "good.inr", "nowhere/old.npy"],
    "verify missing original": ["verify", "nothing.npy", "good.inr"],
    "verify missing file": ["verify", "image.npy", "nothing.inr"],
    "verify the wrong way round": ["verify", "good.inr", "image.npy"],
    "info of nothing": ["info", "nothing.inr"],
    "info of an image": ["info", "image.npy"],
}


@pytest.fixture
def bad(folder: Path) -> Path:
    Path("folder.npy").mkdir()
    Path("damaged.png").write_bytes(Path("colour.png").read_bytes()[:60])
    Path("text.npy").write_text("1 2 3")
    np.save("objects.npy", np.array([None, 1]), allow_pickle=True)
    np.save("complex.npy", np.array([1j]))
    np.save("empty.npy", np.zeros((0, 3)))
    np.save("nan.npy", np.array([np.nan, 1.0]))
    refinr.fit(np.load("image.npy"), max_steps=0).save("good.inr")
    refinr.fit(np.load("volume.npy"), max_steps=0).save("floats.inr")
    Path("half.inr").write_bytes(Path("good.inr").read_bytes()[:3000])
    for name in ("old.inr", "old.npy", "old.png", "old.wav", "old.jpg"):
        Path(name).write_bytes(b"what was there")
    return folder


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_tried_is_said_in_one_line_and_changes_nothing(bad, capfd, name):
    before = {path: path.read_bytes() for path in bad.iterdir() if path.is_file()}
    writes = BAD[name][0] in ("fit", "decode")
    assert cli.main(BAD[name] + (["--force"] if writes else []) + (["--quiet"] if BAD[name][0] == "fit" else [])) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("refinr: ")
    assert said.err.endswith("\n")
    assert said.err.count("\n") == 1
    assert len(said.err) > len("refinr: .\n")
    assert "Traceback" not in said.err
    assert {path: path.read_bytes() for path in bad.iterdir() if path.is_file()} == before


def test_what_cannot_be_tried_in_a_process_of_its_own(bad):
    result = _refinr(*BAD["damaged image"], "--force", cwd=bad)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("refinr: damaged.png: ")
    assert result.stderr.count("\n") == 1


def test_a_folder_in_the_place_of_the_output(folder, capsys):
    Path("taken.inr").mkdir()
    assert cli.main(["fit", "image.npy", "taken.inr", *SMALL]) == 2
    said = capsys.readouterr().err
    assert said.startswith("refinr: ")
    assert said.count("\n") == 1
    assert sorted(os.listdir("taken.inr")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["paint"], "COMMAND: invalid choice: 'paint' (choose from 'demo', 'fit', "),
        (["fit"], "the following arguments are required: IN; refinr fit --help"),
        (["fit", "image.npy", "out.inr", "--tile", "x"], "--tile: expected whole numbers such as 16,16, got 'x'; "),
        (["fit", "image.npy", "out.inr", "--hidden", "16;16"], "--hidden: expected whole numbers such as 16,16, got "),
        (["fit", "image.npy", "out.inr", "--decomposition", "digits"], "--decomposition: invalid choice: 'digits' ("),
        (["fit", "image.npy", "out.inr", "--activation", "step"], "--activation: invalid choice: 'step' ("),
        (["fit", "image.npy", "out.inr", "--loss", "l2"], "--loss: invalid choice: 'l2' ("),
        (["fit", "image.npy", "out.inr", "--bits", "1.5"], "--bits: expected a whole number, got '1.5'; "),
        (["fit", "image.npy", "out.inr", "--lr", "fast"], "--lr: expected a number, got 'fast'; "),
        (["oracle", "check", "math", "--timeout", "long"], "--timeout: expected a number, got 'long'; "),
        (["oracle", "check", "math", "--timeout", "0"], "--timeout: expected a number of seconds above 0, got 0; "),
        (["info"], "the following arguments are required: FILE.inr; refinr info --help"),
        (["verify", "image.npy"], "the following arguments are required: FILE.inr; "),
    ],
    ids=str,
)
def test_arguments_that_are_none_are_named_in_a_line(folder, capsys, arguments, said):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("refinr" + (" fit" if arguments[0] == "fit" else ""))
    assert f": {said}" in line
    assert line.endswith(" --help lists what there is\n")
    assert not Path("out.inr").exists()


def test_the_version_is_known(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"refinr {refinr.__version__}\n"


def test_too_little_memory_is_said_in_words(folder, capsys, monkeypatch):
    def greedy(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("refinr.fitting.fit", greedy)
    assert cli.main(["fit", "image.npy", "out.inr"]) == 2
    assert capsys.readouterr().err == "refinr: not enough memory\n"


# --- interrupted -----------------------------------------------------------------------------------------------------


def test_an_interrupted_fit_says_what_was_reached_and_writes_nothing(folder):
    np.save("noise.npy", np.random.default_rng(0).integers(0, 2**16, (32, 32)).astype(np.uint16))
    before = sorted(os.listdir())
    # a process may be born with interrupts ignored: have them arrive as from a keyboard
    code = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "runpy.run_module('refinr', run_name='__main__', alter_sys=True)"
    fit = ["fit", "noise.npy", "out.inr", "--hidden", "2", "--max-steps", "1000000000"]
    process = subprocess.Popen([sys.executable, "-c", code, *fit], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        seen, start = b"", time.monotonic()
        while b"BER" not in seen:  # the networks are training
            seen += os.read(process.stderr.fileno(), 4096)
            assert process.poll() is None, seen
            assert time.monotonic() - start < 60
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=30)
        assert time.monotonic() - start < 15, "promptly"
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert out == b""
    last = err.decode().replace("\r", "\n").splitlines()[-1]
    assert last.startswith("refinr: interrupted: 0 of 16 networks done, error rate 0.")
    assert "nothing was written" in last
    assert b"Traceback" not in err
    assert sorted(os.listdir()) == before


def test_an_interrupt_anywhere_ends_with_130(folder, capsys, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("refinr.cli.commands.load", interrupted)
    assert cli.main(["info", "out.inr"]) == 130
    assert capsys.readouterr().err.startswith("refinr: interrupted")


def test_a_fit_never_takes_the_name_of_a_signal(tmp_path, capsys):
    path = tmp_path / "a.npy"
    np.save(path, np.arange(16, dtype=np.uint8).reshape(4, 4))
    before = path.read_bytes()
    assert cli.main(["fit", str(path), str(path), "--quiet"]) == 2
    assert "the name of a signal" in capsys.readouterr().err
    assert path.read_bytes() == before


# --- first touch -----------------------------------------------------------------------------------------------------


def test_nothing_asked_shows_the_lines_most_used(capsys):
    assert cli.main([]) == 2
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 5
    assert all(line.startswith("refinr ") for line in said[:4])


def test_a_file_is_called_like_the_array_in_an_archive(folder):
    np.savez("both.npz", a=np.load("image.npy"), b=np.zeros((5, 6)))
    assert cli.main(["fit", "both.npz::a", "--max-steps", "0", "--quiet"]) == 0
    assert cli.main(["verify", "both.npz::a", "both.npz.a.inr"]) == 0


def test_the_lines_most_used_work(folder, capsys):
    from refinr.cli.parser import FIRST

    Path("colour.png").rename("photo.png")
    for line in FIRST.splitlines()[:4]:
        words = line.split("  ")[0].split()
        assert cli.main([*words[1:], *(SMALL if words[1] == "fit" else [])]) == 0
    assert content("back.png") == content("photo.png")


HINTS = {
    "shares of 255": (np.arange(40).reshape(5, 8) / np.float32(255), "whole 255ths between 0 and 1"),
    "shares of 65535": ((np.arange(40) * 1000).reshape(5, 8) / 65535, "whole 65535ths between 0 and 1"),
    "a small image": (np.arange(16, dtype="u1").reshape(4, 4), "the last axis, 4 long, counts as channels"),
    "channels first": (np.zeros((3, 5, 6), "u1"), "axis 0, 3 long, counts as depth"),
}


@pytest.mark.parametrize("name", HINTS)
def test_data_that_deceive_get_one_line(folder, capsys, name):
    samples, words = HINTS[name]
    np.save("a.npy", samples)
    arguments = ["fit", "a.npy", "--hidden", "4", "--max-steps", "0", "--force"]
    assert cli.main(arguments) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("refinr: note: ")]
    assert len(notes) == 1
    assert words in notes[0]
    assert cli.main([*arguments, "--quiet"]) == 0
    assert "note" not in capsys.readouterr().err
