# %% [markdown]
# # 06 Ternary weights and exact integers
#
# **Do:** train weights of -1, 0 and 1; keep an image in them; compute with whole numbers only; ask for certificates.
#
# **Learn:** what a quantiser keeps; what the straight-through gradient is the gradient of; why coordinates have to be
# encoded; why floats depend on the order of summation and whole numbers do not.
#
# **Need:** tutorials 02 and 04.

# %%
import os

import lesson
import matplotlib.pyplot as plt
import numpy as np

import refinr
from refinr import coords, encodings, mlp, ternary
from refinr.cli import demo
from refinr.files import trits

plt.style.use(["tableau-colorblind10", {"image.cmap": "gray", "image.interpolation": "nearest", "figure.dpi": 80}])
size = 16 if os.environ.get("REFINR_PRESET", "small") == "small" else 8
image = demo.demo_signals()["elevation"][100 : 100 + size, 100 : 100 + size]  # int16
rng = np.random.default_rng(0)

# %% [markdown]
# ## Codes, not values
# A weight in {-1, 0, 1} is a *trit*. It takes $\log_2 3 = 1.58$ bits instead of 32, and nothing has to be multiplied:
# an input is added, subtracted or left out. A *quantiser* makes trits $t$, the codes, and one scale $s$ of a matrix
# $w$:
#
# $$s = \mathrm{mean}\,|w|, \qquad t = \mathrm{clip}(\mathrm{round}(w / s), -1, 1), \qquad w \approx s\,t$$
#
# Codes of codes are the same codes. The mean of $|s t|$ is smaller than $s$, though, as some trits are 0: quantised
# again, the *values* $s t$ shrink. So codes and scale are what is kept, and values never go through a quantiser twice.

# %%
w = rng.normal(size=(120, 32))
t, s = ternary.weight_codes(w)
assert (t == np.clip(np.round(w / abs(w).mean()), -1, 1)).all()
assert s == abs(w).mean()
assert (ternary.weight_codes(t)[0] == t).all()
assert ternary.weight_codes(s * t)[1] < 0.8 * s

# %% [markdown]
# What comes into a layer is rounded too: each row of $x$, a sample, gets a scale $\gamma = \max |x| / 127$ and codes
# $a$ from -127 to 127. Then the layer is a product of whole numbers, times both scales. That product is exact in
# float32, which has all whole numbers up to $2^{24}$: with 120 inputs no sum gets beyond 120 times 127.

# %%
x = rng.normal(size=(50, 120)).astype("float32")
a, gamma = ternary.activation_codes(x, bits=8)
assert abs(a).max(axis=1).tolist() == [127] * 50
assert (abs(gamma * a - x) < 0.501 * gamma).all()  # half a step, and some rounding
assert (a @ t.astype("float32") == a.astype("int64") @ t.astype("int64")).all()

# %% [markdown]
# ## A gradient for stairs
# Codes are a staircase: wherever it has a derivative, that is 0. No gradient, no training. The *straight-through
# estimator* pretends. It writes the quantised weight as $w + c$, with the offset $c = s t - w$, and takes $c$ for a
# constant. Then the derivative is 1. That is no vague idea: it is the *exact* gradient of another layer, the one with
# its offsets frozen. Our layer has no biases, and a *layer norm* first, $n = \mathrm{norm}(x)$, which gives each row
# the mean 0 and the variance 1:
#
# $$y = s \gamma\,(a\,t) = (n + c_x)(w + c_w), \qquad c_x = \gamma a - n, \qquad c_w = s t - w$$
#
# So $dw = (n + c_x)^T dy$ and $dn = dy\,(w + c_w)^T$, as in tutorial 02. What is left is the norm. A row of $I$ numbers
# with the mean $\mu$ and the variance $\sigma^2$ (plus a small $\epsilon$, against division by 0) becomes
#
# $$n_i = \frac{x_i - \mu}{\sigma}, \qquad
# \mu = \tfrac1I \sum_k x_k, \qquad \sigma^2 = \tfrac1I \sum_k (x_k - \mu)^2 + \epsilon$$
#
# A number $x_k$ acts on every $n_i$ of its row, three ways: directly, through $\mu$ and through $\sigma$. Its slopes
# are $\partial \mu / \partial x_k = 1/I$ and, as $2 \sigma\,\partial \sigma = \tfrac2I (x_k - \mu)\,\partial x_k$,
# $\partial \sigma / \partial x_k = n_k / I$. (What $x_k$ does to $\sigma$ through $\mu$ adds up to 0, as deviations
# from a mean do.) Write $[i = k]$ for 1 where $i = k$ and 0 elsewhere; means are over the row. So
#
# $$\frac{\partial n_i}{\partial x_k} = \frac1\sigma \Bigl( [i = k] - \frac1I - \frac{n_i n_k}{I} \Bigr), \qquad
# dx_k = \frac1\sigma \Bigl( dn_k - \mathrm{mean}(dn) - n_k\,\mathrm{mean}(n\,dn) \Bigr)$$
#
# The gradient loses its mean, and its part along $n$: moving a row along either would change nothing behind the norm.
# The complex step of tutorial 02 can check all of it, to rounding. For a loss take $\sum y\,dy$, with numbers $dy$ that
# are fixed: they are its gradient by $y$. With $c_x$ and $c_w$ frozen, its slope along random directions `along_w` and
# `along_x` is that of our gradients.


