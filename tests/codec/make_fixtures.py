"""Small `.rinr` files of every model, kind of samples and number of axes: ``python -m tests.codec.make_fixtures``.

What is written once stays: later versions must decode it to the same samples.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

import refinr
from refinr.codec import header
from refinr.files.checksum import checksum
from tests.codec.strategies import coded_file, counted_file, walk

FOLDER = Path(__file__).parent.parent / "fixtures"


def files() -> dict[str, tuple[bytes, np.ndarray]]:
    """By name, the file and its samples."""
    rng = np.random.default_rng(0)
    image = walk(rng, (24, 20), 255).astype("u1")
    colour = walk(rng, (9, 11, 3), 60000).astype(">u2")
    sound = walk(rng, (300,), 30000).astype("i2")
    stereo = (walk(rng, (200, 2), 4000) / 8).astype("f4")
    arrays = {
        "mask": (walk(rng, (30, 20), 1).astype(bool), {}),
        "image": (image, {"hidden": 9}),
        "colour": (colour, {"channels": True}),
        "sound": (sound, {"predicted": True}),
        "stereo": (stereo, {"channels": True}),
        "doubles": (walk(rng, (13, 9), 200) / 7.3, {}),
        "table": (rng.choice([0, 1000, 2000, 16000, 70000], (12, 11)).astype("u4"), {}),
        "series": (walk(rng, (3, 4, 5, 6), 900).astype("i4"), {}),
        "planes-image": (image, {"model": "planes", "hidden": 5}),
        "planes-series": (walk(rng, (2, 5, 4, 6), 3000).astype("u2"), {"model": "planes"}),
        "adaptive-image": (walk(rng, (60, 50), 255).astype("u1"), {"model": "adaptive", "hidden": 6}),
        "adaptive-sound": (walk(rng, (4300,), 255).astype("u1"), {"model": "adaptive", "predicted": True}),
    }
    found = {name: (coded_file(array, **options), array) for name, (array, options) in arrays.items()}  # type: ignore[arg-type]
    found["raw"] = (refinr.compress(rng.integers(0, 256, (5, 7), "u1")), image[:0])
    found["raw"] = (found["raw"][0], refinr.decompress(found["raw"][0]))
    found["xz"] = (refinr.compress(np.tile(image, (9, 3)), steps=0), np.tile(image, (9, 3)))
    labels = walk(rng, (6, 14, 12), 2).astype("u1") * 7
    found["labels"] = (counted_file(labels), labels)
    return found


def main() -> None:
    """Write all, and what they hold."""
    said = {}
    for name, (content, samples) in files().items():
        assert header.read(content)[0].shape == samples.shape
        (FOLDER / f"{name}.rinr").write_bytes(content)
        said[name] = {"file": hashlib.sha256(content).hexdigest(), "samples": checksum(samples)}
    (FOLDER / "rinr.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
