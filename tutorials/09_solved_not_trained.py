# %% [markdown]
# # 09 Solved, not trained
#
# **Do:** find networks that reproduce every bit without any training, by a solver of ten lines; prove of others that
# there are none; shrink weights to one bit; represent an image by one call.
#
# **Learn:** why a fixed hidden layer makes the problem convex; how many sign patterns so many weights can give; what a
# certificate of infeasibility is; what all of this costs in parameters and in stored bits.
#
# **Need:** tutorials 01 and 04; from linear algebra, orthonormal vectors and projections.

# %%
import tempfile

import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import theory
from refinr.cli import demo
from refinr.readouts import infeasible, integer, quantise, real
from refinr.readouts.features import Cosines, Legendre

plt.style.use(["tableau-colorblind10", {"figure.dpi": 80}])
rng = np.random.default_rng(0)

# %% [markdown]
# ## A hidden layer that stays as it is
# A plane of a tile is $N$ bits, one a sample. Let a network have $D$ *features*: functions of the position, fixed once
# and for all, the outputs of a hidden layer that nobody trains. Column $k$ of the matrix $Q$ $(N, D)$ is feature $k$ at
# all samples. What is left to find are the $D$ weights $w$ of the last layer, the *readout*:
#
# $$z = Q\,w, \qquad \text{bit 1 where } z > 0$$
#
# As features we take cosines, up to the highest frequency that samples show, which are *orthonormal*: $Q^T Q$ is the
# identity. Write wanted bits as *signs* $S$, -1 for 0 and 1 for 1; products with $S$ are sample by sample. A readout is
# right if $S z > 0$ at every sample: $N$ inequalities, each linear in $w$. So if two readouts are right, their average
# is, and everything between: the right ones form a *convex* set, here a cone (twice a right readout is right, too).
# There are no hills to get stuck on.
#
# A hidden layer that is trained spoils this. In $c \sin(b x)$ the signs of $b$ and $c$ can both be flipped, and nothing
# changes. But the average of these two right networks is 0 everywhere.

# %%
N, D = 64, 40
Q = Cosines(tile=(N,), order=1.0, seed=0).matrix(D)  # a large order: slow ones first; 0: any
assert np.allclose(Q.T @ Q, np.eye(D))
one, two = rng.normal(size=(2, D))
S = np.sign(Q @ one)
two = one + 0.01 * two  # another readout, not far away
assert all((S * (Q @ (share * one + (1 - share) * two)) > 0).all() for share in (0, 0.3, 1))

figure, axes = plt.subplots(figsize=(7, 2.4), layout="constrained")
lesson.draw_network(axes, (1, D, 1), ("position", "features, fixed", "logit"), [None, one[:, None]])
axes.set_title("the readout: positive weights orange, negative ones purple", fontsize=9)
plt.show()

# %% [markdown]
# ## The solver in ten lines
# Look at $a = S z$, $N$ numbers. What the network can give is a linear space, $L = \{S\,Q w\}$; wanted is a point of
# $L$ in which all numbers are positive. Both sets are easy by themselves. The nearest point with nothing negative is
# $\max(a, 0)$, the mirror image of $a$ in it $2 \max(a, 0) - a = |a|$. The nearest point of $L$ comes from the weights
# $w = Q^T (S a)$, as $Q$ is orthonormal. So mirror in one set, project on the other, and move by the difference of the
# two nearest points (Douglas and Rachford, 1956):
#
# $$w = Q^T (S\,|a|), \qquad z = S\,(Q w), \qquad a \leftarrow a + 1.5\,(z - \max(a, 0))$$
#
# (From here on $z$ is the output times the wanted sign.) If nothing moves, $z = \max(a, 0)$ is in both sets; and no
# step leads away from such a point, for any factor from 0 to 2. With 1.5 it takes fewer steps than with 1. We stop when
# all of $z$ is positive, by a *margin* of 1e-4 times its root mean square. Networks are columns: one call, many.


# %%
def solve(Q, S, steps=200, factor=1.5):
    """Weights (D, E) for signs S (N, E); the step that solved each network, 0 for none (E,); and the last a (N, E)."""
    a = np.ones(S.shape)
    weights, solved = np.zeros((Q.shape[1], S.shape[1])), np.zeros(S.shape[1], int)
    for step in range(1, steps + 1):
        w = Q.T @ (S * abs(a))
        z = S * (Q @ w)
        new = (solved == 0) & (z.min(axis=0) > 1e-4 * np.sqrt((z**2).mean(axis=0)))
        weights[:, new], solved[new] = w[:, new], step
        a += factor * (z - np.maximum(a, 0))
    return weights, solved, a


