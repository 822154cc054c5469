"""How far a reconstruction is from the original.

With this you can count wrong bits (`bit_error_rate`, `bit_error_rate_per_plane`) and measure distances (`rmse`, `psnr`,
`decibels`, `ssim`).  Bits are counted on integer codes, never read off floats.
"""

from __future__ import annotations

import math

import numpy as np

from refinr.xp import Array, namespace, to_host


def _comparable(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"b: expected the shape of a, {a.shape}, got {b.shape}")
    if a.dtype != b.dtype:
        raise TypeError(f"b: expected the dtype of a, {a.dtype}, got {b.dtype}")
    if a.size == 0:
        raise ValueError("a: expected at least one code, got an empty array")


def wrong_bits_per_plane(a: Array, b: Array, bits: int) -> list[int]:
    """Number of wrong bits in each plane, least significant first.

    Parameters
    ----------
    a, b : arrays of unsigned codes, same shape and dtype
    bits : int

    Raises
    ------
    ValueError
        If the shapes differ, the arrays are empty, or a code is not in ``0 .. 2^bits - 1``.
    TypeError
        If the dtypes differ or are not integers.

    Examples
    --------
    >>> wrong_bits_per_plane(np.array([0, 3], dtype="uint8"), np.array([1, 3], dtype="uint8"), 2)
    [1, 0]
    """
    _comparable(a, b)
    xp = namespace(a)
    if not 1 <= bits <= 64:
        raise ValueError(f"bits: expected 1 to 64, got {bits}")
    if not xp.isdtype(a.dtype, "integral"):
        raise TypeError(f"a: expected integer codes, got {a.dtype}")
    for name, codes in (("a", a), ("b", b)):
        low = int(xp.min(codes))
        high = int(xp.max(codes))
        if low < 0 or high >> bits:
            raise ValueError(f"{name}: expected codes of {bits} bits, got {low if low < 0 else high}")
    difference = a ^ b
    return [int(xp.sum(xp.astype((difference >> i) & 1, xp.int64))) for i in range(bits)]


def bit_error_rate_per_plane(a: Array, b: Array, bits: int) -> np.ndarray:
    """Share of wrong bits in each plane, least significant first: array of float64 (bits,), each in [0, 1].

    Parameters and errors as in `wrong_bits_per_plane`.

    Examples
    --------
    >>> bit_error_rate_per_plane(np.array([0, 3], dtype="uint8"), np.array([1, 3], dtype="uint8"), 2).tolist()
    [0.5, 0.0]
    """
    return np.array(wrong_bits_per_plane(a, b, bits)) / a.size


def bit_error_rate(a: Array, b: Array, bits: int) -> float:
    """Share of wrong bits among all ``size * bits``: 0.0 only for equal codes.

    Parameters and errors as in `wrong_bits_per_plane`.

    Examples
    --------
    >>> bit_error_rate(np.array([0, 3], dtype="uint8"), np.array([1, 3], dtype="uint8"), 2)
    0.25
    """
    return sum(wrong_bits_per_plane(a, b, bits)) / (a.size * bits)


def rmse(a: Array, b: Array) -> float:
    """Root of the mean squared difference, in code steps.

    Raises
    ------
    ValueError
        If the shapes differ or the arrays are empty.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> round(rmse(np.array([0, 3], dtype="uint8"), np.array([1, 3], dtype="uint8")), 6)
    0.707107
    """
    _comparable(a, b)
    xp = namespace(a)
    if xp.isdtype(a.dtype, "unsigned integer"):  # the larger minus the smaller: exact, where a - b would wrap around
        difference = xp.astype(xp.where(a > b, a - b, b - a), xp.float64)
    else:
        difference = xp.astype(a, xp.float64) - xp.astype(b, xp.float64)
    return math.sqrt(float(xp.mean(difference * difference)))


def psnr(a: Array, b: Array, bits: int) -> float:
    """Peak signal-to-noise ratio in dB, ``20 log10((2^bits - 1) / rmse)``; infinite for equal codes.

    Parameters and errors as in `rmse`.

    Examples
    --------
    >>> round(psnr(np.array([0, 255], dtype="uint8"), np.array([1, 254], dtype="uint8"), 8), 4)
    48.1308
    """
    return decibels(2**bits - 1, rmse(a, b))


def decibels(peak: float, error: float) -> float:
    """A peak over a root mean squared error in dB, ``20 log10(peak / error)``; infinite where nothing is wrong.

    Examples
    --------
    >>> decibels(100.0, 1.0), decibels(1.0, 0.0), decibels(0.0, 1.0)
    (40.0, inf, -inf)
    """
    if error == 0.0:
        return math.inf
    return 20.0 * math.log10(peak / error) if peak > 0.0 else -math.inf


def ssim(a: Array, b: Array, bits: int) -> float:
    """Structural similarity of two images: mean over all 11 x 11 windows that lie inside, and over channels.

    Gaussian windows with a standard deviation of 1.5 pixels, ``C1 = (0.01 L)^2``, ``C2 = (0.03 L)^2``,
    ``L = 2^bits - 1``.

    Parameters
    ----------
    a, b : arrays of codes (H, W) or (H, W, C), H and W at least 11
    bits : int

    Raises
    ------
    ValueError
        If the shapes differ or an image is too small for one window.

    References
    ----------
    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004.

    Examples
    --------
    >>> image = np.arange(144, dtype="uint8").reshape(12, 12)
    >>> ssim(image, image, 8)
    1.0
    """
    _comparable(a, b)
    if a.ndim not in (2, 3) or min(a.shape[:2]) < 11:
        raise ValueError(f"a: expected an image (H, W) or (H, W, C) of 11 x 11 or more, got shape {a.shape}")
    x = to_host(a).astype(float)
    y = to_host(b).astype(float)
    peak = 2**bits - 1
    c1 = (0.01 * peak) ** 2
    c2 = (0.03 * peak) ** 2
    mx = _window_means(x)
    my = _window_means(y)
    vx = _window_means(x * x) - mx * mx
    vy = _window_means(y * y) - my * my
    vxy = _window_means(x * y) - mx * my
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    contrast_structure = (2 * vxy + c2) / (vx + vy + c2)
    return float(np.mean(luminance * contrast_structure))


def _window_means(image: np.ndarray) -> np.ndarray:
    # Gaussian windows are separable: one axis after the other
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        n = image.shape[axis] - 10
        image = sum(w * np.take(image, range(k, k + n), axis=axis) for k, w in enumerate(weights))
    return image
