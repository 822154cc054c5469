"""Images of other formats: what the decoder says, to the last bit, and back where the format keeps it."""

from __future__ import annotations

import io
import sys

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import refinr
from refinr import cli
from refinr.files import apart
from refinr.files.signals import read, write
from tests.files.formats import assert_survives, ramp
from tests.helpers import assert_equal_exact

SHAPES = {".bmp": [1, 3], ".webp": [3, 4], ".jxl": [1, 3, 4], ".ppm": [1, 3]}


@given(data=st.data(), suffix=st.sampled_from(list(SHAPES)))
def test_round_trip(folder, data, suffix):
    planes = data.draw(st.sampled_from(SHAPES[suffix]))
    dtype = data.draw(st.sampled_from(["uint8", "uint16"] if suffix in (".jxl", ".ppm") else ["uint8"]))
    grid = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
    samples = data.draw(hnp.arrays(dtype, (*grid, planes) if planes > 1 else grid))
    assert assert_survives(folder / f"a{suffix}", samples, {}).info["channels"] == (planes > 1)


def test_jpeg_is_what_its_decoder_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(ramp("uint8", (16, 24, 3))).save("a.jpg")
    with Image.open("a.jpg") as image:
        assert_equal_exact(read("a.jpg").samples, np.asarray(image))
    assert cli.main(["fit", "a.jpg", "a.inr", "--quiet", "--max-steps", "0", "--hidden", "4"]) == 0
    assert cli.main(["verify", "a.jpg", "a.inr"]) == 0
    capsys.readouterr()
    assert cli.main(["decode", "a.inr", "b.jpg"]) == 2
    assert "it would change the samples; write .png or .tif, which keep them" in capsys.readouterr().err
    assert cli.main(["decode", "a.inr", "b.png"]) == 0
    assert_equal_exact(read("b.png").samples, read("a.jpg").samples)


def test_deep_images_stay_deep(tmp_path):
    deep = ramp("uint16", (16, 24, 3))
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(deep, lossless=True))
    assert_equal_exact(read(tmp_path / "a.jxl").samples, deep)


def test_palettes_are_looked_up(tmp_path):
    colours = Image.fromarray(ramp("uint8", (8, 9, 3))).quantize(16)
    for suffix in (".gif", ".bmp"):
        colours.save(tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as image:
            expected = np.asarray(image.convert("RGB"))
        assert_equal_exact(read(tmp_path / f"a{suffix}").samples, expected)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_animations_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(np.full((8, 8, 3), value, "u1")) for value in (0, 200)]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="it is an animation"):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"P6 2 2", "its head is cut short"),
        (b"P6 2 2 255\n" + bytes(11), "expected 12 bytes of samples for one image, got 11"),
        (b"P6 2 2 255\n" + bytes(24), "got 24"),
        (b"P5 2 2 70000\n" + bytes(8), "values up to 65535"),
        (b"P4 2 2 1\n" + bytes(8), "expected P2, P3, P5 or P6"),
        (b"P2 2 1 255\n1", "expected 2 numbers up to 255, got 1 up to 1"),
        (b"P2 2 1 9\n1 10", "expected 2 numbers up to 9, got 2 up to 10"),
        (b"P2 2 1 9\n1 -1", "expected whole numbers and comments, got other characters"),
        (b"P2 2 1 9\n1 99999999999999999999", "expected 2 numbers up to 9"),
        (b"P5 #" + b"a" * 99, "its head is cut short"),
    ],
)
def test_pixmaps_that_make_no_sense(tmp_path, content, message):
    (tmp_path / "a.ppm").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.ppm: cannot be read as PIXMAP: .*{message}"):
        read(tmp_path / "a.ppm")


def test_pixmaps_of_other_programs(tmp_path):
    Image.fromarray(ramp("uint8", (4, 5, 3))).save(tmp_path / "a.ppm")
    assert_equal_exact(read(tmp_path / "a.ppm").samples, ramp("uint8", (4, 5, 3)))
    (tmp_path / "b.pgm").write_bytes(b"P5\n# a comment\n2 1\n# another\n1000\n" + b"\x03\xe8\0\1")
    signal = read(tmp_path / "b.pgm")
    assert signal.samples.tolist() == [[1000, 1]]
    assert signal.info["most"] == 1000
    assert_survives(tmp_path / "c.pgm", signal.samples, signal.info)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".jxl", ".bmp", ".gif"])
