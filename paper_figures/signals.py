"""The signals: what installed packages bring along, and a user's own copies of the paper's data sets.

With this you can load images by name (`image`), all images of a comparison (`images`), and sounds (`sounds`); within
`taken_from`, comparisons use the user's folder.

The paper's sets are not ours to ship: Kodak, DIV2K and FiveK photographs, TESTIMAGES, LibriSpeech.  Whoever has them
lays them out as ``DIR/kodak/*.png``, ``DIR/div2k/*.png``, ``DIR/testimages/*.png``, ``DIR/fivek/*.tif`` and
``DIR/librispeech/*.wav`` (converted from FLAC) and says ``--data DIR``.  Without them:

===========  ====  ======================================================================  ========================
name         bits  what                                                                    comes with
===========  ====  ======================================================================  ========================
portrait     8     a photograph: Grace Hopper                                              matplotlib
camera       8     photographs                                                             scikit-image
astronaut    8
coffee       8
elevation    10    a measurement: terrain heights in metres                                matplotlib
bathymetry   12    a measurement: sea floor and land in metres                             matplotlib
fmri         16    a measurement: brain slices side by side, in all of 16 bits             nibabel
synthetic    16    two sinusoids, and noise that fills the 8 low planes                    refinr
noise        16    every bit a coin toss                                                   -
===========  ====  ======================================================================  ========================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refinr import planes
from refinr.files import signals

SETS = {"kodak": 8, "div2k": 8, "testimages": 16, "fivek": 16}
"""The paper's image sets and their bits; each is a folder of that name."""

_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


class Signal(NamedTuple):
    """Samples as unsigned codes (*grid, C) or (*grid,), and how many bits they have."""

    name: str
    codes: np.ndarray
    bits: int


def image(name: str, size: int, colour: bool = False) -> Signal:
    """An image of size x size by its name in the table above, grey unless `colour` (photographs only).

    Photographs are cropped to the central square and reduced by block means, so that they stay photographs at any
    size; measurements are cropped only.

    Raises
    ------
    ValueError
        For an unknown name, or an image smaller than `size`.
    RuntimeError
        If the package that brings it is not installed.

    Examples
    --------
    >>> signal = image("elevation", 32)
    >>> signal.codes.shape, signal.bits
    ((32, 32), 10)
    """
    if name in ("portrait", "camera", "astronaut", "coffee"):
        return Signal(name, reduced(_photograph(name, colour), size), 8)
    if name == "synthetic":
        from refinr.cli import demo  # brings the whole command line

        return Signal(name, demo.synthetic(size), 16)
    if name == "noise":
        return Signal(name, np.random.default_rng(1).integers(0, 1 << 16, (size, size), dtype=np.uint16), 16)
    if name not in ("elevation", "bathymetry", "fmri"):
        raise ValueError(f"image: unknown name {name!r}")
    whole = _measurement(name)
    if min(whole.shape) < size:
        raise ValueError(f"{name}: expected a size of at most {min(whole.shape)}, got {size}")
    counted = whole.astype(np.int64) - int(whole.min())
    codes = _centre(counted, size).astype(np.uint16)
    return Signal(name, codes, int(counted.max()).bit_length())


def images(names: Sequence[str], size: int) -> list[Signal]:
    """The images of a comparison: those of the user's folder if there is one, otherwise the named ones."""
    if _folder is None:
        return [image(name, size) for name in names]
    found = [user_image(path, SETS[path.parent.name], size) for path in _files(SETS, _SUFFIXES)]
    if not found:
        raise ValueError(f"data: expected images in {_folder}/{{{','.join(SETS)}}}, got none")
    return found


def sounds(length: int) -> list[Signal]:
    """Sounds in float32 as codes of 32 bits: the user's LibriSpeech, otherwise a plucked string and a cell membrane."""
    if _folder is not None:
        found = [_sound(path, length) for path in _files(("librispeech",), (".wav",))]
        if found:
            return found
    return [
        Signal("plucked string", planes.to_codes(plucked(length))[0], 32),
        Signal("membrane potential", planes.to_codes(_membrane(length))[0], 32),
    ]


def user_image(path: Path, bits: int, size: int) -> Signal:
    """An image file, central square, reduced by block means; colours become grey by their rounded mean.

    Raises
    ------
    ValueError
        If it has other than 8 or 16 bits as its set does, or is smaller than `size`.
    """
    samples = signals.read(path).samples
    if samples.dtype != planes.narrowest(bits):
        raise ValueError(f"{path}: expected {bits} bits a sample, got {samples.dtype}")
    if samples.ndim == 3:
        colours = samples[..., :3] if samples.shape[2] > 2 else samples[..., :1]  # no alpha
        samples = _rounded_mean(colours.astype(np.int64), axes=(2,)).astype(samples.dtype)
    if samples.ndim != 2 or min(samples.shape) < size:
        raise ValueError(f"{path}: expected an image of {size} x {size} or more, got shape {samples.shape}")
    return Signal(f"{path.parent.name}/{path.stem}", reduced(samples, size), bits)


