"""The demonstration: real measurements, represented to the last bit by training and by solving, and by regression.

With this you can run all of it (`main`), or take the signals alone (`demo_signals`).
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refinr import mlp
from refinr.fitting import fit
from refinr.inr import INR
from refinr.loading import load
from refinr.optim import Cosine
from refinr.solving import solve

HIDDEN = (27, 27)
"""Layers of a plane's network; direct regression has as many layers."""

LONGER = 4
"""Direct regression is tried with as many multiply-adds as the planes took, and with so many times as many."""

STEP = {1: 4e-3, LONGER: 2e-3}
"""Step sizes of direct regression, decayed by a cosine: those with the fewest wrong bits on the synthetic image, of
1e-3, 2e-3, 4e-3 and, with as many multiply-adds, 8e-3."""

WAYS = {
    "bit planes": "",
    "direct": "-direct",
    f"direct x {LONGER}": "-direct-longer",
    "solved": "-solved",
    "one bit": "-one-bit",
}
"""What a signal is represented by, and what its files' names end in."""

EXACT = ("bit planes", "solved", "one bit")


class Comparison(NamedTuple):
    """One signal, represented in every one of `WAYS`."""

    name: str
    samples: np.ndarray
    found: dict[str, INR]


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
    """Represent, save, decode in a fresh process, compare, print a table, draw a picture.

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
        comparison = Comparison(name, samples, {})
        comparisons.append(comparison)
        for way in WAYS:
            comparison.found[way] = _represented(samples, way, comparison.found)
            print(_row(name if way == "bit planes" else "", way, comparison.found[way]), flush=True)
        exact &= _survives_the_disk(comparison, folder)
    picture = folder / "demo.png"
    _draw(comparisons, picture)
    print(f"\nfiles and picture: {folder}{'' if exact else '.  NOT every decoded sample equals the input'}")
    if exact:
        print(f"{', '.join(EXACT)}: decoded from disk in a fresh process: every sample equals the input")
    return 0 if exact else 1


def _represented(samples: np.ndarray, way: str, before: dict[str, INR]) -> INR:
    """One of `WAYS`; direct regression is measured by the bit planes before it."""
    visible = sys.stderr.isatty()
    if way == "bit planes":
        return fit(samples, hidden=HIDDEN, progress=visible)
    if way == "solved":
        return solve(samples, progress=visible)
    if way == "one bit":
        return solve(samples, weights="binary", progress=visible)
    return direct(samples, before["bit planes"], 1 if way == "direct" else LONGER)


def direct(samples: np.ndarray, planes: INR, times: int, lr: float | None = None, seed: int = 0) -> INR:
    """Direct regression with as many parameters as the planes, and `times` as many multiply-adds.

    The step size is `STEP`'s unless one is given; a cosine takes it to nothing at the last step.
    """
    networks = planes.layout.cut.networks(1)
    budget = networks * mlp.parameter_count(planes.layout.spec)
    specs = (mlp.MLP((2, *(width,) * len(HIDDEN), 1)) for width in range(1000, 0, -1))
    spec = next(spec for spec in specs if mlp.parameter_count(spec) <= budget)
    a_step = networks * _multiply_adds(planes.layout.spec) / _multiply_adds(spec)
    steps = max(1, round(times * planes.report.steps * a_step))
    falling = Cosine(STEP[times] if lr is None else lr, steps)
    return fit(samples, "none", hidden=spec.sizes[1:-1], lr=falling, max_steps=steps, patience=None, seed=seed)


def _multiply_adds(spec: mlp.MLP) -> int:
    """Of one sample on its way through a network."""
    return sum(a * b for a, b in itertools.pairwise(spec.sizes))


def _survives_the_disk(comparison: Comparison, folder: Path) -> bool:
    """Save, decode in a fresh process, and compare bytes with the input, or with what regression made of it."""
    np.save(folder / f"{comparison.name}.npy", comparison.samples)
    survived = [_decodes(comparison, way, folder / f"{comparison.name}{end}") for way, end in WAYS.items()]
    return all(survived)  # every file is written, whatever became of the others


def _decodes(comparison: Comparison, way: str, stem: Path) -> bool:
    inr = comparison.found[way]
    inr.save(f"{stem}.inr")
    command = [sys.executable, "-m", "refinr", "decode", f"{stem}.inr", f"{stem}-decoded.npy"]
    if subprocess.run(command, check=False, stderr=None if way in EXACT else subprocess.DEVNULL).returncode != 0:
        return False
    decoded = np.load(f"{stem}-decoded.npy")
    wanted = comparison.samples if way in EXACT else inr.decode()
    same_kind = (decoded.dtype, decoded.shape) == (wanted.dtype, wanted.shape)
    return same_kind and decoded.tobytes() == wanted.tobytes() and (way not in EXACT or load(f"{stem}.inr").lossless)


def _stored(inr: INR) -> float:
    """Bits that a file has for every bit of the signal."""
    return 8 * inr.layout.network.packed_bytes(inr.params, inr.store) / inr.report.total_bits


_HEADER = (
    f"{'signal':<12}{'method':<12}{'bits':>9}{'parameters':>12}{'a bit':>7}{'stored':>8}{'steps':>7}{'seconds':>9}"
    f"{'bit errors':>12}{'PSNR dB':>9}{'margin':>10}"
)


def _row(name: str, way: str, inr: INR) -> str:
    report = inr.report
    return (
        f"{name:<12}{way:<12}{report.total_bits:>9}{report.parameters:>12}{report.parameters_per_bit:>7.2f}"
        f"{_stored(inr):>8.2f}{report.steps:>7.0f}{report.seconds:>9.1f}{report.ber:>12.2e}{report.psnr:>9.1f}"
        f"{report.margin:>10.2g}"
    )


# --- the picture -----------------------------------------------------------------------------------------------------


def _draw(comparisons: list[Comparison], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 2.9 * len(comparisons)), layout="constrained")
    grid = figure.subplots(len(comparisons), 6, squeeze=False, width_ratios=[1, 1, 1, 1.3, 1, 1.1])
    for axes, comparison in zip(grid, comparisons, strict=True):
        samples = comparison.samples
        direct = comparison.found["direct"]
        one_bit = comparison.found["one bit"]
        limits = {"vmin": float(samples.min()), "vmax": float(samples.max())}
        bits = direct.layout.cut.bits
        _show(axes[0], samples, f"{comparison.name}: {samples.dtype}, {bits} bits", cmap="gray", **limits)
        _show(axes[1], direct.decode(), f"direct, {direct.report.psnr:.1f} dB", cmap="gray", **limits)
        wrong = _wrong_bits(direct, samples)
        _show(axes[2], wrong, f"its wrong bits: {wrong.sum():,}", cmap="inferno", vmin=0, vmax=bits / 2)
        _draw_bit_bias(axes[3], comparison)
        wrong = sum(_wrong_bits(comparison.found[way], samples).sum() for way in EXACT)
        _show(
            axes[4], one_bit.decode(), f"from one-bit weights\n(three ways, wrong bits: {wrong})", cmap="gray", **limits
        )
        _draw_cost(axes[5], comparison)
    figure.savefig(path, dpi=110)


def _show(axes, image: np.ndarray, title: str, **options) -> None:  # type: ignore[no-untyped-def]
    axes.imshow(image, interpolation="nearest", **options)
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_bit_bias(axes, comparison: Comparison) -> None:  # type: ignore[no-untyped-def]
    for way, style in (("direct", "o-"), (f"direct x {LONGER}", "^-"), ("bit planes", "s-")):
        label = "bit planes, solved, one bit" if way == "bit planes" else way
        axes.plot(comparison.found[way].report.ber_per_plane, style, markersize=4, label=label)
    axes.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.02, 0.75)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("plane (0 = least significant bit)", fontsize=8)
    axes.set_title("bit error rate of each plane", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")


def _draw_cost(axes, comparison: Comparison) -> None:  # type: ignore[no-untyped-def]
    """Stored bits; bars of what is not exact are hollow."""
    for row, inr in enumerate(comparison.found.values()):
        stored = _stored(inr)
        face = "C0" if inr.report.lossless else "none"
        axes.barh(row, stored, facecolor=face, edgecolor="C0", hatch="" if inr.report.lossless else "///")
        axes.text(1.1 * stored, row, f"{stored:.1f}", va="center", fontsize=8)
    axes.set_yticks(range(len(WAYS)), list(WAYS), fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.7, 100)
    axes.set_xticks([1, 3, 10, 30], ["1", "3", "10", "30"], fontsize=8)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("hatched: not exact", fontsize=8)
    axes.set_title("stored bits for each bit", fontsize=10)


def _wrong_bits(inr: INR, samples: np.ndarray) -> np.ndarray:
    """How many bits of each sample the networks have wrong."""
    difference = inr.layout.codes(samples) ^ inr.layout.codes(inr.decode())
    return np.bitwise_count(difference)[..., 0]
