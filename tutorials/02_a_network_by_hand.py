# %% [markdown]
# # 02 A network and its gradient by hand
#
# **Do:** write a network of sines, its gradient and Adam; check them; train until no bit is wrong.
#
# **Learn:** each gradient from the chain rule; the complex step, a perfect check; what Adam does; what a logit is.
#
# **Need:** tutorial 01, derivatives, matrix products.

# %%
import matplotlib.pyplot as plt
import numpy as np

from refinr import coords, losses, mlp, optim, planes

plt.style.use(["tableau-colorblind10", {"figure.dpi": 80}])
rng, omega = np.random.default_rng(0), 30.0

# %% [markdown]
# ## Forward
# A network takes `N` samples of `I` numbers each, here one coordinate in [-1, 1], through layers of width `D` to one
# output. Its weights `w` and biases `b` are ours to choose; `omega = 30` makes its waves fast:
#
#     x    (N, 1)   coordinates
#     z0 = x  w0 + b0     h0 = sin(omega z0)     (N, D)
#     z1 = h0 w1 + b1     h1 = sin(omega z1)     (N, D)
#     z2 = h1 w2 + b2                            (N, 1)
#     L  = loss(z2, t)                           one number: how far z2 is from what we want, t (N, 1)
#
# ## Backward
# To make `L` smaller we need its derivative by every weight. Write `dA` for the array of all `dL/dA[...]`. The chain
# rule carries it from the end to the beginning; each step needs what its forward step has seen, its `cache`.
#
# **Linear layer.** `y[n, o] = sum_i x[n, i] w[i, o] + b[o]`. The weight `w[i, o]` acts on `y[n, o]` for every `n`, with
# slope `x[n, i]`; `b[o]` with slope 1; and `x[n, i]` acts on `y[n, o]` for every `o`, with slope `w[i, o]`. Sum over
# everything acted on:
#
#     dw[i, o] = sum_n x[n, i] dy[n, o]     that is     dw = x^T dy
#     db[o]    = sum_n dy[n, o]                         db = 1^T dy
#     dx[n, i] = sum_o dy[n, o] w[i, o]                 dx = dy w^T
#
# **Sine.** `h = sin(omega z)` element by element, so `dz = dh omega cos(omega z)`.
#
# **Loss.** The network is to answer yes or no: `t` is a bit. The output `z` is a *logit*: it stands for the probability
# `p = sigmoid(z) = 1 / (1 + exp(-z))` of a one, and the decision is `z > 0`. The loss is minus the logarithm of the
# probability given to the right answer, the *binary cross-entropy* (BCE):
#
#     l = -t log(p) - (1 - t) log(1 - p)
#
# and as `log(p) = z - log(1 + exp(z))`, `log(1 - p) = -log(1 + exp(z))`, simply
#
#     l = log(1 + exp(z)) - z t        dl/dz = exp(z) / (1 + exp(z)) - t = sigmoid(z) - t
#
# What the network says minus what is true. `L` is the mean over the samples, so `dz` is that divided by `N`.


# %%
def linear(x, w, b):
    return x @ w + b, (x, w)


def linear_backward(dy, cache):
    x, w = cache
    return x.T @ dy, dy.sum(axis=0, keepdims=True), dy @ w.T


def bce(z, t):
    return np.mean(np.log1p(np.exp(z)) - z * t), (1 / (1 + np.exp(-z)) - t) / z.size


def forward(p, x):
    z0, c0 = linear(x, p["w0"], p["b0"])
    z1, c1 = linear(np.sin(omega * z0), p["w1"], p["b1"])
    z2, c2 = linear(np.sin(omega * z1), p["w2"], p["b2"])
    return z2, (c0, z0, c1, z1, c2)


