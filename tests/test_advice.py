"""What a fit takes for each activation where nothing is said, and what it says when it has not arrived."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import refinr
from refinr import activations, advice, cli, planning
from refinr.jobs import Job, Options
from refinr.training import train
from tests.helpers import assert_equal_exact


def _noise(shape, bits, seed=0):
    return np.random.default_rng(seed).integers(0, 1 << bits, shape).astype(np.uint8)


# --- defaults for each activation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
def test_the_defaults_of_every_activation_arrive(activation, seed):
    image = _noise((10, 9), 3, seed)
    inr = refinr.fit(image, activation=activation, seed=seed)
    assert inr.report.ber == 0.0
    assert inr.report.steps < advice.FEW_STEPS
    assert_equal_exact(inr.decode(), image)


@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
def test_the_row_of_an_activation_says_what_a_fit_takes(activation):
    spec = refinr.fit(_noise((4, 5), 2), activation=activation, max_steps=0).layout
    row = activations.get(activation)
    assert (spec.encoding is not None) == (row.defaults.get("encoding") == "fourier")
    for name in ("omega", "scale"):
        assert getattr(spec.spec, name) == row.defaults.get(name, getattr(refinr.mlp.MLP, name))


def test_what_is_stated_stands():
    layout = refinr.fit(_noise((4, 5), 2), activation="gauss", encoding="none", scale=7.0, max_steps=0).layout
    assert layout.encoding is None
    assert layout.spec.scale == 7.0
    with pytest.raises(ValueError, match="scale: 'sine' has no width to set, got 2"):
        refinr.fit(_noise((4, 5), 2), scale=2.0)


def test_a_stated_first_layer_looks_at_coordinates():
    layout = refinr.fit(_noise((4, 5), 2), activation="gauss", first_scale="half-nyquist", max_steps=0).layout
    assert layout.encoding is None


@pytest.mark.parametrize("layer", ["ternary", "ternary-integer"])
def test_other_layers_have_defaults_of_their_own(layer):
    chosen = planning.settings(layer, None, {"activation": "relu"})
    kind = refinr.mlp.get_layer(layer)
    assert {name: chosen[name] for name in kind.defaults} == kind.defaults


# --- regression keeps its best ---------------------------------------------------------------------------------------


def _error(job, outcome):
    z, _ = refinr.mlp.forward(job.spec, outcome.params, job.x)
    return ((z.astype(float) - job.targets) ** 2).sum(axis=(1, 2))


def test_regression_that_diverges_keeps_its_best_iterate():
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    targets = np.stack([np.sin(5 * x), np.cos(3 * x)]) * np.float32(0.4)
    job = Job(refinr.mlp.MLP((1, 8, 8, 1), first_scale=5.0), [0, 1], x, targets)
    errors = []
    for steps in range(13):
        options = Options(levels=256, loss="mse", lr=0.1, max_steps=steps, patience=None, by_error=True)
        errors.append(_error(job, train(job, options)))
    assert (np.diff(errors, axis=0) <= 0).all()
    last = train(job, Options(levels=256, loss="mse", lr=0.1, max_steps=12, patience=None))
    assert (_error(job, last) > errors[-1]).all()


def test_regression_at_its_defaults_gets_better_with_every_budget():
    y, x = np.mgrid[:16, :16]
    image = (30000 + 20000 * np.sin(x / 3) * np.cos(y / 4)).astype(np.uint16)
    psnr = [refinr.fit(image, "none", max_steps=steps).report.psnr for steps in (20, 60, 150)]
    assert psnr == sorted(psnr)
    assert psnr[-1] > 25


# --- what would help -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_steps": 3}, r"bits are wrong: more steps would help \(max_steps=2000\)"),
        ({"hidden": (2,), "max_steps": 301}, r"networks have 0\.\d+ parameters for each output, where 0\.9 arrive"),
        (
            {"activation": "gauss", "encoding": "none", "lr": 1e-5, "max_steps": 301, "hidden": (9, 9)},
            "fits with 'gauss' arrive with encoding='fourier', lr=0.01",
        ),
    ],
    ids=["steps", "parameters", "settings"],
)
def test_a_fit_that_does_not_arrive_says_what_would_help(options, said):
    with pytest.warns(advice.NotExactWarning, match=said) as caught:
        inr = refinr.fit(_noise((12, 12), 1), **options)
    assert caught[0].filename == __file__
    assert not inr.lossless
    assert str(caught[0].message).startswith(f"{sum(inr.report.wrong_bits)} of 144 bits are wrong: ")
    assert str(caught[0].message).endswith("exact=True keeps the rest as a residual")


@pytest.mark.parametrize("options", [{}, {"max_steps": 0}, {"max_steps": 3, "exact": True}, {"decomposition": "none"}])
def test_nothing_is_said_where_nothing_is_wrong_or_nobody_expects_more(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refinr.fit(_noise((6, 6), 2), **{"max_steps": 150} | options)


def test_the_command_line_says_it_in_a_note(tmp_path, capsys):
    np.save(tmp_path / "a.npy", _noise((8, 8), 2))
    assert cli.main(["fit", str(tmp_path / "a.npy"), "--no-exact", "--max-steps", "2"]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("refinr: note: ")
    assert "more steps would help" in said
