# %% [markdown]
# # 05 How large must a network be?
#
# **Do:** compute a bound, see what it leaves out, write networks down without training, one for an image; count.
#
# **Learn:** what planes really gain; how ReLUs make any function of bounded slope; what no method can do.
#
# **Need:** tutorials 01 and 04.

# %%
import os

import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import constructive, mlp, theory
from refinr.cli import demo

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
size = 16 if os.environ.get("REFINR_PRESET", "small") == "small" else 8
image = demo.demo_signals()["elevation"][100 : 100 + size, 100 : 100 + size]  # int16
codes = (image - image.min()).astype("uint16")
B = int(codes.max()).bit_length()
rng = np.random.default_rng(0)

# %% [markdown]
# ## A bound that explodes
# Scale codes of $n$ bits to [0, 1]. What errs by less than half a step, the *tolerance* $\epsilon(n)$, rounds to the
# right code. Let $f$ be a function of $d$ coordinates in [0, 1], of bounded slope. Some network with at most $U_d(n)$
# parameters is nowhere farther than $\epsilon(n)$ from it (after Jentzen, Kuckuck and von Wurstemberger, arXiv
# 2310.20360), with a constant $C$:
#
# $$\epsilon(n) = \frac{1}{2\,(2^n - 1)}, \qquad U_d(n) = C\,\epsilon(n)^{-2d} = C\,(2^{n+1} - 2)^{2d}$$
#
# For an image, $d = 2$, one bit takes $16\,C$ and eight bits take 67.7 thousand million $C$. Eight planes of one bit
# take $128\,C$ together. It looks as if planes saved a factor of 500 million, and so argues the paper that these
# tutorials follow (Han et al., CVPR 2025, arXiv 2502.21001).

# %%
assert theory.upper_bound(8, dimension=2) == 510**4 == 67_652_010_000
assert theory.nary_bounds(8, radix_bits=1, dimension=2) == (8, 16)  # networks, and the bound for each
assert round(510**4 / (8 * 16) / 1e6) == 529

# %% [markdown]
# ## What the constant hides
# $C$ is not one number: it grows with the slope of $f$. Let $f$ change by at most $L$ where its coordinates change by 1
# in all (in the *1-norm*, $|x_1| + \dots + |x_d|$; $L$ is a *Lipschitz constant*). The proof, which we come to, cuts
# each axis into $m = d L / \epsilon$ equal cells, rounded up. So what counts is the ratio of slope and tolerance. Put
# samples at distances $h$, join them by straight lines, and let $s$ be the largest step between neighbours, in codes:
#
# | | $L$ | $\epsilon$ | $L / \epsilon$ |
# |---|---|---|---|
# | values | $s / ((2^n - 1)\,h)$ | $1 / (2\,(2^n - 1))$ | $2 s / h$ |
# | a plane | $1 / h$ | $1 / 2$ | $2 / h$ |
#
# The number of bits has gone. Planes divide the ratio by $s$, and the bound by $s^{2d}$, not by $(2^n - 1)^{2d}$. On a
# ramp, $s = 1$, they gain nothing: a plane forgives more, but is as much steeper.
#
# Images are in between. In noise, neighbours differ by nearly everything, and planes gain more than half of what the
# tolerances promise. In a piece of tutorial 01's landscape they gain less than a thousandth of it.

# %%
ramp = np.arange(256, dtype="uint8")  # on [0, 1], h = 1/255: the values have slope 1, plane 0 has slope 255
assert 1 / theory.tolerance(8) == 255 / theory.tolerance(1) == 510  # the same number of cells
assert theory.neighbour_gain(ramp) == (1, 1)  # s, s^(2d)
noise = rng.integers(0, 2**16, (size, size)).astype("uint16")
assert theory.neighbour_gain(noise)[1] > (2**16 - 1) ** 4 / 2
assert theory.neighbour_gain(codes)[1] < (2**B - 1) ** 4 / 1000

