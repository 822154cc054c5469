# %% [markdown]
# # 10 The loss is the file size
#
# **Do:** turn a network's loss into a file of as many bits; find out what a network must be told for that file to be
# small; decode it, sample by sample; break the decoder with an error of 1/128.
#
# **Learn:** why a bit of probability p costs `-log2 p`; why coordinates make no compressor and neighbours do; what
# parameters cost; why every budget is exact; how arithmetic becomes the same on all machines.
#
# **Need:** tutorials 01 and 02, and what a probability is; 04 for what it is compared with.

# %%
import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import cpu
from refinr.cli import demo
from refinr.codec import mixture, network, parameters, rans, symbols, training
from refinr.codec.exact import dyadic
from refinr.losses import bce_with_logits

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
rng = np.random.default_rng(0)

# %% [markdown]
# ## What a bit costs
# To say which of 8 equally likely things happened takes 3 bits: $-\log_2 (1/8)$. Shannon (1948) showed it for all
# probabilities: what has probability $p$ costs
#
# $$-\log_2 p \text{ bits},$$
#
# no less on average, and no more if many are written together. Cross-entropy is the mean of $-\ln p$, where $p$ is the
# probability that was given to the bit that came. So $\text{loss} / \ln 2$ is the number of bits in the file for every
# bit of the signal. An *entropy coder* gets there. Ours, `rans` (for *range asymmetric numeral systems*, Duda 2013), is
# told which of $2^{24}$ slots belong to a *symbol*, here a bit: the *frequency* is how many, the *start* the first of
# them.

# %%
bits = (rng.random(20_000) < 0.05).astype(float)
loss = bce_with_logits(np.full((20_000, 1), np.log(0.05 / 0.95)), bits[:, None])[0] / np.log(2)  # bits a bit
ones = round(0.05 * 2**24)  # a one has these slots from 0 on, a zero all others
start, frequency = np.where(bits == 1, [[0], [ones]], [[ones], [2**24 - ones]])
file = rans.encode([(start, frequency)], lanes=1)  # one symbol after the other
assert loss * bits.size <= 8 * len(file) <= 1.001 * loss * bits.size + 64

# %% [markdown]
# ## Samples
# An image of terrain heights. The product of the probabilities of a sample's bits, each given those above it, is the
# probability of the sample. So a network may as well give all of it at once, which trains better ([in
# numbers](../docs/compression.md)): a *mixture* of three bell curves (logistic ones), nine outputs for their weights,
# places and widths. The loss is $-\ln P(\text{sample})$. We choose what the network is told, and what it measures
# samples from and in, *base* and *scale*. It has one hidden layer, and a linear map beside it. All networks take 300
# steps of Adam, whose step size rises to 0.024 in the first 30 and then falls to 0. As a yardstick we take no network
# at all: differences of neighbours, coded by how often each comes. That costs their *entropy*, the mean of $-\log_2 p$
# (and a table, which we do not count).

# %%
N = 128
heights = demo.demo_signals()["elevation"][64:192, 64:192]
image = (heights - heights.min()).astype("uint16")
levels = int(image.max()) + 1
flat = image.reshape(-1).astype(float)
share = np.unique(np.diff(flat), return_counts=True)[1] / (flat.size - 1)
yardstick = -(share * np.log2(share)).sum()
assert yardstick < np.log2(levels)  # if all were alike
assert (training.LR, training.WARM_UP) == (0.024, 30)


def learn(inputs, linear, base, scale, width, steps=300, seed=2):
    """Bits a sample for samples and for parameters, and the parameters in whole units."""
    order = np.random.default_rng(1).permutation(flat.size)
    targets = mixture.Targets(((flat - base) / scale)[:, None], (0.5 / scale)[:, None])  # and half a level
    data = [array[order].astype("float32") for array in (inputs, linear, *targets)]
    data = training.Data(data[0], data[1], mixture.Targets(*data[2:]), levels)
    sizes = network.Sizes(inputs.shape[1], linear.shape[1], width, mixture.OUTPUTS)
    with cpu.single_threaded_blas():
        units = training.train(data, sizes, steps, np.random.default_rng(seed))
    z, s, _ = network.forward(network.from_units(units), inputs, linear)
    nats = float(mixture.loss(z, s, targets, levels)[0])
    return nats / np.log(2), 8 * len(parameters.write([units])) / flat.size, units


