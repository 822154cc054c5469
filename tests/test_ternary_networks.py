"""Networks of ternary layers: what is trained and what is stored, in memory, in a file and on the command line."""

from __future__ import annotations

import dataclasses
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import refinr
from refinr import activations, cli, encodings, mlp, ternary
from refinr.files import container
from refinr.mlp import MLP
from tests.helpers import assert_equal_exact
from tests.strategies import net, seeds

KINDS = ("ternary", "ternary-integer")
LAYERS = pytest.mark.parametrize("layer", KINDS)
IMAGE = np.random.default_rng(0).integers(0, 8, (8, 6)).astype("uint8")
SMALL = {"hidden": (16, 16), "features": 16}


# --- the network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@LAYERS
def test_a_network_is_its_layers_one_after_another(layer, activation):
    if layer == "ternary-integer" and activation != "relu":
        activation = "relu"
    case = net(MLP((4, 6, 5, 2), activation, layer=layer, bits=5), 2, 7, seed=0)
    kind, act = mlp.LAYERS[layer], activations.ACTIVATIONS[activation]
    h0, c0 = kind.forward(case.x, case.params["w0"], bits=5)
    y0, a0 = act.forward(h0)
    h1, c1 = kind.forward(y0, case.params["w1"], bits=5)
    y1, a1 = act.forward(h1)
    expected, c2 = kind.forward(y1, case.params["w2"], bits=5)
    z, cache = mlp.forward(case.spec, case.params, case.x)
    assert_equal_exact(z, expected, bitwise=True)
    w2, d = kind.backward(case.dz, c2)
    w1, d = kind.backward(act.backward(d, a1), c1)
    w0, d = kind.backward(act.backward(d, a0), c0)
    grads, dx = mlp.backward(case.spec, case.params, cache, case.dz)
    assert list(grads) == ["w0", "w1", "w2"]
    for actual, gradient in zip((*grads.values(), dx), (w0, w1, w2, d), strict=True):
        assert_equal_exact(actual, gradient, bitwise=True)


@given(seeds, st.sampled_from(KINDS), st.sampled_from(["float32", "float64"]))
def test_what_is_stored_gives_the_same_bits(seed, layer, dtype):
    case = net(MLP((6, 9, 7, 1), "relu", layer=layer), 3, 5, seed)
    params = {name: p.astype(dtype) for name, p in case.params.items()}
    frozen = mlp.freeze(case.spec, params)
    assert {p.dtype for name, p in frozen.items() if name[0] == "w"} == {np.dtype("int8")}
    assert list(frozen) == (["w0", "s0", "w1", "s1", "w2", "s2"] if layer == "ternary" else ["w0", "w1", "w2"])
    there = {name: p.astype(dtype) for name, p in frozen.items()}
    x = case.x.astype(dtype)
    assert_equal_exact(mlp.forward(case.spec, there, x)[0], mlp.forward(case.spec, params, x)[0], bitwise=True)


@LAYERS
def test_counting_packing_and_drawing(layer):
    spec = MLP((4, 6, 1), "relu", layer=layer)
    assert mlp.shapes(spec) == {"w0": (4, 6), "w1": (6, 1)}
    assert mlp.parameter_count(spec) == 30
    params = mlp.init(spec, nets=3)
    rows = mlp.pack(params)
    assert rows.shape == (3, 30)
    for name, p in mlp.unpack(spec, rows).items():
        assert_equal_exact(p, params[name], bitwise=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "sine"}, r"activation: ternary weights lose the initialisation that 'sine' lives by"),
        ({"activation": "wire"}, r"set experimental=True to see it"),
        ({"activation": "relu", "bits": 1}, "bits: activations are quantised to 2 to 16 bits, got 1"),
        ({"activation": "relu", "bits": 17}, "bits: activations are quantised to 2 to 16 bits, got 17"),
        ({"activation": "relu", "first_scale": 2.0}, "first_scale: ternary weights have no scale to choose"),
        ({"activation": "gelu", "layer": "ternary-integer"}, "'ternary-integer' needs relu and sums below"),
        ({"activation": "relu", "layer": "binary"}, "layer: unknown name 'binary'; known are linear, ternary"),
    ],
    ids=str,
)
def test_networks_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        MLP((4, 6, 1), **({"layer": "ternary"} | options))


