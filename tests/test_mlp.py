"""The network: its gradient by two independent ways, its laws of initialisation, and one network among many."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from refinr import mlp
from refinr.mlp import MLP
from tests.helpers import assert_close, assert_equal_exact, complex_step_gradient
from tests.strategies import Net, net, tiny_nets
from tests.test_activations import FORMULAS

ACTIVATIONS = pytest.mark.parametrize("activation", FORMULAS)


def _sensitivity(case: Net) -> float:
    """How much a rounding error may grow on its way through the network and back.

    Each layer passes an error on times its activation's slope and its largest column sum of weights; the gradient bends
    by the slope once more.
    """
    slope = 4 * max(case.spec.omega, case.spec.scale, 1.0)
    columns = [abs(case.params[f"w{i}"]).sum(axis=-2).max() for i in range(case.spec.depth)]
    return (1 + slope) * math.prod(1 + slope * column for column in columns)


def _assert_gradients_close(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], case: Net) -> None:
    assert actual.keys() == expected.keys()
    size = max(abs(gradient).max() for gradient in expected.values())
    for name in expected:
        assert_close(actual[name], expected[name], conditioning=size * _sensitivity(case), terms=case.dz.size)


def _gradients(case: Net) -> dict[str, np.ndarray]:
    _, cache = mlp.forward(case.spec, case.params, case.x)
    grads, dx = mlp.backward(case.spec, case.params, cache, case.dz)
    return {**grads, "x": dx}


def _select(case: Net, indices: list[int]) -> Net:
    params = {name: value[indices] for name, value in case.params.items()}
    x = case.x if case.x.ndim == 2 else case.x[indices]
    return Net(case.spec, params, x, case.dz[indices])


def _astype(case: Net, dtype: str) -> Net:
    params = {name: value.astype(dtype) for name, value in case.params.items()}
    return Net(case.spec, params, case.x.astype(dtype), case.dz.astype(dtype))


# --- forward and backward --------------------------------------------------------------------------------------------


def _naive_sine_network(case: Net, e: int, n: int) -> list[float]:
    h = (case.x if case.x.ndim == 2 else case.x[e])[n].tolist()
    for i in range(case.spec.depth):
        w, b = case.params[f"w{i}"][e], case.params[f"b{i}"][e, 0]
        z = [math.fsum([*(h[k] * w[k, j] for k in range(len(h))), b[j]]) for j in range(len(b))]
        h = z if i == case.spec.depth - 1 else [math.sin(case.spec.omega * value) for value in z]
    return h


@given(tiny_nets(("sine",)))
def test_forward_vs_naive_loop(case):
    z, _ = mlp.forward(case.spec, case.params, case.x)
    nets, n, _ = case.dz.shape
    expected = np.array([[_naive_sine_network(case, e, i) for i in range(n)] for e in range(nets)])
    assert_close(z, expected, conditioning=_sensitivity(case))


@given(tiny_nets())
def test_gradient_of_the_whole_network_vs_complex_step(case):
    def scalar(name: str, value: np.ndarray) -> complex:
        # everything complex: in-place additions keep their left side's dtype
        arrays = {key: array + 0j for key, array in {**case.params, "x": case.x, name: value}.items()}
        x = arrays.pop("x")
        return (mlp.forward(case.spec, arrays, x)[0] * case.dz).sum()

    everything = {**case.params, "x": case.x}
    expected = {name: complex_step_gradient(partial(scalar, name), value) for name, value in everything.items()}
    _assert_gradients_close(_gradients(case), expected, case)


@ACTIVATIONS
@pytest.mark.parametrize("shared", [True, False], ids=["shared x", "x per network"])
def test_gradient_of_the_whole_network_vs_jax(activation, shared):
    case = net(MLP((2, 7, 5, 3), activation), 2, 6, seed=0, shared=shared)

    def scalar(arrays):
        h = arrays["x"]
        for i in range(3):
            h = jnp.matmul(h if i == 0 else FORMULAS[activation](h), arrays[f"w{i}"]) + arrays[f"b{i}"]
        return (h * case.dz).sum()

    expected = jax.jit(jax.grad(scalar))({**case.params, "x": case.x})
    _assert_gradients_close(_gradients(case), {name: np.asarray(g) for name, g in expected.items()}, case)


@given(tiny_nets(tuple(FORMULAS)))
def test_gradient_of_the_batch_is_the_sum_over_samples(case):
    total = {name: np.zeros_like(value) for name, value in case.params.items()}
    for n in range(case.dz.shape[1]):
        one = Net(case.spec, case.params, case.x[..., n : n + 1, :], case.dz[:, n : n + 1])
        gradients = _gradients(one)
        for name in total:
            total[name] += gradients[name]
    batch = _gradients(case)
    del batch["x"]
    _assert_gradients_close(batch, total, case)


@given(tiny_nets(tuple(FORMULAS)))
def test_shapes_and_names(case):
    z, cache = mlp.forward(case.spec, case.params, case.x)
    assert z.shape == case.dz.shape
    grads, dx = mlp.backward(case.spec, case.params, cache, case.dz)
    assert list(grads) == list(case.params)
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in case.params.items()}
    assert dx.shape == case.x.shape


@given(tiny_nets(tuple(FORMULAS)))
def test_without_an_input_gradient_the_others_are_the_same(case):
    _, cache = mlp.forward(case.spec, case.params, case.x)
    grads, _ = mlp.backward(case.spec, case.params, cache, case.dz)
    only, nothing = mlp.backward(case.spec, case.params, cache, case.dz, input_gradient=False)
    assert nothing is None
    for name, gradient in grads.items():
        assert_equal_exact(only[name], gradient)


@ACTIVATIONS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_in_is_dtype_out(activation, dtype):
    case = _astype(net(MLP((2, 4, 4, 1), activation), 2, 5, seed=0), dtype)
    z, _ = mlp.forward(case.spec, case.params, case.x)
    assert {array.dtype for array in (z, *_gradients(case).values())} == {np.dtype(dtype)}


@pytest.mark.parametrize("shape", [(), (2,), (5,), (5, 1), (5, 3), (2, 5, 3)])
def test_x_of_another_width(shape):
    spec = MLP((2, 4, 1))
    with pytest.raises(ValueError, match="x: expected samples of width 2, got shape"):
        mlp.forward(spec, mlp.init(spec), np.zeros(shape, "float32"))


# --- one network among many ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [True, False], ids=["shared x", "x per network"])
@pytest.mark.parametrize(
    ("sizes", "samples"),
    [
        ((2, 16, 16, 16, 1), 1024),  # the networks that `refinr.fit` trains
        ((1, 16, 16, 1), 1024),
        ((3, 12, 12, 3), 256),
        ((2, 33, 1), 100),
        ((4, 1, 1, 2), 7),
        ((2, 16, 1), 1),
    ],
)
def test_a_network_computes_the_same_bits_in_any_company(sizes, samples, shared):
    case = _astype(net(MLP(sizes), 5, samples, seed=1, shared=shared), "float32")
    z, _ = mlp.forward(case.spec, case.params, case.x)
    together = _gradients(case)
    for indices in ([0], [4], [3, 1]):
        few = _select(case, indices)
        own, _ = mlp.forward(few.spec, few.params, few.x)
        assert_equal_exact(own, z[indices])
        gradients = _gradients(few)
        for name in case.params:
            assert_equal_exact(gradients[name], together[name][indices])
        if not shared:
            assert_equal_exact(gradients["x"], together["x"][indices])


def test_a_network_without_the_leading_axis_computes_the_same_bits():
    case = _astype(net(MLP((2, 16, 16, 1)), 1, 64, seed=0), "float32")
    bare = Net(case.spec, {name: value[0] for name, value in case.params.items()}, case.x, case.dz[0])
    assert_equal_exact(
        mlp.forward(bare.spec, bare.params, bare.x)[0], mlp.forward(case.spec, case.params, case.x)[0][0]
    )
    expected = _gradients(case)
    for name, gradient in _gradients(bare).items():
        assert_equal_exact(gradient, expected[name] if name == "x" else expected[name][0])


# --- initialisation --------------------------------------------------------------------------------------------------


def _assert_uniform(values: np.ndarray, bound: float) -> None:
    """Values look drawn from U(-bound, bound); the seeds are fixed, so this cannot fail by chance."""
    if bound == 0.0:
        assert not values.any()
        return
    assert abs(values).max() <= bound * (1 + 2**-52)  # the bound itself may round
    assert stats.kstest(values.ravel() / bound, "uniform", args=(-1, 2)).pvalue > 1e-3


# bounds of w0, b0, w1, b1, w2, b2 for sizes (3, 20, 30, 40) and omega = 25, as the papers have them
SIREN = [(6 / 20) ** 0.5 / 25, 20**-0.5, (6 / 30) ** 0.5 / 25, 30**-0.5]  # from the second layer on
LAWS = {
    "sine": [1 / 3, 3**-0.5, *SIREN],
    "finer": [1 / 3, 1.0, *SIREN],
    "relu": [(6 / 3) ** 0.5, 0.0, (6 / 20) ** 0.5, 0.0, (6 / 30) ** 0.5, 0.0],
    "tanh": [(6 / 23) ** 0.5, 0.0, (6 / 50) ** 0.5, 0.0, (6 / 70) ** 0.5, 0.0],
    "gauss": [3**-0.5, 3**-0.5, 20**-0.5, 20**-0.5, 30**-0.5, 30**-0.5],
}
LAWS |= {"finer-stopped": LAWS["finer"], "gelu": LAWS["relu"], "wire": LAWS["gauss"]}


@ACTIVATIONS
def test_laws_of_initialisation(activation):
    params = mlp.init(MLP((3, 20, 30, 40), activation, omega=25.0), nets=40, dtype="float64")
    for (name, value), bound in zip(params.items(), LAWS[activation], strict=True):
        assert name in ("w0", "b0", "w1", "b1", "w2", "b2")
        _assert_uniform(value, bound)


@ACTIVATIONS
@pytest.mark.parametrize("first_scale", [50.0, (50.0, 7.0, 0.5)], ids=["one scale", "one an axis"])
def test_first_scale_bounds_what_the_first_layer_does_in_effect(activation, first_scale):
    spec = MLP((3, 20, 30, 40), activation, omega=25.0, scale=8.0, first_scale=first_scale)
    params = mlp.init(spec, nets=200, dtype="float64")
    gain = {"gauss": 8.0, "relu": 1.0, "tanh": 1.0, "gelu": 1.0}.get(activation, 25.0)
    for axis, bound in enumerate(np.broadcast_to(first_scale, 3)):
        _assert_uniform(gain * params["w0"][:, axis], float(bound))
    _assert_uniform(gain * params["b0"], math.pi)
    for name, bound in zip(("w1", "b1", "w2", "b2"), LAWS[activation][2:], strict=True):
        _assert_uniform(params[name], bound)  # all other layers are as they were


def test_a_network_is_drawn_the_same_in_any_company():
    spec = MLP((2, 5, 1))
    ten = mlp.init(spec, nets=10, seed=3)
    for indices in ([7], [7, 2], range(4, 9)):
        few = mlp.init(spec, nets=indices, seed=3)
        for name in ten:
            assert_equal_exact(few[name], ten[name][list(indices)])


def test_index_seed_and_attempt_each_make_another_network():
    spec = MLP((2, 5, 1))
    drawn = [
        mlp.init(spec, nets=[index], seed=seed, attempt=attempt)["w0"].tobytes()
        for index in range(4)
        for seed in range(4)
        for attempt in range(4)
    ]
    assert len(set(drawn)) == 64
    again = mlp.init(spec, nets=[3], seed=3, attempt=3)["w0"].tobytes()
    assert again == drawn[-1]


def test_single_precision_is_double_precision_rounded():
    spec = MLP((2, 5, 1))
    double, single = mlp.init(spec, nets=3, dtype="float64"), mlp.init(spec, nets=3)
    for name in double:
        assert_equal_exact(single[name], double[name].astype("float32"))


def test_one_network_is_drawn_without_the_leading_axis():
    spec = MLP((2, 5, 4, 1))
    one = mlp.init_one(spec, np.random.default_rng(0))
    assert {name: (value.shape, value.dtype) for name, value in one.items()} == {
        name: (value.shape[1:], np.dtype("float64")) for name, value in mlp.init(spec).items()
    }


@pytest.mark.parametrize("nets", [0, -1, []])
def test_no_network_at_all(nets):
    with pytest.raises(ValueError, match="nets: expected at least one network"):
        mlp.init(MLP((2, 1)), nets=nets)


@given(tiny_nets())
def test_parameter_count_is_what_is_stored(case):
    params = mlp.init(case.spec)
    assert mlp.parameter_count(case.spec) == sum(value.size for value in params.values())
    assert {name: value.shape[1:] for name, value in params.items()} == {
        name: value.shape[1:] for name, value in case.params.items()
    }


# --- the specification -----------------------------------------------------------------------------------------------


def test_a_specification_is_a_frozen_value():
    spec = MLP([2, 16, 1], first_scale=[1, 2])
    assert spec == MLP((2, 16, 1), first_scale=(1.0, 2.0))
    assert hash(spec) == hash(MLP((2, 16, 1), first_scale=(1.0, 2.0)))
    assert spec.depth == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.omega = 1.0


@given(axes=st.integers(1, 5), outputs=st.integers(1, 20_000), layers=st.integers(2, 5), share=st.floats(0.1, 4.0))
def test_widths_are_the_largest_that_a_share_allows(axes, outputs, layers, share):
    hidden = mlp.widths(axes, outputs, layers=layers, share=share)
    width = hidden[0]
    assert hidden == (width,) * layers
    assert 8 <= width <= 128
    more, less = (mlp.parameter_count(MLP((axes, *[w] * layers, 1))) for w in (width + 1, width))
    assert width == 128 or more > share * outputs * (1 - 1e-12)
    assert width == 8 or less <= share * outputs * (1 + 1e-12)


def test_the_defaults_are_those_of_siren():
    spec = MLP((2, 1))
    assert (spec.activation, spec.omega, spec.first_scale, spec.layer) == ("sine", 30.0, None, "linear")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": ()}, "sizes: expected two or more positive widths"),
        ({"sizes": (2,)}, "sizes: expected two or more positive widths"),
        ({"sizes": (2, 0, 1)}, "sizes: expected two or more positive widths"),
        ({"sizes": (2, -3, 1)}, "sizes: expected two or more positive widths"),
        ({"activation": "sin"}, "activation: unknown name 'sin'"),
        ({"layer": "convolution"}, "layer: unknown name 'convolution'"),
        ({"first_scale": (1.0,)}, "first_scale: expected 2 numbers, one per input"),
        ({"first_scale": [1.0, 2.0, 3.0]}, "first_scale: expected 2 numbers, one per input"),
    ],
)
def test_wrong_specifications_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**{"sizes": (2, 16, 1), **arguments})


@pytest.mark.parametrize("name", ["omega", "scale"])
@pytest.mark.parametrize("value", [0.0, -30.0, math.nan, math.inf])
def test_frequencies_and_scales_are_positive_and_finite(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected a positive number, got {value}"):
        MLP((2, 16, 1), **{name: value})


@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5), nets=st.integers(1, 4), seed=st.integers(0, 99))
def test_packing_keeps_every_parameter(sizes, nets, seed):
    spec = mlp.MLP(tuple(sizes))
    params = mlp.init(spec, nets, seed)
    rows = mlp.pack(params)
    assert rows.shape == (nets, mlp.parameter_count(spec))
    for name, p in mlp.unpack(spec, rows).items():
        assert_equal_exact(p, params[name])


@pytest.mark.parametrize(("nets", "stack"), [(1, 3), (3, 1), (3, 2)])
def test_inputs_for_other_networks_are_refused(nets, stack):
    spec = MLP((2, 4, 1))
    with pytest.raises(ValueError, match="one \\(N, I\\) per network"):
        mlp.forward(spec, mlp.init(spec, nets), np.zeros((stack, 5, 2), dtype=np.float32))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_first_scales_are_positive_and_finite(scale):
    for first_scale in (scale, (1.0, scale)):
        with pytest.raises(ValueError, match=r"first_scale: expected positive numbers, got \("):
            MLP((2, 4, 1), first_scale=first_scale)


def test_first_scales_are_python_floats_one_or_one_an_input():
    assert MLP((2, 4, 1), first_scale=np.float32(3)).first_scale == 3.0
    for numbers in ((3, 4), [3, 4], np.array([3, 4])):
        scales = MLP((2, 4, 1), first_scale=numbers).first_scale
        assert scales == (3.0, 4.0)
        assert [type(s) for s in scales] == [float, float]


def test_without_being_told_one_network_of_seed_0():
    spec = MLP((2, 4, 1))
    drawn, expected = mlp.init(spec), mlp.init(spec, 1, 0, "float32", attempt=0)
    for name in expected:
        assert_equal_exact(drawn[name], expected[name])


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64"])
def test_parameters_are_real_numbers(dtype):
    with pytest.raises(TypeError, match=f"dtype: expected a float dtype, got {dtype}"):
        mlp.init(MLP((2, 4, 1)), dtype=dtype)


# --- ternary ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["ternary", "ternary-integer"])
def test_what_is_stored_gives_the_same_outputs(layer):
    spec = MLP((4, 8, 3), "relu", layer=layer)
    params = mlp.init(spec, 2)
    frozen = mlp.freeze(spec, params)
    found = {name: (p.shape, p.dtype.name) for name, p in frozen.items()}
    assert found == mlp.stored(spec, 2)
    assert {name: dtype for name, (_, dtype) in found.items() if name[0] == "w"} == {"w0": "int8", "w1": "int8"}
    assert {name for name in found if name[0] == "s"} == ({"s0", "s1"} if layer == "ternary" else set())
    x = np.random.default_rng(0).uniform(-1, 1, (7, 4)).astype("float32")
    codes = {name: p.astype("float32") for name, p in frozen.items()}
    assert_equal_exact(mlp.forward(spec, codes, x)[0], mlp.forward(spec, params, x)[0], bitwise=True)


def test_ternary_weights_and_oscillating_activations():
    with pytest.raises(ValueError, match="activation: ternary weights lose the initialisation that 'sine' lives by"):
        MLP((4, 8, 1), "sine", layer="ternary")
    assert MLP((4, 8, 1), "sine", layer="ternary", experimental=True).experimental
    assert MLP((4, 8, 1), "relu", layer="ternary", experimental=True).activation == "relu"


# --- the paper's -----------------------------------------------------------------------------------------------------


def test_the_network_of_the_papers_code():
    spec = MLP.official()
    assert spec == MLP((3, 512, 512, 512, 512, 512, 512, 1), "sine", omega=30.0)
    assert MLP.official(2, 4, width=8, hidden=0).sizes == (2, 8, 4)