# %% [markdown]
# ## Coordinates fail
# First what all tutorials did up to here: the network is told where the sample is (sines and cosines of x and y). Base
# and scale are those of the whole image. Parameters are in the file, too, for the decoder needs them; they are coded as
# samples are, at about five bits each. At none of three widths is the file as small as without a network: what a wider
# one knows better costs as much as it saves. (Another start of the best of them says the same, and so does [another
# image](../benchmarks/results/codec.md).) A function of coordinates has to *contain* the image, as tutorial 04's do. To
# compress is to *predict* it, and to write down the rest.

# %%
y, x = np.mgrid[:N, :N].reshape(2, -1, 1) / N * 2 - 1
angles = (np.concatenate([x, y], axis=1)[:, :, None] * np.arange(1, 9) * np.pi / 2).reshape(flat.size, -1)
waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
whole = np.full(flat.size, np.median(flat)), np.full(flat.size, np.abs(flat - np.median(flat)).mean())
coordinates = [learn(waves, waves[:, :0], *whole, width) for width in (8, 32, 96)]
print("samples and parameters:", *(f"{samples:.2f} + {cost:.2f}" for samples, cost, _ in coordinates), sep="   ")
assert min(samples + cost for samples, cost, _ in coordinates) > yardstick
assert sum(learn(waves, waves[:, :0], *whole, 32, seed=3)[:2]) > yardstick
each = [cost * flat.size / sum(p.size for p in units.values()) for _, cost, units in coordinates]
assert all(4 < bits_of_one < 6 for bits_of_one in each)

# %% [markdown]
# ## Neighbours
# Samples are written row by row. When the decoder comes to one, it has the rows above and what is on the left. So the
# network may be told these *neighbours*, its *context*. The base is the mean of the nearest, the scale their mean
# distance from it, and inputs are neighbours measured in these, so that dark and bright, flat and rough regions look
# alike. (What `dyadic` is for comes last.) Two neighbours do better than differences, which beat coordinates; sixteen
# see slopes and edges, and save half a bit more. Two starts each agree.

# %%
AROUND = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2)]
AROUND += [(-2, -1), (-2, 1), (-2, -2), (-2, 2), (0, -3), (-3, 0), (-1, -3), (-1, 3)]
padded = np.full((N + 3, N + 6), np.median(flat))
padded[3:, 3:-3] = image
places = np.mgrid[:N, :N].reshape(2, -1)


def context(padded, row, column, count):
    """Inputs of the hidden layer and of the linear map, base and scale, for samples at these places."""
    known = np.stack([padded[row + 3 + down, column + 3 + right] for down, right in AROUND[:count]], axis=1)
    base = known[:, :4].sum(axis=1) / min(count, 4)
    distance = known - base[:, None]
    scale = np.abs(distance).sum(axis=1) / count + 0.4  # never 0
    linear = np.clip(dyadic(distance / scale[:, None], 6), -8, 8)
    squashed = np.concatenate([linear / (1 + abs(linear)), (scale / (scale + 8))[:, None]], axis=1)  # in (-1, 1)
    return dyadic(squashed, 7), linear, base, scale


two, sixteen = (context(padded, *places, count) for count in (2, 16))
for seed in (2, 3):
    totals = [sum(learn(*told, 8, seed=seed)[:2]) for told in (two, sixteen)]
    assert yardstick > totals[0] > totals[1] + 0.5

# %% [markdown]
# ## Count the parameters
# A wider network predicts better, and is itself in the file: a U-curve. Small networks do not know what there is to
# know, large ones cost more than they know. The more samples, the wider the best one, because parameters are paid for
# once: were there four times as many samples like these, a sample's part of them would be a quarter, and a wider
# network the best; of a quarter of the samples a narrower one. This is the principle of *minimum description length*
# (Rissanen 1978): too large a network shows without a test set.
#
# And where do the bits go? Let $F$ be the share of the curves below a value. If the bits above a plane leave samples
# from $l$ to $h$, and the plane's bit says which side of the middle $m$, then
#
# $$P(1 \mid \text{higher bits}) = \frac{F(h) - F(m)}{F(h) - F(l)}$$
#
# High planes are known from the neighbours. The lowest ones cost nearly a bit a bit: to this network they are noise.

