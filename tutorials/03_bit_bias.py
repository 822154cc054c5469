# %% [markdown]
# # 03 A SIREN meets an image: bit bias
#
# **Do:** let a network learn the heights of a landscape, watch every bit plane of what it has learned, and find out why
# the high bits come first. Then take the planes apart before learning.
#
# **Learn:** how errors are measured, in dB and in wrong bits; what *bit bias* is; that arithmetic alone makes it, for
# any network and any method; what the squared error pays for a bit; why planes know no such order.
#
# **Need:** tutorials 01 and 02.

# %%
import os

import lesson
import matplotlib.pyplot as plt
import numpy as np

from refinr import coords, cpu, losses, metrics, mlp, optim, theory
from refinr.cli import demo
from refinr.decompositions import Direct, Planes

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
size, width, steps = (64, 64, 300) if os.environ.get("REFINR_PRESET", "small") == "small" else (32, 32, 100)

# %% [markdown]
# ## The usual way
# A SIREN (Sitzmann et al., 2020) is the network of tutorial 02: sines, $\omega = 30$. Give it the coordinates of a
# pixel, let it answer with the height, and minimise the squared error, by Adam with step size 0.001: *direct
# regression*. `Direct` scales codes to targets between -1/2 and 1/2 and rounds outputs to the nearest code. Everything
# we look at later is a function of the outputs $z$, so `train` returns those, for some of the steps. Three networks
# begin from different weights; what we look at is the first.
#
# How good is what comes out? Codes of $n$ bits that are off by $e$, sample by sample, have the *peak signal-to-noise
# ratio*
#
# $$\mathrm{PSNR} = 20 \log_{10} \frac{2^n - 1}{\sqrt{\mathrm{mean}(e^2)}}$$
#
# in decibels (dB): 20 dB more for errors that are ten times smaller. For 10 bits, 40 dB are errors of about 10 codes:
# nobody would see them.

# %%
heights = demo.demo_signals()["elevation"][100 : 100 + size, 100 : 100 + size]
codes = (heights - heights.min()).astype("uint16").reshape(-1, 1)  # (N, 1)
bits = int(codes.max()).bit_length()


def train(spec, shape, targets, loss, lr, looks):
    """Outputs (E, N, 1) of E networks in training, after as many steps as `looks` says."""
    params, x = mlp.init(spec, nets=len(targets)), coords.grid(shape)
    state, seen = optim.adam_init(params), {}
    with cpu.single_threaded_blas():  # products this small are not worth waking threads for
        for step in range(max(looks) + 1):
            z, cache = mlp.forward(spec, params, x)
            if step in looks:
                seen[step] = z
            grads, _ = mlp.backward(spec, params, cache, loss(z, targets)[1])
            params, state = optim.adam_step(params, grads, state, lr=lr)
    return seen


looks = sorted(set(np.geomspace(1, steps, 25).astype(int).tolist()))
direct = Direct(bits)
siren = mlp.MLP(sizes=(2, width, width, width, 1))
seen = train(siren, (size, size), np.tile(direct.targets(codes), (3, 1, 1)), losses.mse, 1e-3, looks)
fits = {step: direct.codes(z[:1]).astype("uint16") for step, z in seen.items()}  # (N, 1), of the first start

# %% [markdown]
# The result looks right. Its planes say otherwise: the high ones are there, the low ones are noise, and not the right
# noise.

# %%
fit = fits[steps]
figure, axes = plt.subplots(2, bits + 1, figsize=(11, 2.5), layout="constrained")
for row, name, these in ((axes[0], "truth", codes), (axes[1], "fit", fit)):
    row[0].imshow(these.reshape(size, size))
    row[0].set_title(name)
    for i, a in zip(reversed(range(bits)), row[1:], strict=True):
        a.imshow(((these >> i) & 1).reshape(size, size))
        a.set_title(f"plane {i}")
for a in axes.flat:
    a.set(xticks=[], yticks=[])
plt.show()
print(
    f"{metrics.psnr(codes, fit, bits):.1f} dB, {100 * metrics.bit_error_rate(codes, fit, bits):.0f} % of the bits wrong"
)
assert metrics.psnr(codes, fit, bits) > 40
assert metrics.bit_error_rate_per_plane(codes, fit, bits)[0] > 0.4

