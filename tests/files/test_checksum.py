"""Samples of other values, dtypes or shapes have another checksum; those in another order of bytes do not."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given

from refinr.files import checksum
from tests import strategies


@given(strategies.samples())
def test_it_is_what_the_page_says(samples):
    little = samples.astype(samples.dtype.newbyteorder("<"))
    head = f"{little.dtype.str} {','.join(map(str, samples.shape))}\n".encode()
    assert checksum.checksum(samples) == hashlib.sha256(head + little.tobytes()).hexdigest()


@pytest.mark.parametrize("shape", [(7, 5), (1, 35), (35,), (5, 1, 7), (0, 3), ()])
def test_pieces_are_the_whole(monkeypatch, shape):
    monkeypatch.setattr(checksum, "_BLOCK", 3)
    array = np.random.default_rng(0).integers(0, 2**16, shape).astype(">u2")
    for view in (array, array.T):
        pieces = list(checksum.content(view))
        assert b"".join(pieces) == view.astype("<u2").tobytes()
        assert max(map(len, pieces)) <= 3 * 2


def test_dtype_and_shape_count():
    samples = np.zeros((2, 3), "<u2")
    others = [samples.reshape(3, 2), samples.view("<i2"), samples.astype("<u4"), samples[:1]]
    assert checksum.checksum(samples) not in {checksum.checksum(other) for other in others}
