"""Bit-depth expansion: what arithmetic says, and what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import datafiles, registry, signals
from paper_figures.figures import expansion
from tests.helpers import assert_equal_exact

SMALL = registry.RESULTS / "small"


@pytest.mark.parametrize("added", [6, 8])
def test_what_arithmetic_says_of_uniform_low_bits_is_counted_on_all_of_them(added):
    step, low = 2**added, np.arange(2**added)
    given = {"zero padding": low, "random bits": low[:, None] - low, "half a step": low - step // 2}
    for method, errors in given.items():
        psnr = 10 * np.log10((2**16 - 1) ** 2 / np.mean(errors.astype(float) ** 2))
        said = expansion._arithmetic(16 - added, 16, method)
        assert psnr == pytest.approx(said, abs=10 * np.log10(1 + 2 / step))  # sums are integrals up to 3 / (2 step)


@pytest.mark.parametrize("name", ["elevation", "bathymetry"])
def test_methods_of_expansion_have_the_psnr_that_is_kept(name):
    signal = signals.image(name, expansion.PRESETS["small"]["size"])
    codes = signal.codes.astype(int)
    for row in datafiles.read(registry.data_path(SMALL, "expansion")).data["rows"]:
        if row["signal"] == name:
            step = 2 ** row["added"]
            low = {key: datafiles.unpack(value).astype(int) for key, value in row["low"].items()}
            assert_equal_exact(low["true"], codes % step)
            errors = {
                "zero padding": low["true"],
                "half a step": low["true"] - step // 2,
                "network": low["true"] - low["network"],
            }
            for method, error in errors.items():
                psnr = 10 * np.log10((2**signal.bits - 1) ** 2 / np.mean(error.astype(float) ** 2))
                runs = row["runs of"].get(method, [row["psnr"][method]])  # of seeds; kept is what the first gives
                assert runs[0] == pytest.approx(psnr, rel=1e-12)
                assert row["psnr"][method] == pytest.approx(np.mean(runs), rel=1e-12)
