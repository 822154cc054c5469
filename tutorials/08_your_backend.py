# %% [markdown]
# # 08 Your backend against the oracle
#
# **Do:** write a backend of five functions; have it checked; break it in three ways and read what the report says.
#
# **Learn:** why a comparison needs an order; how wide a bound has to be, and how that is computed; why one tolerance
# for everything is both too narrow and too wide.
#
# **Need:** tutorial 02.

# %%
import lesson
import matplotlib.pyplot as plt
import numpy as np

from refinr import oracle
from refinr.oracle import compare

plt.style.use(["tableau-colorblind10", {"figure.dpi": 80}])
np.seterr(all="ignore")  # cases hold the ends of their ranges, too

# %% [markdown]
# ## A backend
# Fast code is written for a machine: many operations in one, a network in another language. Is it right?
# `refinr.oracle` has *cases*: inputs, and what the reference makes of them. They have names such as `mlp.mlp.siren-7`,
# and patterns choose among them. A *backend* is anything with functions named like those of
# `refinr/oracle/operations.py`: arrays and options in by name, a dict of arrays out, gradients in the same call (`dy`
# in, the gradient by the result; `dz`, `dw`, ... out). Ours is plain NumPy. What it has not got it leaves out, or
# refuses with NotImplementedError.
#
# The report has a row for each family of cases. Its last column is the largest error over what is allowed; the row
# *call* is about what surrounds a call: whether a second one gives the same, whether inputs stay as they are.


# %%
class Mine:
    """Samples x (N, I) are shared by E networks, or (E, N, I); weights w are (E, I, O), biases b (E, 1, O).

    Options for other networks come too: `scale` is other activations', `octaves` are inputs that are encoded.
    """

    def sine(self, z, dy, omega):
        return {"y": np.sin(omega * z), "dz": omega * np.cos(omega * z) * dy}

    def linear(self, x, w, b, dy):
        dx = dy @ w.mT
        dx = dx.sum(axis=0) if x.ndim == 2 else dx
        return {"y": x @ w + b, "dw": x.mT @ dy, "db": dy.sum(axis=-2, keepdims=True), "dx": dx}

    def bce_with_logits(self, z, targets):
        e, n = np.exp(-abs(z)), z.shape[-2] * z.shape[-1]
        loss = np.maximum(z, 0) - targets * z + np.log1p(e)
        return {"loss": loss.sum() / n, "dz": (np.where(z > 0, 1, e) / (1 + e) - targets) / n}

    def adam(self, p, g, lr, beta1, beta2, eps):
        m, v = np.zeros_like(p), np.zeros_like(p)
        for t, gt in enumerate(g, start=1):
            m = beta1 * m + (1 - beta1) * gt
            v = beta2 * v + (1 - beta2) * gt**2
            p = p - lr * self.direction(m / (1 - beta1**t), v / (1 - beta2**t), eps)
        return {"m": m, "v": v, "p": p}

    def direction(self, m, v, eps):
        return m / (np.sqrt(v) + eps)

    def mlp(self, x, targets, activation, omega, scale, loss, octaves, **params):
        if (activation, loss, octaves) != ("sine", "bce", 0):
            raise NotImplementedError
        depth, h, result = len(params) // 2, [x], {}
        for i in range(depth):
            z = result[f"z{i}"] = h[i] @ params[f"w{i}"] + params[f"b{i}"]
            h.append(self.sine(z, z, omega)["y"])
        result |= {f"h{i}": h[i] for i in range(1, depth)}
        result |= self.bce_with_logits(z, targets)
        d = result["dz"]
        for i in reversed(range(depth)):
            back = self.linear(h[i], params[f"w{i}"], params[f"b{i}"], d)
            result |= {f"dw{i}": back["dw"], f"db{i}": back["db"]}
            d = back["dx"] if i == 0 else self.sine(result[f"z{i - 1}"], back["dx"], omega)["dz"]
        return result | {"dx": d}


families = ["activations.sine.*", "layers", "losses.bce*", "mlp.mlp.siren*", "optim"]
assert oracle.check_backend(Mine(), families, "float64", quiet=True).ok  # to begin with: rounding hides nothing there
assert oracle.check_backend(Mine(), families, "float32").ok

# %% [markdown]
# ## Broken on purpose
# Three easy mistakes. The derivative of `sin(omega z)` has a factor omega. A bias is added to every sample, so its
# gradient is a *sum* over samples, not a mean. Adam divides by `sqrt(v) + eps`, not by `sqrt(v + eps)`.


# %%
class NoOmega(Mine):
    def sine(self, z, dy, omega):
        return super().sine(z, dy, omega) | {"dz": np.cos(omega * z) * dy}


class Mean(Mine):
    def linear(self, x, w, b, dy):
        return super().linear(x, w, b, dy) | {"db": dy.sum(axis=-2, keepdims=True) / max(dy.shape[-2], 1)}


class EpsInside(Mine):
    def direction(self, m, v, eps):
        return m / np.sqrt(v + eps)


def failures(backend, families=families):
    """For each operation that fails, the text of the first case in which it does."""
    results = oracle.check_backend(backend, families, quiet=True).results
    return {result.operation: result.text for result in reversed(results) if result.state == "differ"}


