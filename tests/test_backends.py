"""One code for every array library: all functions of the lower floors, on every backend, in both precisions.

Each case is a function and its arguments on the host.  Whatever the backend, the arguments stay as they are, results
stay in their library, on their device and in their dtype, and the values are those of plain NumPy.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refinr import (
    activations,
    coords,
    description,
    kinds,
    layers,
    lookups,
    losses,
    metrics,
    mlp,
    optim,
    planes,
    ternary,
    xp,
)
from tests.helpers import assert_close, assert_equal_exact
from tests.strategies import net

_rng = np.random.default_rng(0)
_z = 0.3 * _rng.standard_normal((2, 5, 3))
_dy = _rng.standard_normal((2, 5, 3))
_bits = _rng.integers(0, 2, (2, 5, 3)).astype(float)
_x = _rng.uniform(-1, 1, (5, 2))
_frequencies = 10 * _rng.standard_normal((2, 4))
_weights, _biases = _rng.standard_normal((2, 2, 3)), _rng.standard_normal((2, 1, 3))
_rows, _square = _rng.standard_normal((5, 4)), _rng.standard_normal((2, 4, 3))
_params, _grads = ({"w0": _rng.standard_normal((2, 3, 4)), "b0": _rng.standard_normal((2, 1, 4))} for _ in range(2))
_rates = np.array([1e-3, 1e-2]).reshape(2, 1, 1)


def _there_and_back(forward: Callable, backward: Callable, **options: Any) -> Callable:
    def both(x: Any, dy: Any) -> tuple:
        y, cache = forward(x, **options)
        return y, backward(dy, cache)

    return both


def _linear(x: Any, w: Any, b: Any, dy: Any) -> tuple:
    y, cache = layers.linear(x, w, b)
    return y, layers.linear_backward(dy, cache)


def _ternary(forward: Callable, backward: Callable, **options: Any) -> Callable:
    def both(x: Any, w: Any, dy: Any) -> tuple:
        y, cache = forward(x, w, **options)
        return y, backward(dy, cache)

    return both


def _three_steps(params: dict, grads: dict, lr: Any, t: Any) -> tuple:
    state = optim.adam_init(params)._replace(t=t)
    for _ in range(3):
        params, state = optim.adam_step(params, grads, state, lr)
    return params, state.m, state.v


def _momentum(p: Any, g: Any) -> tuple:
    sgd = optim.SGD()
    p, state = sgd.step(p, g, sgd.init(p), 1, _rates)
    return sgd.step(p, g, state, 2, 1e-2)


def _packing() -> tuple[Callable, tuple]:
    case = net(mlp.MLP((2, 6, 1)), 2, 5, seed=0)
    return lambda params: (rows := mlp.pack(params), mlp.unpack(case.spec, rows)), (case.params,)


def _freezing(layer: str) -> tuple[Callable, tuple]:
    case = net(mlp.MLP((4, 6, 1), "relu", layer=layer), 2, 5, seed=0)

    def outputs(params: dict, x: Any) -> Any:
        frozen = {name: xp.namespace(x).astype(p, x.dtype) for name, p in mlp.freeze(case.spec, params).items()}
        return mlp.forward(case.spec, frozen, x)[0]

    return outputs, (case.params, case.x)


def _network(activation: str, layer: str = "linear", inputs: int = 2) -> tuple[Callable, tuple]:
    case = net(mlp.MLP((inputs, 6, 6, 1), activation, layer=layer), 2, 5, seed=0)

    def both(params: dict, x: Any, dz: Any) -> tuple:
        z, cache = mlp.forward(case.spec, params, x)
        return z, mlp.backward(case.spec, params, cache, dz)

    return both, (case.params, case.x, case.dz)


def _looked_up(grid: lookups.Grid, features: int) -> tuple[Callable, tuple]:
    tables = lookups.init(grid, features, nets=2, dtype="float64")

    def both(tables: dict, dy: Any) -> tuple:
        y, cache = lookups.forward(tables, lookups.beside(grid, dy))
        return y, lookups.backward(dy, cache)

    return both, (tables, _rng.standard_normal((2, len(grid[0].rows), features * len(grid))))


FLOAT_CASES: dict[str, tuple[Callable, tuple]] = {
    "positional_encoding": (lambda x: coords.positional_encoding(x, 3), (_x,)),
    "positional_encoding_backward": (
        lambda dy, x: coords.positional_encoding_backward(dy, x, 3),
        (_rng.standard_normal((5, 14)), _x),
    ),
    "fourier_features": (coords.fourier_features, (_x, _frequencies)),
    "fourier_features_backward": (
        coords.fourier_features_backward,
        (_rng.standard_normal((5, 8)), _x, _frequencies),
    ),
    **{
        name: (_there_and_back(a.forward, a.backward, **a.constants), (_z, _dy))
        for name, a in activations.ACTIVATIONS.items()
    },
    "normal_cdf": (activations.normal_cdf, (5 * _z,)),
    **{name: (loss, (4 * _z, _bits)) for name, loss in losses.LOSSES.items()},
    "bce_of_sigmoid": (losses.bce_of_sigmoid, (4 * _z, _bits)),
    "linear": (_linear, (_x, _weights, _biases, _dy)),
    "linear, one network": (_linear, (_x, _weights[0], _biases[0], _dy[0])),
    "linear, one output": (_linear, (_x, _weights[..., :1], _biases[..., :1], _dy[..., :1])),
    "weight_codes": (ternary.weight_codes, (_weights,)),
    "activation_codes": (ternary.activation_codes, (_dy,)),
    "official_weights": (ternary.official_weights, (_weights,)),
    "official_activations": (ternary.official_activations, (_dy,)),
    "layer_norm": (_there_and_back(ternary.layer_norm, ternary.layer_norm_backward), (_dy, _z)),
    "ternary": (_ternary(ternary.linear, ternary.linear_backward), (_rows, _square, _dy)),
    "ternary, official": (
        _ternary(ternary.linear, ternary.linear_backward, faithful="official"),
        (_rows, _square, _dy),
    ),
    "ternary, one output": (_ternary(ternary.linear, ternary.linear_backward), (_rows, _square[..., :1], _dy[..., :1])),
    "integer": (_ternary(ternary.integer_linear, ternary.integer_linear_backward), (_rows, _square, _dy)),
    **{f"freeze, {layer}": _freezing(layer) for layer in mlp.LAYERS},
    **{f"network, {layer}": _network("relu", layer, 4) for layer in mlp.LAYERS},
    "adam": (lambda params, grads: _three_steps(params, grads, 1e-2, 0), (_params, _grads)),
    "adam, a step size and a step number a network": (
        lambda params, grads: _three_steps(params, grads, _rates, np.array([0, 9]).reshape(2, 1, 1)),
        (_params, _grads),
    ),
    "sgd": (_momentum, (_params["w0"], _grads["w0"])),
    "pack, unpack": _packing(),
    "hash grid": _looked_up(lookups.hash_grid((4, 5), levels=2, coarsest=2, growth=2.0, length=12), 2),
    "a row a sample": _looked_up(lookups.per_sample(6), 3),
    **{f"network, {name}": _network(name) for name in activations.ACTIVATIONS},
}

_codes = {size: _rng.integers(0, 2**size, (3, 4), dtype=f"uint{size}") for size in (8, 16, 32, 64)}
_image, _other = _rng.integers(0, 256, (2, 12, 13), dtype="uint8")

INTEGER_CASES: dict[str, tuple[Callable, tuple]] = {
    **{
        f"to_planes, {size} bits by {radix}{', gray' * gray}": (
            lambda codes, size=size, radix=radix, gray=gray: planes.to_planes(codes, size, radix_bits=radix, gray=gray),
            (codes,),
        )
        for size, codes in _codes.items()
        for radix, gray in [(1, False), (1, True), (3, False), (8, True)]
    },
    **{
        f"from_planes, {size} bits by {radix}{', gray' * gray}": (
            lambda digits, size=size, radix=radix, gray=gray: planes.from_planes(
                digits, size, radix_bits=radix, gray=gray, dtype=f"uint{size}"
            ),
            (planes.to_planes(codes, size, radix_bits=radix, gray=gray),),
        )
        for size, codes in _codes.items()
        for radix, gray in [(1, False), (1, True), (3, False), (8, True)]
    },
    **{f"to_gray, {size} bits": (planes.to_gray, (codes,)) for size, codes in _codes.items()},
    **{f"from_gray, {size} bits": (planes.from_gray, (codes,)) for size, codes in _codes.items()},
}

METRIC_CASES: dict[str, Callable] = {
    "wrong_bits_per_plane": lambda a, b: metrics.wrong_bits_per_plane(a, b, 8),
    "bit_error_rate": lambda a, b: metrics.bit_error_rate(a, b, 8),
    "bit_error_rate_per_plane": lambda a, b: metrics.bit_error_rate_per_plane(a, b, 8),
    "rmse": metrics.rmse,
    "psnr": lambda a, b: metrics.psnr(a, b, 8),
    "ssim": lambda a, b: metrics.ssim(a, b, 8),
}


def _map(function: Callable, tree: Any) -> Any:
    """`function` of every array in nested tuples and dicts."""
    if isinstance(tree, dict):
        return {name: _map(function, value) for name, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_map(function, value) for value in tree)
    return function(tree)


def _leaves(tree: Any) -> list:
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, tuple):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def _run(function: Callable, arguments: tuple, backend: Any) -> list[np.ndarray]:
    """Leaves of the result, at home; on the way, everything but the values is checked."""
    there = _map(backend.array, arguments)
    result = _leaves(function(*there))
    for before, after in zip(_leaves(arguments), _leaves(there), strict=True):
        assert_equal_exact(backend.host(after), before)  # arguments are not written into
    like = _leaves(there)[0]
    for leaf in result:
        assert xp.namespace(leaf) is xp.namespace(like)
        assert leaf.device == like.device
    return [backend.host(leaf) for leaf in result]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FLOAT_CASES)
def test_floating_point_functions(name, dtype, backend):
    function, arguments = FLOAT_CASES[name]
    arguments = _map(lambda values: values.astype(dtype), arguments)
    expected = [np.asarray(leaf) for leaf in _leaves(function(*_map(np.array, arguments)))]
    for leaf, reference in zip(_run(function, arguments, backend), expected, strict=True):
        assert leaf.dtype == dtype
        if backend.name == "cupy":  # a sine of its own, whose last bit grows through frequencies and layers
            assert_close(leaf, reference, conditioning=1000 * abs(reference).max())
        else:  # NumPy underneath
            assert_equal_exact(leaf, reference)


@pytest.mark.parametrize("name", INTEGER_CASES)
def test_integer_functions(name, backend):
    function, arguments = INTEGER_CASES[name]
    (expected,) = _leaves(function(*arguments))
    (result,) = _run(function, arguments, backend)
    assert_equal_exact(result, expected)


@pytest.mark.parametrize("name", METRIC_CASES)
def test_metrics_are_numbers_on_the_host(name, backend):
    expected = METRIC_CASES[name](_image, _other)
    result = METRIC_CASES[name](backend.array(_image), backend.array(_other))
    assert type(result) is type(expected)
    assert_equal_exact(np.array(result), np.array(expected))


# --- nothing is forgotten --------------------------------------------------------------------------------------------

MODULES = [planes, coords, activations, losses, metrics, optim, layers, lookups, ternary, kinds, description, mlp]
ON_THE_HOST = {
    "between",
    "grid",
    "nyquist",
    "to_codes",
    "from_codes",
    "code_dtype",
    "count",
    "init",
    "init_one",
    "narrowest",
    "anything",
    "check_bits",
    "hash_grid",
    "lookup",
    "per_sample",
    "cost",
    "largest_sum",
    "pack_trits",
    "shapes",
    "stored",
    "shift",
    "unpack_trits",
    "parameter_count",
}
BY_NAME = {"find", "for_levels", "get", "get_layer", "schedule", "widths"}


def test_every_public_function_has_a_case():
    called = set()
    sys.setprofile(lambda frame, event, argument: called.add(frame.f_code))
    try:
        for function, arguments in [*FLOAT_CASES.values(), *INTEGER_CASES.values()]:
            function(*arguments)
        for function in METRIC_CASES.values():
            function(_image, _other)
    finally:
        sys.setprofile(None)
    functions = [
        (module.__name__, name, function)
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
    ]
    forgotten = [
        f"{module}.{name}"
        for module, name, function in functions
        if function.__code__ not in called and name not in ON_THE_HOST | BY_NAME
    ]
    assert not forgotten
