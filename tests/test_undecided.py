"""Bits that rounding could change are found, kept beside the networks, and not asked of them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import refinr
from refinr import activations, balls, cli, decoding, mlp, perceptrons, undecided
from refinr.balls import Machines, joined
from refinr.decompositions import BitCoordinate, Direct, Integers, Planes
from refinr.envelopes import Envelope
from refinr.files import container
from refinr.files.floats import FLOAT_TYPES
from refinr.mlp import MLP
from tests import present
from tests.helpers import assert_equal_exact
from tests.machines import Machine
from tests.strategies import net, seeds

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 2**8, (24, 20), dtype="uint8")
DEEP = RNG.integers(0, 2**16, (12, 10), dtype="uint16")
FLOATS = RNG.normal(size=(9, 8)).astype("float16")
FITS = {
    "planes": (IMAGE, {}),
    "gray": (IMAGE, {"gray": True}),
    "digits": (IMAGE, {"radix_bits": 3}),
    "bit-coordinate": (IMAGE, {"decomposition": "bit-coordinate"}),
    "colour": (IMAGE.reshape(12, 10, 4), {"activation": "wire"}),
    "encoded": (IMAGE, {"encoding": "fourier"}),
    "direct": (IMAGE, {"decomposition": "none"}),
    "deep": (DEEP, {"decomposition": "none"}),
    "floats": (FLOATS, {"decomposition": "none"}),
    "trained": (DEEP, {"decomposition": "none", "max_steps": 30}),
}
CUTS = {
    "planes": Planes(5),
    "gray": Planes(5, gray=True),
    "digits": Planes(7, radix_bits=3),
    "gray digits": Planes(8, radix_bits=2, gray=True),
    "bit-coordinate": BitCoordinate(4),
    "direct": Direct(6),
    "one bit": Direct(1),
    "floats": Direct(16, "<f2", -3.0, 2.0),
    "integers": Integers(4),
}


def _coarsen(patch: pytest.MonkeyPatch, precision: int = 13) -> None:
    """Other machines, as coarse as this, are what certificates speak of."""
    patch.setitem(FLOAT_TYPES, "float32", FLOAT_TYPES["float32"]._replace(precision=precision))


def _near_by(name: str) -> refinr.INR:
    """A fit of which many outputs are undecided: machines are said to be coarse."""
    samples, options = FITS[name]
    with pytest.MonkeyPatch.context() as patch:
        _coarsen(patch)
        return refinr.fit(samples, tile=8, hidden=(12, 12), exact=True, **{"max_steps": 1} | options)


@pytest.fixture(scope="module", params=FITS)
def near(request: pytest.FixtureRequest) -> tuple[np.ndarray, refinr.INR]:
    return FITS[request.param][0], _near_by(request.param)


# --- bits that change ------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(seed=seeds, cut=st.sampled_from(list(CUTS.values())), size=st.sampled_from([0.0, 1e-9, 1e-3, 0.1, 2.0, np.inf]))
def test_no_other_bit_changes_within_the_radius(seed, cut, size):
    rng = np.random.default_rng(seed)
    samples = 6
    scale = cut.levels if isinstance(cut, Integers) else 1.0
    shape = (cut.networks(2), samples * (cut.planes if isinstance(cut, BitCoordinate) else 1), 1)
    z = scale * rng.uniform(-0.7, 0.7, shape)
    z[rng.random(shape) < 0.1] = 0.0
    radius = scale * size * rng.choice([0.0, 0.3, 1.0], shape) if np.isfinite(size) else np.full(shape, np.inf)
    bits = undecided.changing(cut, z, radius)
    assert bits.shape == (samples, 2)
    reach = np.where(np.isfinite(radius), radius, 9.0)
    for share in (-1.0, 1.0, 0.0, *rng.uniform(-1, 1, (4, *shape)), *rng.choice([-1.0, 1.0], (4, *shape))):
        assert not ((cut.codes(z + share * reach) ^ cut.codes(z)) & ~bits).any()


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_what_is_known_exactly_is_decided_and_what_is_no_number_is_not(cut):
    shape = (cut.networks(1), cut.planes if isinstance(cut, BitCoordinate) else 1, 1)
    every = np.uint64(2**cut.bits - 1)
    assert not undecided.changing(cut, np.zeros(shape), 0.0).any()
    if not (isinstance(cut, Direct) and cut.dtype):
        assert (undecided.changing(cut, np.full(shape, np.nan), 0.1) == every).all()
        assert (undecided.changing(cut, np.zeros(shape), np.nan) == every).all()
        assert (undecided.changing(cut, np.full(shape, np.inf), 0.1) == every).all()


def test_digits_are_undecided_as_a_whole():
    codes = np.array([[0b1_000_010_000], [0b100_010]], "uint16")
    assert undecided._filled(codes, Planes(10, radix_bits=3)).ravel().tolist() == [0b1_000_111_000, 0b111_111]
    assert undecided._filled(codes, Planes(10, radix_bits=3, gray=True)).ravel().tolist() == [
        0b1_111_111_111,
        0b111_111,
    ]
    assert_equal_exact(undecided._filled(codes, Planes(10)), codes)
    top = np.array([[1 << 63]], "uint64")
    assert_equal_exact(undecided._filled(top, Direct(64)), np.array([[2**64 - 1]], "uint64"))


@pytest.mark.parametrize("cut", [cut for name, cut in CUTS.items() if name != "floats"], ids=lambda cut: str(cut))
@given(seed=seeds)
@settings(max_examples=8)
def test_within_the_distance_no_bit_changes_that_is_asked_for(cut, seed):
    rng = np.random.default_rng(seed)
    scale = cut.levels if isinstance(cut, Integers) else 1.0
    shape = (cut.networks(2), 5 * (cut.planes if isinstance(cut, BitCoordinate) else 1), 1)
    z = scale * rng.uniform(-0.6, 0.6, shape)
    kept = undecided.changing(cut, z, scale * 0.02 * rng.random(shape))
    room = undecided.distances(cut, z, kept)
    plain = cut.by_sample(cut.distances(z))
    assert (room >= plain * (1 - 1e-9) - 1e-12).all()
    assert (undecided.distances(cut, z, None) >= plain).all()
    allowed = np.zeros_like(z)
    cut.by_sample(allowed)[...] = np.minimum(room, 9.0 * scale)
    for push in (-1.0, 1.0, *rng.uniform(-1, 1, (3, *shape))):
        assert not ((cut.codes(z + push * (1 - 1e-9) * allowed) ^ cut.codes(z)) & ~kept).any()


# --- envelopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
@settings(max_examples=8)
@given(seed=seeds, size=st.sampled_from([0.1, 1.0, 6.0]), same=st.booleans())
def test_an_envelope_holds_the_balls_of_all_samples(activation, seed, size, same):
    spec = MLP((2, 7, 5, 1), activation)
    drawn = net(spec, 3, 9, seed)
    params = {name: (size * p).astype("float32") for name, p in drawn.params.items()}
    x = drawn.x.astype("float32")
    types = ["float32", "float16"]
    ball = joined(perceptrons.enclosed(Machines(types), spec, params, x, same=same))
    (envelope,) = perceptrons.enclosed(Envelope(types), spec, params, x, same=same)
    assert envelope.rad.shape == (2, 3, 1, 1)
    assert (np.abs(ball.mid) <= envelope.mid).all()
    assert (ball.rad <= envelope.rad).all()


def test_an_envelope_does_not_take_its_bounds_for_whole_numbers():
    """Coordinates reach 1, a whole number, but are none; so nothing is exact."""
    spec = MLP((1, 1, 1), "relu")
    params = mlp.init(spec)
    ones = {name: np.ones_like(p) for name, p in params.items()}
    x = np.array([[-1.0], [0.3], [1.0]], "float32")
    (envelope,) = perceptrons.enclosed(Envelope(["float32"]), spec, ones, x)
    assert envelope.rad.min() > 0.0


def test_networks_that_are_written_down_need_no_bound(monkeypatch):
    monkeypatch.setattr(Machines, "linear", None)
    inr = refinr.constructive.exact(np.arange(20, dtype="uint8").reshape(4, 5))
    assert (inr.portable, inr.residual) == (True, None)


# --- files that hold them --------------------------------------------------------------------------------------------


def test_many_bits_are_undecided_and_all_comes_back(near, tmp_path):
    samples, inr = near
    assert (inr.lossless, inr.portable) == (True, True)
    assert inr.residual.undecided is not None
    assert_equal_exact(inr.decode(), samples)
    assert_equal_exact(inr[3:7, 2:9], samples[3:7, 2:9])
    inr.save(tmp_path / "a.inr")
    arrays, description = container.read(tmp_path / "a.inr")
    assert (description["version"], description["portable"]) == (4, True)
    assert {"undecided", "undecided_ends"} <= arrays.keys()
    again = refinr.load(tmp_path / "a.inr")
    assert again == inr
    assert_equal_exact(again.decode(), samples)


def _pieces(inr: refinr.INR) -> list[tuple]:
    """Tiles with their networks, what is kept of them, and their inputs."""
    layout = inr.layout
    kept = zip(decoding.kept(layout, inr.residual), decoding.kept(layout, inr.residual.undecided), strict=True)
    found = []
    for index, (flip, clear) in enumerate(kept):
        tile = layout.tiles[index]
        found.append((tile, layout.place(index), flip, clear))
    return found


def test_rounding_within_the_bound_changes_no_sample(near, monkeypatch):
    """An adversary moves every output as far as the certificate allows, where it hurts most, and at random."""
    samples, inr = near
    layout, cut = inr.layout, inr.layout.cut
    _coarsen(monkeypatch)
    touched = 0
    for tile, place, flip, clear in _pieces(inr):
        z = joined(layout.network.enclosed(Machines(["float32"]), inr.params, place))
        for push in (-1.0, 1.0, *RNG.choice([-1.0, 1.0], (4, *z.mid.shape)), *RNG.uniform(-1, 1, (2, *z.mid.shape))):
            codes = cut.codes(z.mid + push * z.rad[0])
            touched += int((codes != cut.codes(z.mid)).sum())
            right = layout.samples(decoding.corrected(codes, flip, clear)).reshape(samples[tile].shape)
            assert_equal_exact(right, samples[tile])
    assert touched, "or nothing was tried"


@pytest.mark.parametrize("name", ["planes", "direct", "encoded", "colour"])
def test_other_machines_decode_the_same(name):
    """In any order of sums, flushing, with functions off by four units, and inputs off by one."""
    samples, options = FITS[name]
    inr = refinr.fit(samples, tile=8, hidden=(12, 12), exact=True, max_steps=1, **options)
    layout = inr.layout
    assert inr.portable
    undecided_bits = inr.residual.undecided
    for index, tile in enumerate(layout.tiles[:4]):
        extent = tuple(axis.stop - axis.start for axis in tile)
        flip, clear = (next(decoding.kept(layout, bits, [index])) for bits in (inr.residual, undecided_bits))
        x = layout.inputs(extent)
        if name == "encoded":
            x = np.clip(x + RNG.choice([-1, 0, 1], x.shape).astype("float32") * np.float32(balls.ENCODED), -1, 1)
        rows = {key: p[layout.networks_of(index)] for key, p in inr.params.items()}
        z = Machine("float32", RNG).forward(layout.spec, rows, x)
        decoded = layout.samples(decoding.corrected(layout.cut.codes(z), flip, clear))
        assert_equal_exact(decoded.reshape(samples[tile].shape), samples[tile])


LIBRARIES = {"jax": (jnp.asarray, jnp.sin, np.asarray)}
if present.is_there("torch"):
    import torch

    LIBRARIES["torch"] = (torch.tensor, torch.sin, lambda z: z.numpy())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", ["planes", "deep"])
def test_other_libraries_decode_the_same(name, library):
    samples, inr = FITS[name][0], _near_by(name)
    spec = inr.layout.spec
    array, sin, host = LIBRARIES[library]
    for tile, place, flip, clear in _pieces(inr)[:2]:
        h = array(inr.layout.inputs(place.extent))[None]
        for i in range(spec.depth):
            w, b = (array(inr.params[f"{kind}{i}"][place.networks.start : place.networks.stop]) for kind in "wb")
            z = h @ w + b
            h = sin(spec.omega * z)
        codes = decoding.corrected(inr.layout.cut.codes(host(z)), flip, clear)
        assert_equal_exact(inr.layout.samples(codes).reshape(samples[tile].shape), samples[tile])


def test_networks_that_are_right_and_near_their_thresholds_are_helped_too(monkeypatch):
    samples = IMAGE[:8, :8] >> 5
    plain = refinr.fit(samples)
    assert (plain.lossless, plain.residual, plain.portable) == (True, None, True)
    _coarsen(monkeypatch, 8)
    inr = refinr.fit(samples)
    assert inr.report.lossless
    assert inr.residual.undecided is not None
    assert inr.portable
    assert_equal_exact(inr.decode(), samples)


def test_a_residual_of_no_bytes_still_promises(monkeypatch):
    """All wrong bits are undecided, and all that stand in their place are zeros."""
    samples = np.zeros((4, 4), "uint8")
    samples[0, 0] = 1
    inr = refinr.fit(samples, bits=1, channels=True, max_steps=1, exact=True)
    _coarsen(monkeypatch, 6)
    flat = np.zeros_like(samples)
    again = refinr.fit(flat, bits=1, channels=True, max_steps=1, exact=True)
    assert again.residual.data.size == 0
    assert again.lossless
    assert_equal_exact(again.decode(), flat)
    assert inr.lossless


def test_where_nothing_is_known_about_rounding_nothing_is_promised(tmp_path, capsys):
    inr = refinr.fit(IMAGE[:8, :8] >> 6, layer="ternary", max_steps=3, exact=True, hidden=(8, 8))
    assert (inr.lossless, inr.portable) == (True, False)
    assert inr.residual.undecided is None
    whole = refinr.fit(IMAGE[:8, :8] >> 6, layer="ternary-integer", max_steps=3, exact=True, hidden=(8, 8))
    assert (whole.portable, whole.residual.undecided) == (True, None)
    lossy = refinr.fit(IMAGE[:8, :8], max_steps=1)
    assert (lossy.lossless, lossy.portable, lossy.residual) == (False, None, None)
    for found, words in (
        (inr, "perhaps not on machines that round differently"),
        (whole, "on every machine in float32"),
    ):
        found.save(tmp_path / "a.inr")
        assert words in repr(found)
        assert cli.main(["info", str(tmp_path / "a.inr")]) == 0
        assert words in capsys.readouterr().out


def test_a_layer_without_a_formula_fits_and_promises_nothing(monkeypatch):
    row = activations.ACTIVATIONS["sine"]._replace(enclosure=None)
    monkeypatch.setitem(activations.ACTIVATIONS, "sine", row)
    inr = refinr.fit(IMAGE[:6, :6], max_steps=2, exact=True)
    assert (inr.lossless, inr.portable) == (True, False)


@pytest.mark.parametrize("weights", ["real", "ternary", "binary"])
def test_solved_readouts_are_the_same_everywhere(weights):
    inr = refinr.solve(IMAGE, weights=weights)
    assert (inr.residual, inr.portable) == (None, True)


def test_certificates_count_on_what_is_kept(near):
    _, inr = near
    if not inr.layout.cut.decides:
        return
    with pytest.MonkeyPatch.context() as patch:
        _coarsen(patch)
        assert refinr.certify(inr, "float32").types["float32"].guaranteed
        bare = dataclasses.replace(inr, residual=dataclasses.replace(inr.residual, undecided=None))
        assert not refinr.certify(bare, "float32").types["float32"].guaranteed


def test_bounds_are_computed_of_the_samples_that_need_them(monkeypatch):
    rows = []
    plain = perceptrons.enclosed

    def counted(on, spec, params, x, **options):
        rows.append((type(on), len(x)))
        return plain(on, spec, params, x, **options)

    monkeypatch.setattr(perceptrons, "enclosed", counted)
    refinr.fit(IMAGE, tile=8, hidden=(12, 12), max_steps=40)
    assert {kind for kind, _ in rows} == {Envelope}
    rows.clear()
    refinr.fit(DEEP, decomposition="none", max_steps=1, exact=True)
    assert sum(n for kind, n in rows if kind is Machines) > DEEP.size / 2
    rows.clear()
    refinr.fit(IMAGE, tile=8, hidden=(12, 12), max_steps=1, exact=True, activation="gauss")
    assert sum(n for kind, n in rows if kind is Machines) < IMAGE.size / 4


def test_a_damaged_array_of_undecided_bits_masks_its_tiles(tmp_path):
    samples, inr = FITS["planes"][0], _near_by("planes")
    path = tmp_path / "a.inr"
    inr.save(path)
    content = bytearray(path.read_bytes())
    place = content.find(inr.residual.undecided.data.tobytes())
    content[place + 5] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.* in undecided"):
        refinr.load(path)
    found = refinr.load(path, damaged="mask")
    decoded = found.decode(damaged="mask")
    assert decoded.mask.any()
    assert_equal_exact(decoded.compressed(), samples[~decoded.mask])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"portable": "yes"}, "portable: expected true or false, got 'yes'"),
        ({"portable": 1}, "portable: expected true or false, got 1"),
        ({"undecided": {"codec": "lzw"}}, "codec: unknown name 'lzw'"),
        ({"undecided": {"codec": "zlib", "margin": 1.0}}, "multiple values for keyword argument 'margin'"),
        ({"version": 3}, "its arrays are not those"),
    ],
)
def test_what_files_say_of_undecided_bits_is_checked(tmp_path, change, words):
    path = tmp_path / "a.inr"
    _near_by("planes").save(path)
    arrays, description = container.read(path)
    container.write(path, arrays, description | change)
    with pytest.raises(ValueError, match=words):
        refinr.load(path)


# --- other processors ------------------------------------------------------------------------------------------------

DECODE = """
import sys, numpy, refinr
for path in sys.argv[1:]:
    assert refinr.load(path).decode().tobytes() == numpy.load(path + ".npy").tobytes(), path
"""
KERNELS = [
    {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"},
    {"OPENBLAS_CORETYPE": "Haswell"},
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel["OPENBLAS_CORETYPE"])
def test_other_kernels_and_vector_instructions_decode_the_same(tmp_path, kernel):
    paths = []
    for name in ("planes", "deep", "trained", "floats"):
        samples, options = FITS[name]
        inr = refinr.fit(samples, tile=8, exact=True, **{"max_steps": 1} | options)
        assert inr.portable
        paths.append(str(tmp_path / name))
        inr.save(paths[-1])
        np.save(f"{paths[-1]}.npy", samples)
    done = subprocess.run(
        [sys.executable, "-c", DECODE, *paths], env=os.environ | kernel, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
