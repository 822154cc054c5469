# %% [markdown]
# # 01 Bits and planes
#
# **Do:** take numbers, an image, floats and a sound apart into bit planes, and put them together again, exactly.
#
# **Learn:** what a code and a plane are; why Gray code is kinder; how a float is an integer in disguise; why planes are
# never computed with floats; and why one bit forgives errors that sixteen bits do not.
#
# **Need:** Python and a little NumPy. No calculus yet.

# %%
import lesson  # the file beside this page: checks, drawings, sounds
import matplotlib.pyplot as plt
import numpy as np

from refinr import metrics, planes, theory
from refinr.cli import demo

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
rng = np.random.default_rng(0)

# %% [markdown]
# ## A number is a sum of bits
# An unsigned integer $q$ below $2^n$ is a *code* of $n$ bits. Bit number $i$ counts $2^i$ in it: number 0 is the *least
# significant* bit, number $n - 1$ the *most significant* one. A bit, and the way back, are
#
# $$B_i = \lfloor q / 2^i \rfloor \bmod 2, \qquad q = \sum_i 2^i B_i$$
#
# or `(q >> i) & 1` in code, which shifts the bits down and keeps the lowest. So 13 = 1 + 4 + 8 has the bits 1, 0, 1, 1.
# For a whole array of codes the bits number $i$ make an array too: a *plane*. `planes.to_planes` puts the planes on a
# last axis, least significant first.

# %%
thirteen = [(13 >> i) & 1 for i in range(4)]
assert thirteen == [1, 0, 1, 1]

codes = np.arange(256, dtype="uint8")
B = planes.to_planes(codes, 8)  # (256, 8)
assert np.array_equal(B, (codes[:, None] >> np.arange(8)) & 1)
assert (B @ 2 ** np.arange(8) == codes).all()
assert (planes.from_planes(B, 8, dtype="uint8") == codes).all()
B[[0, 1, 2, 13, 255]]

# %% [markdown]
# ## An image in ten planes
# The heights of a landscape in metres, from a file that comes with matplotlib, stored with 16 bits a pixel. The
# highest is 730 m above the lowest, so counted from there they need only 10 bits.

# %% tags=["picture"]
heights = demo.demo_signals()["elevation"]  # int16 (256, 256)
codes = (heights - heights.min()).astype("uint16")
bits = int(codes.max()).bit_length()
assert (heights.dtype, codes.max(), bits) == ("int16", 730, 10)

plain = planes.to_planes(codes, bits)  # (256, 256, 10)
gray = planes.to_planes(codes, bits, gray=True)

figure, axes = plt.subplots(2, bits, figsize=(13, 3.1), layout="constrained")
for row, name, cut in ((axes[0], "plain", plain), (axes[1], "Gray", gray)):
    for i, a in zip(reversed(range(bits)), row, strict=True):
        a.imshow(cut[..., i])
        a.set(xticks=[], yticks=[], title=f"{name} {i}")
plt.show()

# %% [markdown]
# White is 1, black is 0. The high planes are maps: large areas of one colour. The low ones look like noise. How
# restless a plane is can be counted: the share of neighbouring pixels whose bits differ. Coin tosses would give one
# half. In this image plane 0 gives more than 0.4, and the highest plane less than 0.02.


# %%
def restlessness(cut):
    """Share of horizontal neighbours that differ, for each plane."""
    return (cut[:, 1:] != cut[:, :-1]).mean(axis=(0, 1))  # one number a plane


assert restlessness(plain)[0] > 0.4
assert restlessness(plain)[9] < 0.02

figure, axes = plt.subplots(1, 2, figsize=(9, 3), width_ratios=[1, 2], layout="constrained")
axes[0].imshow(heights)
axes[0].set(xticks=[], yticks=[], title=f"heights: {codes.max()} m from black to white")
axes[1].plot(restlessness(plain), "o-", label="plain")
axes[1].plot(restlessness(gray), "s--", label="Gray")
axes[1].axhline(0.5, color="gray", linestyle=":", label="coin tosses")
axes[1].set(xlabel="plane (0 = least significant)", ylabel="share of neighbours that differ", xticks=range(bits))
axes[1].legend()
plt.show()

# %% [markdown]
# ## Gray code
# From 127 to 128 is a small step, but all eight bits change. In the *Gray code* `q ^ (q >> 1)` (`^` is *exclusive or*,
# XOR: the bits in which two numbers differ) neighbours always differ in exactly one bit. Counting from 0 to 255 changes
# 502 bits in plain binary, and 255 in Gray code. The highest Gray plane is the plain one; in our image each of the
# others is about as restless as the plain plane above it (to 0.04): one more plane is a map.

# %%
codes16 = np.arange(2**16, dtype="uint16")
gray16 = planes.to_gray(codes16)
assert (gray16 == codes16 ^ (codes16 >> 1)).all()
assert (planes.from_gray(gray16) == codes16).all()
assert (np.bitwise_count(gray16[1:] ^ gray16[:-1]) == 1).all()