def test_damage_is_refused_in_our_words(tmp_path, suffix):
    good = io.BytesIO()
    if suffix == ".jxl":
        good.write(imagecodecs.jpegxl_encode(ramp("uint8", (16, 24, 3)), lossless=True))
    else:
        Image.fromarray(ramp("uint8", (16, 24, 3))).save(good, {".jpg": "jpeg"}.get(suffix, suffix[1:]))
    for content in (good.getvalue()[:30], b"", b"text " * 9, b"\x89PNG\r\n\x1a\n"):
        (tmp_path / f"a{suffix}").write_bytes(content)
        words = "(is damaged|is cut short|begins like|does not begin like one)"
        with pytest.raises(ValueError, match=f"cannot be read as [A-Z]+: it {words}") as error:
            read(tmp_path / f"a{suffix}")
        assert "\n" not in str(error.value)


def test_a_missing_library_is_named_with_the_way_to_it(tmp_path, monkeypatch):
    Image.fromarray(ramp("uint8", (8, 8, 3))).save(tmp_path / "a.jpg")
    (tmp_path / "a.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "a.tif", ramp("uint16", (16, 16)), compression="lzw", photometric="minisblack")
    assert_equal_exact(read(tmp_path / "a.tif").samples, ramp("uint16", (16, 16)))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    (tmp_path / "imagecodecs.py").write_text("raise ImportError('none', name='imagecodecs')")  # for other processes
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(apart, "_worker", None)
    for trusted in (True, False):
        with pytest.raises(ValueError, match=r"it needs imagecodecs: pip install 'refinr\[images\]'"):
            read(tmp_path / "a.jpg", trusted=trusted)
    assert apart._worker is not None
    apart._worker.end()


def test_a_path_is_a_signal(tmp_path):
    write(tmp_path / "a.png", ramp("uint8", (6, 8, 3)), {})
    inr = refinr.fit(tmp_path / "a.png", max_steps=1, exact=True, hidden=(4,))
    assert inr.info["format"] == "png"
    assert inr.layout.channels == 3
    inr.save(tmp_path / "a.inr")
    for path in (tmp_path / "a.inr", str(tmp_path / "a.png")):
        assert_equal_exact(refinr.open(path), ramp("uint8", (6, 8, 3)))
    (tmp_path / "a.xyz").touch()
    with pytest.raises(ValueError, match="expected a name ending in"):
        refinr.open(tmp_path / "a.xyz")


def test_archives_of_arrays(tmp_path):
    np.savez(tmp_path / "one.npz", only=ramp("int16", (3, 4)))
    assert_equal_exact(read(tmp_path / "one.npz").samples, ramp("int16", (3, 4)))
    np.savez_compressed(tmp_path / "two.npz", a=ramp("uint8", (3, 4)), b=ramp("float32", (5,)))
    assert_equal_exact(read(f"{tmp_path}/two.npz::b").samples, ramp("float32", (5,)))
    with pytest.raises(ValueError, match=r"it holds a, b; name one of them, as in file\.npz::a"):
        read(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="it holds a, b"):
        read(f"{tmp_path}/two.npz::c")
    with pytest.raises(ValueError, match="PNG holds one signal, which has no name, got 'b'"):
        read(f"{tmp_path}/two.png::b")
    assert_survives(tmp_path / "back.npz", ramp(">i4", (2, 3)), {})


def test_pixmaps_in_digits(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P3\n# a comment\n2 1\n255\n1 2 3\n# another\n4\t5 255\n")
    signal = read(tmp_path / "a.ppm")
    assert_equal_exact(signal.samples, np.array([[[1, 2, 3], [4, 5, 255]]], "uint8"))
    assert_survives(tmp_path / "b.ppm", signal.samples, signal.info)
    (tmp_path / "a.pgm").write_bytes(b"P2 2 1 1000 1000 7")
    assert_equal_exact(read(tmp_path / "a.pgm").samples, np.array([[1000, 7]], "uint16"))


def test_inks_are_refused(tmp_path):
    Image.fromarray(ramp("uint8", (16, 24, 4)), "CMYK").save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"its colours are inks \(CMYK\), expected grey or RGB"):
        read(tmp_path / "a.jpg")