x = np.linspace(0, 1, 16)
figure, axes = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained")
for a, y, n, title in ((axes[0], x, 4, "a ramp of 4 bits"), (axes[1], np.arange(16) % 2, 1, "its plane 0")):
    eps = float(theory.tolerance(n))
    a.fill_between(x, y - eps, y + eps, alpha=0.3)
    a.plot(x, y, "o-", markersize=4)
    a.set_title(f"{title}: slope {15 * abs(np.diff(y)).max():.0f}, plus or minus 1/{1 / eps:.0f}")
    a.set(xlabel="x", ylabel="code, scaled to [0, 1]")
plt.show()

# %% [markdown]
# ## Networks by hand
# The network of the proof is written down, not trained. It begins with $\mathrm{relu}(t) = \max(t, 0)$, the *rectified
# linear unit*, and two identities:
#
# $$|t| = \mathrm{relu}(t) + \mathrm{relu}(-t)$$
# $$\max(u, v) = \mathrm{relu}(u - v) + \mathrm{relu}(v) - \mathrm{relu}(-v)$$
#
# Each has one hidden layer: the arguments of the ReLUs are the columns of `w0`, the signs before them are `w1`, and the
# biases are zeros. For more numbers, hold a tournament: winners of pairs meet in the next layer, which takes three
# ReLUs a pair, and two for an odd one out, $t = \mathrm{relu}(t) - \mathrm{relu}(-t)$. (In the graphs, weights of 1 are
# orange, weights of -1 purple, and those of 0 are left out.)

# %%
absolute = {"w0": [[1, -1]], "w1": [[1], [1]]}
larger = {"w0": [[1, 0, 0], [-1, 1, -1]], "w1": [[1], [1], [-1]]}
for written, (_, params) in ((absolute, constructive.one_norm(1)), (larger, constructive.maximum(2))):
    assert all((params[name][0] == w).all() for name, w in written.items())  # [0]: the first of one network


def run(network, x):
    """Outputs (N,) of one network, a pair of description and parameters, for inputs (N, d)."""
    return mlp.forward(*network, np.asarray(x, network[1]["w0"].dtype))[0][0, :, 0]


assert run(constructive.one_norm(2), [[-3, 5], [1, 1]]).tolist() == [8, 2]
nines = rng.integers(-100, 100, (50, 9))
assert constructive.maximum(9)[0].sizes == (9, 14, 8, 5, 3, 1)
assert (run(constructive.maximum(9), nines) == nines.max(axis=1)).all()

figure, axes = plt.subplots(1, 3, figsize=(11, 2.8), width_ratios=[1, 1, 2], layout="constrained")
drawn = (
    (constructive.one_norm(1), ("t", "", "|t|")),
    (constructive.maximum(2), ("u, v", "", "max")),
    (constructive.maximum(5), ()),
)
for a, ((spec, params), names) in zip(axes, drawn, strict=True):
    lesson.draw_network(a, spec.sizes, names, [params[f"w{i}"][0] for i in range(len(spec.sizes) - 1)])
axes[2].set_title("the largest of five", fontsize=9)
plt.show()

# %% [markdown]
# ## Cones
# Let the slope of $f$ be at most $L$, and let us know its values $c_k$ at $K$ *nodes* $x_k$. From each value hangs a
# cone that falls with slope $L$; $f$ cannot dip below it. The highest cone at each place is the *maximum convolution*
#
# $$F(x) = \max_k\; (c_k - L\,\|x - x_k\|_1)$$
#
# made of absolute values and a maximum: a ReLU network. It is never above $f$, meets it at the nodes, and elsewhere is
# below it by at most $2 L$ times the distance to the nearest node: $f$ rises by $L$ times that at most, the cone falls
# by as much. The centres of the $m$ cells on an axis are near enough: no point of a cell is farther than $d / (2 m)$
# from its centre, in the 1-norm, and $2 L d / (2 m)$ is at most $\epsilon$.


# %%
def f(x):
    return 0.5 + 0.4 * np.sin(7 * x[:, 0])