# %% tags=["picture"]
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
curve = [learn(*sixteen, width) for width in WIDTHS]
samples, costs = np.array([(samples, cost) for samples, cost, _ in curve]).T
best = int(np.argmin(samples + costs))
assert 0 < best < len(WIDTHS) - 1
assert np.argmin(samples + 4 * costs) < best < np.argmin(samples + costs / 4)
params = network.from_units(curve[best][2])
inputs, linear, base, scale = sixteen
z, s = network.evaluate(params, inputs, linear)
given = mixture.distribution(z, s, base, scale, levels)
planes = []
for k in range((levels - 1).bit_length()):
    low = np.floor(flat / 2 ** (k + 1))[:, None] * 2 ** (k + 1)  # the bits above plane k
    one = mixture.bit_probability(given, low, low + 2**k, low + 2 ** (k + 1))
    planes.append(-np.log2(np.where(flat[:, None] - low >= 2**k, one, 1 - one)).mean())
assert abs(sum(planes) - samples[best]) < 0.01
assert planes[0] > 0.9 > 0.1 > planes[-1]

figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
axes[0].stackplot(range(len(WIDTHS)), samples, costs, labels=("samples", "parameters"), alpha=0.7)
axes[0].plot(samples + costs, "k.-", label="both: the file")
axes[0].set(xlabel="hidden neurons", ylabel="bits a sample (not from 0 on)", title="a U-curve: both are in the file")
axes[0].set_xticks(range(len(WIDTHS)), WIDTHS)
axes[0].set_ylim(0.95 * samples.min(), 1.03 * (samples + costs).max())
axes[0].legend()
axes[1].bar(range(len(planes)), planes)
axes[1].set(xlabel="plane (0 = least significant)", ylabel="bits a sample", title=f"in all {sum(planes):.2f}")
plt.show()

# %% [markdown]
# ## Write the file
# `symbols.write` has a start and a frequency for each sample, from its distribution, and `rans.encode` writes them. The
# decoder runs the network on what it has so far, gets the same distribution, and finds in the file whose slots come.

# %%
((start, frequency),) = symbols.write(given, flat, levels)
content = rans.encode([(start[i : i + 1], frequency[i : i + 1]) for i in range(flat.size)], lanes=1)
assert abs(8 * len(content) / flat.size - samples[best]) < 0.001 * samples[best] + 64 / flat.size