def test_the_experiment_may_have_its_sine():
    case = net(MLP((4, 6, 1), "sine", layer="ternary", experimental=True), 2, 5, seed=0)
    z, cache = mlp.forward(case.spec, case.params, case.x)
    h, layer_cache = ternary.linear(case.x, case.params["w0"])
    y, sine_cache = activations.sine(h, 30.0)
    expected, last_cache = ternary.linear(y, case.params["w1"])
    assert_equal_exact(z, expected, bitwise=True)
    grads, _ = mlp.backward(case.spec, case.params, cache, case.dz)
    dw1, d = ternary.linear_backward(case.dz, last_cache)
    dw0, _ = ternary.linear_backward(activations.sine_backward(d, sine_cache), layer_cache)
    assert_equal_exact(grads["w1"], dw1)
    assert_equal_exact(grads["w0"], dw0)


# --- from samples to a file ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=KINDS)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[refinr.INR, Path]:
    inr = refinr.fit(IMAGE, layer=request.param, **SMALL)
    path = tmp_path_factory.mktemp("ternary") / "image.inr"
    inr.save(path)
    return inr, path


def test_a_fit_is_exact_and_keeps_codes_and_scales_only(fitted):
    inr, _ = fitted
    assert inr.lossless
    assert_equal_exact(inr.decode(), IMAGE)
    sizes = {"w0": (3, 32, 16), "w1": (3, 16, 16), "w2": (3, 16, 1)}
    scales = {"s0": (3, 1, 1), "s1": (3, 1, 1), "s2": (3, 1, 1)} if inr.layout.spec.layer == "ternary" else {}
    assert {name: p.shape for name, p in inr.params.items()} == sizes | scales
    assert {name: str(p.dtype) for name, p in inr.params.items()} == dict.fromkeys(sizes, "int8") | dict.fromkeys(
        scales, "float32"
    )
    assert inr.report.parameters == 3 * (32 * 16 + 16 * 16 + 16)


def test_a_file_holds_five_trits_a_byte_and_gives_the_same_bits(fitted):
    inr, path = fitted
    arrays = safetensors.numpy.load_file(path)
    assert arrays.keys() == {*inr.params, "checksums"}
    for name, p in inr.params.items():
        if name[0] == "w":
            assert (arrays[name].dtype, arrays[name].shape) == (np.uint8, (-(-p.size // 5),))
    back = refinr.load(path)
    report = dataclasses.replace(back.report, seconds=inr.report.seconds)  # which files do not hold
    assert (back.layout, report, back.checksum) == (inr.layout, inr.report, inr.checksum)
    assert back.params.keys() == inr.params.keys()
    for name, p in inr.params.items():
        assert_equal_exact(back.params[name], p, bitwise=True)
    assert_equal_exact(back.logits(), inr.logits(), bitwise=True)
    assert_equal_exact(back.decode(), IMAGE)


def test_a_flipped_byte_raises(fitted, tmp_path):
    content = bytearray(fitted[1].read_bytes())
    body = 8 + struct.unpack_from("<Q", content)[0]
    for position in range(body, len(content), 7):
        content[position] ^= 0xFF
        (tmp_path / "flipped.inr").write_bytes(content)
        with pytest.raises(ValueError, match=r"flipped\.inr: damaged, its content is not what was written"):
            refinr.load(tmp_path / "flipped.inr")
        content[position] ^= 0xFF


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.pop("w1"),
        lambda a: a.update(w3=a["w1"]),
        lambda a: a.update(w0=a["w0"][1:]),
        lambda a: a.update(w0=a["w0"].astype("int16")),
        lambda a: a.update(w0=np.full_like(a["w0"], 243)),
    ],
    ids=["missing", "one too many", "shorter", "another kind", "no trits"],
)
def test_arrays_that_are_no_packed_trits_are_refused(fitted, tmp_path, change):
    arrays, description = container.read(fitted[1])
    change(arrays)
    container.write(tmp_path / "other.inr", arrays, description)
    with pytest.raises(ValueError, match=r"other\.inr: its arrays are not those that its description speaks of"):
        refinr.load(tmp_path / "other.inr")


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["layout"]["encoding"].update(period=3),
        lambda d: d["layout"]["encoding"].update(steps=[[1], [2, 3]]),
        lambda d: d["layout"]["encoding"].update(name="wavelets"),
        lambda d: d["layout"]["spec"].update(layer="binary"),
        lambda d: d["layout"]["spec"].update(bits=99),
    ],
    ids=range(5),
)
def test_descriptions_that_make_no_sense_are_refused(fitted, tmp_path, edit):
    arrays, description = container.read(fitted[1])
    edit(description)
    container.write(tmp_path / "edited.inr", arrays, description)
    with pytest.raises(ValueError, match=r"edited\.inr: its description is damaged"):
        refinr.load(tmp_path / "edited.inr")


