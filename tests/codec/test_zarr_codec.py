"""Zarr stores of `.rinr` chunks, read by a process that knows nothing but the entry point."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.registry import register_codec

from refinr.codec import header
from refinr.codec.zarr_codec import RinrCodec
from refinr.files.checksum import checksum
from tests.codec.test_verbs import image
from tests.helpers import assert_equal_exact

ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys
import zarr
from refinr.files.checksum import checksum
print(checksum(zarr.open_array(sys.argv[1])[:]))
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the entry points of pyproject.toml are installed."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = tmp_path / "site" / "refinr_entry_points-0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: refinr-entry-points\nVersion: 0\n")
    text = "".join(f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in rows.items()) for group, rows in points.items())
    (folder / "entry_points.txt").write_text(text)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder.parent), str(ROOT)])}


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "float32"])
def test_a_store_is_read_in_a_fresh_process(tmp_path, installed, dtype):
    register_codec("refinr", RinrCodec)
    array = image(size=50, top=200, dtype=dtype)
    path = tmp_path / "store.zarr"
    stored = zarr.create_array(
        path, shape=array.shape, chunks=(32, 32), dtype=dtype, compressors=RinrCodec(effort="fast"), fill_value=7
    )
    stored[:] = array
    chunk = (path / "c" / "0" / "0").read_bytes()
    found, _ = header.read(chunk)
    assert found.shape == (32, 32)
    assert found.coding is not None
    assert_equal_exact(zarr.open_array(path)[5:40, 3:33].astype(dtype), array[5:40, 3:33])
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=installed, cwd=tmp_path)
    assert run.stdout.strip() == checksum(array)


def test_bytes_of_another_codec_are_kept_too(tmp_path):
    register_codec("refinr", RinrCodec)
    array = image(size=40)
    stored = zarr.create_array(
        tmp_path / "s", shape=array.shape, dtype="u1", compressors=[zarr.codecs.GzipCodec(), RinrCodec(effort="none")]
    )
    stored[:] = array
    assert_equal_exact(np.asarray(stored[:]), array)


def test_an_unknown_effort_is_refused_at_once():
    with pytest.raises(ValueError, match="effort: unknown name 'huge'"):
        RinrCodec(effort="huge")
    assert RinrCodec.from_dict({"name": "refinr", "configuration": {"effort": "best"}}) == RinrCodec(effort="best")