# %% [markdown]
# ## The staircase
# Plane by plane: the share of wrong bits (*bit error rate*, BER) against the steps. Plane after plane comes down from
# 0.5, coin tosses, the highest first. (Plane 9 is nearly empty in this piece of the landscape.) This is **bit bias**.
# It is what the paper starts from that these tutorials follow (Han et al., CVPR 2025, arXiv 2502.21001), and it found
# it with every activation it tried; so did we ([gallery](../paper_figures/README.md)). From each of our three starts no
# plane gets below 0.3 before the next higher one has.


# %%
def rates_of(start):
    fits = [direct.codes(seen[step][[start]]).astype("uint16") for step in looks]
    return np.array([metrics.bit_error_rate_per_plane(codes, fit, bits) for fit in fits])  # (looks, planes)


def staircase(axes, looks, rates, title):
    for i, line in enumerate(rates.T):
        axes.plot(looks, line, color=plt.cm.viridis(i / (rates.shape[1] - 1)), label=f"{i}")
    axes.set(xscale="log", xlabel="steps", ylabel="bit error rate", ylim=(-0.02, 0.6), title=title)


rates = rates_of(0)
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
staircase(axes, looks, rates, "direct regression")
axes.legend(title="plane", ncols=2, loc="lower left", fontsize=8)
plt.show()

assert (np.diff(rates[-1]) < 0.02).all()  # from plane to plane never up, but for chance
for start in range(3):
    below = rates_of(start) < 0.3
    first = np.where(below.any(axis=0), below.argmax(axis=0), len(looks))  # the look at which each plane is below
    assert (np.diff(first) <= 0).all()

# %% [markdown]
# ## Why, first: arithmetic
# Let a code be wrong by $e$. Bit $i$ changes its value every $2^i$ codes, so if $|e| \le 2^i$, a step of $e$ crosses
# such a place from $|e|$ of $2^i$ starting points. Beyond that it may cross two and be right again. On the average over
# all starting points, bit $i$ is wrong with probability
#
# $$T(e / 2^i), \qquad T(u) = \begin{cases} |u| & \text{up to } 1 \\ 2 - |u| & \text{from 1 to 2} \end{cases}$$
#
# and so on with period 2: a *triangle wave*. For small errors that is $|e| / 2^i$: half the wrong bits for every plane
# upwards. Errors that are spread over many periods, larger than $2^i$, make coin tosses. This says nothing of networks.
# Whatever makes the errors of *values* smaller and smaller learns high bits first.


# %%
def triangle(u):
    return 1 - abs(1 - abs(u) % 2)


every = np.arange(256)  # exactly: all starting points, all errors, counted on a circle of 256 codes
for e in range(-128, 128):
    wrong = [(((every >> i) ^ ((every + e) % 256 >> i)) & 1).mean() for i in range(8)]
    assert np.array_equal(wrong, triangle(e / 2.0 ** np.arange(8)))

errors = {step: these.astype(int) - codes for step, these in fits.items()}
law = np.array([triangle(errors[step] / 2.0 ** np.arange(bits)).mean(axis=0) for step in looks])  # (looks, planes)
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for k, marker in zip(np.linspace(8, len(looks) - 1, 4).astype(int), "osv^", strict=True):
    (line,) = axes.plot(law[k], "-")
    axes.plot(
        rates[k], marker, color=line.get_color(), label=f"{looks[k]} steps, |e| = {abs(errors[looks[k]]).mean():.1f}"
    )
axes.set(xlabel="plane", ylabel="bit error rate", title="counted (markers) and by the law (lines)")
axes.legend()
plt.show()
assert abs(law - rates)[:, : bits - 3].max() < 0.08
assert (rates < law + 0.15).all()

# %% [markdown]
# The law holds for all but the top planes. There the heights are no lottery: they do not spread evenly over so long a
# period, and mostly fewer bits are wrong. So plane 0 stays a coin toss until errors are down to about one code: the
# network has to get everything else right before. And every plane is right only where the output is off by less than
# half a step, $\epsilon(n)$ of tutorial 01.
#
# ## Why, second: what the loss pays
# Split the error by planes, $e = \sum_i 2^i e_i$ with $e_i$ in -1, 0, 1. Then, summed over the samples,
#
# $$\sum e^2 = \sum_{ij} 2^{i + j} \sum e_i e_j$$
#
# On the diagonal a wrong bit in plane $i$ costs $4^i$. All bits of plane 0 wrong, in all pixels of a 64 x 64 image,
# cost as much as *one* wrong bit in plane 6, and 64 times less than one in plane 9. The gradient goes where the cost
# is.