def reduced(codes: np.ndarray, size: int) -> np.ndarray:
    """The central square in size x size blocks, each its rounded mean: a smaller photograph in the same bits.

    Examples
    --------
    >>> reduced(np.array([[1, 2, 7], [4, 5, 7], [9, 9, 9]], dtype="uint8"), 1).tolist()
    [[6]]
    """
    block = min(codes.shape[:2]) // size
    if block == 0:
        raise ValueError(f"size: expected at most {min(codes.shape[:2])}, got {size}")
    square = _centre(codes, size * block).astype(np.int64)
    blocks = square.reshape(size, block, size, block, *codes.shape[2:])
    return _rounded_mean(blocks, axes=(1, 3)).astype(codes.dtype)


def plucked(length: int, period: int = 61) -> np.ndarray:
    """A plucked string in float32: a burst of noise in a loop that averages neighbours.

    References
    ----------
    Karplus and Strong, "Digital Synthesis of Plucked-String and Drum Timbres", Computer Music Journal 7(2), 1983.

    Examples
    --------
    >>> plucked(100).shape, plucked(100).dtype.name
    ((100,), 'float32')
    """
    loss = 0.498  # a half would average; a little less lets the sound die away
    y = np.zeros(length + period + 1)
    y[: period + 1] = np.random.default_rng(2).uniform(-1.0, 1.0, period + 1)
    for t in range(period + 1, len(y)):
        y[t] = loss * (y[t - period] + y[t - period - 1])
    return y[period + 1 :].astype(np.float32)


# --- a user's folder -------------------------------------------------------------------------------------------------

_folder: Path | None = None


@contextmanager
def taken_from(folder: Path | None) -> Iterator[None]:
    """Within, `images` and `sounds` come from that folder."""
    global _folder
    if folder is not None and not folder.is_dir():
        raise ValueError(f"data: expected a folder, got {folder}")
    before = _folder
    _folder = folder
    try:
        yield
    finally:
        _folder = before


def listing() -> list[str] | None:
    """The user's files with their sizes, for telling whether results are theirs; None without a folder."""
    if _folder is None:
        return None
    files = _files((*SETS, "librispeech"), (*_SUFFIXES, ".wav"))
    return [f"{path.relative_to(_folder)} {path.stat().st_size}" for path in files]


def _files(sets: Sequence[str] | dict[str, int], suffixes: tuple[str, ...]) -> list[Path]:
    assert _folder is not None
    found = [path for name in sets for path in sorted((_folder / name).glob("*"))]
    return [path for path in found if path.suffix.lower() in suffixes]


def _sound(path: Path, length: int) -> Signal:
    samples = signals.read(path).samples
    if samples.ndim > 1:
        samples = samples[:, 0]
    if samples.dtype.kind != "f":  # as audio libraries do: integers over their range
        samples = samples.astype(np.float64) / 2.0 ** (8 * samples.dtype.itemsize - 1)
    if len(samples) < length:
        raise ValueError(f"{path}: expected {length} samples or more, got {len(samples)}")
    middle = (len(samples) - length) // 2
    return Signal(path.stem, planes.to_codes(samples[middle : middle + length].astype(np.float32))[0], 32)


# --- what packages bring ---------------------------------------------------------------------------------------------


def _sample(name: str) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / name


def _photograph(name: str, colour: bool) -> np.ndarray:
    if name == "portrait":
        from PIL import Image

        with Image.open(_sample("grace_hopper.jpg")) as file:
            samples = np.asarray(file)
    else:
        try:
            from skimage import data as packaged
        except ImportError as error:
            raise RuntimeError(f"{name}: comes with scikit-image; pip install '.[figures]'") from error
        samples = getattr(packaged, name)()
    if colour or samples.ndim == 2:
        return samples
    return _rounded_mean(samples.astype(np.int64), axes=(2,)).astype(samples.dtype)


def _measurement(name: str) -> np.ndarray:
    if name == "elevation":
        with np.load(_sample("jacksboro_fault_dem.npz")) as file:
            return file["elevation"]
    if name == "bathymetry":
        with np.load(_sample("topobathy.npz")) as file:
            return file["topo"].astype(np.int64)  # whole metres, stored as floats
    try:
        import nibabel
    except ImportError as error:
        raise RuntimeError(f"{name}: comes with nibabel; pip install '.[figures]'") from error
    path = Path(nibabel.__file__).parent / "tests" / "data" / "functional.nii"
    volume = np.asanyarray(nibabel.load(path).dataobj.get_unscaled())  # (17, 21, 3 slices, 20 times)
    tall = volume.transpose(2, 0, 3, 1).reshape(3 * 17, 20, 21)  # slices below, times beside each other
    return tall[:, :3].reshape(51, 63)


def _membrane(length: int) -> np.ndarray:
    recording = np.fromfile(_sample("membrane.dat"), dtype="<f4")
    if len(recording) < length:
        raise ValueError(f"length: expected at most {len(recording)}, got {length}")
    return recording[:length].astype(np.float32)


def _centre(array: np.ndarray, size: int) -> np.ndarray:
    top, left = ((n - size) // 2 for n in array.shape[:2])
    return np.ascontiguousarray(array[top : top + size, left : left + size])


def _rounded_mean(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod([array.shape[a] for a in axes]))
    return (2 * array.sum(axis=axes) + count) // (2 * count)