# %%
def norm_backward(dn, x, eps=1e-5):
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    n = (x - x.mean(axis=1, keepdims=True)) / sigma
    return (dn - dn.mean(axis=1, keepdims=True) - n * (n * dn).mean(axis=1, keepdims=True)) / sigma


x, w, dy = (rng.normal(size=shape) for shape in ((5, 6), (6, 4), (5, 4)))
y, cache = ternary.linear(x, w, bits=8)
dw, dx = ternary.linear_backward(dy, cache)

n, _ = ternary.layer_norm(x)
a, gamma = ternary.activation_codes(n, bits=8)
t, s = ternary.weight_codes(w)
c_x, c_w = gamma * a - n, s * t - w
assert np.allclose(y, (n + c_x) @ (w + c_w), rtol=0, atol=1e-13)
assert np.allclose(dw, (n + c_x).T @ dy, rtol=0, atol=1e-13)
assert np.allclose(dx, norm_backward(dy @ (w + c_w).T, x), rtol=0, atol=1e-13)


def frozen(x, w):
    return ((ternary.layer_norm(x)[0] + c_x) @ (w + c_w) * dy).sum()


for _ in range(10):
    along_w, along_x = rng.normal(size=w.shape), rng.normal(size=x.shape)
    slope = frozen(x + 1e-30j * along_x, w + 1e-30j * along_w).imag / 1e-30
    assert abs(slope - ((dw * along_w).sum() + (dx * along_x).sum())) < 1e-12
assert (ternary.weight_codes(w + 1e-9 * along_w)[0] == t).all()  # the stairs themselves do not notice a small step

line = np.linspace(-2.5, 2.5, 501)
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
axes.plot(line, np.clip(np.round(line), -1, 1), label="s t: slope 0, and jumps")
axes.plot(line, line + (1 - 1.2), "--", label="w + c, c frozen at w = 1.2 s")
axes.plot(1.2, 1, "ko")
axes.set(xlabel="w / s", ylabel="quantised / s", ylim=(-1.5, 1.5))
axes.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## What a norm leaves of coordinates
# A row of two numbers $(u, v)$ minus its mean is $(r, -r)$, with $r = (u - v) / 2$. Divided by $|r|$ it is (1, -1) or
# (-1, 1). All that is left of a place in the image is which coordinate is larger, or neither: three different rows of
# codes for the 1024 pixels of a 32 x 32 image. No network makes an image of that, and `refinr.fit` refuses to try. So
# places are *encoded*, by cosines and sines of waves, here 60 of them, their frequencies drawn at random up to
# Nyquist's (tutorial 04). Then no two pixels have the same codes. (The picture has the first coordinate at all places,
# the same behind the norm, and four of the 120 inputs that encode a place.)

# %%
places = coords.grid((32, 32))
codes, _ = ternary.activation_codes(ternary.layer_norm(places)[0])
assert np.unique(codes, axis=0).tolist() == [[-127, 127], [0, 0], [127, -127]]
try:
    refinr.fit(image, layer="ternary", encoding="none")
    raise AssertionError("bare coordinates were taken")
except ValueError as error:
    print(error)

waves = encodings.choose("fourier", (32, 32), features=60, seed=0).inputs((32, 32))  # (1024, 120)
codes, _ = ternary.activation_codes(ternary.layer_norm(waves)[0])
assert len(np.unique(codes, axis=0)) == 1024