# %%
assert 64 * 64 * 4**0 == 4**6
assert 4**9 == 64 * 4**6

expansion = theory.error_expansion(codes, fit, bits)  # (planes, planes) of Python's integers: exact
assert expansion.sum() == (errors[steps] ** 2).sum()
share = np.diag(expansion).astype(float) / np.trace(expansion)
wrong = np.diag(expansion) / [4**i for i in range(bits)]
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
axes[0].bar(range(bits), wrong.astype(float))
axes[0].set(xlabel="plane", title="wrong bits in each plane")
axes[1].bar(range(bits), share, color="C1")
axes[1].set(xlabel="plane", title="share of what they cost, 4^i each")
plt.show()
assert wrong[0] > 10 * wrong[bits - 2]
assert share[0] < 0.01
carry = theory.error_expansion(np.array([0b0111], "uint8"), np.array([0b1000], "uint8"), 4)
assert (np.trace(carry), carry.sum()) == (85, 1)

# %% [markdown]
# (Off the diagonal terms may be negative. From 0111 to 1000 four bits are wrong and the value by 1: the diagonal pays
# 85, the rest takes 84 of it back.)
#
# ## The cure
# Give every plane a network of its own. Its targets are 0 and 1, its tolerance is 1/2, its loss is the cross-entropy of
# tutorial 02, and no plane is worth more than another. Here is one *tile* of 32 x 32 pixels, learned both ways with
# about as many parameters, so with about as much work a step: once by one wide network, once by one narrow network a
# plane, all trained side by side. Both have two hidden layers, the same first one (tutorial 04 says why it is not
# SIREN's), Adam, and each its own best step size of a [sweep](../benchmarks/results/fair.md) in powers of two: $2^{-9}$
# for the wide one, $2^{-6}$ for the narrow ones. And as one run proves little, five of each begin from different
# weights.

# %%
tile = codes.reshape(size, size)[:32, :32].reshape(-1, 1)
tile = tile - tile.min()
bits = int(tile.max()).bit_length()
direct, cut = Direct(bits), Planes(bits)
half = tuple(0.5 * f for f in coords.nyquist((32, 32)))
narrow = mlp.MLP(sizes=(2, 27, 27, 1), first_scale=half)
budget = bits * mlp.parameter_count(narrow)
wide = next(
    w for w in (mlp.MLP((2, d, d, 1), first_scale=half) for d in range(200, 0, -1)) if mlp.parameter_count(w) <= budget
)
assert 0.95 < mlp.parameter_count(wide) / budget <= 1
assert 0.8 < budget / (32 * 32 * bits) < 1  # about as many as bits
figure, axes = plt.subplots(1, 3, figsize=(10, 2.4), width_ratios=[2, 1, 1], layout="constrained")
lesson.draw_network(axes[0], wide.sizes, ("x, y", "", "", "value"))
lesson.draw_network(axes[1], (2, 3, 3, 1), ("x, y", "", "", "a bit"))
lesson.draw_network(axes[2], (2, 3, 3, 1), ("x, y", "", "", "another"))
axes[1].set_title(f"{bits} of {narrow.sizes}, drawn smaller", fontsize=9)
plt.show()

# %% [markdown]
# Both arrive, from every start! A network with about as many parameters as the signal has bits can do without planes.
# But directly, the low planes wait for the high ones: after 30 steps four or more are still coin tosses. With planes
# none waits: after 30 steps none has a tenth of its bits wrong, noise and maps alike, and the last is right in less
# than half of the steps. (Codes of 16 bits take regression more steps still, planes no more: [what planes
# buy](../docs/planes-and-regression.md).)

# %% tags=["picture"]
RUNS, most = 5, 150
ways = {
    "direct": (direct, wide, direct.targets(tile), losses.mse, 2**-9),
    "bit planes": (cut, narrow, cut.targets(tile) + 0.5, losses.bce_with_logits, 2**-6),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True, layout="constrained")
