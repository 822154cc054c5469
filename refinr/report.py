"""What a fit reached: counted on the decoded samples, not taken from the training.

With this you can read what a fit cost and reached (`Report`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from refinr import metrics
from refinr.files.floats import FLOAT_TYPES

LARGEST = FLOAT_TYPES["float64"].largest
"""What stands where a distance has no end: files are JSON, which has no infinity."""


@dataclass(frozen=True)
class Report:
    """What a fit cost and what it reached.

    Parameters
    ----------
    seconds : float
        Wall time of the training, or of writing the networks down.
    networks, parameters : int
        How many, in all.
    steps : float
        Mean number of steps a network took.
    most_steps : int
        Largest number.
    restarts : int
        Restarts that led to the parameters kept, in all.
    samples : int
        Number of samples, each channel counted.
    wrong_bits : tuple of ints
        Wrong bits in each plane of the codes, least significant first.
    margin_per_plane : tuple of floats
        Smallest signed distance of an output from its threshold, for each plane the decomposition has; negative where
        decisions are wrong, and empty where there are no decisions (direct regression of floats) or outputs are not
        finite.
    rmse : float
        In code steps for integers, in the samples' unit for floats (non-finite ones left out).
    peak : float
        What `psnr` relates it to: ``2^bits - 1`` for the bits that the codes have (what the samples need, unless
        `refinr.fit` was given ``bits``), or the range of the floats.

    Examples
    --------
    >>> report = Report(1.0, 2, 100, 50.0, 60, 0, 64, (0, 8), (0.5, -0.1), 1.0, 3.0)
    >>> report.ber, report.ber_per_plane, report.lossless, report.margin
    (0.0625, (0.0, 0.125), False, -0.1)
    """

    seconds: float
    networks: int
    parameters: int
    steps: float
    most_steps: int
    restarts: int
    samples: int
    wrong_bits: tuple[int, ...]
    margin_per_plane: tuple[float, ...]
    rmse: float
    peak: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            for number in value if isinstance(value, tuple) else [value]:
                if not isinstance(number, int | float) or abs(number) > LARGEST:
                    raise ValueError(f"{name}: expected numbers, got {value!r:.80}")
        if self.samples < 1:
            raise ValueError(f"samples: expected 1 or more, got {self.samples}")
        if not self.wrong_bits or not all(isinstance(n, int) and 0 <= n <= self.samples for n in self.wrong_bits):
            raise ValueError(f"wrong_bits: expected a number of samples for each plane, got {self.wrong_bits}")

    @property
    def total_bits(self) -> int:
        """Bits represented, in all."""
        return self.samples * len(self.wrong_bits)

    @property
    def lossless(self) -> bool:
        """Whether every bit is right."""
        return not any(self.wrong_bits)

    @property
    def ber(self) -> float:
        """Bit error rate: wrong bits over all bits."""
        return sum(self.wrong_bits) / self.total_bits

    @property
    def ber_per_plane(self) -> tuple[float, ...]:
        """Bit error rate of each plane, least significant first."""
        return tuple(wrong / self.samples for wrong in self.wrong_bits)

    @property
    def margin(self) -> float:
        """Smallest margin of all planes; NaN where there are no decisions."""
        return float(np.min(self.margin_per_plane)) if self.margin_per_plane else math.nan

    @property
    def parameters_per_bit(self) -> float:
        """Parameters of all networks over bits represented."""
        return self.parameters / self.total_bits

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB; infinite where nothing is wrong."""
        return metrics.decibels(self.peak, self.rmse)
