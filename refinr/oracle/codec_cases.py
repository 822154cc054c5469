"""Cases of lossless compression: contexts, networks in whole numbers, frequencies, and the coder there and back.

With this you can make the cases of two families (`codec`, and `counts`: levels that are counted).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refinr.oracle import codec_operations
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, make_refused


def codec(rng: Draw) -> Iterator[Case]:
    """Flat and rough, huge, far from flat; the largest weights; narrow and wide distributions; lanes; damage."""
    for rows, top, flat in ((0, 9, False), (1, 2, False), (7, 256, True), (33, 256, False), (17, 2**32, False)):
        values = rng.integers(0, top, (rows, 16)).astype(np.float64)
        if flat:
            values[::2] = values[::2, :1]
            values[::4, 12:] = top - 1.0  # far away from neighbours that are all alike: linear ends at 8
        yield make(f"codec.codec_contexts.{rows}-{top}", {"values": values})
    for rows, i, n, h, most in (
        (0, 3, 2, 4, 20),
        (1, 1, 1, 1, 20),
        (9, 20, 16, 24, 40),
        (33, 20, 16, 17, 2047),
        (5, 4, 3, 0, 9),
    ):
        yield make(f"codec.codec_network.{rows}x{i}x{h}-{most}", _network(rng, rows, i, n, h, most))
    for rows, levels, spread in ((0, 2, 1), (1, 2, 1), (9, 256, 2), (33, 200, 6), (17, 2**16, 3), (8, 3, 20)):
        z = rng.integers(-128 * spread, 128 * spread + 1, (rows, 9)) / 128.0
        arrays = {
            "z": z,
            "s": rng.integers(-999, 1000, (rows, 1)) / 2.0**12,
            "base": rng.integers(0, 4 * levels, rows) / 4.0,
            "scale": rng.integers(0, 99, rows) / 8.0 + 0.4,
            "samples": rng.integers(0, levels, rows).astype(np.float64),
        }
        if rows:
            arrays["samples"][-1] = levels - 1.0
        yield make(f"codec.codec_frequencies.{rows}-{levels}", arrays, levels=levels)
    for count, lanes, size in ((0, 1, 2), (1, 1, 2), (70, 1, 5), (71, 3, 256), (9, 16, 3), (500, 7, 40)):
        ends = np.append(np.sort(rng.choice(np.arange(1, 1 << 24), size - 1, replace=False)), 1 << 24)
        ends = np.concatenate([[0], ends])
        chosen = rng.integers(0, size, count)
        arrays = {"starts": ends[chosen], "frequencies": np.diff(ends)[chosen]}
        content = codec_operations.codec_encode(**arrays, lanes=lanes)["content"]
        yield make(f"codec.codec_encode.{count}-{lanes}", arrays, lanes=lanes)
        yield make(f"codec.codec_decode.{count}-{lanes}", {"content": content, "ends": ends}, count=count, lanes=lanes)
        if count == 70:
            for why, damaged in (
                ("four bytes that are missing", content[:-4]),
                ("four bytes that are too many", np.append(content, np.zeros(4, np.uint8))),
                ("a coder that ends elsewhere", np.concatenate([content[:1] ^ 1, content[1:]])),
            ):
                name = f"codec.codec_decode.{why.split()[-1]}"
                yield make_refused(name, {"content": damaged, "ends": ends}, why, count=count, lanes=lanes)


def counts(rng: Draw) -> Iterator[Case]:
    """Noise, where nothing comes again, and drawings, where much does; narrow ones; all levels, and one too many."""
    for rows, columns, levels, block in ((2, 2, 2, 1), (2, 40, 3, 5), (33, 2, 4, 4), (9, 11, 16, 1), (24, 31, 5, 7)):
        fields = rng.integers(0, levels, (-(-rows // block), -(-columns // block)))
        drawn = np.repeat(np.repeat(fields, block, axis=0), block, axis=1)[:rows, :columns]
        spots = rng.integers(0, 40, drawn.shape) == 0
        samples = np.where(spots, rng.integers(0, levels, drawn.shape), drawn)
        name = f"counts.codec_counts.{rows}x{columns}-{levels}"
        yield make(name, {"samples": samples}, levels=levels, outside=levels - 1)
    y, x = np.mgrid[:40, :36]
    disc = ((y - 20) ** 2 + (x - 15) ** 2 < 12**2).astype(np.int64)
    yield make("counts.codec_counts.disc", {"samples": disc}, levels=2, outside=0)
    name = "counts.codec_counts.seventeen"
    yield make_refused(name, {"samples": samples}, "more levels than are counted", levels=17, outside=0)


def _network(rng: Draw, rows: int, inputs: int, linear: int, hidden: int, most: int) -> dict[str, np.ndarray]:
    shapes = {"w0": (inputs, hidden), "b0": (1, hidden), "w1": (hidden, 9), "b1": (1, 9), "skip": (linear, 1)}
    arrays: dict[str, np.ndarray] = {name: rng.integers(-most, most + 1, shape) for name, shape in shapes.items()}
    arrays["inputs"] = rng.integers(-256, 257, (rows, inputs)) / 128.0
    arrays["linear"] = rng.integers(-512, 513, (rows, linear)) / 64.0
    # 0 times -3 is -0.0: whether a sum of such products is 0.0 depends on where it begins
    nothing = ~(arrays["linear"] * arrays["skip"].T).any(axis=1)
    if nothing.any():
        arrays["skip"][0] = arrays["skip"][0] or 1
        arrays["linear"][nothing, 0] = 1.0 / 64.0
    return arrays