count = np.arange(256, dtype="uint8")
assert np.bitwise_count(count[127] ^ count[128]) == 8
assert np.bitwise_count(count[1:] ^ count[:-1]).sum() == 502
assert np.bitwise_count(planes.to_gray(count[1:]) ^ planes.to_gray(count[:-1])).sum() == 255
assert (gray[..., -1] == plain[..., -1]).all()
assert abs(restlessness(gray)[:-1] - restlessness(plain)[1:]).max() < 0.04

# %% [markdown]
# ## Floats are integers in disguise
# A float32 has 32 bits: a sign $s$, 8 bits of exponent $e$, 23 bits of mantissa $m$. Unless $e$ is 0 (zeros and the
# tiniest numbers) or 255 (infinities, and NaN: not a number) its value is
#
# $$(-1)^s\; 2^{e - 127}\; (1 + m / 2^{23})$$
#
# Read as integers, positive floats are in order already: a larger exponent wins, then a larger mantissa. Negative ones
# run backwards. `planes.to_codes` mends that: it flips all bits of a negative float and only the sign bit of the
# others. Then smaller floats have smaller codes, and nothing is lost: -0.0 and 0.0 stay apart, and so do the many kinds
# of NaN. We check it for all floats of 16 bits: a sign, 5 bits of exponent, 10 of mantissa. (In NumPy `view` reads the
# same bits as another type.)

# %%
v = np.float32(-6.25)
word = int(v.view("uint32"))
s, e, m = word >> 31, (word >> 23) & 255, word & (2**23 - 1)
assert v == (-1) ** s * 2.0 ** (e - 127) * (1 + m / 2**23)

every = np.arange(2**16, dtype="uint16").view("float16")  # every float of 16 bits that there is
codes, width = planes.to_codes(every)
assert width == 16
assert (planes.from_codes(codes, "float16").view("uint16") == every.view("uint16")).all()
in_order = every[np.argsort(codes)]
numbers = in_order[~np.isnan(in_order)]
assert (numbers[1:] >= numbers[:-1]).all()
assert [hex(c) for c in planes.to_codes(np.array([-0.0, 0.0], "float16"))[0]] == ["0x7fff", "0x8000"]

ramp = np.linspace(-2, 2, 500, dtype="float32")
figure, axes = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[1, 1.6], layout="constrained")
for integers, label in ((every.view("uint16"), "bits as stored"), (codes, "codes")):
    axes[0].plot(every[np.isfinite(every)], integers[np.isfinite(every)], ".", markersize=1, label=label)
axes[0].set(xscale="symlog", xlabel="every finite float16", ylabel="as an integer", xticks=[-1e4, -10, 0, 10, 1e4])
axes[0].legend(markerscale=8, loc="lower right")
picture = planes.to_planes(*planes.to_codes(ramp)).T  # (32, 500)
axes[1].imshow(picture, aspect="auto", origin="lower", extent=(-2, 2, -0.5, 31.5))
axes[1].set(xlabel="value, float32", ylabel="plane", title="sign on top, then exponent, mantissa below")
axes[1].set_yticks([0, 22.5, 30.5], ["0", "23", "31"])
plt.show()

# %% [markdown]
# ## A sound
# A sound is a signal like any other, with one axis. This one is a fading chord, 16 bits a sample, counted from its
# lowest possible value. Around zero plain code is at its worst: from -1 to 0 all sixteen bits change, so every plane
# flickers with the wave. In Gray code that step changes the highest bit only, and the next two keep still while the
# sound is below $2^{13}$.

# %%
t = np.arange(4000) / 8000
chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277, 330)) * np.exp(-10 * t)
sound = np.round(9000 * chord).astype("int16")
codes, _ = planes.to_codes(sound)
assert (planes.from_codes(codes, "int16") == sound).all()
zero = planes.to_codes(np.array([-1, 0], "int16"))[0]
assert np.bitwise_count(zero[0] ^ zero[1]) == 16
assert np.flatnonzero(np.diff(planes.to_planes(zero, 16, gray=True).astype(int), axis=0)).tolist() == [15]
soft = planes.to_planes(codes[abs(sound.astype(int)) < 2**13], 16, gray=True)
assert (soft[:, 13:15] == soft[0, 13:15]).all()

first = slice(0, 1200)
figure, axes = plt.subplots(3, 1, figsize=(10, 5), sharex=True, layout="constrained")
axes[0].plot(t[first], sound[first])
axes[0].set_ylabel("sample")
for a, name, flag in ((axes[1], "plain", False), (axes[2], "Gray", True)):
    cut = planes.to_planes(codes[first], 16, gray=flag)  # (1200, 16)
    a.imshow(cut.T, aspect="auto", origin="lower", extent=(0, 0.15, -0.5, 15.5))
    a.set_ylabel(f"{name} plane")
axes[2].set_xlabel("seconds")
plt.show()

# %% [markdown]
# A notebook plays it.

# %%
lesson.listen(sound, rate=8000)