L, x, rounding = 2.8, np.linspace(0, 1, 501)[:, None], 1e-14  # 2.8 is 0.4 times 7
nodes = constructive.cover(f, L, eps=0.5, d=1)
network = constructive.maximum_convolution(nodes)
distances = abs(x - nodes.points.T)  # (501, K)
assert np.allclose(run(network, x), (nodes.values - L * distances).max(axis=1), atol=rounding)
assert np.allclose(run(network, nodes.points), f(nodes.points), atol=rounding)
assert (run(network, x) <= f(x) + rounding).all()
assert (run(network, x) >= f(x) - 2 * L * distances.min(axis=1) - rounding).all()
assert constructive.parameters(6, 1) <= theory.upper_bound(1, 1, theory.lipschitz_constant(1, L, 1))  # eps(1) is 0.5
figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout="constrained")
axes[0].plot(x, nodes.values - L * distances, color="0.8", linewidth=1, label=["cones", *["_"] * 5])
axes[0].plot(nodes.points, nodes.values, "ko", markersize=4, label="nodes")
for a, eps in zip(axes, (0.5, 0.1), strict=True):
    network = constructive.lipschitz(f, L, eps, d=1)  # the two lines from above
    K, count = int(np.ceil(L / eps)), mlp.parameter_count(network[0])
    assert abs(run(network, x) - f(x)).max() <= eps + rounding
    assert count == constructive.parameters(K, 1) <= 8 * K**2
    a.plot(x, run(network, x), label=f"F: {K} nodes, {count} parameters")
    a.plot(x, f(x), "--", label="f")
    a.set(title=f"within {eps}", ylim=(-0.3, 1.1), xlabel="x")
    a.legend(loc="lower left", fontsize=8)
plt.show()

# %% [markdown]
# In $d$ dimensions $K$ nodes take at most $8 K^2 d^2$ parameters. With $K = (d L / \epsilon)^d$, $m$ on each axis, that
# is a constant times $\epsilon^{-2d}$: the bound above, with $L^{2d}$ in its constant (`theory.lipschitz_constant`).
#
# ## An image without training
# Why not take the pixels for nodes? Then $x_k$ are pixel numbers, $c_k$ codes, and $L$ is the largest step: integers
# all, and all sums below $2^{24}$, up to where float32 is exact. So at its nodes $F$ is exact: the image, without a
# wrong bit, after no step of training. Between the pixels we see the cones. (Row 3 is the line, its pixels are the
# dots.)

# %% tags=["picture"]
written = constructive.exact(image)
assert np.array_equal(written.decode(), image)
assert (written.lossless, written.report.steps) == (True, 0)
assert all((p == np.rint(p)).all() for p in written.params.values())

nodes = constructive.integer_nodes(codes)
assert nodes.slope * 2 * (size - 1) + codes.max() < 2**24  # the largest sum
assert all(constructive.parameters(K, d) <= 8 * K**2 * d**2 for K in (1, 2, 16, 256) for d in (1, 2, 3))
fine = np.linspace(-0.5, size - 0.5, 12 * size + 1)
places = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1)
between = constructive.tree(nodes, places.reshape(-1, 2)).reshape(places.shape[:2])  # the same F, without matrices

figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
for a, picture, title in zip(axes, (codes, between), ("an image", "its network, also between pixels"), strict=False):
    a.imshow(picture, extent=(-0.5, size - 0.5, size - 0.5, -0.5), vmin=0, vmax=codes.max())
    a.set_title(title)
axes[2].plot(fine, constructive.tree(nodes, np.stack([np.full_like(fine, 3), fine], axis=-1)))
axes[2].plot(codes[3], "o")
axes[2].set(title="along row 3", xlabel="column", ylabel="metres above the lowest pixel")
plt.show()

# %% [markdown]
# ## The count
# Its number of parameters depends on the pixels, not on their bits: 16 bits of noise take as many. Nearly all of them
# are zeros; $8 K^2 d^2$, hence the 2 in the exponent of $U_d(n)$, counts zeros.
#
# And from below? $P$ parameters of $b$ bits have $2^{P b}$ settings. There are $2^{N n}$ signals of $N$ samples with
# $n$ bits, and each needs a setting of its own. So any method for all of them has $P b \ge N n$, whatever its networks,
# training or planes: the *counting bound*. The picture has the top $n$ bits of our image, for all $n$. (A plane's
# network does not care how many other planes there are, so one fit tells for all $n$.)

# %%
trained = refinr.fit(image)
assert trained.lossless
nonzero = sum(np.count_nonzero(p) for p in written.params.values())
assert constructive.exact(noise).report.parameters == written.report.parameters == constructive.parameters(size**2, 2)
assert nonzero < 0.1 * written.report.parameters