def backward(dz2, cache):
    c0, z0, c1, z1, c2 = cache
    dw2, db2, dh1 = linear_backward(dz2, c2)
    dw1, db1, dh0 = linear_backward(dh1 * omega * np.cos(omega * z1), c1)
    dw0, db0, _ = linear_backward(dh0 * omega * np.cos(omega * z0), c0)
    return {"w0": dw0, "b0": db0, "w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


# %% [markdown]
# ## Is it right?
# The textbook check is `(f(a + h) - f(a - h)) / (2 h)`. For large `h` the function is not straight, for small `h` the
# subtraction cancels the digits, and with sines of frequency 30 inside sines of frequency 30 the best `h` is not good.
#
# Go sideways instead, into the complex plane: `f(a + i h) = f(a) + i h f'(a) - h^2 f''(a) / 2 - ...`, so
#
#     f'(a) = Im f(a + i h) / h + O(h^2)
#
# Nothing is subtracted, so `h` may be 1e-30, and the answer is right to rounding; the code has to run on complex
# numbers, as ours does. Let `f(a)` be the loss after a step `a` in a random direction of parameter space: its slope at
# 0 is the sum of gradient times direction.
#
# With `h` at 1e-9 and below the complex step agrees with our gradient to 14 digits; the difference never gets to 12,
# and is worthless at both ends. One direction might hide a mistake, so the loop checks every parameter; and last comes
# `refinr.mlp`.

# %%
spec = mlp.MLP(sizes=(1, 16, 16, 1), first_scale=8.0)
params = {name: p[0] for name, p in mlp.init(spec, dtype="float64").items()}  # (I, O) and (1, O)
x, t = coords.grid((32,), "float64"), rng.integers(0, 2, (32, 1)).astype(float)
z, cache = forward(params, x)
grads = backward(bce(z, t)[1], cache)
direction = {name: rng.normal(size=p.shape) for name, p in params.items()}
slope = sum((grads[name] * direction[name]).sum() for name in params)


def f(a):
    return bce(forward({name: p + a * direction[name] for name, p in params.items()}, x)[0], t)[0]


h = 10.0 ** np.arange(-18, -1.5, 0.5)
difference = abs(np.array([(f(a) - f(-a)) / (2 * a) for a in h]) / slope - 1)
sideways = abs(np.array([f(1j * a).imag / a for a in h]) / slope - 1)
assert difference.min() > 1e-12 > 1e-14 > sideways[h < 2e-9].max()

largest = max(abs(g).max() for g in grads.values())
for name, p in params.items():
    for index in np.ndindex(p.shape):
        moved = p.astype(complex)
        moved[index] += 1e-30j
        slope = bce(forward(params | {name: moved}, x)[0], t)[0].imag / 1e-30
        assert abs(slope - grads[name][index]) < 1e-14 * largest
its_z, its_cache = mlp.forward(spec, params, x)
its_grads, _ = mlp.backward(spec, params, its_cache, losses.bce_with_logits(its_z, t)[1])
assert all(abs(its_grads[name] - grads[name]).max() < 1e-13 * largest for name in params)

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.loglog(h, difference, "o-", markersize=4, label="central difference")
axes.loglog(h, sideways.clip(1e-17), "s--", markersize=4, label="complex step")
axes.set(xlabel="h", ylabel="relative error of the slope")
axes.legend()
plt.show()

# %% [markdown]
# ## Adam
# Walking downhill by `lr` times the gradient is fragile: some weights have large gradients, others small ones. Adam
# (Kingma and Ba, 2015) divides a running mean `m` of the gradient by the root of a running mean `v` of its square. Both
# start at 0, which the factors `1 - beta^t` make up for. A weight whose gradient keeps its sign moves by about `lr` a
# step, however large the gradient.


# %%
def adam(params, grads, m, v, t, lr, b1=0.9, b2=0.999, eps=1e-8):
    """One step, the t-th; m and v are brought up to date in place."""
    new = {}
    for name, g in grads.items():
        m[name] = b1 * m[name] + (1 - b1) * g
        v[name] = b2 * v[name] + (1 - b2) * g**2
        mhat, vhat = m[name] / (1 - b1**t), v[name] / (1 - b2**t)
        new[name] = params[name] - lr * mhat / (np.sqrt(vhat) + eps)
    return new


first = adam(params, grads, *optim.adam_init(params)[:2], 1, lr=0.01)
assert all(np.allclose(abs(first[name] - params[name]), 0.01, rtol=1e-2) for name in params)
ours, theirs, state = params, params, optim.adam_init(params)
m, v, _ = optim.adam_init(params)  # zeros
for step in range(1, 21):
    g = {name: rng.normal(size=p.shape) * 10.0 ** rng.integers(-3, 3) for name, p in params.items()}
    ours = adam(ours, g, m, v, step, lr=0.01)
    theirs, state = optim.adam_step(theirs, g, state, lr=0.01)
assert all(abs(ours[name] - theirs[name]).max() < 1e-14 for name in params)

# %% [markdown]
# ## Train
# The signal: 64 samples of 8 bits, a wave with noise. Every plane gets a network of 321 parameters and is done as soon
# as every decision `z > 0` is right, within 50 steps. (Tutorial 04 says why the first layer's scale is half the grid's
# Nyquist frequency.) Put together again, the decisions are the signal: exact, by nothing but the code on this page.

# %% tags=["picture"]
x = coords.grid((64,), "float64")
signal = np.round(127 + 100 * np.sin(5 * x[:, 0] + 2 * x[:, 0] ** 2) + rng.normal(0, 8, 64)).astype("uint8")
bits = planes.to_planes(signal, 8)  # (64, 8)
spec = mlp.MLP(sizes=(1, 16, 16, 1), first_scale=0.5 * coords.nyquist((64,))[0])
assert mlp.parameter_count(spec) == 321


def train(t, seed):
    history = [{name: p[0] for name, p in mlp.init(spec, seed=seed, dtype="float64").items()}]
    m, v, _ = optim.adam_init(history[0])
    z, cache = forward(history[0], x)
    while ((z > 0) != t).any() and len(history) < 1000:
        history.append(adam(history[-1], backward(bce(z, t)[1], cache), m, v, len(history), lr=3e-3))
        z, cache = forward(history[-1], x)
    return history


histories = [train(bits[:, [i]], seed=i) for i in range(8)]
assert max(len(history) - 1 for history in histories) <= 50
decided = np.stack([forward(history[-1], x)[0][:, 0] > 0 for history in histories], axis=-1)
assert (planes.from_planes(decided.astype("uint8"), 8, dtype="uint8") == signal).all()

history, t, fine = histories[6], bits[:, 6], np.linspace(-1, 1, 1000)[:, None]
figure, axes = plt.subplots(4, 1, figsize=(10, 7), sharex=True, layout="constrained")
axes[0].step(x[:, 0], signal, where="mid")
for a, step in zip(axes[1:], (0, len(history) // 2, len(history) - 1), strict=True):
    z = forward(history[step], x)[0][:, 0]
    a.plot(fine, forward(history[step], fine)[0], color="gray", linewidth=0.8)
    a.axhline(0, color="black", linewidth=0.8)
    for bit, marker in ((0, "v"), (1, "^")):
        a.plot(x[t == bit, 0], z[t == bit], marker, markersize=5, label=f"bit {bit}")
    a.set(title=f"plane 6 after {step} steps: {((z > 0) != t).sum()} of 64 bits wrong", ylabel="logit")
axes[1].legend(loc="lower left", ncols=2)
axes[0].set_title("the signal, 8 bits a sample")
plt.show()

# %% [markdown]
# ## Exercises
# **1.** Derive `dz` for the squared error `L = mean((z - t)^2)` and check it by complex step.
# <details><summary>Solution</summary>
#
# ```python
# z, t = rng.normal(size=(5, 1)), rng.normal(size=(5, 1))
# dz = 2 * (z - t) / z.size
# assert np.isclose(np.mean((z + 1e-30j * t - t) ** 2).imag / 1e-30, (dz * t).sum(), rtol=1e-14)  # along t
# assert np.allclose(dz, losses.mse(z, t)[1], rtol=1e-14)
# ```
# </details>
#
# **2.** Derive the gradient of another activation, the bell `y = exp(-(s z)^2)`; compare with `activations.gauss`.
# <details><summary>Solution</summary>
#
# ```python
# from refinr import activations
# z, dy, s = rng.normal(size=9), rng.normal(size=9), 10.0
# dz = dy * -2 * s * (s * z) * np.exp(-((s * z) ** 2))
# assert np.allclose(dz, activations.gauss_backward(dy, activations.gauss(z, scale=s)[1]), rtol=1e-13)
# ```
# </details>
#
# **3.** Why not compute `p = sigmoid(z)` first and then `-log(1 - p)`? Try `z = 20`, `t = 0`, badly wrong, in float32.
# <details><summary>Solution</summary>
#
# `p` rounds to 1: the loss is infinite, and `p`'s slope `p (1 - p)` is 0, so the bit that is most wrong has no
# gradient.
#
# ```python
# p = 1 / (1 + np.exp(-np.float32(20)))
# assert p.dtype == "float32" and p == 1 and p * (1 - p) == 0
# loss, dz = losses.bce_with_logits(np.array([[20]], "float32"), np.zeros((1, 1), "float32"))
# assert loss == 20 and dz == 1
# ```
# </details>