figure, axes = plt.subplots(1, 6, figsize=(12, 2.2), layout="constrained")
shown = [places[:, 0], ternary.layer_norm(places)[0][:, 0], *waves[:, :4].T]
for a, values, title in zip(axes, shown, ["coordinate", "normed", *["wave"] * 4], strict=True):
    a.imshow(values.reshape(32, 32))
    a.set(xticks=[], yticks=[], title=title)
plt.show()

# %% [markdown]
# ## An image in trits
# Everything else is as before. One word changes the layer, and with it the defaults: waves as inputs, ReLU, $\max(x,
# 0)$, for an activation, two hidden layers of 32. Training keeps float weights and quantises them anew at each step;
# what is stored is codes and scales. (In the picture orange is positive, purple negative.)

# %%
inr = refinr.fit(image, layer="ternary")
assert np.array_equal(inr.decode(), image)
codes = inr.params["w0"]  # int8 (networks, 120, 32); their scales are "s0", (networks, 1, 1)
assert np.unique(codes).tolist() == [-1, 0, 1]

figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
trits_drawn = [inr.params[f"w{i}"][0] for i in range(3)]
lesson.draw_network(axes, (120, 32, 32, 1), ("waves", "", "", "logit"), trits_drawn)
axes.set_title("some of it: orange 1, purple -1, nothing 0", fontsize=9)
plt.show()

# %% tags=["picture"]
figure, axes = plt.subplots(1, 4, figsize=(12, 3), width_ratios=[1, 3, 1, 1], layout="constrained")
pictures = {"image": image, "trits: 120 inputs, 32 neurons": codes[0].T, "logits, plane 0": inr.logits()[:, :, 0, 0]}
for a, (title, picture) in zip(axes, (pictures | {"decoded": inr.decode()}).items(), strict=True):
    top = 1.5 * abs(picture).max()
    a.imshow(picture, **({} if picture.dtype == image.dtype else {"cmap": "PuOr_r", "vmin": -top, "vmax": top}))
    a.set(xticks=[], yticks=[], title=title)
plt.show()

# %% [markdown]
# ## Five trits a byte
# Five trits have $3^5 = 243$ states, a byte has 256. So five go into a byte, each raised by 1, as the digits of a
# number in base 3: 1.6 bits a trit, a twentieth of float32. It is still more than the image has: lossless is not
# compressed.

# %%
five = np.array([1, 0, -1, 1, 1], "int8")
packed = trits.pack(five)
assert packed.tolist() == [2 + 1 * 3 + 0 * 9 + 2 * 27 + 2 * 81]
assert (trits.unpack(packed, (5,)) == five).all()

stored = sum(trits.pack(p).size if p.dtype == "int8" else p.nbytes for p in inr.params.values())
assert stored < 4 * inr.report.parameters / 19  # scales included
assert 8 * stored > inr.report.total_bits

# %% [markdown]
# ## What floats cannot promise
# In floats `(0.1 + 0.2) + 0.3` is not `0.1 + (0.2 + 0.3)`. Processors add in different orders, so their outputs differ.
# We need no second computer to see that: shuffle the neurons of a network with float weights, and its sums have another
# order. Bits stay the same, thanks to the margin, but logits do not. How far off a logit can be, on any machine, is
# bounded by `refinr.certify`. If all are farther from 0 than that, the bits are certain: here in float32, not in
# float16. (*To spare* is what a logit may be off on top of rounding; bfloat16 has 16 bits and the exponents of
# float32.)
#
# For our ternary network there is no bound. Between its layers numbers are rounded to codes, and next to a half the
# least difference makes another code. Its bits may well be the same everywhere, but nothing certifies it.

# %%
assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


def outputs(inr, dtype, shuffle=False):
    """Logits (networks, samples, 1) in a float type, with the neurons of the first layer shuffled or not."""
    order = rng.permutation(inr.layout.spec.sizes[1]) if shuffle else slice(None)
    params = {name: p.astype(dtype) for name, p in inr.params.items()}
    params |= {name: params[name][..., order] for name in ("w0", "b0") if name in params}
    params["w1"] = params["w1"][:, order]
    return mlp.forward(inr.layout.spec, params, inr.layout.inputs((size, size)).astype(dtype))[0]


floats = refinr.fit(image)
one, other = outputs(floats, "float32"), outputs(floats, "float32", shuffle=True)
assert ((one > 0) == (other > 0)).all()
certificate = refinr.certify(floats)
assert [certificate.types[name].guaranteed for name in ("float64", "float32", "float16")] == [True, True, False]
assert 0 < abs(one - other).max() < 2 * certificate.types["float32"].bound < certificate.margin
assert refinr.certify(inr).types["float32"].bound == np.inf  # the ternary one
print(certificate)

