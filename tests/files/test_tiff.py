"""TIFF images and stacks: colour and grid, and every promise kept or refused."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from refinr.files.signals import read, write
from tests.files.formats import assert_survives, from_patterns, patterns, ramp
from tests.files.hostile import tiff_of
from tests.helpers import assert_equal_exact

TIFF_DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


@given(data=st.data(), dtype=st.sampled_from(TIFF_DTYPES), channels=st.sampled_from([None, True, False]))
def test_tiff_round_trip(folder, data, dtype, channels):
    bits = 8 * np.dtype(dtype).itemsize
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=4, max_side=5))
    samples = from_patterns(data.draw(hnp.arrays("u8", shape, elements=patterns(bits))), dtype, bits)
    signal = assert_survives(folder / "a.tif", samples, {"channels": channels})
    colour = channels or (channels is None and shape[-1] in (3, 4))
    assert signal.info == {
        "format": "tiff",
        "channels": bool(colour and len(shape) > 2 and shape[-1] > 1 and dtype != "bool"),
    }


def tiff(samples: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **{"photometric": "minisblack", "metadata": None} | options)
    return file.getvalue()


def test_tiff_variants(tmp_path):
    path = tmp_path / "a.tiff"
    stack, colour = ramp("uint16", (4, 5, 6)), ramp("uint8", (5, 6, 3))
    options = [{}, {"byteorder": ">"}, {"bigtiff": True}, {"rowsperstrip": 2}, {"tile": (16, 16)}, {"imagej": True}]
    for option in [*options, {"compression": "zlib", "predictor": 2}, {"ome": True, "metadata": {}}]:
        path.write_bytes(tiff(stack, **option))
        signal = read(path)
        assert_equal_exact(signal.samples, stack)
        assert signal.info == {"format": "tiff", "channels": False}
    path.write_bytes(tiff(np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate"))
    signal = read(path)
    assert_equal_exact(signal.samples, colour)
    assert signal.info["channels"]


def test_tiff_of_different_pages_raises(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(ramp("uint8", (4, 5)), photometric="minisblack")
        writer.write(ramp("uint8", (5, 4)), photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF: expected one image"):
        read(tmp_path / "a.tif")


def test_tiff_structure(tmp_path):
    for samples, pages, photometric in [
        (ramp("uint16", (4, 5, 6)), 4, tifffile.PHOTOMETRIC.MINISBLACK),
        (ramp("uint16", (5, 6, 3)), 1, tifffile.PHOTOMETRIC.RGB),
        (ramp("float32", (2, 5, 6, 4)), 2, tifffile.PHOTOMETRIC.RGB),
    ]:
        write(tmp_path / "a.tif", samples, {})
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert len(file.pages) == pages
            assert file.pages[0].photometric == photometric
            assert file.pages[0].bitspersample == 8 * samples.dtype.itemsize


def tiff_with_values_last(colour: np.ndarray) -> bytes:
    """Samples, then the directory, then how many bits they have: cut there, a reader may take them for single bits."""
    height, width, _ = colour.shape
    tags = [(256, width), (257, height), (258, None), (259, 1), (262, 2), (273, 8), (277, 3), (278, height)]
    tags.append((279, colour.nbytes))
    directory = 8 + colour.nbytes
    content = b"II*\0" + struct.pack("<I", directory) + colour.tobytes() + struct.pack("<H", len(tags))
    for code, value in tags:
        far = directory + 2 + 12 * len(tags) + 4
        content += struct.pack("<HHII", code, 3, 3, far) if value is None else struct.pack("<HHII", code, 4, 1, value)
    return content + struct.pack("<I3H", 0, 8, 8, 8)


def with_tags(content: bytes, **values: int) -> bytes:
    """A TIFF with other values in 32-bit tags of its first page."""
    damaged = bytearray(content)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for name, value in values.items():
            tag = file.pages[0].tags[name]
            assert (tag.dtype, tag.count) == (tifffile.DATATYPE.LONG, 1)
            damaged[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I", value)
    return bytes(damaged)


@pytest.mark.parametrize("size", [6, 2**24])
def test_tiff_that_promises_too_much_raises(tmp_path, size):
    grey, colour = tiff(ramp("uint8", (4, 5))), ramp("uint8", (3, 4, 5))
    damaged = [
        with_tags(grey, ImageWidth=size),
        with_tags(grey, ImageLength=size, RowsPerStrip=size),
        with_tags(tiff(colour, photometric="rgb", planarconfig="separate"), ImageLength=size),
        with_tags(tiff(colour[0], compression="zlib"), ImageLength=size),
    ]
    for content in damaged:
        (tmp_path / "a.tif").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
            read(tmp_path / "a.tif")
        assert tracemalloc.get_traced_memory()[1] < 2**22  # what damage asks for is not handed out
        tracemalloc.stop()


def test_tiff_whose_pages_go_round_raises(tmp_path):
    content = bytearray(tiff(ramp("uint8", (3, 4, 5)), imagej=True))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        first, last = file.pages[0].offset, file.pages[2].offset
    for target in (first, last):
        (entries,) = struct.unpack_from("<H", content, last)
        struct.pack_into("<I", content, last + 2 + 12 * entries, target)
        (tmp_path / "a.tif").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
            read(tmp_path / "a.tif")


def test_tiff_with_a_missing_page_raises(tmp_path):
    content = tiff(ramp("uint8", (3, 4, 5)), ome=True, metadata={"axes": "ZYX"})
    assert content.count(b'SizeZ="3"') == content.count(b'PlaneCount="3"') == 1
    more = content.replace(b'SizeZ="3"', b'SizeZ="5"').replace(b'PlaneCount="3"', b'PlaneCount="5"')
    (tmp_path / "a.tif").write_bytes(more)
    with pytest.raises(ValueError, match=r"a\.tif: cannot be read as TIFF"):
        read(tmp_path / "a.tif")


# --- what samples mean -----------------------------------------------------------------------------------------------

PROFILE = b"a profile, or what stands for one"
EXTRA = [
    (274, 3, 1, 6, True),
    (34675, 7, len(PROFILE), PROFILE, True),
    (315, 2, 0, "Somebody", True),
    (33550, 12, 3, (10.0, 10.0, 0.0), True),
    (34735, 3, 4, (1, 1, 0, 0), True),
    (42113, 2, 0, "-9999", True),
]


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (ramp("uint8", (6, 8)), {"photometric": "miniswhite"}),
        (ramp("uint16", (3, 6, 8)), {"photometric": "miniswhite"}),
        (ramp("uint8", (6, 8)) > 99, {"photometric": "miniswhite"}),
        (ramp("uint8", (6, 8)), {"photometric": "palette", "colormap": ramp("uint16", (3, 256))}),
        (ramp("uint8", (6, 8, 4)), {"photometric": "separated", "planarconfig": "contig"}),
        (ramp("uint8", (6, 8, 3)), {"photometric": "rgb", "extratags": EXTRA}),
        (ramp("uint16", (6, 8)), {"photometric": "minisblack", "resolution": (300.5, 72), "resolutionunit": 3}),
        (ramp("float32", (6, 8)), {"photometric": "minisblack", "extratags": EXTRA, "byteorder": ">"}),
    ],
)
def test_what_the_samples_mean_travels_along(tmp_path, samples, options):
    (tmp_path / "a.tif").write_bytes(tiff(samples, **options))
    signal = read(tmp_path / "a.tif")
    assert_survives(tmp_path / "b.tif", samples, signal.info)
    with tifffile.TiffFile(tmp_path / "a.tif") as before, tifffile.TiffFile(tmp_path / "b.tif") as after:
        for name in ("photometric", "resolution", "resolutionunit"):
            assert getattr(before.pages[0], name) == getattr(after.pages[0], name)
        for code, *_ in EXTRA:
            old, new = (file.pages[0].tags.get(code) for file in (before, after))
            assert (old and (old.dtype, old.count, old.value)) == (new and (new.dtype, new.count, new.value))
        if "colormap" in options:
            assert_equal_exact(after.pages[0].colormap, options["colormap"])


def test_pictures_look_the_same_elsewhere(tmp_path):
    from PIL import Image

    for picture in (Image.fromarray(ramp("uint8", (6, 8, 3))).quantize(9), Image.new("CMYK", (8, 6), (9, 99, 200, 30))):
        picture.save(tmp_path / "a.tif", dpi=(300, 300))
        signal = read(tmp_path / "a.tif")
        write(tmp_path / "b.tif", signal.samples, signal.info)
        with Image.open(tmp_path / "a.tif") as before, Image.open(tmp_path / "b.tif") as after:
            assert after.mode == before.mode
            assert_equal_exact(np.asarray(after.convert("RGB")), np.asarray(before.convert("RGB")))
            assert after.info["dpi"] == before.info["dpi"]


def test_pages_that_only_say_where_they_are(tmp_path):
    """As ImageJ writes them: further pages are like the first."""
    stack = ramp("uint16", (3, 2, 40, 30))
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, compression="zlib", metadata={"axes": "ZCYX"})
    assert_equal_exact(read(tmp_path / "a.tif").samples, stack)


def test_pages_that_were_appended_one_by_one(tmp_path):
    pages = ramp("uint8", (3, 20, 30))
    for page in pages:
        tifffile.imwrite(tmp_path / "a.tif", page, append=True, compression="zlib")
    signal = assert_survives(tmp_path / "b.tif", read(tmp_path / "a.tif").samples, read(tmp_path / "a.tif").info)
    assert_equal_exact(signal.samples, pages)
    colours = ramp("uint8", (3, 20, 30, 3))
    for page in colours:
        tifffile.imwrite(tmp_path / "c.tif", page, append=True, photometric="rgb", planarconfig="contig")
    assert_equal_exact(read(tmp_path / "c.tif").samples, colours)
    assert read(tmp_path / "c.tif").info["channels"] is True
    tifffile.imwrite(tmp_path / "a.tif", pages[0, :5], append=True)
    with pytest.raises(ValueError, match="pages all alike, got 4 different series"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", ["group4", "tiff_deflate", "tiff_lzw"])
def test_a_blank_page_takes_almost_no_bytes(tmp_path, compression):
    import imagecodecs

    Image.new("1", (5000, 4000)).save(tmp_path / "a.tif", compression=compression)
    assert (tmp_path / "a.tif").stat().st_size < 40_000
    if compression == "group4" and min(tifffile.__version__, imagecodecs.__version__) < "2026.3":  # they do not know it
        with pytest.raises(ValueError, match="cannot be read as TIFF"):
            read(tmp_path / "a.tif")
        return
    samples = read(tmp_path / "a.tif").samples
    assert samples.shape == (4000, 5000)
    assert len(np.unique(samples)) == 1


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "lzma", "zstd"])
@pytest.mark.parametrize("size", [99, 100, 101])
def test_a_strip_holds_what_its_samples_take(tmp_path, compression, size):
    """The library would fill up what is missing, and cut what is too much."""
    import imagecodecs

    number = int(tifffile.COMPRESSION[{"zlib": "ADOBE_DEFLATE"}.get(compression, compression.upper())])
    data = getattr(imagecodecs, f"{compression}_encode")(bytes(range(size)))
    (tmp_path / "a.tif").write_bytes(tiff_of(10, 10, number, bytes(data)))
    if size == 100:
        assert_equal_exact(read(tmp_path / "a.tif").samples, np.arange(100, dtype=np.uint8).reshape(10, 10))
    else:
        there = "more" if size > 100 else size
        with pytest.raises(ValueError, match=rf"expected 100 bytes of samples in strip or tile 0, got {there}"):
            read(tmp_path / "a.tif")
