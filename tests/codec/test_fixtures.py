"""Files that were written once decode to the same samples, on other processors and with other libraries, too."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import pytest

import refinr
from refinr.codec import header, network
from refinr.files.checksum import checksum

FOLDER = Path(__file__).parent.parent / "fixtures"
SAID = json.loads((FOLDER / "rinr.json").read_text(encoding="utf-8"))


def _content(name: str) -> bytes:
    return (FOLDER / f"{name}.rinr").read_bytes()


@pytest.mark.parametrize("name", SAID)
def test_an_old_file_decodes_to_its_samples(name):
    assert hashlib.sha256(_content(name)).hexdigest() == SAID[name]["file"]
    assert checksum(refinr.decompress(_content(name))) == SAID[name]["samples"]


def test_there_are_files_of_every_kind():
    headers = [header.read(_content(name))[0] for name in SAID]
    assert {h.coding.model for h in headers if h.coding} == set(header.MODELS)
    assert {len(h.shape) for h in headers} >= {1, 2, 3, 4}
    assert {h.dtype.kind for h in headers} == set("buif")
    assert {slab.kind for h in headers for slab in h.slabs} == {header.RAW, header.XZ, header.MODEL}
    assert any(h.coding.lags for h in headers if h.coding)


SCRIPT = """
import hashlib, json, pathlib, sys
import numpy as np
import refinr
from refinr.files.checksum import checksum
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.rinr")):
    print(path.stem, checksum(refinr.decompress(path.read_bytes())))
y, x = np.mgrid[:40, :40]
image = (128 + 100 * np.sin(x / 9) * np.cos(y / 7)).round().astype("u1")
image = np.where(np.random.default_rng(0).random((40, 40)) < 0.5, image, image + 1).astype("u1")
for model in ("mixture", "adaptive"):
    data = refinr.compress(image, steps=40, model=model, reproducible=True)
    print(model, hashlib.sha256(data).hexdigest())
"""


def _run(core: str, disabled: str) -> list[str]:
    environment = os.environ | {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": disabled}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(FOLDER)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return run.stdout.splitlines()


def test_other_kinds_of_processors_decode_the_same_and_reproducibly_write_the_same():
    first, second = _run("Haswell", ""), _run("Prescott", "AVX512F AVX2 FMA3")
    assert first == second
    assert first[: len(SAID)] == [f"{name} {SAID[name]['samples']}" for name in sorted(SAID)]
    assert len(first) == len(SAID) + 2


def _strict(params: network.Params, x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there = [array_api_strict.asarray(array) for array in (x, u)]
    moved = {name: array_api_strict.asarray(p) for name, p in params.items()}
    return tuple(np.asarray(array) for array in EVALUATE(moved, *there))  # type: ignore[return-value]


def _torch(params: network.Params, x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import torch

    torch.set_num_threads(1)  # products are small
    p = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in params.items()}
    first = torch.from_numpy(np.ascontiguousarray(x)) @ p["w0"] + p["b0"]
    hidden = torch.clip(torch.floor(torch.relu(first) * 128 + 0.5) / 128, 0.0, network.MOST_HIDDEN)
    z = torch.floor((hidden @ p["w1"] + p["b1"]) * 128 + 0.5) / 128
    return z.numpy(), (torch.from_numpy(np.ascontiguousarray(u)) @ p["skip"]).numpy()


def _backwards(params: network.Params, x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums in the opposite order, one after the other."""
    turned = {
        name: p[::-1] if name in ("w0", "w1", "skip") else p for name, p in params.items() if name in network.UNITS
    }
    hidden = np.einsum("ni,io->no", x[:, ::-1], turned["w0"], optimize=False) + params["b0"]
    hidden = np.clip(np.floor(np.maximum(hidden, 0.0) * 128 + 0.5) / 128, 0.0, network.MOST_HIDDEN)
    z = np.einsum("nh,ho->no", hidden[:, ::-1], turned["w1"], optimize=False) + params["b1"]
    return np.floor(z * 128 + 0.5) / 128, np.einsum("ni,io->no", u[:, ::-1], turned["skip"], optimize=False)


EVALUATE = network.evaluate
LIBRARIES: dict[str, Callable[..., Any]] = {"array-api-strict": _strict, "einsum": _backwards}
with contextlib.suppress(ImportError):  # of a package that is not there, or is said not to be
    if importlib.util.find_spec("torch"):
        LIBRARIES["torch"] = _torch


@pytest.mark.parametrize("library", LIBRARIES)
def test_other_libraries_decode_the_same(monkeypatch, library):
    monkeypatch.setattr(network, "evaluate", LIBRARIES[library])
    for name in SAID:
        assert checksum(refinr.decompress(_content(name))) == SAID[name]["samples"]
