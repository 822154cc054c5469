"""Where training starts: the laws that first weights and biases are drawn from, each by the paper that gave it.

With this you can ask how far the weights and biases of a layer reach (`siren`, `finer`, `he`, `glorot`,
`inverse_root`).

A law takes the widths ``fan_in`` and ``fan_out`` of a layer, whether it is the first, and the frequency of the
activation (1 for activations without one), and returns two bounds: weights are drawn from U(+-weight), biases from
U(+-bias).
"""

from __future__ import annotations

import math
from collections.abc import Callable

Law = Callable[[int, int, bool, float], tuple[float, float]]
"""``law(fan_in, fan_out, first, frequency) -> (weight, bias)``"""


def siren(fan_in: int, fan_out: int, first: bool, frequency: float) -> tuple[float, float]:
    """``1 / I`` for the first layer, then ``sqrt(6 / I) / omega``, so that every sine sees the same distribution.

    References
    ----------
    Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020, Sec. 3.2; the
    biases are those of the framework their code uses.

    Examples
    --------
    >>> siren(2, 16, True, 30.0)[0], siren(6, 16, False, 10.0)[0]
    (0.5, 0.1)
    """
    weight = 1.0 / fan_in if first else math.sqrt(6.0 / fan_in) / frequency
    return weight, 1.0 / math.sqrt(fan_in)


def finer(fan_in: int, fan_out: int, first: bool, frequency: float) -> tuple[float, float]:
    """As `siren`, with first biases up to 1: they choose among the frequencies.

    References
    ----------
    Liu et al., "FINER", CVPR 2024, Sec. 3.3, with k = 1.

    Examples
    --------
    >>> finer(2, 16, True, 30.0)
    (0.5, 1.0)
    """
    weight, bias = siren(fan_in, fan_out, first, frequency)
    return weight, 1.0 if first else bias


def he(fan_in: int, fan_out: int, first: bool, frequency: float) -> tuple[float, float]:
    """``sqrt(6 / I)`` and no biases: the variance stays where half of all values become zero.

    References
    ----------
    He et al., "Delving Deep into Rectifiers", ICCV 2015.

    Examples
    --------
    >>> he(6, 16, False, 1.0)
    (1.0, 0.0)
    """
    return math.sqrt(6.0 / fan_in), 0.0


def glorot(fan_in: int, fan_out: int, first: bool, frequency: float) -> tuple[float, float]:
    """``sqrt(6 / (I + O))`` and no biases: a compromise between the variances of values and of gradients.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.

    Examples
    --------
    >>> glorot(2, 4, False, 1.0)
    (1.0, 0.0)
    """
    return math.sqrt(6.0 / (fan_in + fan_out)), 0.0


def inverse_root(fan_in: int, fan_out: int, first: bool, frequency: float) -> tuple[float, float]:
    """``1 / sqrt(I)`` for both: PyTorch's default, which the authors of Gauss and WIRE used.

    Examples
    --------
    >>> inverse_root(4, 16, False, 1.0)
    (0.5, 0.5)
    """
    return 1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_in)
