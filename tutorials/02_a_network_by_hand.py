# %% [markdown]
# # 02 A network and its gradient by hand
#
# **Do:** write a network of sines, its gradient and Adam; check them; train until no bit is wrong.
#
# **Learn:** each gradient from the chain rule; the complex step, a perfect check, and what it asks of code; how large
# weights should be to begin with; what Adam does; what a logit is.
#
# **Need:** tutorial 01, derivatives, matrix products, complex numbers; variance, for one section.

# %%
import lesson
import matplotlib.pyplot as plt
import numpy as np

from refinr import coords, cpu, losses, mlp, optim, planes

plt.style.use(["tableau-colorblind10", {"figure.dpi": 80}])
rng, omega = np.random.default_rng(0), 30.0

# %% [markdown]
# ## Forward
# A network takes $N$ samples of $I$ numbers each, here one coordinate in [-1, 1], through *hidden layers* of $D$
# numbers, its *neurons*, to one output. Its *parameters*, weights $w$ and biases $b$, are ours to choose. What is
# applied to every neuron, here a sine, is its *activation*; $\omega = 30$ makes the waves fast. A network that answers
# with a signal's value at a coordinate is an *implicit neural representation* (INR); of sines, a *SIREN*:
#
# $$z_0 = x\,w_0 + b_0, \qquad h_0 = \sin(\omega z_0)$$
# $$z_1 = h_0\,w_1 + b_1, \qquad h_1 = \sin(\omega z_1)$$
# $$z_2 = h_1\,w_2 + b_2, \qquad L = \mathrm{loss}(z_2, t)$$
#
# Arrays are $x$ $(N, 1)$, the coordinates; $z_0, h_0, z_1, h_1$ $(N, D)$; $z_2$ $(N, 1)$. $L$ is one number: how far
# $z_2$ is from the targets $t$ $(N, 1)$. Every line of the graph is a weight.

# %%
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
lesson.draw_network(axes, (1, 16, 16, 1), ("x", "h0", "h1", "z2"))
plt.show()

# %% [markdown]
# ## Backward
# To make $L$ smaller we need its derivative by every weight. Write $dA$ for the array of all
# $\partial L / \partial A_{..}$. The chain rule carries it from the end to the beginning; each step needs what its
# forward step has seen, its `cache`.
#
# **Linear layer.** Whatever its inputs $x$ are, $y_{no} = \sum_i x_{ni} w_{io} + b_o$. The weight $w_{io}$ acts on
# $y_{no}$ for every $n$, with slope $x_{ni}$; $b_o$ with slope 1; and $x_{ni}$ acts on $y_{no}$ for every $o$, with
# slope $w_{io}$. Sum over everything acted on (1 is a column of ones):
#
# $$dw_{io} = \sum_n x_{ni}\,dy_{no} \quad\text{that is}\quad dw = x^T dy$$
# $$db_o = \sum_n dy_{no} \quad\text{that is}\quad db = 1^T dy$$
# $$dx_{ni} = \sum_o dy_{no}\,w_{io} \quad\text{that is}\quad dx = dy\,w^T$$
#
# **Sine.** $h = \sin(\omega z)$ element by element, so $dz = dh\;\omega\cos(\omega z)$.
#
# **Loss.** The network is to answer yes or no: $t$ is a bit. The output $z$ is a *logit*: it stands for the probability
# $p = \mathrm{sigmoid}(z) = 1 / (1 + e^{-z})$ of a one, and the decision is $z > 0$. The loss of a sample is minus the
# logarithm of the probability given to the right answer, the *binary cross-entropy* (BCE):
#
# $$l = -t \log p - (1 - t) \log(1 - p)$$
#
# and as $\log p = z - \log(1 + e^z)$ and $\log(1 - p) = -\log(1 + e^z)$, simply
#
# $$l = \log(1 + e^z) - z t, \qquad \frac{dl}{dz} = \frac{e^z}{1 + e^z} - t = \mathrm{sigmoid}(z) - t$$
#
# What the network says minus what is true. $L$ is the mean over the samples, so $dz$ is that divided by $N$.
#
# In floats $e^z$ overflows: above 709 in float64, above 88 in float32. With $s = 1$ where $z > 0$ and $s = -1$
# elsewhere, $\log(1 + e^z) = \max(z, 0) + \log(1 + e^{-s z})$, and $-s z$ is never positive. The slope takes two cases
# as well.


