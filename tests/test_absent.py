"""An exact fit without a step keeps no networks: its file is the residual, and every machine decodes it."""

from __future__ import annotations

import numpy as np
import pytest

import refinr
from refinr import cli
from refinr.absent import Absent
from tests.helpers import assert_equal_exact

RNG = np.random.default_rng(0)
SIGNALS = {
    "image": (RNG.integers(0, 200, (13, 11)).astype(np.uint8), {}),
    "colour": (RNG.integers(0, 6000, (5, 4, 3)).astype(np.uint16), {"gray": True}),
    "sound": (RNG.integers(-900, 400, 70).astype(">i2"), {"radix_bits": 3}),
    "floats": (RNG.normal(size=(7, 5)).astype(np.float32), {"decomposition": "none"}),
    "values": (RNG.integers(0, 200, (6, 5)).astype(np.uint8), {"decomposition": "none"}),
    "bit coordinate": (RNG.integers(0, 9, (6, 5)).astype(np.uint8), {"decomposition": "bit-coordinate"}),
    "ternary": (RNG.integers(0, 9, (6, 5)).astype(np.uint8), {"layer": "ternary"}),
    "nothing": (np.zeros((4, 5), np.uint8), {}),
}


@pytest.fixture(params=SIGNALS)
def fitted(request):
    samples, options = SIGNALS[request.param]
    return samples, refinr.fit(samples, tile=4, max_steps=0, exact=True, **options)


def test_it_decodes_and_is_kept_without_parameters(fitted, tmp_path):
    samples, inr = fitted
    inr.save(tmp_path / "a.inr")
    for found in (inr, refinr.load(tmp_path / "a.inr")):
        assert isinstance(found.layout.network, Absent)
        assert found.lossless
        assert found.parameters == found.report.parameters == 0
        assert found.params == {}
        assert_equal_exact(found.decode(), samples, bitwise=True)
        assert_equal_exact(found[1:3], samples[1:3], bitwise=True)
    assert found == inr


def test_every_machine_decodes_it(fitted):
    _, inr = fitted
    assert inr.portable
    if inr.layout.cut.decides:
        certificate = refinr.certify(inr)
        assert certificate.types["float32"].guaranteed
        assert certificate.types["bfloat16"].guaranteed
        assert inr.logits().max() == inr.logits().min() == -1.0


def test_it_can_be_looked_at(fitted):
    samples, inr = fitted
    assert "no parameters (0 steps)" in repr(inr)
    assert inr._repr_html_()
    assert_equal_exact(inr.scene().sections[0].samples.reshape(samples.shape), samples, bitwise=True)
    assert (inr.at([[0.5] * len(inr.layout.grid)]) <= inr.at([[0] * len(inr.layout.grid)])).all()


def test_without_exactness_there_are_networks():
    inr = refinr.fit(SIGNALS["image"][0], max_steps=0, hidden=(4,))
    assert inr.parameters > 0
    assert not inr.lossless


def test_the_file_is_about_as_large_as_the_samples_compressed(tmp_path):
    y, x = np.mgrid[:256, :256]
    image = (60 * np.sin(x / 40) * np.cos(y / 50) + 100).astype(np.uint8)
    refinr.fit(image, max_steps=0, exact=True).save(tmp_path / "a.inr")
    assert (tmp_path / "a.inr").stat().st_size < image.nbytes / 3


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_the_command_line_there_and_back(tmp_path, capsys, resume):
    np.save(tmp_path / "a.npy", SIGNALS["image"][0])
    names = [str(tmp_path / name) for name in ("a.npy", "a.inr", "b.npy")]
    assert cli.main(["fit", *names[:2], "--max-steps", "0", "--quiet", *resume]) == 0
    assert cli.main(["verify", *names[:2]]) == 0
    assert cli.main(["info", names[1]]) == 0
    assert cli.main(["certify", names[1]]) == 0
    assert cli.main(["decode", *names[1:]]) == 0
    assert "no parameters (0 steps)" in capsys.readouterr().out
    assert_equal_exact(np.load(names[2]), SIGNALS["image"][0])


def test_parameters_where_there_are_none_are_refused():
    with pytest.raises(ValueError, match="expected no parameters, got w0"):
        Absent().unpack({"w0": np.zeros(1)}, "float32", np.zeros(1))