done, after_30 = {}, {}
for a, (name, (way, spec, targets, loss, lr)) in zip(axes, ways.items(), strict=True):
    nets = len(targets)  # of one run
    seen = train(spec, (32, 32), np.tile(targets, (RUNS, 1, 1)), loss, lr, range(1, most + 1))
    rates = np.array(
        [
            [
                metrics.bit_error_rate_per_plane(tile, way.codes(z[r * nets :][:nets]).astype("uint16"), bits)
                for z in seen.values()
            ]
            for r in range(RUNS)
        ]
    )  # (runs, steps, planes)
    assert (rates == 0).any(axis=1).all()
    after_30[name] = rates[:, 29]
    done[name] = 1 + (rates == 0).argmax(axis=1).max(axis=-1)  # of each run: until every plane has had no wrong bit
    staircase(a, list(seen), rates[0], f"{name}: all right after {done[name].min()} to {done[name].max()} steps")
axes[0].legend(title="plane", ncols=2, fontsize=8)
plt.show()
assert ((after_30["direct"] > 0.4).sum(axis=-1) >= 4).all()
assert (after_30["bit planes"] < 0.1).all()
ratios = done["bit planes"] / done["direct"]
print("steps of planes over steps of regression, run by run:", ratios.round(2))
assert (ratios < 0.5).all()

# %% [markdown]
# ## Your turn
# A code of 8 bits is wrong by 3. What is the share of wrong bits in plane $i$, on the average over all starting points?
# Put the law in place of the dots.


# %%
def share_of_wrong_bits(i):
    return ...


def counted(i):
    return (((every >> i) ^ ((every + 3) % 256 >> i)) & 1).mean()


lesson.check(share_of_wrong_bits, counted, *range(8))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def share_of_wrong_bits(i):
#     return triangle(3 / 2**i)
#
#
# lesson.check(share_of_wrong_bits, counted, *range(8))
# ```
# </details>

# %% [markdown]
# ## Summary
# - A value that is off by $e$ has the share $T(e / 2^i)$ of its bits $i$ wrong: whatever approaches values gets the
#   high bits first, be it a network or not.
# - The squared error pays $4^i$ for a wrong bit of plane $i$.
# - A network a plane has no order to obey: all planes arrive together, in fewer steps.
# - On a small tile of few bits both ways end without a wrong bit, from all five starts.

# %% [markdown]
# ## Exercises
# **1.** Rounding makes outputs exact that are off by less than half a code step. How many dB do such outputs have
# *before* they are rounded, if they are spread evenly over plus and minus half a step? And after rounding?
# <details><summary>Solution</summary>
#
# The mean square of such errors is 1/12 of a step squared. About 6 dB a bit: 59 dB for 8 bits, 107 dB for 16. After
# rounding there is no error, and the PSNR is infinite. So a fit of 16 bits with 80 dB, which looks perfect, is far from
# exact.
#
# ```python
# psnr = [20 * np.log10((2**n - 1) * np.sqrt(12)) for n in (8, 16)]
# assert np.allclose(psnr, [58.9, 107.1], atol=0.1)
# assert metrics.psnr(codes, codes, 10) == np.inf
# ```
# </details>
#
# **2.** Does another activation cure the direct way? Try `activation="gauss"` and compare with the law.
# <details><summary>Solution</summary>
#
# ```python
# spec = mlp.MLP(sizes=(2, 32, 32, 1), activation="gauss")
# z = train(spec, (32, 32), direct.targets(tile), losses.mse, 1e-3, [60])[60]
# e = direct.codes(z).astype(int) - tile
# rates = metrics.bit_error_rate_per_plane(tile, direct.codes(z).astype("uint16"), bits)
# assert rates[0] > 0.4 > rates[bits - 1]
# assert abs(rates - triangle(e / 2.0 ** np.arange(bits)).mean(axis=0))[: bits - 3].max() < 0.1
# ```
# </details>
#
# **3.** In Gray code, what does an error of $e = 1$ do to plane $i$? Guess, then count.
# <details><summary>Solution</summary>
#
# It changes exactly one bit, plane 0 half of the time. The bias remains, in another form.
#
# ```python
# gray = every ^ (every >> 1)
# share = [(((gray >> i) ^ (np.roll(gray, -1) >> i)) & 1).mean() for i in range(8)]
# assert share[:7] == [2.0**-i / 2 for i in range(7)] and sum(share) == 1
# ```
# </details>
