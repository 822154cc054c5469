# %% [markdown]
# # 04 Lossless
#
# **Do:** represent a piece of a landscape exactly, find what decides how long that takes, how safe the result is, and
# what it costs to store; keep it in a file.
#
# **Learn:** why the first layer should turn at about half the Nyquist frequency; what a margin is good for, and for
# what not; what there is between the samples; why lossless is not compressed.
#
# **Need:** tutorials 01 to 03.

# %%
import dataclasses
import os
import tempfile
import warnings
import zlib
from pathlib import Path

import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import coords, mlp, planes, theory
from refinr.cli import demo

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
small = os.environ.get("REFINR_PRESET", "small") == "small"
size, hidden, most = (32, (16, 16, 16, 16), 500) if small else (16, (12, 12, 12), 300)
seeds = range(3) if small else range(1)  # what is said of training is asserted from several starts
image = demo.demo_signals()["elevation"][100 : 100 + size, 100 : 100 + size]  # int16
codes = (image - image.min()).astype("uint16")
B = int(codes.max()).bit_length()
bits = planes.to_planes(codes, B)  # (size, size, B)

# %% [markdown]
# ## One call
# `refinr.fit` does all that tutorials 01 to 03 were about: codes, planes, one network for every plane (and tile, but
# here there is one tile only), cross-entropy, Adam, until no decision is wrong. What it returns, an INR, holds all the
# networks; here is one of them. The logits below are what they answer. Only their sign counts: orange is a one, purple
# a zero, and white, around 0, is doubt.

# %%
inr = refinr.fit(image, hidden=hidden)
assert inr.lossless
assert np.array_equal(inr.decode(), image)
logits = inr.logits()[:, :, 0]  # (size, size, B)
assert ((logits > 0) == bits).all()

figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
lesson.draw_network(axes, inr.layout.spec.sizes, ("row, column", *[""] * len(hidden), "logit"))

shown = [B - 1, B - 3, B - 5, 0]
figure, axes = plt.subplots(2, 4, figsize=(11, 5.2), layout="constrained")
for column, i in zip(axes.T, shown, strict=True):
    column[0].imshow(bits[..., i])
    column[0].set_title(f"plane {i}")
    color = column[1].imshow(logits[..., i], cmap="PuOr_r", vmin=-3, vmax=3)
    column[1].set_title("its network's logits")
for a in axes.flat:
    a.set(xticks=[], yticks=[])
figure.colorbar(color, ax=axes[1], label="logit")
plt.show()

# %% [markdown]
# ## The first layer and Nyquist
# A neuron of the first layer is a wave over the image; along one axis it is $\sin(s x + b)$, and its frequency $s$ is a
# weight times $\omega$. The grid has $n$ samples over [-1, 1], so its spacing is $2 / (n - 1)$, and a wave that turns
# by $\pi$ from one sample to the next has the *Nyquist frequency*
#
# $$\text{nyquist} = \frac{\pi (n - 1)}{2}$$
#
# Nothing on the grid is faster: a wave beyond it takes the same values as one below. Later layers make new frequencies
# out of these waves, but slow waves are a poor start for planes that change from pixel to pixel. A SIREN (tutorial 03)
# draws its first weights evenly from $-1/I$ to $1/I$, with $I$ coordinates, and multiplies by $\omega = 30$: with two
# coordinates up to 15, however large the image. For 32 pixels that is 0.31 of Nyquist; for 256 pixels only 0.037.

# %%
(nyquist, _) = coords.nyquist((32, 32))
assert np.isclose(nyquist, np.pi * 31 / 2)
assert round(15 / nyquist, 2) == 0.31
assert round(15 / coords.nyquist((256,))[0], 3) == 0.037
x = coords.grid((32,), "float64")[:, 0]
assert np.allclose(np.cos(0.7 * nyquist * (x + 1)), np.cos(1.3 * nyquist * (x + 1)))

fine = np.linspace(-1, 1, 1000)
figure, axes = plt.subplots(1, 3, figsize=(12, 1.9), sharey=True, layout="constrained")
for a, share in zip(axes, (0.04, 0.5, 1.5), strict=True):
    a.plot(fine, np.sin(share * nyquist * fine + 1), linewidth=0.8)
    a.plot(x, np.sin(share * nyquist * x + 1), "o", markersize=3)
    a.set(title=f"{share} of Nyquist, 32 samples", xlabel="x", xticks=[-1, 0, 1])
plt.show()

