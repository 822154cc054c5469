"""What one verb wrote, another agrees with: fit, decode and verify in every format, for every dtype that it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refinr import cli
from refinr.files import signals
from refinr.files.format import FormatError
from tests.helpers import assert_equal_exact

DTYPES = ("bool", "uint8", "int8", ">u2", "int16", ">i4", "uint64", ">f4")
SHAPES = ((6,), (6, 2), (5, 4), (5, 4, 3), (5, 4, 4), (3, 4, 5))
READ_ONLY = ("jpeg", "gif", "nifti pair", "zarr")


def _samples(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Any bits: NaN and -0.0 among floats."""
    rng = np.random.default_rng(0)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype).reshape(shape)


def _written(folder: Path, suffix: str) -> dict[str, Path]:
    """Files of that format, one for each dtype that it takes in some shape."""
    found = {}
    for number, dtype in enumerate(DTYPES):
        for shape in SHAPES:
            path = folder / f"{number}{suffix}"
            try:
                signals.write(path, _samples(dtype, shape), {"rate": 8000})
            except FormatError:
                continue
            found[dtype] = path
            break
    return found


@pytest.mark.parametrize("name", [name for name in signals.FORMATS if name not in READ_ONLY])
def test_what_was_decoded_passes_verify(tmp_path, capsys, name):
    files = _written(tmp_path, signals.FORMATS[name].suffixes[0])
    assert files
    for dtype, path in files.items():
        inr = str(tmp_path / f"{path.name}.inr")
        back = path.with_name(f"back-{path.name}")
        for arguments in (
            ["fit", str(path), inr, "--max-steps", "0", "--quiet"],
            ["decode", inr, str(back)],
            ["verify", str(path), inr],
            ["verify", str(back), inr],
        ):
            assert cli.main(arguments) == 0, (dtype, arguments, capsys.readouterr())
        first = signals.read(path)
        second = signals.read(back)
        assert_equal_exact(second.samples, first.samples, bitwise=True)
        assert second.info == first.info


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_is_only_read_is_refused_before_the_work(tmp_path, name):
    assert not _written(tmp_path, signals.FORMATS[name].suffixes[0])