S = rng.choice([-1.0, 1.0], (N, 300))  # planes of noise: every bit a toss of a coin
weights, solved, _ = solve(Q, S)
assert (solved > 0).mean() > 0.95
assert (S * (Q @ weights) > 0)[:, solved > 0].all()
half = np.median(solved[solved > 0])
print(f"{(solved > 0).sum()} of {solved.size} networks solved, half of these within {half:.0f} steps")
with_1 = solve(Q, S, factor=1.0)[1]
both = (solved > 0) & (with_1 > 0)
assert solved[both].mean() < 0.9 * with_1[both].mean()

# %% [markdown]
# ## How many sign patterns?
# Not every plane has a readout: 64 bits, 40 weights. How many of the $2^N$ sign patterns have one? Think of the space
# of weights. Each sample cuts it in two, by the *hyperplane* through 0 where its output is 0. A pattern is a region
# between such cuts. Let $C(N, D)$ be their number. A further sample cuts in two as many of them as the others cut its
# own hyperplane into, and that has $D - 1$ dimensions. So
#
# $$C(N + 1, D) = C(N, D) + C(N, D - 1), \qquad C(1, D) = 2, \qquad C(N, 0) = 0$$
#
# which is Pascal's triangle: $C(N, D) = 2 \sum_{k < D} \binom{N - 1}{k}$ (Schlaefli about 1850, Cover 1965). That holds
# if no $D$ samples' features depend on each other, which is called *general position*; otherwise there are fewer.
# Divided by $2^N$ it is the share of random planes that have a readout: a half at $N = 2 D$, and all of them at $N =
# D$. So noise takes about half a weight a bit. For real weights that is the limit of any solver, and ours reaches it.

