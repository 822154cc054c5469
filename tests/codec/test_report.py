"""Bits of planes: together they are the file, whatever the model; other formats as long as their packages make them."""

from __future__ import annotations

import numpy as np
import pytest

import refinr
from refinr.codec import header, report
from tests.codec.strategies import coded_file, walk


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((40, 30), {}),
        ((40, 30), {"model": "planes"}),
        ((60, 50), {"model": "adaptive"}),
        ((900,), {"predicted": True}),
        ((20, 12, 3), {"channels": True}),
    ],
)
def test_bits_of_planes_add_up_to_the_file(shape, options):
    samples = walk(np.random.default_rng(0), shape, 200).astype("u1")
    data = coded_file(samples, **options)
    planes = report.plane_bits(data, samples)
    found, _ = header.read(data)
    slab = found.slabs[0]
    assert len(planes) == 8
    assert abs(sum(planes) * samples.size - 8 * slab.size) < 0.002 * 8 * slab.size + 64 * slab.lanes


def test_what_has_no_networks_has_no_planes():
    noise = np.random.default_rng(0).integers(0, 256, (9, 9)).astype("u1")
    assert report.plane_bits(refinr.compress(noise, steps=0), noise) is None


def test_other_formats_are_asked_for_what_they_take():
    image = walk(np.random.default_rng(0), (40, 30), 200).astype("u1")
    assert set(report.others(image)) <= {"PNG", "JPEG-LS", "JPEG XL"}
    assert set(report.others(image.astype("i2").reshape(-1))) <= {"FLAC"}
    assert report.others(image.astype("f4")) == {}
    assert report.others(image.astype("u4")) == {}