# %% [markdown]
# ## Whole numbers only
# The floats that are left can go as well. Take triangle waves, whose values are multiples of a power of two, for
# cosines and sines; leave out the norm; take a power of two for the scale. An input $x$ becomes a whole number, $a =
# \lfloor 256\,x \rfloor$, so that 256 stands for 1, and a layer with its ReLU becomes
#
# $$S = a\,t, \qquad a' = \min\bigl(\lfloor \max(S, 0) / 2^b \rfloor,\; 256\bigr)$$
#
# where dividing by $2^b$ is a shift by $b$ bits. A sum of $I$ numbers with random signs is about as large as $\sqrt I$
# of them; $2^b$ is the power of two nearest to half of that, so sums of a few inputs and of many become codes of one
# size. In the last layer a bit is $S \ge 0$. No sum reaches $2^{23}$, up to where float32 has every whole number and
# every half. So nothing is rounded, anywhere: float32, float64 and integers of 32 bits give the same logits, in any
# order, and the certificate's bound is 0.

# %%
whole = refinr.fit(image, layer="ternary-integer")
assert whole.lossless
a = np.floor(256 * whole.layout.inputs((size, size))).astype("int32")  # (N, I)
for i, fan_in in enumerate(whole.layout.spec.sizes[:-1]):
    S = a @ whole.params[f"w{i}"].astype("int32")  # (networks, N, O)
    b = ternary.shift(fan_in)
    assert 0.7 < 2**b / (0.5 * fan_in**0.5) < 1.42  # no other power of two is nearer
    a = np.minimum(np.maximum(S, 0) >> b, 256)
logits = (S + 0.5) / 2.0 ** (8 + b)  # the half keeps logits off 0
for dtype in ("float32", "float64"):
    assert np.array_equal(outputs(whole, dtype), logits)
    assert np.array_equal(outputs(whole, dtype, shuffle=True), logits)
    assert refinr.certify(whole).types[dtype][:2] == (True, 0)  # guaranteed, bound

# %% [markdown]
# ## Your turn
# Pack five trits into a byte: a number from 0 to 242, the first trit in its lowest digit in base 3.


# %%
def packed_byte(t0, t1, t2, t3, t4):
    return ...


def its_byte(*five):
    return trits.pack(np.array(five, "int8"))[0]


lesson.check(packed_byte, its_byte, (-1, -1, -1, -1, -1), (1, 0, -1, 1, 1), (0, 1, 0, -1, 0), (1, 1, 1, 1, 1))

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def packed_byte(t0, t1, t2, t3, t4):
#     return (t0 + 1) + 3 * (t1 + 1) + 9 * (t2 + 1) + 27 * (t3 + 1) + 81 * (t4 + 1)
#
#
# lesson.check(packed_byte, its_byte, (-1, -1, -1, -1, -1), (1, 0, -1, 1, 1), (0, 1, 0, -1, 0), (1, 1, 1, 1, 1))
# ```
# </details>

# %% [markdown]
# ## Summary
# - A quantiser keeps codes and a scale; values do not go through it twice.
# - The straight-through gradient is the exact gradient of the layer with its rounding frozen.
# - A layer norm's gradient loses its mean and its part along the output: what the norm does not let through.
# - A norm leaves of two bare coordinates only which is larger, so they are encoded by waves.
# - Sums of floats depend on their order, sums of whole numbers do not: their bits are the same on every machine.

# %% [markdown]
# ## Exercises
# **1.** By how much does the scale shrink when $s t$ is quantised again?
# <details><summary>Solution</summary>
#
# The mean of $|s t|$ is $s$ times the share of trits that are not 0.
#
# ```python
# assert np.isclose(ternary.weight_codes(s * t)[1] / s, np.mean(t != 0))
# ```
# </details>
#
# **2.** Does a larger block of bytes hold more than five trits a byte?
# <details><summary>Solution</summary>
#
# Not before 22 bytes: they hold 111 trits.
#
# ```python
# assert [m for m in range(1, 23) if 3 ** (5 * m + 1) <= 2 ** (8 * m)] == [22]
# ```
# </details>
#
# **3.** How many inputs may a layer of whole numbers have, at most?
# <details><summary>Solution</summary>
#
# Each is at most 256, and 32767 of them stay below $2^{23}$.
#
# ```python
# assert ternary.largest_sum(32767, bits=8) < 2**23 <= ternary.largest_sum(32768, bits=8)
# ```
# </details>