def decode(content, rows, nudged=None):
    """The first rows of the image; at one sample, if asked for, with outputs that are off by 1/128."""
    known = np.full((N + 3, N + 6), np.median(flat))
    decoder = rans.Decoder(content, lanes=1)
    for i in range(rows * N):
        row, column = np.array([[i // N], [i % N]])
        inputs, linear, base, scale = context(known, row, column, 16)
        z, s = network.evaluate(params, inputs, linear)
        given = mixture.distribution(z + (i == nudged) / 128, s, base, scale, levels)
        known[row + 3, column + 3] = symbols.read(given, decoder, levels)
    return known[3 : 3 + rows, 3:-3]


assert np.array_equal(decode(content, rows=6), image[:6])

# %% [markdown]
# ## Any budget is exact
# Training makes the file shorter, not more exact: what is predicted badly costs more bits. So 0 steps do, too. (They
# even beat differences: the linear map begins as the solution of least squares.) `refinr.compress` is all of the above,
# for colours, volumes and sounds as well; its file has a header and checksums.

# %%
files = {steps: refinr.compress(image, steps=steps) for steps in (0, 100, 400)}
lengths = {f"{steps} steps": round(8 * len(file) / image.size, 2) for steps, file in files.items()}
assert all(np.array_equal(refinr.decompress(file), image) for file in files.values())
assert [yardstick, *lengths.values()] == sorted([yardstick, *lengths.values()], reverse=True)
lengths

# %% [markdown]
# ## Another machine
# Encoder and decoder must get the same probabilities to the last bit. Nudge the outputs of one sample by 1/128, and
# most of what follows is wrong. But machines take sums in different orders, and in floating point the order shows. So
# weights and inputs are *dyadic*, whole multiples of a power of two, here 1/16 and 1/128. Products and their sums then
# are whole multiples of 1/2048, and a float64 holds each of these below $2^{53} / 2048$: nothing is rounded, in any
# order. Hidden values are rounded to dyadic numbers on purpose. What is left are single additions, products and
# quotients, which all machines round alike, and exp and the curves from tables of whole numbers.

# %%
broken = decode(content, rows=6, nudged=3 * N)
assert (broken != image[:6]).mean(axis=1).round()[[2, 4]].tolist() == [0, 1]  # rows 2 and 4
w, order = params["w0"], rng.permutation(17)
assert np.array_equal(inputs @ w, np.einsum("ni,ih->nh", inputs[:, order], w[order]))
rough = w + 1e-3 * rng.normal(size=w.shape)  # as trained, not rounded
assert not np.array_equal(inputs @ rough, sum(inputs[:, [i]] * rough[[i]] for i in order))
assert max(network.largest_sums(network.Sizes(17, 16, 64, 9))) < 2**53

figure, axes = plt.subplots(2, 1, figsize=(9, 2.4), layout="constrained")
axes[0].imshow(image[:6], vmin=0, vmax=levels)
axes[0].set(title="the first rows of the image", ylabel="row")
axes[1].imshow(broken - image[:6], cmap="PuOr_r", vmin=-30, vmax=30)
axes[1].set(title="one sample's outputs off by 1/128: decoded too high (orange) or too low (purple), full at 30 m")
axes[1].set(xlabel="column", ylabel="row")
plt.show()

# %% [markdown]
# ## Your turn
# A bit is 1 with the probability $p$. How many bits does it cost on average, told by one who knows $p$? Put the
# *entropy* in place of the dots. (The check writes a long file and counts.)


# %%
def entropy(p):
    return ...


def counted(p):
    """Bits a bit of a file of 2^16 bits with that share of ones, rounded as the entropy is below."""
    ones = round(p * 2**24)
    came = np.arange(2**16) < round(p * 2**16)
    start, frequency = np.where(came, [[0], [ones]], [[ones], [2**24 - ones]])
    return round(8 * len(rans.encode([(start, frequency)], lanes=1)) / 2**16, 2)


def rounded(bits):
    return bits if bits is ... else round(bits, 2)


lesson.check(lambda p: rounded(entropy(p)), counted, 0.5, 0.25, 0.125)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def entropy(p):
#     return -p * np.log2(p) - (1 - p) * np.log2(1 - p)
#
#
# lesson.check(lambda p: rounded(entropy(p)), counted, 0.5, 0.25, 0.125)
# ```
# </details>

# %% [markdown]
# ## Summary
# - A cross-entropy divided by $\ln 2$ is a number of bits, and a coder writes a file of that length.
# - A function of coordinates has to contain the image; a function of neighbours predicts it. Only that compresses.
# - Parameters are in the file: there is a best size of a network, and it grows with the number of samples.
# - Any network gives an exact file. Training makes it shorter.
# - Decoder and encoder need the same probabilities to the last bit, so they compute with dyadic numbers.

# %% [markdown]
# ## Exercises
# **1.** What does a wrong model cost? Write the first section's bits with a probability of 0.2. How many bits more than
# the loss are there a bit? (Kullback and Leibler's divergence, 1951.)
# <details><summary>Solution</summary>
#
# ```python
# p, q = bits.mean(), 0.2
# wrong = bce_with_logits(np.full((20_000, 1), np.log(q / (1 - q))), bits[:, None])[0] / np.log(2)
# entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
# divergence = p * np.log2(p / q) + (1 - p) * np.log2((1 - p) / (1 - q))
# assert abs(wrong - entropy - divergence) < 1e-9
# ```
# </details>
#
# **2.** Compress noise. On average no file can be shorter than its 16 bits a sample; how much longer is it?
# <details><summary>Solution</summary>
#
# ```python
# noise = rng.integers(0, 2**16, (32, 32), dtype="uint16")
# file = refinr.compress(noise, steps=10)
# assert noise.nbytes < len(file) <= noise.nbytes + 64
# ```
# </details>
#
# **3.** Sample by sample is slow. Show that every neighbour of a sample at row r and column c has a smaller `c + 4 r`,
# so that all samples of equal `c + 4 r` can be decoded together. How many steps does a 512 x 512 image take?
# <details><summary>Solution</summary>
#
# ```python
# assert all(right + 4 * down < 0 for down, right in AROUND)
# from refinr.codec.arrangement import Arrangement
#
# assert len(Arrangement((512, 512), axes=(0, 1), channels=False).order().roles) == 2556
# ```
# </details>