factor, mean, eps_inside = failures(NoOmega()), failures(Mean()), failures(EpsInside())
print(*factor.values(), mean["linear"], eps_inside["adam"], sep="\n\n")
assert "dw1 differs\n  in forward order, agree before it: z0, h1, z1, h2, z2, loss, dz, dw2, db2\n" in factor["mlp"]
assert all(f"{part:.3g} relative" in text for part, text in ((29 / 30, factor["sine"]), (6 / 7, mean["linear"])))
assert float(factor["mlp"].split("exceeded ")[1].split(" times")[0]) > 1000
assert "mlp" not in failures(Mean(), ["mlp.mlp.siren-1"])  # one sample
assert "agree before it: m, v\n  6 of 21 values differ" in eps_inside["adam"]

# %% [markdown]
# Read the text about `mlp`. What comes after a mistake is wrong as well. So outputs are compared *in forward order*,
# then the loss, then gradients from the last layer to the first, and the first that differs is the one to look at.
# Here all agrees up to the last layer's gradients; `dw1` does not. Between `dw2` and `dw1` there are a product and a
# sine, and products have passed in `layers`. Sizes tell more: 0.967 relative is 29/30, so a thirtieth has come out, and
# omega is 30. (An *ulp* is the distance from a number to the next one of its type.) The *worst* line ends with the
# factor by which a bound is exceeded, in the thousands: no rounding does that.
#
# The mean is N times too small: N = 7 samples here, and 0.857 is 6/7. With one sample it is right, so no test should
# have only one. Of Adam's results just 6 of 21 are wrong, those with tiny gradients: without these nobody would notice.
#
# ## How wide is a bound?
# A right backend is off too, by rounding. How far may it be? The usual answer is `np.allclose`, its tolerances widened
# until the tests pass. In float32 the default ones refuse right results: long sums of products, layers of a network.
# With an absolute one of 1e-5 all of ours pass. But so does the gradient of *clipped* logits, a habit against overflow:
# where it should be 3e-40 it is 5e-7, and an absolute tolerance does not see the difference.


# %%
class Clipped(Mine):
    def bce_with_logits(self, z, targets):
        clipped = super().bce_with_logits(np.clip(z, -12, 12), targets)
        return super().bce_with_logits(z, targets) | {"dz": clipped["dz"]}


def results(backend, dtype):
    """Operation, what a backend returns, and the `Output` that is expected, tensor by tensor."""
    for case in oracle.cases(families):
        try:
            got = getattr(backend, case.operation)(**case.inputs(dtype), **case.options)
        except NotImplementedError:
            continue
        if dtype in case.dtypes:
            yield from ((case.operation, np.asarray(got[name]), output) for name, output in case.outputs.items())


def refused(backend, atol):
    """Operations that an absolute tolerance refuses, and NumPy's relative one."""
    found = results(backend, "float32")
    return {operation for operation, got, o in found if not np.allclose(got, o.values, rtol=1e-5, atol=atol)}


assert refused(Mine(), 1e-8) == {"linear", "mlp"}
assert refused(Mine(), 1e-5) == refused(Clipped(), 1e-5) == set()
assert list(failures(Clipped())) == ["bce_with_logits"]
(case,) = oracle.cases("losses.bce_with_logits.extreme-0")
right, clipped = case.outputs["dz"].values, Clipped().bce_with_logits(**case.inputs("float64"))["dz"]
lost = case.arrays["z"] == -88.5
assert {f"{slope:.0e}" for slope in right[lost]} == {"3e-40"}
assert {f"{slope:.0e}" for slope in clipped[lost]} == {"5e-07"}

# %% [markdown]
# The oracle's bounds are not tuned but computed, for each value by itself. Let $u$ be the step from 1 to the next
# number of a type, $2^{-23}$ in float32. Each number carries the error that rounding may have given it, in *units* of
# $u$. An operation passes errors on, times how strongly it reacts, and adds its own. In $y = \sin(\omega z)$ the
# product is off by $|\omega z|$ units; the sine, nowhere steeper than 1, passes these on and adds its own rounding,
# $|y|$ units:
#
# $$\text{bound} = 8\,u\,(|\omega z| + |y|)$$
#
# The 8 is for what careful authors do in another order; a floor for results too small for the type comes on top. These
# rules run through whole networks, forward and back (`refinr/oracle/rounding.py`), and each type puts in its own $u$.

# %%
(case,) = oracle.cases("activations.sine.30-7")
z, y = case.arrays["z"], case.outputs["y"]
assert np.allclose(y.units, abs(30 * z) + abs(y.values), rtol=1e-12)
assert np.allclose(compare.tolerance(y, "float32"), 8 * 2.0**-23 * y.units, rtol=1e-12)
z = np.linspace(-1, 1, 2001, dtype="float32")
error = abs(np.sin(30 * z) - np.sin(30 * z.astype("float64")))
bound = 8 * 2.0**-23 * (abs(30 * z) + abs(np.sin(30 * z)))
assert (error <= bound).all()
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.plot(z, error, ".", markersize=3, label="error of sin(30 z) in float32")
axes.plot(z, bound / 8, label="bound / 8")
axes.set(xlabel="z", ylabel="absolute error", ylim=(0, 5e-6))
axes.legend(loc="upper center")
plt.show()

