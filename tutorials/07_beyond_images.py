# %% [markdown]
# # 07 Beyond images: sound, volumes, float32
#
# **Do:** represent a sound, a volume and an array of floats with NaN, infinities and -0.0 in it, all by the same call,
# all to the last bit.
#
# **Learn:** that nothing in the method is about images; how large a tile should be in one, two and three dimensions;
# what the planes of floats look like to a network, and what Gray code changes.
#
# **Need:** tutorials 01 and 04.

# %%
import os
import tempfile

import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import coords, planes, tiling
from refinr.files import signals

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
small = os.environ.get("REFINR_PRESET", "small") == "small"
rng = np.random.default_rng(0)

# %% [markdown]
# ## Sound
# A sound is a signal with one axis. Ours is a plucked string (Karplus and Strong, 1983): begin with one period of
# noise, and let every further sample be the mean of two samples one period ago. Noise becomes a tone, because averaging
# is hardest on high frequencies.

# %%
rate, period, length = 8000, 40, 2048 if small else 512  # a period of 40 samples: about 200 waves a second
string = rng.uniform(-1, 1, length)
for k in range(period + 1, length):
    string[k] = 0.5 * (string[k - period] + string[k - period - 1])
sound = np.round(30_000 * string).astype("int16")

inr = refinr.fit(sound)
assert inr.lossless
assert inr.decode().tobytes() == sound.tobytes()

with tempfile.TemporaryDirectory() as folder:  # what reaches a file is what was heard
    signals.write(f"{folder}/pluck.wav", inr.decode(), {"rate": rate})
    samples, info = signals.read(f"{folder}/pluck.wav")
assert (samples == sound).all()
assert info["rate"] == rate
lesson.listen(inr.decode(), rate)


# %% [markdown]
# Large arrays are cut into *tiles*, and every plane of every tile has a network of its own. So the size of a tile is a
# number of samples, not a length: what matters is how many bits a network has to hold. `tile=32`, the default, means
# about 32 x 32 = 1024 samples in any dimension. In the last picture are the *logits*, what the networks answer, as in
# tutorials 02 and 04: their signs are the bits.

# %%
assert tiling.tile_shape((100_000,), 32) == (1024,)
assert tiling.tile_shape((256, 256), 32) == (32, 32)
assert tiling.tile_shape((64, 64, 64), 32) == (10, 10, 10)
assert inr.layout.tile == (min(1024, length),)

shown = slice(0, 400)  # the first twentieth of a second
codes = inr.layout.codes(sound)[shown, 0]  # (400,), counted from the smallest sample
cut = planes.to_planes(codes, inr.layout.cut.bits)  # (400, B)
figure, axes = plt.subplots(3, 1, figsize=(10, 5.4), sharex=True, layout="constrained")
extent = (0, 400 / rate, -0.5, cut.shape[1] - 0.5)
axes[0].plot(np.arange(400) / rate, inr.decode()[shown])
axes[0].set(title="a plucked string, decoded", ylabel="sample")
axes[1].imshow(cut.T, aspect="auto", origin="lower", extent=extent)
axes[1].set(title="its planes", ylabel="plane")
axes[2].imshow(inr.logits()[shown, 0].T, aspect="auto", origin="lower", extent=extent, cmap="PuOr_r", vmin=-3, vmax=3)
axes[2].set(title="logits: a one is orange (3 and more), a zero purple (-3 and less)", ylabel="plane", xlabel="seconds")
plt.show()

# %% [markdown]
# ## A volume
# A scanner measures a density at every point of a box. Ours is made of three ellipsoids and noise, and in the pictures
# brighter is denser. The coordinates have three axes, the tiles are cubes, and nothing else changes. With
# `channels=False` the last axis is a coordinate like the others; left alone, `refinr.fit` takes a last axis of at most
# four for channels, such as colours.
#
# Volumes have many networks, and a fit of many may take long. `callback` is a function that is told every few steps
# where it stands: the step, how many networks are left, the bit error rate of each plane (tutorial 03). `refinr.Live()`
# is one that writes a line, in notebooks and terminals. Here the moments go to a list.


