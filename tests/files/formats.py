"""What the tests of all file formats share: there and back, samples of every kind, damaged files."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import strategies as st

from refinr.files.signals import Signal, read, write
from tests.helpers import assert_equal_exact


def assert_survives(path, samples, info) -> Signal:
    """Written, read, and both once more from what was read: the same bits, and side information fit for JSON."""
    write(path, samples, info)
    first = read(path)
    write(path, first.samples, json.loads(json.dumps(first.info)))
    second = read(path)
    for signal in (first, second):
        assert_equal_exact(signal.samples, samples, bitwise=True)
    assert second.info == first.info
    assert first.samples.flags.writeable
    return first


def patterns(bits: int) -> st.SearchStrategy[int]:
    """Codes of `bits` bits; the ends come often, of the unsigned and of the signed range."""
    half = 1 << (bits - 1)
    return st.sampled_from([0, half - 1, half, 2 * half - 1]) | st.integers(0, 2 * half - 1)


def from_patterns(codes: np.ndarray, dtype: str, bits: int) -> np.ndarray:
    """Samples of any dtype from the lowest `bits` of their bit patterns, the highest of these being the sign."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return codes != 0
    samples = codes.astype(f"u{dtype.itemsize}").view(dtype)
    unused = 8 * dtype.itemsize - bits
    return samples << unused >> unused if dtype.kind == "i" else samples


def ramp(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Samples that all differ from their neighbours and use every byte."""
    codes = np.arange(np.prod(shape), dtype="u8").reshape(shape) * 0x9E3779B97F4A7C15
    if np.dtype(dtype).kind == "f":
        return ((codes >> 40).astype(dtype) - 1000) / 1024
    size = np.dtype(dtype).itemsize
    return (codes >> (64 - 8 * size)).astype(f"u{size}").view(dtype)


def written(folder, suffix, samples, info=None) -> bytes:
    write(folder / f"whole{suffix}", samples, info)
    return (folder / f"whole{suffix}").read_bytes()


def outcome(path) -> tuple[np.ndarray | None, str]:
    """Samples, or why there are none."""
    try:
        return read(path).samples, ""
    except ValueError as error:
        return None, str(error)
