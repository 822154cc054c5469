"""PNG images: every bit depth and kind of colour, and files of other programs."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib

import numpy as np
import png
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from refinr.files.signals import read, write
from tests import strategies
from tests.files.formats import assert_survives, ramp
from tests.helpers import assert_equal_exact

PNG_TYPES = [(1, 1), (2, 1), (4, 1)] + [(depth, planes) for depth in (8, 16) for planes in (1, 2, 3, 4)]


@given(data=st.data(), kind=st.sampled_from(PNG_TYPES))
def test_png_round_trip(folder, data, kind):
    bitdepth, planes = kind
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)) + ((planes,) if planes > 1 else ())
    dtype = "uint8" if bitdepth <= 8 else "uint16"
    samples = data.draw(hnp.arrays(dtype, shape, elements=strategies.levels(bitdepth)))
    info = {"format": "png", "channels": planes > 1, "bitdepth": bitdepth}
    signal = assert_survives(folder / "a.png", samples, info)
    assert signal.info == info | {"greyscale": planes < 3, "alpha": planes in (2, 4)}


@pytest.mark.parametrize(("bitdepth", "planes"), PNG_TYPES)
def test_png_header(tmp_path, bitdepth, planes):
    shape = (3, 5, planes) if planes > 1 else (3, 5)
    samples = ramp("uint16" if bitdepth == 16 else "uint8", shape) & (2**bitdepth - 1)
    write(tmp_path / "a.png", samples, {"bitdepth": bitdepth})
    content = (tmp_path / "a.png").read_bytes()
    assert content[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[planes]
    assert struct.unpack(">IIBB", content[16:26]) == (5, 3, bitdepth, colour_type)
    size = struct.unpack(">I", content[33:37])[0]
    lines = np.frombuffer(zlib.decompress(content[41 : 41 + size]), "u1").reshape(3, -1)
    assert (lines[:, 0] == 0).all()  # no filter: the rows are there as they are
    bits = np.unpackbits(lines[:, 1:], axis=1)[:, : 5 * planes * bitdepth].reshape((*shape, bitdepth))
    assert_equal_exact(bits @ (1 << np.arange(bitdepth)[::-1]), samples.astype("int64"))


@pytest.mark.parametrize("transparent", [False, True])
def test_png_palette_becomes_colour(tmp_path, transparent):
    index = ramp("uint8", (4, 5)) % 7
    colours = ramp("uint8", (7, 3))
    image = Image.fromarray(index, mode=None).convert("L")
    image.putpalette(colours.tobytes())
    image.save(tmp_path / "a.png", **({"transparency": 2} if transparent else {}))
    expected = colours[index]
    if transparent:
        expected = np.concatenate([expected, np.where(index == 2, 0, 255).astype("uint8")[..., None]], axis=-1)
    signal = read(tmp_path / "a.png")
    assert_equal_exact(signal.samples, expected)
    assert signal.info["channels"]
    assert signal.info["alpha"] == transparent
    assert_survives(tmp_path / "b.png", signal.samples, signal.info)


@pytest.mark.parametrize("bitdepth", [1, 2, 4, 8, 16])
def test_png_transparent_grey_gets_alpha(tmp_path, bitdepth):
    grey = ramp("uint16", (4, 5)) & (2**bitdepth - 1)
    key = int(grey[1, 2])
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(5, 4, greyscale=True, bitdepth=bitdepth, transparent=key).write(file, grey.tolist())
    scale, top = (1, 2**bitdepth - 1) if bitdepth >= 8 else (255 // (2**bitdepth - 1), 255)
    expected = np.stack([grey * scale, np.where(grey == key, 0, top)], axis=-1)
    signal = read(tmp_path / "a.png")
    assert_equal_exact(signal.samples, expected.astype("uint16" if bitdepth == 16 else "uint8"))
    assert signal.info["bitdepth"] == max(bitdepth, 8)
    assert_survives(tmp_path / "b.png", signal.samples, signal.info)


def test_png_interlaced_and_significant_bits(tmp_path):
    samples = ramp("uint8", (9, 10, 3))
    with (tmp_path / "a.png").open("wb") as file:
        png.Writer(10, 9, greyscale=False, interlace=True).write(file, samples.reshape(9, 30))
    assert_equal_exact(read(tmp_path / "a.png").samples, samples)
    with (tmp_path / "b.png").open("wb") as file:  # five significant bits, stored in eight
        png.Writer(5, 1, greyscale=True, bitdepth=5).write(file, [[0, 1, 16, 30, 31]])
    assert b"sBIT" in (tmp_path / "b.png").read_bytes()
    assert_equal_exact(read(tmp_path / "b.png").samples, np.array([[0, 8, 132, 247, 255]], "uint8"))


def interlaced() -> bytes:
    file = io.BytesIO()
    png.Writer(9, 10, greyscale=True, interlace=True).write(file, ramp("uint8", (10, 9)))
    return file.getvalue()


def test_a_chunk_that_may_be_there_once_is_there_once(tmp_path):
    palette = png.Writer(2, 1, palette=[(0, 0, 0), (255, 255, 255)], bitdepth=8)
    file = io.BytesIO()
    palette.write(file, [[0, 1]])
    content = file.getvalue()
    chunk = content[33 : 33 + 12 + 6]
    assert chunk[4:8] == b"PLTE"
    (tmp_path / "a.png").write_bytes(content[:33] + chunk + content[33:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"a\.png: cannot be read as PNG: it has 2 chunks PLTE"):
            read(tmp_path / "a.png")


# --- all of it, or nothing -------------------------------------------------------------------------------------------


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _encoded(samples: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "png", **options)
    return file.getvalue()


def _animated() -> bytes:
    other = Image.fromarray(np.full((4, 5), 99, "uint8"))
    return _encoded(ramp("uint8", (4, 5)), save_all=True, append_images=[other, Image.new("L", (5, 4))])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_animated(), "it is an animation of 3 frames"),
        (_encoded(ramp("uint8", (4, 5))) + b"more", "4 bytes follow its end"),
        (_encoded(ramp("uint8", (4, 5))) * 2, ".* bytes follow its end"),
        (b"\x89PNG\r\n\x1a\n" + _chunk(b"IEND", b""), "expected chunks IHDR, first, and IDAT, got IEND"),
        (b"\x89PNG\r\n\x1a\n" + _chunk(b"IDAT", b""), "it is cut short: a chunk should begin"),
        (b"GIF89a" + bytes(99), "it begins like GIF; give it the name of what it is"),
    ],
)
def test_a_part_of_a_file_is_no_image(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.png: cannot be read as PNG: {message}"):
        read(tmp_path / "a.png")


def test_what_the_samples_mean_travels_along(tmp_path):
    from PIL import ImageCms, PngImagePlugin

    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a ramp")
    text.add_itxt("Comment", "Rampe, größer", lang="de")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[274] = 6
    content = _encoded(ramp("uint8", (4, 5, 3)), pnginfo=text, icc_profile=profile, dpi=(300, 300), exif=exif)
    gamma = content[:33] + _chunk(b"gAMA", struct.pack(">I", 45455)) + content[33:]
    (tmp_path / "a.png").write_bytes(gamma)
    signal = read(tmp_path / "a.png")
    assert_survives(tmp_path / "b.png", signal.samples, signal.info)
    with Image.open(tmp_path / "a.png") as before, Image.open(tmp_path / "b.png") as after:
        assert before.info == after.info
        assert before.getexif() == after.getexif()
        assert {"Title", "Comment", "icc_profile", "dpi", "gamma"} <= after.info.keys()
    assert png.Reader(bytes=(tmp_path / "b.png").read_bytes()).read()[3]["gamma"] == pytest.approx(1 / 2.2, rel=1e-3)


@pytest.mark.parametrize("planes", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_both_readers_agree(tmp_path, monkeypatch, dtype, planes):
    shape = (9, 10, planes) if planes > 1 else (9, 10)
    for interlace in (False, True):
        with (tmp_path / "a.png").open("wb") as file:
            writer = png.Writer(
                10, 9, greyscale=planes < 3, alpha=planes in (2, 4), bitdepth=8 * np.dtype(dtype).itemsize,
                interlace=interlace, gamma=2.2,
            )  # fmt: skip
            writer.write(file, ramp(dtype, shape).reshape(9, -1).tolist())
        fast = read(tmp_path / "a.png")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "imagecodecs", None)
            slow = read(tmp_path / "a.png", trusted=True)  # in this process
        assert_equal_exact(fast.samples, ramp(dtype, shape))
        assert_equal_exact(slow.samples, ramp(dtype, shape))
        assert fast.info == slow.info


@given(data=st.data(), depth=st.sampled_from([1, 2, 4, 8, 16]), interlace=st.booleans())
def test_both_readers_agree_on_palettes_and_transparent_colours(folder, data, depth, interlace):
    """What pypng makes of them is made in NumPy of the library's plain numbers."""
    width, height = data.draw(st.tuples(st.integers(1, 19), st.integers(1, 9)))
    how = data.draw(st.sampled_from(["plain", "key", *(["palette", "opacity"] if depth <= 8 else ["colour key"])]))
    planes = 3 if how == "colour key" else 1
    most = data.draw(st.integers(0, 2**depth - 1))
    rows = data.draw(hnp.arrays("uint16", (height, width * planes), elements=st.integers(0, most)))
    options: dict = {"greyscale": planes == 1}
    if how in ("key", "colour key"):
        key = tuple(int(n) for n in rows.reshape(-1, planes)[0])
        options["transparent"] = key[0] if planes == 1 else key
        high = data.draw(st.integers(0, 2**16 - 1)) >> depth << depth  # bits that do not count
    if how in ("palette", "opacity"):
        colours = ramp("uint8", (most + 1, 4 if how == "opacity" else 3))
        options = {"palette": [tuple(int(n) for n in colour) for colour in colours]}
    path = folder / "a.png"
    with path.open("wb") as file:
        png.Writer(width, height, bitdepth=depth, interlace=interlace, **options).write(file, rows.tolist())
    if how in ("key", "colour key"):
        content = path.read_bytes()
        at = content.index(b"tRNS")
        keys = b"".join(struct.pack(">H", n | high) for n in key)
        path.write_bytes(content[: at - 4] + _chunk(b"tRNS", keys) + content[at + 8 + len(keys) :])
    fast = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "imagecodecs", None)
        slow = read(path, trusted=True)
    assert_equal_exact(fast.samples, slow.samples)
    assert fast.info == slow.info


def test_one_frame_that_is_the_image_itself_is_no_animation(tmp_path):
    content = _encoded(ramp("uint8", (4, 5)))
    control = struct.pack(">IIIIIHHBB", 0, 5, 4, 0, 0, 1, 1, 0, 0)
    one = content[:33] + _chunk(b"acTL", struct.pack(">II", 1, 0)) + _chunk(b"fcTL", control) + content[33:]
    (tmp_path / "a.png").write_bytes(one)
    assert_equal_exact(read(tmp_path / "a.png").samples, ramp("uint8", (4, 5)))