# %% [markdown]
# Now draw the first weights (times omega) evenly from minus to plus some largest frequency, everything else equal, the
# step size too, and count the steps until no bit is wrong. `refinr.fit` takes that frequency as `first_scale`; its
# default is half of Nyquist. Every plane's network has its own random start, and all is done twice. (The
# [gallery](../paper_figures/README.md) has other networks, losses and signals, each at its best step size.)

# %% tags=["picture"]
shares = [0.04, 0.08, 0.15, 0.3, 0.5, 1, 2] if small else [0.04, 0.3, 0.5, 2]
reports = {}
warnings.filterwarnings("ignore", message=".* bits are wrong")  # those that are too slow are part of the picture
for share in shares:
    scale = tuple(share * f for f in coords.nyquist((size, size)))
    # margin=0: see below; patience=None: no network starts again from other weights
    options = {"hidden": hidden, "first_scale": scale, "margin": 0, "max_steps": most, "patience": None}
    reports[share] = [refinr.fit(image, seed=seed, **options).report for seed in seeds[:2]]
steps = {share: np.array([report.steps for report in found]) for share, found in reports.items()}  # means over planes
slowest = [max(report.most_steps for report in found) for found in reports.values()]

figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
axes.loglog(shares, [found.mean() for found in steps.values()], "o-", label="mean over planes and starts")
axes.loglog(shares, slowest, "s--", label="the slowest of all")
axes.axvline(15 / coords.nyquist((256,))[0], color="gray", linestyle=":", label="SIREN, 256 pixels")
axes.axvline(15 / nyquist, color="black", linestyle=":", label="SIREN, 32 pixels")
axes.set(xlabel="largest first-layer frequency / Nyquist", ylabel="steps to no wrong bit")
axes.legend()
plt.show()
assert (steps[0.04] > 4 * steps[0.5]).all()  # at least: some planes have been given up after `most` steps
assert all((steps[share] < 1.5 * steps[0.5]).all() for share in shares if share >= 0.3)

# %% [markdown]
# From 0.3 to twice Nyquist it hardly matters; at 0.04 it takes more than four times the steps, and some planes may not
# get there at all. On a tile of fixed size the right scale is known in advance.
#
# ## The margin
# Training may stop once every logit has the right sign. But a logit of 0.01 is a close call, and other machines round
# differently. So `refinr.fit` goes on until every logit is at least `margin` from 0 on its side, 0.5 by default. That
# takes more steps, of course. How much does it buy? Shake all parameters by a relative error and count.

# %%
rng = np.random.default_rng(0)
margins = (0, 0.5, 2)
fits = {margin: [refinr.fit(image, hidden=hidden, margin=margin, seed=seed) for seed in seeds] for margin in margins}


def wrong_bits(inr, change):
    """Wrong bits after `change` has been done to every array of parameters."""
    changed = {name: change(p).astype("float32") for name, p in inr.params.items()}
    return int(((dataclasses.replace(inr, params=changed).logits()[:, :, 0] > 0) != bits).sum())


noise = 10.0 ** np.arange(-4.5, -0.9, 0.5)
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for (margin, (fit, *_)), marker in zip(fits.items(), "os^", strict=True):
    wrong = [
        np.mean([wrong_bits(fit, lambda p, by=by: p * (1 + by * rng.normal(size=p.shape))) for _ in range(5)])
        for by in noise
    ]
    axes.plot(noise, np.array(wrong) / bits.size, marker + "-", label=f"margin {margin}: {fit.report.steps:.0f} steps")
    assert margin == 0 or max(wrong[:3]) == 0  # up to 10^-3.5
axes.set_yscale("symlog", linthresh=1e-4)
axes.set(xscale="log", xlabel="relative error of the parameters", ylabel="share of wrong bits")
axes.legend()
plt.show()

for start in zip(*fits.values(), strict=True):
    assert all(fit.lossless and fit.report.margin >= margin for margin, fit in zip(margins, start, strict=True))
    none, some, much = (fit.report.steps for fit in start)
    assert none < some < much / 1.5
    assert wrong_bits(start[1], lambda p: p * (1 + 10**-3.5 * rng.normal(size=p.shape))) == 0
    assert wrong_bits(start[1], lambda p: p.astype("float16")) == 0
    typical = [np.median(abs(fit.logits())) for fit in start]
    assert typical[0] < typical[1] < typical[2] / 1.2