depths = range(1, B + 1)
steps = [theory.neighbour_gain(codes >> (B - n))[0] for n in depths]
curves = {
    "bound for functions": [constructive.parameters((2 * 2 * s * (size - 1)) ** 2, 2) for s in steps],  # m = d L / eps
    "written down": [written.report.parameters] * B,
    "written down, without zeros": [nonzero] * B,
    "trained, one network a plane": [n * trained.report.parameters // B for n in depths],
    "counting bound, b = 32": [theory.counting_bound(size**2, n, parameter_bits=32) for n in depths],
}
bound, dense, sparse, learned, least = (numbers[-1] for numbers in curves.values())
assert bound > 10**4 * dense > 10**4 * min(sparse, learned) > 10**5 * least

figure, axes = plt.subplots(figsize=(10, 3.2), layout="constrained")
for (name, numbers), marker in zip(curves.items(), "^sdo_", strict=True):
    axes.semilogy(depths, numbers, marker + "-", markersize=4, label=name)
axes.set(xlabel="bits", ylabel="parameters", xticks=depths)
figure.legend(loc="outside right center")
plt.show()

# %% [markdown]
# The bound rises with $s$, and is for all points of all functions with such steps; an image needs its pixels only. And
# in bits no network here is small: the counting bound is the size of the image itself, and the smallest of them takes
# more than ten times as much. Lossless is not compressed.

# %% [markdown]
# ## Your turn
# Write down a network of one hidden layer for $|u - v|$: put `w0` (2, 2) and `w1` (2, 1), a pair, in place of the dots.


# %%
def distance_weights():
    return ...


def distance(weights, u, v):
    return ... if weights is ... else float(np.maximum([u, v] @ np.array(weights[0]), 0) @ np.array(weights[1]).ravel())


lesson.check(lambda u, v: distance(distance_weights(), u, v), lambda u, v: abs(u - v), (3, 5), (5, 3), (-4, 4))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def distance_weights():
#     return [[1, -1], [-1, 1]], [[1], [1]]
#
#
# lesson.check(lambda u, v: distance(distance_weights(), u, v), lambda u, v: abs(u - v), (3, 5), (5, 3), (-4, 4))
# ```
# </details>

# %% [markdown]
# ## Summary
# - The bound on parameters explodes with the number of bits only if its constant is taken for one number. What planes
#   gain is $s^{2d}$, with $s$ the largest step between neighbours: nothing on ramps, nearly everything on noise.
# - A ReLU network can be written down that is exact at given points, and between them off by no more than the slope
#   allows.
# - An image is exact without training, with as many parameters for 1 bit as for 16.
# - No method for all signals stores fewer bits than these have.

# %% [markdown]
# ## Exercises
# **1.** Change signs in `larger` to get $\min(u, v)$.
# <details><summary>Solution</summary>
#
# $\min(u, v) = -\max(-u, -v)$: change all signs of the first matrix and of the last.
#
# ```python
# spec, params = constructive.maximum(2)
# smaller = params | {"w0": -params["w0"], "w1": -params["w1"]}
# assert (run((spec, smaller), nines[:, :2]) == nines[:, :2].min(axis=1)).all()
# ```
# </details>
#
# **2.** There are $n$ planes, each with a network. When is the bound for one network of values below that for all?
# <details><summary>Solution</summary>
#
# When $s^{2d} < n$, as for a sound of 8 bits with steps of at most 2:
#
# ```python
# assert theory.neighbour_gain(np.array([7, 9, 10, 8, 7], "uint8"))[1] == 4 < 8
# ```
# </details>
#
# **3.** $K^2$ asks for small tiles, each with a network of its own: try `constructive.exact(image, tile=4)`, and single
# pixels. How many parameters are left?
# <details><summary>Solution</summary>
#
# A tile with 16 times fewer pixels has 256 times fewer parameters, nearly; but there are 16 times more tiles. A pixel
# alone takes 17: a value, and four ReLUs whose cone nobody sees.
#
# ```python
# counts = [constructive.exact(image, tile=t).report.parameters for t in (size, 4, 1)]
# assert counts[2] < counts[1] < counts[0] / 2 and counts[2] == 17 * size**2
# ```
# </details>