@LAYERS
def test_the_same_bytes_in_any_groups_and_threads(layer):
    options = SMALL | {"layer": layer, "max_steps": 20}
    whole = refinr.fit(IMAGE, **options)
    with ThreadPoolExecutor(3) as pool:
        apart = refinr.fit(IMAGE, group=1, executor=pool, **options)
    for name, p in whole.params.items():
        assert_equal_exact(apart.params[name], p, bitwise=True)


def test_whole_numbers_decode_to_the_same_bits_in_every_library_and_precision():
    inr = refinr.fit(IMAGE, layer="ternary-integer", max_steps=30, **SMALL)
    z = inr.logits()
    assert_equal_exact(inr.logits(xp="array-api-strict"), z, bitwise=True)
    x = inr.layout.inputs(inr.layout.tile).astype("float64")
    wide = mlp.forward(inr.layout.spec, {name: p.astype("float64") for name, p in inr.params.items()}, x)[0]
    assert_equal_exact(inr.layout.cut.by_sample(wide).reshape(z.shape), z.astype("float64"), bitwise=True)


@LAYERS
def test_the_plane_may_be_a_coordinate(layer):
    inr = refinr.fit(IMAGE[:4, :4], "bit-coordinate", layer=layer, channels=False, **SMALL)
    assert (inr.layout.networks, len(inr.layout.encoding.steps)) == (1, 3)
    assert inr.lossless


def test_any_layer_takes_an_encoding():
    inr = refinr.fit(IMAGE, encoding="fourier", **SMALL)
    assert inr.layout.spec.sizes == (32, 16, 16, 1)
    assert inr.lossless


def test_defaults_are_the_layers_own():
    for layer, kind in mlp.LAYERS.items():
        inr = refinr.fit(IMAGE[:2, :5], layer=layer, max_steps=0)
        hidden = kind.defaults["hidden"]
        assert inr.layout.spec.sizes[1:-1] == (hidden(2, 4) if callable(hidden) else hidden)
        assert inr.layout.spec.activation == kind.defaults["activation"]
        assert (inr.layout.encoding is None) == (kind.defaults["encoding"] == "none")


def test_a_tile_at_the_edge_is_the_corner_of_a_full_one():
    inr = refinr.fit(IMAGE, layer="ternary", tile=(5, 5), max_steps=1, **SMALL)
    full = inr.layout.inputs((5, 5)).reshape(5, 5, -1)
    assert_equal_exact(inr.layout.inputs((3, 1)), full[:3, :1].reshape(3, -1), bitwise=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"layer": "ternary", "encoding": "none"},
            "encoding: a ternary layer normalises its input, which leaves of two",
        ),
        ({"layer": "ternary", "activation": "sine"}, "the fit collapses"),
        ({"layer": "ternary-integer", "encoding": "none"}, "encoding: whole numbers only come from 'triangle'"),
        ({"layer": "ternary-integer", "encoding": "fourier"}, "encoding: whole numbers only come from 'triangle'"),
        ({"layer": "binary"}, "layer: unknown name 'binary'"),
        ({"layer": "ternary", "encoding": "wavelets"}, "encoding: unknown name 'wavelets'"),
        ({"layer": "ternary", "features": 0}, "features: expected 1 or more, got 0"),
    ],
    ids=str,
)
def test_fits_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        refinr.fit(IMAGE, **options)


# --- the command line ------------------------------------------------------------------------------------------------


@LAYERS
def test_fit_verify_and_info(layer, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", IMAGE)
    sizes = ["--hidden", "16,16", "--features", "16"]
    assert cli.main(["fit", "image.npy", "out.inr", "--layer", layer, *sizes, "--quiet"]) == 0
    assert cli.main(["verify", "image.npy", "out.inr"]) == 0
    assert cli.main(["info", "out.inr"]) == 0
    said = capsys.readouterr().out
    packed = -(-1536 // 5) + -(-768 // 5) + -(-48 // 5)
    scales = 9 if layer == "ternary" else 0
    assert f"weights        {layer}: 2352 trits in {packed} bytes, {scales} scales in {4 * scales}\n" in said
    assert f"file           {os.path.getsize('out.inr')} bytes" in said
    encoding = encodings.Fourier if layer == "ternary" else encodings.Triangle
    assert f"encoding       {encoding.__name__}, 32 inputs\n" in said
