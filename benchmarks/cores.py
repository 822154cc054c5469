"""Written with some vector instructions, decoded with others: what is lossless is so under all of them.

With this you can run ``python -m benchmarks.cores``.

Files are written under every pair of a core type of OpenBLAS (``OPENBLAS_CORETYPE``) and a set of NumPy's vector
instructions (``NPY_DISABLE_CPU_FEATURES``) and decoded under every other: of networks, with budgets so small that
outputs are near their thresholds, solved, and compressed.  "differ" counts the files whose networks alone decode to
other bits there than where they were written: what would have been lost had the files not held the undecided bits
themselves.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from refinr.codec import header
from refinr.files.checksum import checksum

ROOT = Path(__file__).parent.parent
CORES = ("Prescott", "Nehalem", "Haswell", "SkylakeX")
VECTORS = {"all": "", "X86_V2": "X86_V3 X86_V4 AVX512_ICL"}
SIZE = 48
"""Samples on a side."""


def fits(size: int) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Names, samples and settings: every decomposition and activation, hardly trained."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 2**8, (size, size)).astype(np.uint8)
    deep = rng.integers(0, 2**16, (size, size)).astype(np.uint16)
    floats = rng.normal(size=(size, size)).astype(np.float32)
    for activation in ("sine", "finer", "gauss", "wire", "relu", "tanh", "gelu"):
        yield activation, image, {"activation": activation, "max_steps": 1}
    for options in ({"gray": True}, {"radix_bits": 4}, {"decomposition": "bit-coordinate"}, {"encoding": "fourier"}):
        yield " ".join(map(str, options.values())), image, {"max_steps": 1, **options}
    for steps in (1, 30):
        yield f"none, 8 bits, {steps} steps", image, {"decomposition": "none", "max_steps": steps}
        yield f"none, 16 bits, {steps} steps", deep, {"decomposition": "none", "max_steps": steps}
        yield f"none, floats, {steps} steps", floats, {"decomposition": "none", "max_steps": steps}
    yield "bfloat16", image, {"store": "bfloat16", "max_steps": 20}


def solved(size: int) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Names, samples and settings: readouts of all kinds of weights, of noise and of few levels."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 2**8, (size, size)).astype(np.uint8)
    for weights in ("real", "ternary", "binary"):
        yield f"solved, {weights}", image, {"weights": weights}
        yield f"solved, {weights}, few levels", image >> 6, {"weights": weights}


def compressed(size: int) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Names, samples and settings: every model of compression, of a slope with noise and of a drawing."""
    rng = np.random.default_rng(2)
    slope = np.add.outer(np.arange(size), 2 * np.arange(size)) + rng.integers(0, 8, (size, size))
    for model in header.NETWORKS:
        yield f"compressed, {model}", slope.astype(np.uint16), {"model": model, "steps": 40}
    yield "compressed, few levels", (slope // 24).astype(np.uint8), {"steps": 40}


def write(folder: Path, size: int) -> None:
    """Write all files, those that say that every machine decodes them the same, and what their networks alone say."""
    made = [(name, samples, refinr.fit(samples, exact=True, **options)) for name, samples, options in fits(size)]
    made += [(name, samples, refinr.solve(samples, **options)) for name, samples, options in solved(size)]
    for name, samples, inr in made:
        if not (inr.lossless and inr.portable):
            raise RuntimeError(f"{name}: not said to be the same everywhere")
        inr.save(folder / f"{name}.inr")
        (folder / f"{name}.json").write_text(json.dumps([checksum(samples), _alone(inr)]))
    for name, samples, options in compressed(size):
        (folder / f"{name}.rinr").write_bytes(refinr.compress(samples, **options))
        (folder / f"{name}.json").write_text(json.dumps([checksum(samples), ""]))


def _alone(inr: refinr.INR) -> str:
    """A checksum of the codes that networks decode to by themselves."""
    codes = [inr.layout.cut.codes(z).ravel() for _, z in inr.layout.outputs(inr.params)]
    return checksum(np.concatenate(codes))


def read(folder: Path) -> list[int]:
    """Files that do not decode to the samples, and those whose networks alone decode to other bits."""
    lost = 0
    differ = 0
    for path in sorted([*folder.glob("*.inr"), *folder.glob("*.rinr")]):
        samples, alone = json.loads(path.with_suffix(".json").read_text())
        try:
            if path.suffix == ".rinr":
                decoded = refinr.decompress(path.read_bytes())
            else:
                inr = refinr.load(path)
                differ += _alone(inr) != alone
                decoded = inr.decode()
            lost += checksum(decoded) != samples
        except refinr.LosslessError:
            lost += 1
    return [lost, differ]


def _under(core: str, vectors: str, *arguments: str) -> str:
    """What this module, run under such a processor, prints."""
    kernels = {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": VECTORS[vectors]}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.cores", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | kernels, check=True, capture_output=True, text=True
    ).stdout


def main() -> None:
    """Write under all, read under all, print and keep."""
    run = report.Run("cores", __doc__, timed=False)
    size = 16 if run.quick else SIZE
    machines = list(itertools.product(CORES[:2] if run.quick else CORES, VECTORS))
    files = 0
    lost = 0
    differ = 0
    with tempfile.TemporaryDirectory() as base:
        for writer in machines:
            folder = Path(base, "-".join(writer))
            folder.mkdir()
            _under(*writer, "write", str(folder), str(size))
            report.log(f"written under {' '.join(writer)}")
        folders = [Path(base, "-".join(writer)) for writer in machines]
        rows: list[dict[str, Any]] = [{"written under": " ".join(writer)} for writer in machines]
        for reader in machines:
            found = json.loads(_under(*reader, "read", *map(str, folders)))
            for row, folder, one in zip(rows, folders, found, strict=True):
                count = len(list(folder.glob("*.json")))
                row[" ".join(reader)] = f"{count - one[0]} of {count}, {one[1]} differ"
                files += count
                lost += one[0]
                differ += one[1]
            report.log(f"read under {' '.join(reader)}: {found}")
    targets = [
        report.Target("files decoded", files, ">=", 1),
        report.Target("of them not to their samples", lost, "<=", 0),
        report.Target("of them with networks that decode to other bits", differ, ">=", 0),
    ]
    run.publish("Written with some vector instructions, decoded with others", {"Decoded under": rows}, targets)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["read"]:
        print(json.dumps([read(Path(folder)) for folder in sys.argv[2:]]))
    else:
        main()
