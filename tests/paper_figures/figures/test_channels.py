"""The channel as a coordinate."""

from __future__ import annotations

import numpy as np

from paper_figures.figures import channels


def test_the_channel_coordinate_goes_with_its_channel():
    cut, codes = channels.AsCoordinate(1), np.array([[0, 1, 0], [1, 1, 0]], dtype=np.uint8)
    x, targets = cut.inputs((2,)), cut.targets(codes)[0, :, 0]
    for row, target in zip(x, targets, strict=True):
        pixel, channel = int(row[0] > 0), round(float(row[2])) + 1
        assert target == codes[pixel, channel] - 0.5