# %% [markdown]
# Rounding in float32 makes errors of about 1e-7 and here a margin of 0.5 stands errors of 10^-3.5: that is far on the
# safe side, and even storing the parameters as float16 changes no bit. (For a network at hand tutorial 06 proves it.) A
# margin of 2 costs many more steps and buys less than it promises: the typical logit has grown too, and with it what a
# relative error does to it.
#
# ## Between the samples
# A network is a function of any coordinates, not only of those of samples. `inr.at` asks it anywhere. It is tempting to
# zoom. But nobody has said what the bits are between the samples, and a plane's network has no reason to take a short
# way from one sample to the next: it just has to be on the right side of 0 at both. One wrong high bit, and the value
# jumps by half the range: planes *shatter* between the samples. Direct regression is a function of the value itself.
# Whether it can be zoomed is up to the first layer: with waves up to half of Nyquist it swings between samples almost
# as far as planes do, with waves up to a quarter it goes nearly straight from one to the next, and takes longer to
# become exact. Planes shatter with either. Let us measure how far all are from the straight line between neighbours,
# which differ by about 20 metres on average.

# %%
quarter, half = (tuple(share * f for f in coords.nyquist((size, size))) for share in (0.25, 0.5))
ways = {"direct regression": {"decomposition": "none", "hidden": (60, 60), "lr": 2**-9}, "bit planes": {}}
found = {
    (name, scale): [refinr.fit(image, **options, first_scale=scale, seed=seed) for seed in seeds]
    for name, options in ways.items()
    for scale in (quarter, half)
}
assert all(fit.lossless for starts in found.values() for fit in starts)


def zoomed(inr, points):
    """Values at points (P, 2), in samples; of planes, the codes that their signs make."""
    answers = inr.at(points)[:, 0]  # (P, B) logits, or (P, 1) values
    if answers.shape[1] == 1:
        return answers[:, 0]
    return planes.from_planes((answers > 0).astype("uint8"), B, dtype="uint16") + float(image.min())


on_grid = np.stack(np.mgrid[0:size, 0:size], axis=-1).reshape(-1, 2)
for starts in found.values():
    assert all((zoomed(fit, on_grid).round() == image.ravel()).all() for fit in starts)

middles = np.stack(np.mgrid[0:size, 0.5 : size - 1], axis=-1).reshape(-1, 2)  # between neighbours of a row
straight = (image[:, 1:] / 2 + image[:, :-1] / 2).ravel()
assert 15 < abs(np.diff(image, axis=1)).mean() < 25
taken = {}
for (name, scale), starts in found.items():
    away = np.array([abs(zoomed(fit, middles) - straight).mean() for fit in starts])
    steps = taken[name, scale] = np.array([fit.report.steps for fit in starts])
    waves = "half" if scale == half else "a quarter"
    print(f"{name}, {waves} of Nyquist: {away.min():.0f} to {away.max():.0f} m away, {steps.mean():.0f} steps")
    assert (away < 7).all() if name == "direct regression" and scale == quarter else (away > 14).all()
assert not small or (taken["direct regression", quarter] > 1.5 * taken["direct regression", half]).all()

part = np.linspace(2, 10, 97)  # eight samples, twelve steps from one to the next
places = np.stack(np.meshgrid(part, part, indexing="ij"), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), width_ratios=[1, 1, 1, 1.4], layout="constrained")
axes[0].imshow(image[2:11, 2:11], vmin=image.min(), vmax=image.max())
axes[0].set_title("samples")
for a, name in zip(axes[1:], ways, strict=False):
    fit = found[name, quarter][0]
    a.imshow(zoomed(fit, places).reshape(97, 97), vmin=image.min(), vmax=image.max())
    a.set_title(f"{name}, zoomed")
    row = np.stack([np.full(97, 5), part], axis=-1)
    axes[3].plot(part, zoomed(fit, row), label=name, linewidth=1)
axes[3].plot(np.arange(2, 11), image[5, 2:11], "ko", label="samples")
axes[3].set(title="along row 5", xlabel="column", ylabel="metres")
axes[3].legend(fontsize=8)
for a in axes[:3]:
    a.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# So the two ways give the same array and different functions (the picture has a quarter of Nyquist). Who wants the
# array back, bit by bit, may take either. Who wants to zoom takes regression with slow waves, or interpolates what
# planes decode.
#
# ## In a file
# An `.inr` file keeps the parameters, how they are laid out, and a checksum of the samples. If decoding ever gives
# other samples, it raises an error instead of returning them.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "image.inr"
    inr.save(path)
    again = refinr.load(path)
    stored = path.stat().st_size
assert again.decode().tobytes() == image.tobytes()

damaged = dataclasses.replace(again, params=again.params | {"b1": again.params["b1"] + 0.1})
try:
    damaged.decode()
    raise AssertionError("damage went unnoticed")
except refinr.LosslessError as error:
    print(error)

