"""The demonstration: real measurements, represented to the last bit, beside the usual direct regression.

With this you can run all of it (`main`), or take the signals alone (`demo_signals`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refinr import mlp
from refinr.fitting import fit
from refinr.inr import INR
from refinr.loading import load

HIDDEN = (16, 16, 16, 16)


class Comparison(NamedTuple):
    """One signal, fitted both ways."""

    name: str
    samples: np.ndarray
    planes: INR
    direct: INR


def demo_signals() -> dict[str, np.ndarray]:
    """Two measurements that come with matplotlib, and a synthetic image that fills 16 bits.

    Returns
    -------
    dict of arrays
        "bathymetry" float32 (91, 120), 32 bits; "elevation" int16 (256, 256), 10 bits; "synthetic" uint16 (96, 96).
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "sample_data"
    with np.load(folder / "topobathy.npz") as file:
        bathymetry = file["topo"]
    with np.load(folder / "jacksboro_fault_dem.npz") as file:
        elevation = file["elevation"]
    return {
        "bathymetry": bathymetry,
        "elevation": np.ascontiguousarray(elevation[:256, :256]),
        "synthetic": synthetic(96),
    }


def synthetic(size: int) -> np.ndarray:
    """A 16-bit image, two sinusoids and noise that fills the 8 low planes: uint16 (size, size).

    Wavelengths are fixed in samples, so that bits are as hard to learn in a large image as in a small one.
    """
    y, x = np.mgrid[0:size, 0:size] / 96.0
    waves = 0.5 + 0.2 * np.sin(2 * np.pi * (3 * x + y)) + 0.2 * np.sin(2 * np.pi * (2 * x - 4 * y))
    noise = np.random.default_rng(0).integers(-128, 128, waves.shape)
    return (65535 * waves + noise).astype(np.uint16)


def main(folder: Path) -> int:
    """Fit, save, decode in a fresh process, compare, print a table, draw a picture.

    Returns
    -------
    int
        0 if every decoded sample equals the input, else 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    print(_HEADER)
    comparisons = []
    exact = True
    for name, samples in demo_signals().items():
        comparison = Comparison(name, samples, *_fit_both_ways(samples))
        comparisons.append(comparison)
        print(_row(name, "bit planes", comparison.planes))
        print(_row("", "direct", comparison.direct))
        exact &= _survives_the_disk(comparison, folder)
    picture = folder / "demo.png"
    _draw(comparisons, picture)
    print(f"\nfiles and picture: {folder}{'' if exact else '.  NOT every decoded sample equals the input'}")
    if exact:
        print("decoded from disk in a fresh process: every sample equals the input")
    return 0 if exact else 1


def _fit_both_ways(samples: np.ndarray) -> tuple[INR, INR]:
    """Bit planes until exact; then direct regression with as many parameters and as much time."""
    planes = fit(samples, hidden=HIDDEN, progress=sys.stderr.isatty())
    budget = planes.layout.cut.networks(1) * mlp.parameter_count(planes.layout.spec)
    width = next(w for w in range(1000, 0, -1) if mlp.parameter_count(mlp.MLP((2, w, w, w, w, 1))) <= budget)

    def direct(steps: int) -> INR:
        return fit(samples, "none", hidden=(width,) * 4, lr=1e-3, max_steps=steps)

    a_step = min(direct(3).report.seconds / 4 for _ in range(3))  # the last look at the gradient costs a step too
    return planes, direct(max(1, round(planes.report.seconds / a_step)))


def _survives_the_disk(comparison: Comparison, folder: Path) -> bool:
    """Save, decode in a fresh process, and compare bytes with the input."""
    stem = folder / comparison.name
    np.save(f"{stem}.npy", comparison.samples)
    comparison.planes.save(f"{stem}.inr")
    comparison.direct.save(f"{stem}-direct.inr")
    command = [sys.executable, "-m", "refinr", "decode", f"{stem}.inr", f"{stem}-decoded.npy", "--force"]
    if subprocess.run(command, check=False).returncode != 0:
        return False
    decoded = np.load(f"{stem}-decoded.npy")
    same_kind = (decoded.dtype, decoded.shape) == (comparison.samples.dtype, comparison.samples.shape)
    return same_kind and decoded.tobytes() == comparison.samples.tobytes() and load(f"{stem}.inr").lossless


_HEADER = (
    f"{'signal':<12}{'method':<12}{'bits':>9}{'parameters':>12}{'a bit':>7}{'steps':>7}{'seconds':>9}"
    f"{'bit errors':>12}{'PSNR dB':>9}{'margin':>10}"
)


def _row(name: str, method: str, inr: INR) -> str:
    report = inr.report
    return (
        f"{name:<12}{method:<12}{report.total_bits:>9}{report.parameters:>12}{report.parameters_per_bit:>7.2f}"
        f"{report.steps:>7.0f}{report.seconds:>9.1f}{report.ber:>12.2e}{report.psnr:>9.1f}{report.margin:>10.2g}"
    )


# --- the picture -----------------------------------------------------------------------------------------------------


def _draw(comparisons: list[Comparison], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 2.9 * len(comparisons)), layout="constrained")
    grid = figure.subplots(len(comparisons), 6, squeeze=False, width_ratios=[1, 1, 1, 1.3, 1, 1])
    for axes, comparison in zip(grid, comparisons, strict=True):
        samples = comparison.samples
        planes = comparison.planes
        direct = comparison.direct
        limits = {"vmin": float(samples.min()), "vmax": float(samples.max())}
        bits = planes.layout.cut.bits
        _show(axes[0], samples, f"{comparison.name}: {samples.dtype}, {bits} bits", cmap="gray", **limits)
        _show(axes[1], direct.decode(), f"direct fit, {direct.report.psnr:.1f} dB", cmap="gray", **limits)
        wrong = _wrong_bits(direct, samples)
        _show(axes[2], wrong, f"its wrong bits: {wrong.sum():,}", cmap="inferno", vmin=0, vmax=bits / 2)
        _draw_bit_bias(axes[3], comparison)
        _show(axes[4], planes.decode(), f"bit planes, {planes.report.psnr:.1f} dB", cmap="gray", **limits)
        wrong = _wrong_bits(planes, samples)
        _show(axes[5], wrong, f"its wrong bits: {wrong.sum():,}", cmap="inferno", vmin=0, vmax=bits / 2)
    figure.savefig(path, dpi=110)


def _show(axes, image: np.ndarray, title: str, **options) -> None:  # type: ignore[no-untyped-def]
    axes.imshow(image, interpolation="nearest", **options)
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_bit_bias(axes, comparison: Comparison) -> None:  # type: ignore[no-untyped-def]
    for inr, label, style in ((comparison.direct, "direct", "o-"), (comparison.planes, "bit planes", "s-")):
        axes.plot(inr.report.ber_per_plane, style, markersize=4, label=label)
    axes.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.02, 0.56)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("plane (0 = least significant bit)", fontsize=8)
    axes.set_title("bit error rate of each plane", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")


def _wrong_bits(inr: INR, samples: np.ndarray) -> np.ndarray:
    """How many bits of each sample the networks have wrong."""
    difference = inr.layout.codes(samples) ^ inr.layout.codes(inr.decode())
    return np.bitwise_count(difference)[..., 0]