# %%
def ellipsoid(centre, radii):
    return np.linalg.norm((x - centre) / radii, axis=-1) < 1


n = 20 if small else 8
x = coords.grid((n, n, n)).reshape(n, n, n, 3)
density = 300 * ellipsoid((0, 0, 0), (0.9, 0.8, 0.9)) + 500 * ellipsoid((0, 0.2, 0.2), (0.4, 0.3, 0.5))
volume = np.round(density - 200 * ellipsoid((0, -0.3, -0.3), 0.3) + rng.normal(0, 8, (n, n, n))).astype("int16")

moments = []
inr = refinr.fit(volume, channels=False, callback=moments.append)
assert inr.lossless
assert (moments[-1].left, moments[-1].error_rates) == (0, (0,) * inr.layout.cut.bits)
assert inr.decode().tobytes() == volume.tobytes()
assert inr.layout.spec.sizes[0] == 3

back = inr.decode()
figure, axes = plt.subplots(2, 5, figsize=(10, 4.2), layout="constrained")
for column, z in zip(axes.T, np.linspace(n // 5, n - 1 - n // 5, 5).astype(int), strict=True):
    column[0].imshow(volume[z], vmin=volume.min(), vmax=volume.max())
    column[1].imshow(back[z], vmin=volume.min(), vmax=volume.max())
    column[0].set_title(f"slice {z}")
axes[0, 0].set_ylabel("original")
axes[1, 0].set_ylabel("decoded")
for a in axes.flat:
    a.set(xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## Floats
# Measurements often come as float32, with NaN where nothing was measured. Tutorial 01 turned floats into codes of 32
# bits that keep their order, and codes are all that networks need. Sound and volume had integers; here "exact" means
# the same 32 bits in every sample: NaN stays the NaN it was, and -0.0 stays apart from 0.0, although `-0.0 == 0.0`.

# %%
n = 32 if small else 16
down, right = np.mgrid[0:n, 0:n] / n
field = np.sin(7 * right + 3 * down) * np.exp(3 * down) + 0.01 * rng.normal(size=(n, n))
field = field.astype("float32")
field[(right - 0.7) ** 2 + (down - 0.75) ** 2 < 0.03] = np.nan  # a lake that nobody measured
field[0, :4] = [-0.0, 0.0, np.inf, -np.inf]
field.view("uint32")[1, 0] = 0x7FC12345  # a NaN that carries a message
assert np.isnan(field[1, 0])

inr = refinr.fit(field)
assert inr.lossless
assert (inr.decode().view("uint32") == field.view("uint32")).all()
assert inr.decode()[0, 0] == 0
assert np.signbit(inr.decode()[0, 0])

# %% [markdown]
# Direct regression has no answer for such samples: the squared error of a NaN is NaN. It is refused.

# %%
try:
    refinr.fit(field, "none")
    raise AssertionError("a NaN was regressed")
except ValueError as error:
    print(error)

# %% [markdown]
# The planes tell what a float is made of: the sign on top, then the exponent with its few large areas, then the
# mantissa, which after a few bits is noise, since the field itself has noise. (In the picture of the field, white is
# what is not finite.) The restlessness of tutorial 01, the share of neighbours that differ, says it in numbers.

# %% tags=["picture"]
codes = inr.layout.codes(field)[..., 0]
plain, gray = planes.to_planes(codes, 32), planes.to_planes(codes, 32, gray=True)  # (n, n, 32)
figure, axes = plt.subplots(3, 8, figsize=(11, 4.6), layout="constrained")
axes[0, 0].imshow(np.where(np.isfinite(field), field, np.nan), cmap="viridis")
axes[0, 0].set_title("field")
for a, i in zip(axes.flat[1:], range(31, 8, -1), strict=True):
    a.imshow(plain[..., i])
    a.set_title({31: "31: sign"}.get(i, f"{i}: exponent" if i > 22 else f"{i}: mantissa"), fontsize=9)
for a in axes.flat:
    a.set(xticks=[], yticks=[])
plt.show()


# %%
def restlessness(cut):
    return (cut[:, 1:] != cut[:, :-1]).mean(axis=(0, 1))  # (B,)


figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.plot(restlessness(plain), "o-", label="plain")
axes.plot(restlessness(gray), "s--", label="Gray")
axes.axvspan(22.5, 30.5, color="0.9")
axes.text(26.5, 0.45, "exponent", ha="center")
axes.set(xlabel="plane", ylabel="share of neighbours that differ")
axes.legend(loc="lower left")
plt.show()
assert restlessness(plain)[:10].min() > 0.3
assert restlessness(plain)[31] < 0.5 * restlessness(plain)[:10].min()
assert restlessness(gray)[23:31].sum() < 0.7 * restlessness(plain)[23:31].sum()

# %% [markdown]
# Zero is the restless place: the codes of $v$ and $-v$ differ in all 32 bits, so the planes of the exponent jump
# wherever the field changes its sign. Their Gray codes differ in the sign bit alone. Gray code is a switch,
# `gray=True`, and the result is as exact. Whether it saves steps depends on the signal: noise is noise in any code, and
# most of the planes here are noise. (Below are means over all networks, each trained once: a difference of a few steps
# says nothing.)

# %%
(up, down), _ = planes.to_codes(np.array([0.1, -0.1], "float32"))
assert np.bitwise_count(up ^ down) == 32
assert planes.to_gray(up) ^ planes.to_gray(down) == 2**31

calm = refinr.fit(field, gray=True)
assert calm.lossless
assert (calm.decode().view("uint32") == field.view("uint32")).all()
print(f"steps: {inr.report.steps:.0f} plain, {calm.report.steps:.0f} Gray")

# %% [markdown]
# ## Your turn
# How long is a side of a tile of about 1024 samples, in $d$ dimensions? Put the nearest whole number in place of the
# dots.


# %%
def side(d):
    return ...


lesson.check(side, lambda d: tiling.tile_shape((2000,) * d, 32)[0], 1, 2, 3, 4, 5)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def side(d):
#     return round(1024 ** (1 / d))
#
#
# lesson.check(side, lambda d: tiling.tile_shape((2000,) * d, 32)[0], 1, 2, 3, 4, 5)
# ```
# </details>

# %% [markdown]
# ## Summary
# - Nothing in the method is about images: coordinates may have any number of axes, and samples may be booleans,
#   integers or floats of up to 64 bits.
# - A tile is chosen by its number of samples, for a network holds one plane of it.
# - NaN, infinities and -0.0 are codes like others to planes, and no targets for regression.
# - Gray code calms planes where a signal crosses zero, and does nothing for noise.

# %% [markdown]
# ## Exercises
# **1.** Represent a text exactly. (Hint: `np.frombuffer`.)
# <details><summary>Solution</summary>
#
# ```python
# text = "Any array of numbers will do, and what is not an array of numbers? " * 3
# letters = refinr.fit(np.frombuffer(text.encode(), "uint8"))
# assert letters.decode().tobytes().decode() == text
# ```
# </details>
#
# **2.** A complex array is refused. Why is that no loss?
# <details><summary>Solution</summary>
#
# It is an array of floats with two channels, real and imaginary part.
#
# ```python
# c = np.exp(1j * np.linspace(0, 9, 64)).astype("complex64")
# pairs = refinr.fit(c.view("float32").reshape(64, 2))
# assert pairs.layout.channels == 2
# assert pairs.decode().reshape(-1).view("complex64").tobytes() == c.tobytes()
# ```
# </details>
#
# **3.** A mask has one bit a sample. How many networks does `ellipsoid((0, 0, 0), 0.7)` take, and how many parameters a
# bit? Compare with storing it.
# <details><summary>Solution</summary>
#
# One network a tile. A parameter has 32 bits: even for so simple a mask, storing it is cheaper.
#
# ```python
# mask = refinr.fit(ellipsoid((0, 0, 0), 0.7), channels=False)
# assert mask.lossless and mask.decode().dtype == bool
# assert mask.report.networks == tiling.tile_count(mask.layout.grid, mask.layout.tile)
# assert 32 * mask.report.parameters_per_bit > 1
# ```
# </details>
