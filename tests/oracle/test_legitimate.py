"""False alarms: backends that are right in another way pass, in every dtype."""

from __future__ import annotations

import pytest

from examples.backends.legitimate import DTYPES, alarms, variants


def test_there_are_enough_variants():
    assert len({variant.__name__ for variant in variants()}) >= 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_right_in_another_way_passes(dtype):
    families = ["encodings", "activations", "layers", "losses", "mlp", "optim"]
    for name, (cases, wrong, _, texts) in alarms(range(7, 8), (dtype,), families).items():
        assert cases > 50, name
        assert wrong == 0, f"{name}: {texts}"
