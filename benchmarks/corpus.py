"""Files that others made, against independent readers: the same samples, or both refuse.

With this you can run ``python -m benchmarks.corpus`` (`make corpus`).  Files are those with a known suffix in the
packages that are installed beside refinr, test suites of theirs among them, and in every ``--folder FOLDER`` that is
given; ``--say`` says what came of each.  What a file holds several of is read one by one.

What was read is written again, and read by the other reader once more: the same samples, and the same meaning, as that
reader says it: gamma, size, profile and text of PNG, tags of TIFF, chunks of WAV; what stores headers comes back byte
for byte.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import re
import sys
import sysconfig
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from refinr.files import signals

Named = dict[str, np.ndarray]
"""Arrays by name; one without a name is all that a file holds."""

LIBRARIES = ("pillow", "pypng", "imagecodecs", "tifffile", "soundfile", "nibabel", "astropy", "pydicom", "h5py")

OUTCOMES = ("equal", "both refuse", "refused by us alone", "read by us alone", "wrong")


# --- other readers ---------------------------------------------------------------------------------------------------


def by_pypng(path: Path) -> Named:
    """PNG: refinr has imagecodecs read it."""
    import png

    reader = png.Reader(bytes=path.read_bytes())
    reader.preamble()
    reader.sbit = None
    width, height, lines, meta = reader.asDirect()
    rows = np.array([np.asarray(line) for line in lines], np.uint16 if meta["bitdepth"] > 8 else np.uint8)
    if meta["alpha"] and meta["bitdepth"] < 8:
        rows = rows * (255 // (2 ** meta["bitdepth"] - 1))
    return {"": rows.reshape((height, width, meta["planes"]) if meta["planes"] > 1 else (height, width))}


def by_pillow(path: Path) -> Named:
    """TIFF and JPEG: refinr has tifffile and imagecodecs read them."""
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        frames = [np.asarray(frame) for frame in ImageSequence.Iterator(image)]
    return {"": frames[0] if len(frames) == 1 else np.stack(frames)}


def by_imagecodecs(path: Path) -> Named:
    """GIF and BMP: refinr has Pillow read them."""
    import imagecodecs

    samples = getattr(imagecodecs, f"{path.suffix[1:].lower()}_decode")(path.read_bytes())
    return {"": _seen(samples)}


def _seen(samples: np.ndarray) -> np.ndarray:
    """Without the colours of what is transparent: giflib and Pillow differ in them."""
    return np.where(samples[..., 3:] > 0, samples, 0) if samples.shape[2:] == (4,) else samples


def by_libsndfile(path: Path) -> Named:
    """WAV: refinr has a reader of its own."""
    import soundfile

    widths = {"PCM_U8": "int16", "PCM_16": "int16", "PCM_24": "int32", "PCM_32": "int32"}
    widths |= {"FLOAT": "float32", "DOUBLE": "float64"}
    with soundfile.SoundFile(path) as file:
        samples = file.read(dtype=widths[file.subtype])
        if file.subtype == "PCM_U8":
            samples = ((samples >> 8) + 128).astype(np.uint8)
        return {"": samples >> 8 if file.subtype == "PCM_24" else samples}


def by_numpy(path: Path) -> Named:
    """NPY and NPZ."""
    found = np.load(path, allow_pickle=False)
    return {"": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}


def by_nibabel(path: Path) -> Named:
    """NIfTI: refinr has nibabel parse headers alone."""
    import nibabel

    stored: Any = nibabel.load(path)
    if isinstance(stored, nibabel.Cifti2Image):  # which leaves axes of length 1 out
        stored = nibabel.Nifti2Image.from_filename(path)
    samples = np.asarray(stored.dataobj.get_unscaled())
    if samples.dtype.fields:
        samples = np.stack([samples[name] for name in samples.dtype.fields], axis=-1)
    return {"": samples}


def by_astropy(path: Path) -> Named:
    """FITS: refinr has a reader of its own, but for compressed images."""
    from astropy.io import fits

    found = {}
    with fits.open(path, do_not_scale_image_data=True, memmap=False) as file:
        for index, unit in enumerate(file):
            if unit.is_image and unit.data is not None:
                found[str(index)] = np.asarray(unit.data)
        others = any(not unit.is_image and unit.size for unit in file)
    return {"": next(iter(found.values()))} if len(found) == 1 and not others else found


def by_pydicom(path: Path) -> Named:
    """DICOM: the same library, by its other door, and native samples from the bytes themselves."""
    import pydicom

    found = pydicom.dcmread(path)
    if found.file_meta.TransferSyntaxUID.is_compressed or int(found.BitsAllocated) % 8:
        from pydicom.pixels import pixel_array

        return {"": pixel_array(path, raw=True)}
    order = "<" if found.file_meta.TransferSyntaxUID.is_little_endian else ">"
    planes = int(found.SamplesPerPixel)
    frames = int(found.get("NumberOfFrames") or 1)
    shape = (frames, int(found.Rows), int(found.Columns), planes)
    dtype = np.dtype(f"{order}{'ui'[int(found.PixelRepresentation)]}{int(found.BitsAllocated) // 8}")
    data = found.PixelData
    if order == ">" and dtype.itemsize == 1 and found["PixelData"].VR == "OW":  # bytes in words
        data = np.frombuffer(data, "<u2").byteswap().tobytes()
    stored = np.frombuffer(data, dtype, int(np.prod(shape)))
    if planes > 1 and found.PlanarConfiguration == 1:
        stored = stored.reshape(frames, planes, *shape[1:3]).transpose(0, 2, 3, 1)
    stored = stored.reshape(shape)
    stored = stored[0] if frames == 1 else stored
    return {"": stored[..., 0] if planes == 1 else stored}


def by_h5py(path: Path) -> Named:
    """HDF5: the same library, without refinr's limits."""
    import h5py

    found: Named = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and item.shape is not None:
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return {"": next(iter(found.values()))} if len(found) == 1 else found