# %% tags=["picture"]
count = theory.cover_count
assert (count(19, 7) + count(19, 6), count(60, 30), count(30, 30)) == (count(20, 7), 2**60 // 2, 2**30)
angles = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
samples = np.array([[1, 0.3], [0.6, 1], [-0.1, 1], [-0.8, 0.9], [1, -0.3]])  # two features at five samples
patterns = samples @ [np.cos(angles), np.sin(angles)] > 0
which = np.unique(patterns, axis=1, return_inverse=True)[1].ravel()
assert which.max() + 1 == count(5, 2) == 10  # of 32

sizes = np.arange(24, 49, 2)
Qs = [Cosines(tile=(N,), order=1.0, seed=0).matrix(d) for d in sizes]
shares = np.array([(solve(q, S)[1] > 0).mean() for q in Qs])
cover = np.array([float(theory.separable_share(N, d)) for d in range(20, 53)])
expected = cover[sizes - 20]
spread = np.sqrt(expected * (1 - expected) / S.shape[1])  # standard deviation of a share of 300
assert (abs(shares - expected) < 4 * spread + 0.01).all()

figure, axes = plt.subplots(1, 2, figsize=(11, 4), width_ratios=[1, 2], layout="constrained")
axes[0].scatter(np.cos(angles), np.sin(angles), c=which, cmap="tab10", s=30)
for x, y in samples:
    axes[0].axline((0, 0), (-y, x), color="k", linewidth=0.8)
axes[0].axis([-1.3, 1.3, -1.3, 1.3])
axes[0].set(title="5 samples cut 2 weights\ninto 10 patterns (colours)", xlabel="weight 1", ylabel="weight 2")
axes[1].plot(np.arange(20, 53) / N, cover, "k", linewidth=1, label="Cover's count")
axes[1].errorbar(sizes / N, shares, 2 * spread, fmt="o", label="solved, of 300 planes of noise (bars: 2 sigma)")
axes[1].set(title="N = 64", xlabel="weights a bit, D / N", ylabel="share with a readout")
axes[1].legend(loc="lower right")
plt.show()

# %% [markdown]
# ## When there is none: a certificate
# A solver that finds nothing proves nothing. But suppose we find *multipliers* $v$, one a sample, none negative and not
# all 0, with which the signed features cancel: $\sum_i v_i S_i Q_{ik} = 0$ for every $k$. Then for any $w$ at all
# $\sum_i v_i z_i = 0$, and a sum of positive numbers cannot be 0. So no readout is right. By Gordan (1873) there is
# either a right readout or such a $v$, never neither. Where there is no readout, $a$ drifts away, and $\max(-a, 0)$ is
# nearly a $v$. `refinr.readouts.infeasible` cleans it, `holds` checks it with a bound on all rounding, and `exact`
# writes it down in fractions. Below: three slow cosines and a plane that alternates; then the planes of noise with D =
# 30.

# %%
alternating = np.resize([1.0, -1.0], (16, 1))
rows = alternating * Cosines(tile=(16,), order=1e6, seed=0).matrix(3)  # a large order: lowest frequencies first
v = infeasible.multipliers(rows, np.maximum(-solve(rows * alternating, alternating)[2][:, 0], 0))
assert infeasible.holds(rows, v)
assert not infeasible.holds(rows * alternating, v)  # the plane of ones has a readout
exact = infeasible.exact(rows, v)
for column in rows.T.tolist():
    assert sum(q * type(q)(y) for q, y in zip(exact, column, strict=True)) == 0  # q and type(q)(y): fractions

figure, axes = plt.subplots(figsize=(8, 2.4), layout="constrained")
axes.plot(rows * alternating, ".-")
axes.bar(np.arange(16), v / max(v) * alternating[:, 0], color="C7")
axes.set(title="three features (lines), each cancelled by multipliers times signs (bars, scaled)", xlabel="sample")
plt.show()

_, solved, a = solve(Qs[3], S)  # D = 30
left = np.flatnonzero(solved == 0)
proved = sum(infeasible.multipliers(S[:, [k]] * Qs[3], np.maximum(-a[:, k], 0)) is not None for k in left)
print(f"D = 30: {300 - left.size} solved, {proved} proved to have no readout, {left.size - proved} undecided")
assert proved > 0.9 * left.size

# %% [markdown]
# ## Weights of one bit
# Half a weight a bit, but a weight in float32 has 32 bits. Counting gives another limit: $P$ stored bits tell at most
# $2^P$ signals apart, so noise takes at least one stored bit a bit, whatever the method. How close can we get?
#
# Let features and weights both be +1 or -1. Outputs are then sums of whole numbers, so exact in any order on any
# machine, and with an *odd* D they are odd: never 0, and the distance from the threshold is at least 1. The set of
# weights is not convex any more, only corners are left. *Message passing* finds one: each weight has a belief, a
# probability of being 1; outputs tell the weights which way they should lean; beliefs feed on themselves until all are
# certain (`refinr.readouts.integer` derives it). Features come from number theory: is k - i a square modulo a prime
# (*Legendre symbols*)? The prime 331 gives 331 features, here of 256 samples.

# %%
signs = rng.choice(np.float32([-1, 1]), (256, 64))
F = Legendre(samples=256, prime=331).matrix()
found = integer.messages(F, signs)
outputs = F.astype(int) @ found.weights.astype(int)
assert (signs * outputs >= 1).all()  # what is not solved has weights of 0
backwards = sum(F[:, [k]].astype("float16") * found.weights[[k]].astype("float16") for k in reversed(range(331)))
assert np.array_equal(backwards, outputs)  # even in float16

# %% [markdown]
# ## What it costs
# The same planes in other kinds of weights. Real ones are solved, then rounded to float16 or to whole numbers of 8 or 5
# bits (only signs count, so no scale is kept), and pulled back where rounding crossed a threshold. Weights of -1, 0 and
# 1 are found by gradient descent on what is rounded. The coarser, the more weights it takes, and yet the fewer bits.
# (Every $D$ is enough for all 64 planes here, and that of eight bits is not enough for five; ternary weights get the
# features of the binary ones and could do with fewer. [Solved, not trained](../docs/solving.md) has what a search
# finds.)

# %%
basis = Cosines(tile=(16, 16), order=1.0, seed=0)
costs = {}
for store, D, each in (("float16", 160, 16), ("int8", 164, 8), ("int5", 192, 5)):
    found = real.solve(basis, signs, D)  # as ours, and faster: finished networks leave
    assert quantise.quantise(basis, found.weights, signs, D, store).kept.all()
    costs[store] = D / 256, D / 256 * each
assert not quantise.quantise(basis, real.solve(basis, signs, 164).weights, signs, 164, "int5").kept.all()
assert integer.straight_through(F, signs).solved.all()
costs |= {"ternary": (331 / 256, 331 / 256 * np.log2(3)), "binary": (331 / 256, 331 / 256)}
stored = [bits for _, bits in costs.values()]
assert stored == sorted(stored, reverse=True)
assert round(stored[-1], 1) == 1.3

figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
axes.barh(list(costs), stored)
for row, (parameters, bits) in enumerate(costs.values()):
    axes.text(bits + 0.1, row, f"{bits:.2f}  ({parameters:.2f} weights a bit)", va="center")
axes.axvline(1, color="k", linewidth=1)
axes.set(xlabel="stored bits a bit of noise (line: no method gets below 1)", xlim=(0, 15))
axes.invert_yaxis()
plt.show()

# %% [markdown]
# ## An image
# `refinr.solve` does this for arrays, with any of these weights: tiles of 16 x 16 samples, a readout for every tile and
# plane, each with as many features as it turns out to need. At D = N there always is a real one, so it cannot fail.
# Planes of an image are not noise: high ones take few real weights. What comes back is an INR as from `refinr.fit`:
# files, regions. The networks of tutorial 04 have more than twice as many parameters a bit. But exact still is not
# compressed: with both kinds of weights more bits are stored than the image has.

# %%
image = demo.demo_signals()["elevation"][100:148, 100:148]  # int16
for weights in ("binary", "real"):
    inr = refinr.solve(image, weights=weights)
    print(f"{weights}: {inr.report.parameters_per_bit:.2f} parameters a bit")
    assert np.array_equal(inr.decode(), image)
    assert inr.report.parameters_per_bit * {"binary": 1, "real": 16}[weights] > 1  # real ones are float16 in a file
with tempfile.TemporaryDirectory() as folder:
    inr.save(f"{folder}/image.inr")
    again = refinr.load(f"{folder}/image.inr")
assert np.array_equal(again[10:20, ::2], image[10:20, ::2])  # evaluates the tiles it touches
assert inr.report.parameters_per_bit < 881 / 1024 / 2  # tutorial 04: 881 parameters for the 1024 bits of a plane

# %% [markdown]
# ## Your turn
# How many of the sign patterns of $N$ samples have a readout with $D$ weights? Put Cover's count in place of the dots,
# by the recursion or by the sum.


# %%
def patterns_with_a_readout(N, D):
    return ...


lesson.check(patterns_with_a_readout, theory.cover_count, (1, 1), (4, 2), (5, 2), (8, 8), (12, 5))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def patterns_with_a_readout(N, D):
#     if D == 0:
#         return 0
#     return 2 if N == 1 else patterns_with_a_readout(N - 1, D) + patterns_with_a_readout(N - 1, D - 1)
#
#
# lesson.check(patterns_with_a_readout, theory.cover_count, (1, 1), (4, 2), (5, 2), (8, 8), (12, 5))
# ```
# </details>

# %% [markdown]
# ## Summary
# - With a fixed hidden layer, right readouts form a convex set, and a solver of ten lines finds one.
# - Half a real weight a bit is the limit on noise, by Cover's count; where there is no readout, multipliers prove it.
# - Weights of one bit reach about 1.3 stored bits a bit of noise, and no method gets below 1.
# - `refinr.solve` does it for arrays, and cannot fail: with as many features as samples there always is a readout.

# %% [markdown]
# ## Exercises
# **1.** A network of the D lowest cosines of a row of samples has at most D - 1 changes of sign. Show that a plane with
# exactly D - 1 has a readout for D = 6, N = 64, and one with D has a certificate.
# <details><summary>Solution</summary>
#
# ```python
# lowest = Cosines(tile=(64,), order=1e6, seed=0).matrix(6)
# for changes in (5, 6):
#     plane = np.where(np.arange(64) * (changes + 1) // 64 % 2, -1.0, 1.0)[:, None]
#     assert (np.diff(plane[:, 0]) != 0).sum() == changes
#     _, solved, a = solve(lowest, plane, steps=2000)
#     assert (solved[0] > 0) == (changes == 5)
# assert infeasible.multipliers(plane * lowest, np.maximum(-a[:, 0], 0)) is not None
# ```
# </details>
#
# **2.** Take features one after the other until a random plane has a readout. The mean number is (N + 1) / 2: show it
# from Cover's count, exactly, for N = 20.
# <details><summary>Solution</summary>
#
# ```python
# assert 2 * sum(1 - theory.separable_share(20, d) for d in range(20)) == 21  # terms: that d are not enough
# ```
# </details>
#
# **3.** Why odd D? How many outputs are 0 with random weights of +1 and -1, D = 64 and D = 65?
# <details><summary>Solution</summary>
#
# ```python
# ties = [(rng.choice([-1, 1], (20000, d)).sum(axis=1) == 0).mean() for d in (64, 65)]
# assert 0.09 < ties[0] < 0.11 and ties[1] == 0  # binom(64, 32) / 2^64 = 0.099
# ```
# </details>
