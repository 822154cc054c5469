"""Frames and pages by their number, beside what Pillow and tifffile have of them, and beside what went in."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

import refinr
from refinr import cli
from refinr.files.format import FormatError
from refinr.files.signals import read
from tests.helpers import assert_equal_exact

# rectangles that move over a background: a frame is what earlier ones leave to be seen, too
FRAMES = np.zeros((5, 9, 7, 3), "u1")
for k in range(5):
    FRAMES[k, 1 : 3 + k, k : k + 2] = [(40 * k + 50, 255 - 40 * k, 90)]
ANIMATIONS = {
    ".gif": {"optimize": True},
    ".png": {"disposal": 1, "blend": 1},
    ".webp": {"lossless": True, "minimize_size": True},
}


@pytest.fixture(scope="module", params=ANIMATIONS)
def animation(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("frames") / f"a{request.param}"
    first, *others = map(Image.fromarray, FRAMES)
    first.save(path, save_all=True, append_images=others, duration=100, **ANIMATIONS[request.param])
    return path


@pytest.mark.parametrize("page", range(1, 6))
def test_frames_of_animations(animation, page):
    samples, info = read(animation, page=page)
    with Image.open(animation) as image:
        image.seek(page - 1)
        assert_equal_exact(np.asarray(image.convert("RGB")), samples[..., :3])
    assert_equal_exact(samples[..., :3], FRAMES[page - 1])
    assert (samples[..., 3:] == 255).all()
    assert info["page"] == f"{page} of 5"
    assert info["channels"]
    assert_equal_exact(refinr.open(animation, page=page), samples)
    assert_equal_exact(refinr.open(f"{animation}::{page}"), samples)
    assert_equal_exact(read(animation, page=page, trusted=True).samples, samples)


def test_without_a_number_an_animation_is_refused_and_the_option_is_named(animation):
    with pytest.raises(FormatError, match=r"animation of (5|several) frames, expected one image: --page N or page=N"):
        read(animation)


@pytest.mark.parametrize("page", [6, 10**6])
def test_frames_that_are_not_there(animation, page):
    with pytest.raises(FormatError, match=rf"expected the number of a page or frame, one of 1 to 5, got '{page}'"):
        read(animation, page=page)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_an_image_alone_is_its_first_page(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(FRAMES[1]).save(tmp_path / f"a{suffix}", **options)
    alone = read(tmp_path / f"a{suffix}")
    samples, info = read(tmp_path / f"a{suffix}", page=1)
    assert_equal_exact(samples, alone.samples)
    assert info == {**alone.info, "page": "1 of 1"}
    with pytest.raises(FormatError, match="one of 1 to 1, got '2'"):
        read(tmp_path / f"a{suffix}", page=2)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_pages_of_different_kinds(tmp_path, compression):
    path = tmp_path / "a.tif"
    pages = [
        np.arange(12, dtype="u2").reshape(3, 4) * 5000,
        FRAMES[2],
        np.moveaxis(FRAMES[3], -1, 0),
        np.linspace(0, 1, 20, dtype="f4").reshape(5, 4),
    ]
    options = [{}, {"photometric": "rgb"}, {"photometric": "rgb", "planarconfig": "separate"}, {"resolution": (3, 4)}]
    with tifffile.TiffWriter(path) as writer:
        for page, said in zip(pages, options, strict=True):
            writer.write(page, compression=compression, metadata=None, **said)
    with pytest.raises(FormatError, match="different series in 4 pages: --page N or page=N takes one of them"):
        read(path)
    for k, page in enumerate([*pages[:2], FRAMES[3], pages[3]], start=1):
        samples, info = read(path, page=k)
        assert_equal_exact(samples, page)
        assert info["page"] == f"{k} of 4"
        assert info["channels"] == (samples.ndim == 3)
        assert ("resolution" in info) == (k == 4), "a page speaks for itself"
        if compression is None and k != 3:  # Pillow reads no colours in planes of their own
            with Image.open(path) as image:
                image.seek(k - 1)
                assert_equal_exact(np.asarray(image), samples)
    assert_equal_exact(refinr.open(path, page=2), FRAMES[2])


def test_a_page_of_a_stack(tmp_path):
    stack = np.arange(60, dtype="i2").reshape(5, 3, 4)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    assert_equal_exact(read(tmp_path / "a.tif").samples, stack)
    assert_equal_exact(read(tmp_path / "a.tif", page=4).samples, stack[3])


@pytest.mark.parametrize("kind", [{"ome": True}, {"imagej": True}, {"shaped": True}], ids=str)
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_page_of_a_stack_as_microscopes_write_it(tmp_path, kind, compression):
    stack = np.arange(60, dtype="u2").reshape(5, 3, 4)
    options = {"metadata": {"axes": "ZYX"}, "photometric": "minisblack", "compression": compression, **kind}
    if "imagej" in kind:
        options["compression"] = None
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    for k in range(5):
        samples, info = read(tmp_path / "a.tif", page=k + 1)
        assert_equal_exact(samples, stack[k])
        assert info["page"] == f"{k + 1} of 5"


def test_frames_of_more_bits_are_refused_where_pillow_would_cut_them(tmp_path):
    file = io.BytesIO()
    first, other = (Image.fromarray(np.full((4, 5), n, "u2")) for n in (300, 60000))
    first.save(file, "png", save_all=True, append_images=[other])
    (tmp_path / "a.png").write_bytes(file.getvalue())
    with pytest.raises(FormatError, match="an animation of 16 bits, of which frames are not read"):
        read(tmp_path / "a.png", page=1)


def test_what_the_samples_mean_travels_with_a_frame(tmp_path):
    first, *others = map(Image.fromarray, FRAMES)
    first.save(tmp_path / "a.png", save_all=True, append_images=others, dpi=(300, 300))
    (chunk,) = read(tmp_path / "a.png", page=2).info["chunks"]
    assert chunk[0] == "pHYs"


def test_numbers_that_are_none(tmp_path, animation):
    np.save(tmp_path / "a.npy", np.arange(4))
    with pytest.raises(ValueError, match="NPY has no pages or frames, expected no page, got 1"):
        read(tmp_path / "a.npy", page=1)
    with pytest.raises(ValueError, match="expected a page from 1 on, got 0"):
        read(animation, page=0)
    with pytest.raises(ValueError, match="one signal, which has no name, got 'two': pages have numbers, from 1 on"):
        read(f"{animation}::two")
    with pytest.raises(FormatError, match="one of 1 to 5, got '0'"):
        read(f"{animation}::0")
    with pytest.raises(ValueError, match="expected page '2' or page 3, not both"):
        read(f"{animation}::2", page=3)
    with pytest.raises(TypeError, match=r"page: expected a whole number, from 1 on, or None, got 2\.0"):
        refinr.open(animation, page=2.0)


@pytest.mark.parametrize("verb", ["fit", "solve", "compress"])
def test_the_command_line_takes_one_and_says_which(animation, tmp_path, capsys, verb):
    out = str(tmp_path / f"out{'.rinr' if verb == 'compress' else '.inr'}")
    few = {"fit": ["--max-steps", "0"], "solve": [], "compress": ["--effort", "none"]}[verb]
    assert cli.main([verb, str(animation), out, "--quiet", *few]) == 2
    assert "--page N" in capsys.readouterr().err
    assert cli.main([verb, str(animation), out, "--quiet", "--frame", "3", *few]) == 0
    assert cli.main(["info", out]) == 0
    assert "page 3 of 5" in capsys.readouterr().out
    assert cli.main(["verify", str(animation), out, "--page", "3"]) == 0
    assert cli.main(["verify", str(animation), out, "--page", "2"]) == 1


def test_the_command_line_shows_one(animation, tmp_path, capsys):
    assert cli.main(["view", str(animation)]) == 2
    assert "--page N" in capsys.readouterr().err
    assert cli.main(["view", str(animation), "--page", "3"]) == 0
    assert ", page 3 of 5: uint8 (9, 7, " in capsys.readouterr().out.splitlines()[0]
    out = str(tmp_path / "a.inr")
    assert cli.main(["fit", str(animation), out, "--page", "2", "--max-steps", "1", "--hidden", "4", "--quiet"]) == 0
    assert cli.main(["view", out, "--against", str(animation), "--frame", "2"]) == 0
    assert cli.main(["view", out, "--page", "2"]) == 2
    assert "a.inr has no pages or frames, expected no page, got 2" in capsys.readouterr().err


def test_the_command_line_expands_one(tmp_path, capsys):
    stack = np.arange(40, dtype="u1").reshape(2, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    arguments = ["expand", str(tmp_path / "a.tif"), str(tmp_path / "b.png"), "--method", "zero-padding"]
    assert cli.main(arguments) == 2
    assert "expected one image, got several of shape (2, 4, 5): --page N" in capsys.readouterr().err
    assert cli.main([*arguments, "--page", "2"]) == 0
    assert_equal_exact(read(tmp_path / "b.png").samples, stack[1].astype("u2") << 8)
