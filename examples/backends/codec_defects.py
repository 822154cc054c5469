"""Ways to get lossless compression wrong: rounding, tables, slots, lanes.

As in `examples.backends.fast_defects`, each is the reference with one fault.
"""

from __future__ import annotations

import numpy as np

from examples.backends.planting import Defect, Result, after, before
from refinr.codec import counts
from refinr.oracle import operations


def _rounded_to_even(inputs: np.ndarray, linear: np.ndarray, **units: np.ndarray) -> Result:
    """Halves to even numbers, as libraries round."""
    p = {name: u / 2.0**bits for (name, u), bits in zip(units.items(), (4, 4, 6, 6, 8), strict=True)}
    hidden = np.clip(np.rint(np.maximum(inputs @ p["w0"] + p["b0"], 0.0) * 128) / 128, 0.0, 255.0)
    return {"z": np.rint((hidden @ p["w1"] + p["b1"]) * 128) / 128, "s": linear @ p["skip"]}


def _single(inputs: np.ndarray, linear: np.ndarray, **units: np.ndarray) -> Result:
    """In float32, whose sums are rounded."""
    p = {name: (u / 2.0**bits).astype("f4") for (name, u), bits in zip(units.items(), (4, 4, 6, 6, 8), strict=True)}
    first = inputs.astype("f4") @ p["w0"] + p["b0"]
    hidden = np.clip(np.floor(np.maximum(first, 0) * 128 + 0.5) / 128, 0, 255)
    z = np.floor((hidden @ p["w1"] + p["b1"]) * 128 + 0.5) / 128
    return {"z": z.astype("f8"), "s": (linear.astype("f4") @ p["skip"]).astype("f8")}


def _not_clipped(inputs: np.ndarray, linear: np.ndarray, **units: np.ndarray) -> Result:
    p = {name: u / 2.0**bits for (name, u), bits in zip(units.items(), (4, 4, 6, 6, 8), strict=True)}
    hidden = np.floor(np.maximum(inputs @ p["w0"] + p["b0"], 0.0) * 128 + 0.5) / 128
    z = np.floor((hidden @ p["w1"] + p["b1"]) * 128 + 0.5) / 128
    return {"z": z, "s": linear @ p["skip"]}


def _mean_of_all(result: Result, arguments: dict) -> Result:
    return {"base": arguments["values"].mean(axis=1)}


def _no_slot_for_impossible(result: Result, arguments: dict) -> Result:
    """What has next to no probability gets nothing."""
    return {"frequencies": np.maximum(result["frequencies"] - 1, 0)}


def _one_lane_after_the_other(arguments: dict) -> dict:
    order = np.argsort(np.arange(len(arguments["starts"])) % arguments["lanes"], kind="stable")
    return {"starts": arguments["starts"][order], "frequencies": arguments["frequencies"][order]}


def _words_backwards(result: Result, arguments: dict) -> Result:
    content = result["content"]
    head = 8 * arguments["lanes"]
    return {"content": np.concatenate([content[:head], content[head:].reshape(-1, 4)[::-1].reshape(-1)])}


def _unchecked(content: np.ndarray, ends: np.ndarray, count: int, lanes: int) -> Result:
    """Symbols without a look at where the coder ends."""
    try:
        return operations.codec_decode(content, ends, count, lanes)
    except ValueError:
        return {"symbols": np.zeros(count, np.int64)}


def _counted(**other: object) -> dict:
    """Counts with other numbers in the module."""

    def call(samples: np.ndarray, levels: int, outside: int) -> Result:
        usual = {name: getattr(counts, name) for name in other}
        try:
            for name, value in other.items():
                setattr(counts, name, value)
            return operations.codec_counts(samples, levels, outside)
        finally:
            for name, value in usual.items():
                setattr(counts, name, value)

    return {"codec_counts": call}


def _other_way(samples: np.ndarray, levels: int, outside: int) -> Result:
    """Columns for rows."""
    found = operations.codec_counts(np.ascontiguousarray(samples.T), levels, outside)
    return {name: np.ascontiguousarray(array.T) for name, array in found.items()}


CODEC = [
    Defect("halves to even numbers", "codec", {"codec_network": _rounded_to_even}),
    Defect("a network in float32", "codec", {"codec_network": _single}),
    Defect("hidden values without an end", "codec", {"codec_network": _not_clipped}),
    Defect("base of all neighbours", "codec", after("codec_contexts", _mean_of_all)),
    Defect("linear inputs without an end", "codec", after("codec_contexts", lambda r, a: {
        "linear": np.floor((a["values"] - r["base"][:, None]) * (64.0 / r["scale"])[:, None] + 0.5) / 64.0})),
    Defect("no slot for what is next to impossible", "codec", after("codec_frequencies", _no_slot_for_impossible)),
    Defect("half a level off", "codec", before("codec_frequencies", lambda a: {"base": a["base"] + 0.5})),
    Defect("one lane after the other", "codec", before("codec_encode", _one_lane_after_the_other)),
    Defect("words in the order of writing", "codec", after("codec_encode", _words_backwards)),
    Defect("a coder's last state not looked at", "codec", {"codec_decode": _unchecked}),
    Defect("a table that is trusted as if it were one sample", "counts", _counted(TRUST=1.0)),
    Defect("ten neighbours for twelve", "counts", _counted(REACH=(2, 6, 10))),
    Defect("tables of a thousand rows", "counts", _counted(PLACES=1 << 10)),
    Defect("levels without end", "counts", _counted(MOST_LEVELS=99)),
    Defect("nothing outside but zeros", "counts", before("codec_counts", lambda a: {"outside": 0})),
    Defect("waves from top to bottom", "counts", {"codec_counts": _other_way}),
]  # fmt: skip