READERS: dict[str, Callable[[Path], Named]] = {
    "png": by_pypng,
    "tiff": by_pillow,
    "jpeg": by_pillow,
    "webp": by_pillow,
    "gif": by_imagecodecs,
    "bmp": by_imagecodecs,
    "pixmap": by_pillow,
    "wav": by_libsndfile,
    "flac": by_libsndfile,
    "aiff": by_libsndfile,
    "npy": by_numpy,
    "npz": by_numpy,
    "nifti": by_nibabel,
    "nifti pair": by_nibabel,
    "fits": by_astropy,
    "dicom": by_pydicom,
    "hdf5": by_h5py,
}
"""Somebody else's reader of each format."""


# --- what samples mean -----------------------------------------------------------------------------------------------


def meaning_of_png(path: Path) -> Any:
    """What Pillow says beside the samples."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return {k: v for k, v in image.info.items() if k not in ("transparency", "interlace")}, dict(image.getexif())


def meaning_of_tiff(path: Path) -> Any:
    """Tags, as Pillow reads them, but for those that say how samples are stored."""
    from PIL import Image

    kept = (262, 271, 272, 274, 282, 283, 306, 315, 320, 33432, 33550, 33922, 34675, 34735, 34736, 34737)
    with Image.open(path) as image:
        tags = image.tag_v2
        found = {code: tags[code] for code in kept if code in tags}
    found[262] = 2 if found.get(262) == 6 else found.get(262)  # luminance and chroma are read as red, green and blue
    return {code: value for code, value in found.items() if (code, value) not in ((274, 1), (282, 1.0), (283, 1.0))}


def meaning_of_wav(path: Path) -> Any:
    """The rate, and what libsndfile says of title, artist and the like."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        return file.samplerate, file.copy_metadata()


def all_of_it(path: Path) -> Any:
    """Every byte, inflated."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def cards(path: Path) -> Any:
    """What the headers of a FITS file's images say."""
    from astropy.io import fits

    with fits.open(path) as file:
        return [dict(unit.header) for unit in file if unit.is_image and unit.header["NAXIS"]]


def is_packed(path: Path) -> bool:
    """Whether a FITS file has a compressed image, which is written as a plain one."""
    from astropy.io import fits

    with fits.open(path) as file:
        return any(isinstance(unit, fits.CompImageHDU) for unit in file)