# %% [markdown]
# ## Never with floats
# It is tempting to scale pixels to [0, 1] first and to take planes of `v * 255` with `%` and `/`. In float32, 126 of
# the 256 levels then get a plane that is neither 0 nor 1. The sum of the planes still rounds to the right level, so
# nobody notices. That is why `refinr.planes` shifts and masks integers and does nothing else.

# %%
levels = np.arange(256, dtype="float32")
rest = levels * np.float32(1 / 255) * np.float32(255)
float_planes = np.empty((256, 8), "float32")
for i in range(8):
    float_planes[:, i] = rest % 2
    rest = (rest - float_planes[:, i]) / 2
assert (~np.isin(float_planes, [0, 1])).any(axis=-1).sum() == 126
assert (np.rint(float_planes @ 2.0 ** np.arange(8)) == levels).all()

# %% [markdown]
# ## Why planes
# Scale codes to [0, 1] and let something approximate them: a network, say. The nearest code is the right one as long as
# the error stays below half a step, the *tolerance*
#
# $$\epsilon(n) = \frac{1}{2\,(2^n - 1)}$$
#
# For 16 bits that is 1/131070. For a plane it is 1/2. So noise of up to 0.49 on every plane does no harm, while noise
# of up to 0.001 on the values makes coin tosses of the four lowest planes.

# %%
assert (theory.tolerance(16).denominator, theory.tolerance(1).denominator) == (131070, 2)
codes = rng.integers(0, 2**16, 10_000).astype("uint16")

noisy_planes = planes.to_planes(codes, 16) + rng.uniform(-0.49, 0.49, (10_000, 16))
decided = (noisy_planes > 0.5).astype("uint8")
assert (planes.from_planes(decided, 16, dtype="uint16") == codes).all()

noisy_values = (codes / 65535 + rng.uniform(-0.001, 0.001, 10_000)).clip(0, 1)
rounded = np.rint(noisy_values * 65535).astype("uint16")
rates = metrics.bit_error_rate_per_plane(codes, rounded, 16)  # the share of wrong bits in each plane
assert (abs(rates[:4] - 0.5) < 0.03).all()
assert rates[15] < 0.01
print("share of wrong bits in each plane:", rates.round(3))

# %% [markdown]
# ## Your turn
# What is bit $i$ of the code $q$? Put it in place of the dots, with shifts and masks, and run the cell.


# %%
def bit(q, i):
    return ...


def bit_of_planes(q, i):
    return planes.to_planes(np.uint16([q]), 16)[0, i]


lesson.check(bit, bit_of_planes, (13, 0), (13, 1), (40_000, 15), (40_000, 6))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def bit(q, i):
#     return (q >> i) & 1
#
#
# lesson.check(bit, bit_of_planes, (13, 0), (13, 1), (40_000, 15), (40_000, 6))
# ```
# </details>

# %% [markdown]
# ## Summary
# - An array of n-bit codes is n planes of one bit each, and shifts and masks of integers take it apart without loss.
# - In an image like ours high planes are maps, low ones look like noise; Gray code makes each but the highest about as
#   calm as the plane above it.
# - Integers, floats and sounds all are codes, in an order that is kept: what works for codes works for all of them.
# - A value of n bits has to be right to 1 / (2 (2^n - 1)) of its range, a bit to one half.

# %% [markdown]
# ## Exercises
# **1.** Planes can hold digits instead of bits: `radix_bits=2` gives digits 0 to 3. Write the digits of a code in base
# 4 with shifts and masks, and compare with `planes.to_planes(codes, 8, radix_bits=2)` for all 256 codes.
# <details><summary>Solution</summary>
#
# ```python
# codes = np.arange(256, dtype="uint8")
# digits = np.stack([(codes >> 2 * i) & 3 for i in range(4)], axis=-1)
# assert (digits == planes.to_planes(codes, 8, radix_bits=2)).all()
# ```
# </details>
#
# **2.** Undo the Gray code: bit $i$ of $q$ is the XOR of all Gray bits from $i$ upwards. Why?
# <details><summary>Solution</summary>
#
# Gray bit $i$ is the XOR of bits $i$ and $i + 1$ of $q$. In the XOR of all of them from $i$ upwards every bit above $i$
# appears twice and cancels; bit $i$ stays.
#
# ```python
# g = planes.to_planes(gray16, 16)
# undone = np.bitwise_xor.accumulate(g[:, ::-1], axis=1)[:, ::-1]
# assert (planes.from_planes(undone, 16, dtype="uint16") == codes16).all()
# ```
# </details>
#
# **3.** How many float32 numbers are there from 1.0 up to, but not including, 2.0? And from 2.0 to 4.0?
# <details><summary>Solution</summary>
#
# Codes are consecutive integers, so subtract them. An exponent has $2^{23}$ mantissas, wherever it is: floats are twice
# as far apart from 2 on.
#
# ```python
# one, two, four = (int(c) for c in planes.to_codes(np.array([1, 2, 4], "float32"))[0])
# assert two - one == four - two == 2**23
# ```
# </details>