# %% [markdown]
# Each point below is a value: upwards its error (0 drawn as 1e-10), to the right its bound. Of the three broken
# backends those values are drawn that exceed their bounds. Both span many powers of ten. A horizontal line, an absolute
# tolerance, does not separate right from broken; the diagonal does. Float16 has fewer points: where a bound is as wide
# as the numbers, anything would pass, so the case is *not offered*. Of Adam's ten cases one is left.


# %% tags=["picture"]
def errors(backend, dtype):
    """Errors and bounds of all values, (2, n)."""
    pairs = ((abs(got - o.values), compare.tolerance(o, dtype)) for _, got, o in results(backend, dtype))
    return np.concatenate([np.stack(np.broadcast_arrays(*pair)).reshape(2, -1) for pair in pairs], axis=1)


figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharex=True, sharey=True, layout="constrained")
for a, dtype in zip(axes, ("float32", "float16"), strict=True):
    error, bound = errors(Mine(), dtype)
    assert (error <= bound).all()
    a.loglog(bound, np.maximum(error, 1e-10), "C0.", markersize=4, label="right")
    wrong, its_bound = np.concatenate([errors(broken(), dtype) for broken in (NoOmega, Mean, EpsInside)], axis=1)
    wrong, its_bound = wrong[wrong > its_bound], its_bound[wrong > its_bound]
    assert wrong.min() < error.max()
    a.loglog(its_bound, wrong, "C1.", markersize=4, label="broken")
    a.plot([1e-10, 10], [1e-10, 10], "k", linewidth=1, label="error = bound")
    a.set(title=dtype, xlabel="bound", ylabel="error", xlim=(1e-9, 10), ylim=(5e-11, 100))
axes[1].legend(loc="upper left")
plt.show()
assert not any("float16" in case.dtypes for case in oracle.cases("optim.adam.*step*"))
assert sorted("float16" in case.dtypes for case in oracle.cases("optim.adam.*")) == [False] * 9 + [True]

# %% [markdown]
# ## In your own tests
# With pytest, a decorator makes a test of each case:
#
# ```python
# @oracle.parametrize_cases("layers", xfail={"layers.linear.2x0*": "no empty batches yet"})
# def test_layers(case):
#     got = my_backend.linear(**case.inputs("float32"), **case.options)
#     oracle.assert_matches(got, case.expected("float32"), case)
# ```
#
# Known failures are strict: one that passes is an error. In a shell, it is `refinr oracle check my_backend`.

# %% [markdown]
# ## Your turn
# Another function of a backend: the rectified linear unit, with its gradient. Put it in place of the dots. Beware of 0
# and of NaN: the oracle has cases with both, and what comes in as NaN has to come out as NaN.


# %%
class Yours:
    def relu(self, z, dy):
        dz = ...
        return {"y": np.maximum(z, 0), "dz": dz}


lesson.check_backend(Yours(), "activations.relu.*")

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# class Yours:
#     def relu(self, z, dy):
#         return {"y": np.maximum(z, 0), "dz": np.where(z > 0, dy, 0.0)}
#
#
# lesson.check_backend(Yours(), "activations.relu.*")
# ```
# </details>

# %% [markdown]
# ## Summary
# - Outputs are compared in forward order, gradients from the last layer to the first: the first that differs is where
#   to look, and by how much it differs says what is wrong.
# - A bound belongs to a value. One tolerance for all is too narrow for some and too wide for others.
# - Bounds are computed: errors in units of the type's smallest step, carried through every operation.
# - A case that could not tell right from wrong in some type is not offered in it.

# %% [markdown]
# ## Exercises
# **1.** Leave omega out of `y`, too. Which tensor of the network `mlp.mlp.siren-7` differs first?
# <details><summary>Solution</summary>
#
# ```python
# class NoOmegaAtAll(Mine):
#     def sine(self, z, dy, omega):
#         return super().sine(z, dy, 1.0)
#
#
# assert "h1 differs\n  in forward order, agree before it: z0\n" in failures(NoOmegaAtAll())["mlp"]
# ```
# </details>
#
# **2.** Which cases of `layers` does `Mean` pass?
# <details><summary>Solution</summary>
#
# ```python
# passed = [r.case for r in oracle.check_backend(Mean(), "layers", quiet=True).results if r.state == "passed"]
# assert passed == [case.name for case in oracle.cases("layers") if case.arrays["dy"].shape[1] < 2]
# ```
# </details>
#
# **3.** Write the test of the section *In your own tests* without pytest, for float16.
# <details><summary>Solution</summary>
#
# ```python
# for case in oracle.cases("layers"):
#     if "float16" in case.dtypes:
#         oracle.assert_matches(Mine().linear(**case.inputs("float16")), case.expected("float16"), case)
# assert sum("float16" in case.dtypes for case in oracle.cases("layers")) == 24
# ```
# </details>