def elements(path: Path) -> Any:
    """All of a DICOM file but those that say how the samples are stored."""
    import pydicom

    found = pydicom.dcmread(path)
    storage = {"PixelData", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"}
    return {
        str(element.tag): str(element.value)
        for element in found
        if element.tag.element and element.keyword not in storage
    }


MEANINGS: dict[str, Callable[[Path], Any]] = {
    "png": meaning_of_png,
    "tiff": meaning_of_tiff,
    "wav": meaning_of_wav,
    "nifti": all_of_it,
    "fits": all_of_it,
    "dicom": elements,
}


# --- the comparison --------------------------------------------------------------------------------------------------


def files(folders: list[Path]) -> Iterator[Path]:
    """All with a known suffix."""
    seen = set[Path]()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if signals.format_of(path) and path.is_file() and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def same(ours: np.ndarray, theirs: np.ndarray, *, stack: bool = False) -> bool:
    """The same shape and numbers, bit for bit: booleans may be bytes, and either byte order."""
    native = [a.astype(a.dtype.newbyteorder("=")) for a in (ours, theirs)]
    plain = [a.view(np.uint8) if a.dtype == bool else a for a in native]
    if stack:  # axes that the other reader makes one of
        plain = [a.reshape(-1, *a.shape[-2:]) for a in plain]
    if plain[0].shape != plain[1].shape or plain[0].dtype.itemsize != plain[1].dtype.itemsize:
        return False
    return plain[0].tobytes() == plain[1].tobytes()


def compare(path: Path) -> Iterator[tuple[str, str, bool | None]]:
    """Of each array: outcome, detail, and whether its meaning is kept, where there is a reader for that."""
    row = signals.format_of(path)
    assert row is not None
    theirs: Named = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = READERS[row.name](path)
        except Exception as error:  # of any library
            theirs, refusal = {}, type(error).__name__
        else:
            refusal = ""
    for name in list(theirs) or [""]:
        try:
            samples, info = signals.read(f"{path}::{name}" if name else path)
        except ValueError as error:
            yield ("refused by us alone" if theirs else "both refuse"), str(error).split("cannot be read as ")[-1], None
            continue
        if not theirs:
            yield "read by us alone", f"{row.name}: {refusal}", None
        elif not same(_seen(samples) if row.name == "gif" else samples, theirs[name], stack=row.name == "tiff"):
            other = theirs[name]
            yield "wrong", f"{samples.dtype} {samples.shape}, expected {other.dtype} {other.shape}", None
        else:
            yield "equal", "", None if name else kept(path, samples, info)


def kept(path: Path, samples: np.ndarray, info: dict[str, Any]) -> bool | None:
    """Whether what is written again means the same."""
    row = signals.format_of(path)
    assert row is not None
    if row.name not in MEANINGS:
        return None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = Path(folder) / path.name
        signals.write(again, samples, info)
        (back,) = READERS[row.name](again).values()
        meaning = cards if row.name == "fits" and is_packed(path) else MEANINGS[row.name]
        return same(samples, back, stack=row.name == "tiff") and meaning(again) == meaning(path)


def main() -> int:
    """Compare all files, and keep the table; 0 if none is wrong."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--folder", action="append", type=Path, default=[])
    parser.add_argument("--say", action="store_true")
    options, sys.argv[1:] = parser.parse_known_args()
    run = report.Run("corpus", __doc__, timed=False)
    logging.disable()
    places = {Path(str(found.locate_file(""))).resolve() for found in distributions()}
    folders = [*sorted(places), *([] if run.quick else [Path(sysconfig.get_path("stdlib"))]), *options.folder]
    table: dict[str, Counter[str]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    for path in files(folders):
        row = signals.format_of(path)
        if row is None or row.name not in READERS or (run.quick and seen[row.name] > 0):
            continue
        seen[row.name] += 1
        for outcome, detail, meaning in compare(path):
            counts = table.setdefault(row.name, Counter())
            counts[outcome] += 1
            counts["meaning compared"] += meaning is not None
            counts["meaning kept"] += meaning is True
            if options.say or outcome == "wrong" or meaning is False:
                print(f"{path}: {outcome}, {detail}, {meaning}")
            if outcome in ("refused by us alone", "read by us alone"):
                reasons[outcome, re.sub(r"\d+", "N", detail).replace("|", "/")[:110]] += 1
    columns = [*OUTCOMES, "meaning compared", "meaning kept"]
    totals: Counter[str] = sum(table.values(), Counter())
    rows = [
        {"format": name, "files": seen[name] or sum(seen.values()), **{column: counts[column] for column in columns}}
        for name, counts in [*sorted(table.items()), ("all", totals)]
    ]
    why = [{"what": k[0], "reason": k[1], "arrays": n} for k, n in reasons.most_common()]
    libraries = [{"library": name, "version": version(name)} for name in LIBRARIES]
    lost = totals["meaning compared"] - totals["meaning kept"]
    targets = [report.Target("wrong", totals["wrong"], "<=", 0), report.Target("meaning lost", lost, "<=", 0)]
    tables: dict[str, list[dict[str, Any]]] = {"Arrays": rows, "Libraries": libraries}
    tables |= {"Reasons": why} if why else {}
    run.publish("Files of others", tables, targets)
    return 1 if totals["wrong"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