# %%
def linear(x, w, b):
    return x @ w + b, (x, w)


def linear_backward(dy, cache):
    x, w = cache
    return x.T @ dy, dy.sum(axis=0, keepdims=True), dy @ w.T


def bce(z, t):
    s = np.where(z.real > 0, 1, -1)
    u = np.exp(-s * z)  # at most 1
    losses_of_samples = np.where(s > 0, z, 0) + np.log1p(u) - z * t  # log(1 + u), precise for tiny u as well
    return np.mean(losses_of_samples), (np.where(s > 0, 1, u) / (1 + u) - t) / z.size


def forward(params, x):
    z0, c0 = linear(x, params["w0"], params["b0"])
    z1, c1 = linear(np.sin(omega * z0), params["w1"], params["b1"])
    z2, c2 = linear(np.sin(omega * z1), params["w2"], params["b2"])
    return z2, (c0, z0, c1, z1, c2)


def backward(dz2, cache):
    c0, z0, c1, z1, c2 = cache
    dw2, db2, dh1 = linear_backward(dz2, c2)
    dw1, db1, dh0 = linear_backward(dh1 * omega * np.cos(omega * z1), c1)
    dw0, db0, _ = linear_backward(dh0 * omega * np.cos(omega * z0), c0)
    return {"w0": dw0, "b0": db0, "w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


badly_wrong = bce(np.array([[1000.0], [-1000.0]]), np.array([[0.0], [1.0]]))
assert badly_wrong[0] == 1000
assert badly_wrong[1].ravel().tolist() == [0.5, -0.5]

# %% [markdown]
# ## Is it right?
# The textbook check is $(f(a + \delta) - f(a - \delta)) / 2\delta$. For large $\delta$ the function is not straight,
# for small $\delta$ the subtraction cancels the digits, and with sines of frequency 30 inside sines of frequency 30 the
# best $\delta$ is not good.
#
# Go sideways instead, into the complex plane. Write $j$ for the root of -1, as Python does. Then
# $f(a + j\delta) = f(a) + j\delta f'(a) - \delta^2 f''(a) / 2 - \dots$, so
#
# $$f'(a) = \frac{\mathrm{Im}\,f(a + j\delta)}{\delta} + O(\delta^2)$$
#
# Nothing is subtracted, so $\delta$ may be 1e-30, and the answer is right to rounding. There is one condition: the code
# has to be *analytic*, made of sums, products, sines, exponentials and other functions that have such a series. Then
# running it on complex numbers computes that series. `abs`, `max` and comparisons of complex numbers are not analytic;
# that is why `bce` asks for the sign of `z.real`, and is analytic on either side of it. (Exercise 2 has what goes wrong
# otherwise.)
#
# Let $f(a)$ be the loss after a step $a$ in a random direction of parameter space: its slope at 0 is the sum of
# gradient times direction. With $\delta$ at 1e-9 and below the complex step agrees with our gradient to 14 digits; the
# difference never gets to 12, and is worthless at both ends. One direction might hide a mistake, so the loop checks
# every parameter; and last comes `refinr.mlp`.

# %%
spec = mlp.MLP(sizes=(1, 16, 16, 1), first_scale=8.0)  # its first layer's fastest wave: see "Where to start"
params = {name: value[0] for name, value in mlp.init(spec, dtype="float64").items()}  # [0]: one network's
x, t = coords.grid((32,), "float64"), rng.integers(0, 2, (32, 1)).astype(float)
z, cache = forward(params, x)
grads = backward(bce(z, t)[1], cache)
direction = {name: rng.normal(size=value.shape) for name, value in params.items()}
slope = sum((grads[name] * direction[name]).sum() for name in params)


def f(a):
    return bce(forward({name: value + a * direction[name] for name, value in params.items()}, x)[0], t)[0]


delta = 10.0 ** np.arange(-18, -1.5, 0.5)
difference = abs(np.array([(f(a) - f(-a)) / (2 * a) for a in delta]) / slope - 1)
sideways = abs(np.array([f(1j * a).imag / a for a in delta]) / slope - 1)
assert min(difference[0], difference[-1]) > 0.1
assert difference.min() > 1e-12 > 1e-14 > sideways[delta < 2e-9].max()

largest = max(abs(gradient).max() for gradient in grads.values())
for name, value in params.items():
    for index in np.ndindex(value.shape):
        moved = value.astype(complex)
        moved[index] += 1e-30j
        slope = bce(forward(params | {name: moved}, x)[0], t)[0].imag / 1e-30
        assert abs(slope - grads[name][index]) < 1e-14 * largest
its_z, its_cache = mlp.forward(spec, params, x)
its_grads, _ = mlp.backward(spec, params, its_cache, losses.bce_with_logits(its_z, t)[1])
assert all(abs(its_grads[name] - grads[name]).max() < 1e-13 * largest for name in params)

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.loglog(delta, difference, "o-", markersize=4, label="central difference")
axes.loglog(delta, sideways.clip(1e-17), "s--", markersize=4, label="complex step")
axes.set(xlabel="delta", ylabel="relative error of the slope")
axes.legend()
plt.show()

# %% [markdown]
# ## Where to start
# Neurons with equal weights would stay equal, so weights are drawn at random. How large? Take a layer of $I$ neurons,
# whose phases $\omega z$ are spread over a turn or more, which random biases see to: then $\sin^2$ and $\cos^2$ are
# about 1/2 on average. Let the weights behind it have variance $V$ and mean 0. Variances of independent terms add up:
#
# $$\mathrm{var}(\omega\,h w) = \omega^2 \cdot I \cdot V \cdot \tfrac12 \qquad
# \mathrm{var}(dh_{\text{before}}) = \omega^2 \cdot \tfrac12 \cdot I \cdot V \cdot \mathrm{var}(dh_{\text{behind}})$$
#
# (if it is as wide as the next). Both factors are 1 for $V = 2 / (\omega^2 I)$: what weights add to phases has the same
# spread in every layer, and gradients about the same size. Numbers drawn evenly from $-c$ to $c$ have the variance
# $c^2/3$, so $c = \sqrt{6 / I} / \omega$, which is how SIRENs begin (Sitzmann et al., 2020). With weights $g$ times as
# large, gradients change by about $g$ from layer to layer. The first layer's weights set frequencies, here up to half
# of Nyquist's, the fastest that samples can show: tutorial 04.
#
# Here are four hidden layers, where $g^3$ stands between the first and the last. Eight planes of the signal below are
# learned by Adam (the next section) with step size 0.003, from three starts each; on the right, the mean number of
# steps until no bit is wrong. From $g = 1$ all are there within 30; others take longer, and from 10 hardly one arrives.

# %%
points = coords.grid((64,), "float64")
signal = np.round(127 + 100 * np.sin(5 * points[:, 0] + 2 * points[:, 0] ** 2) + rng.normal(0, 8, 64)).astype("uint8")
bits = planes.to_planes(signal, 8)  # (64, 8)
deep = mlp.MLP(sizes=(1, 16, 16, 16, 16, 1), first_scale=0.5 * coords.nyquist((64,))[0])
targets = np.tile(bits.T[:, :, None], (3, 1, 1)).astype(float)  # (24, 64, 1): networks, samples, outputs


def start(g):
    """24 networks whose hidden layers begin g times as large."""
    first = mlp.init(deep, nets=24, dtype="float64")
    return {name: value * (g if name in ("w1", "w2", "w3") else 1) for name, value in first.items()}


def steps_until_right(params, lr=3e-3, most=300):
    """Steps of each network (24,) until no bit is wrong, or `most`; and the first gradients."""
    state, steps, first = optim.adam_init(params), np.full(24, most), None
    for k in range(most):
        z, cache = mlp.forward(deep, params, points)
        steps = np.where(((z > 0) == targets).all(axis=(1, 2)), np.minimum(steps, k), steps)
        if (steps < most).all():
            break
        grads, _ = mlp.backward(deep, params, cache, losses.bce_with_logits(z, targets)[1])
        first = first or grads
        params, state = optim.adam_step(params, grads, state, lr=lr)
    return steps, first


factors = (0.03, 0.1, 0.3, 1, 3, 10)
with cpu.single_threaded_blas():  # products this small are not worth waking threads for
    found = {g: steps_until_right(start(g)) for g in factors}
figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
for g, (_, slopes) in found.items():
    axes[0].semilogy([np.std(slopes[f"b{i}"]) for i in range(4)], "o-", label=f"g = {g}")
axes[0].set(xticks=range(4), xlabel="hidden layer", ylabel="size of the bias gradients")
axes[0].legend(fontsize=8)
axes[1].loglog(factors, [steps.mean() for steps, _ in found.values()], "o-")
axes[1].set(xlabel="g", ylabel="steps to no wrong bit", title="300: not reached")
plt.show()

sizes = [np.std(found[1][1][f"b{i}"]) for i in range(4)]
assert max(sizes) < 3 * min(sizes)
assert all(abs(np.mean(np.sin(omega * phase) ** 2) - 0.5) < 0.1 for phase in cache[1::2])  # z0, z1
assert np.std(found[10][1]["b0"]) > 300 * np.std(found[10][1]["b3"])
assert all(found[1][0].mean() < 0.7 * found[g][0].mean() for g in factors if g != 1)
assert found[1][0].max() < 30
assert found[0.03][0].mean() > 2 * found[1][0].mean()
assert (found[10][0] == 300).mean() > 0.9  # hardly one gets there

# %% [markdown]
# ## Adam
# Walking downhill by `lr`, the *step size*, times the gradient is fragile: some weights have large gradients, others
# small ones. Adam (Kingma and Ba, 2015) divides a running mean $m$ of the gradient $dw$ by the root of a running mean
# $v$ of its square. Both start at 0, which the factors $1 - \beta^k$ make up for in step $k$ = 1, 2, ...:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\,dw, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\,dw^2$$
# $$w \leftarrow w - \mathrm{lr}\;\frac{m / (1 - \beta_1^k)}{\sqrt{v / (1 - \beta_2^k)} + \epsilon}$$
#
# A weight whose gradient stays as it is moves by `lr` a step, however large it is. ($\epsilon$: no division by 0.)


# %%
def adam(params, grads, m, v, k, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    """Step number k; m and v are brought up to date in place."""
    new = {}
    for name, dw in grads.items():
        m[name] = beta1 * m[name] + (1 - beta1) * dw
        v[name] = beta2 * v[name] + (1 - beta2) * dw**2
        new[name] = params[name] - lr * m[name] / (1 - beta1**k) / (np.sqrt(v[name] / (1 - beta2**k)) + eps)
    return new


m, v, _ = optim.adam_init(params)  # zeros
there = params
for k in range(1, 21):
    there = adam(there, grads, m, v, k, lr=0.01)
    assert all(np.allclose(abs(there[name] - params[name]), 0.01 * k, rtol=1e-2) for name in params)
ours, theirs, state = params, params, optim.adam_init(params)
m, v, _ = optim.adam_init(params)
for k in range(1, 21):
    drawn = {name: rng.normal(size=value.shape) * 10.0 ** rng.integers(-3, 3) for name, value in params.items()}
    ours = adam(ours, drawn, m, v, k, lr=0.01)
    theirs, state = optim.adam_step(theirs, drawn, state, lr=0.01)
assert all(abs(ours[name] - theirs[name]).max() < 1e-14 for name in params)

# %% [markdown]
# ## Train
# The signal: 64 samples of 8 bits, a wave with noise. Every plane gets a network of 321 parameters and is done as soon
# as every decision `z > 0` is right: with step size 0.003 within 50 steps, from each of three starts. Put together
# again, the decisions are the signal: exact, by nothing but this page's code. (Gray: the network between samples.)

# %% tags=["picture"]
x = points
spec = mlp.MLP(sizes=(1, 16, 16, 1), first_scale=0.5 * coords.nyquist((64,))[0])
assert mlp.parameter_count(spec) == 321


def train(t, seed):
    history = [{name: value[0] for name, value in mlp.init(spec, seed=seed, dtype="float64").items()}]
    m, v, _ = optim.adam_init(history[0])
    z, cache = forward(history[0], x)
    while ((z > 0) != t).any() and len(history) < 1000:
        history.append(adam(history[-1], backward(bce(z, t)[1], cache), m, v, len(history), lr=3e-3))
        z, cache = forward(history[-1], x)
    return history


histories = [train(bits[:, [seed % 8]], seed) for seed in range(24)]  # planes 0 to 7, three times
assert max(len(history) - 1 for history in histories) <= 50
decided = np.stack([forward(history[-1], x)[0][:, 0] > 0 for history in histories[:8]], axis=-1)
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
axes[0].set(title="the signal, 8 bits a sample", ylabel="value")
axes[3].set_xlabel("x")
plt.show()

# %% [markdown]
# ## Your turn
# Another activation, the bell $y = e^{-(\mathrm{scale}\,z)^2}$; `dy` is the slope of the loss by $y$. Put $dz$, its
# slope by $z$, in place of the dots and run the cell. It asks the *oracle* of tutorial 08: right answers for many
# shapes, with bounds on what rounding may do.


# %%
class Bell:
    def gauss(self, z, dy, scale):
        y = np.exp(-((scale * z) ** 2))
        dz = ...
        return {"y": y, "dz": dz}


lesson.check_backend(Bell(), "activations.gauss.*")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# class Bell:
#     def gauss(self, z, dy, scale):
#         y = np.exp(-((scale * z) ** 2))
#         dz = dy * -2 * scale**2 * z * y
#         return {"y": y, "dz": dz}
#
#
# lesson.check_backend(Bell(), "activations.gauss.*")
# ```
# </details>

# %% [markdown]
# ## Summary
# - Backward is forward, read from the end: every step hands on the slope by its input, and sums where its input has
#   acted more than once.
# - The complex step checks a gradient to rounding, if the code is analytic.
# - Hidden weights with the variance $2 / (\omega^2 I)$ keep phases and gradients at one size through all layers.
# - Adam moves weights by about the step size at first, whatever the size of their gradients.
# - A logit's sign is a bit; the loss's slope by it is what the network says minus what is true.

# %% [markdown]
# ## Exercises
# **1.** Derive $dz$ for the squared error $L = \mathrm{mean}((z - t)^2)$ and check it by complex step.
# <details><summary>Solution</summary>
#
# ```python
# z, t, along = rng.normal(size=(3, 5, 1))
# dz = 2 * (z - t) / z.size
# assert np.isclose(np.mean((z + 1e-30j * along - t) ** 2).imag / 1e-30, (dz * along).sum(), rtol=1e-14)
# assert np.allclose(dz, losses.mse(z, t)[1], rtol=1e-14)
# ```
# </details>
#
# **2.** What does the complex step say of the absolute error, `np.mean(abs(z - t))`? Why, and what would be right?
# <details><summary>Solution</summary>
#
# `abs` of a complex number is its length, which is not analytic: it is real, so the slope seems to be 0. With the sign
# taken from the real part, the code is analytic wherever there is a derivative.
#
# ```python
# z, t, along = rng.normal(size=(3, 5, 1))
# sideways = z + 1e-30j * along
# assert np.mean(abs(sideways - t)).imag == 0
# dz = np.sign(z - t) / z.size
# analytic = np.mean(np.sign((sideways - t).real) * (sideways - t))
# assert np.isclose(analytic.imag / 1e-30, (dz * along).sum(), rtol=1e-14)
# assert np.allclose(dz, losses.mae(z, t)[1], rtol=1e-14)
# ```
# </details>
#
# **3.** Why not compute $p = \mathrm{sigmoid}(z)$ first and then $-\log(1 - p)$? Try $z = 20$, $t = 0$, badly wrong, in
# float32.
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