# %% [markdown]
# ## What it costs
# An honest count, in bits a pixel: the networks take more than ten times the room of the raw codes, even in float16. No
# method for *all* images can do with less than raw (`theory.counting_bound`): the $2^{N B}$ images of $N$ samples of
# $B$ bits need as many different settings of the parameters. A compressor (here differences of neighbours, deflated as
# in a zip file) does a little better on landscapes, because they are few among all images. The network of the paper
# that all this follows (Han et al., CVPR 2025, arXiv 2502.21001), for a 256 x 256 image of 3 x 16 = 48 bits a pixel,
# takes row, column and number of a plane through six layers of 512 to three bits. It has 1,316,867 parameters: 643 bits
# a pixel. What a network of this kind is for is another matter: it is an exact function in place of an array. (Tutorial
# 10 has networks that do compress: they are told neighbours, not coordinates.)

# %%
differences = np.diff(np.diff(codes.astype("int16"), axis=0, prepend=0), axis=1, prepend=0).astype("int16")
low_and_high_bytes = differences.view("uint8").reshape(-1, 2).T.tobytes()
per_pixel = {
    "differences, deflated": 8 * len(zlib.compress(low_and_high_bytes, 9)) / codes.size,
    "raw": float(B),
    "float16 networks": 16 * inr.report.parameters / codes.size,
    "float32 networks": 32 * inr.report.parameters / codes.size,
    "file": 8 * stored / codes.size,
    "paper (48 raw)": 32 * 1_316_867 / 256**2,
}
assert mlp.parameter_count(mlp.MLP((3, *[512] * 6, 3))) == 1_316_867
assert round(per_pixel["paper (48 raw)"]) == 643
assert per_pixel["float16 networks"] > 10 * per_pixel["raw"] > 10 * per_pixel["differences, deflated"]
assert theory.counting_bound(codes.size, B, 32) * 32 == B * codes.size
figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
bars = axes.barh(list(per_pixel), per_pixel.values(), color=["C3", "C3", "C0", "C0", "C0", "C1"])
axes.bar_label(bars, fmt="%.0f", padding=3)
axes.set(xscale="log", xlabel="bits a pixel", xlim=(1, 2000))
plt.show()

# %% [markdown]
# ## Your turn
# What is the Nyquist frequency of an axis of $n$ samples over [-1, 1]? Put it in place of the dots.


# %%
def nyquist_frequency(n):
    return ...


lesson.check(nyquist_frequency, lambda n: coords.nyquist((n,))[0], 2, 32, 256, 1000)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def nyquist_frequency(n):
#     return np.pi * (n - 1) / 2
#
#
# lesson.check(nyquist_frequency, lambda n: coords.nyquist((n,))[0], 2, 32, 256, 1000)
# ```
# </details>

# %% [markdown]
# ## Summary
# - `refinr.fit` trains a network a plane until every sign is right, by a margin.
# - First-layer frequencies up to about half of Nyquist are a good start for any image; SIREN's own depend on its size.
# - A margin of 0.5 stands far more than rounding; a larger one costs steps and buys little.
# - Between the samples planes shatter, whatever their first layer: they are for arrays, not for zooming.
# - Lossless is not compressed: parameters take many times the room of the samples.

# %% [markdown]
# ## Exercises
# **1.** Fit `image[:16, :16]` with `hidden=(8, 8, 8)` and with `(16, 16, 16)`, margin 0. How many steps does it cost to
# save parameters?
# <details><summary>Solution</summary>
#
# ```python
# fewer = refinr.fit(image[:16, :16], hidden=(8, 8, 8), margin=0)
# more = refinr.fit(image[:16, :16], hidden=(16, 16, 16), margin=0)
# assert fewer.report.parameters < more.report.parameters / 3
# assert fewer.report.steps > 2 * more.report.steps
# ```
# </details>
#
# **2.** A sound is cut into tiles of 1024 samples. At which share of Nyquist would SIREN's first layer be, from -1 to 1
# times 30?
# <details><summary>Solution</summary>
#
# At 0.019 of Nyquist: far to the left of our picture.
#
# ```python
# assert round(30 / coords.nyquist((1024,))[0], 3) == 0.019
# ```
# </details>
#
# **3.** Why does everything here decide by $z > 0$, not by rounding $\mathrm{sigmoid}(z)$? Try `z = 1e-8` in float32.
# <details><summary>Solution</summary>
#
# $\mathrm{sigmoid}(z)$ rounds to 1/2, and 1/2 rounds to 0: the bit is lost.
#
# ```python
# z = np.float32(1e-8)
# p = 1 / (1 + np.exp(-z))
# assert z > 0 and p.dtype == "float32" and np.round(p) == 0
# ```
# </details>
