"""Forged `.rinr` files: enough come past the header to try what is behind it; test_fuzz.py reads them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import refinr
from refinr.codec import costs, header
from tests import forging_rinr
from tests.helpers import assert_equal_exact


@pytest.fixture(scope="module")
def files() -> list[tuple[bytes, np.ndarray]]:
    return forging_rinr.good()


def test_good_files_are_of_every_kind_and_good(files):
    kinds: Counter[int] = Counter()
    for content, samples in files:
        assert_equal_exact(refinr.decompress(content, limits=forging_rinr.LIMITS), samples)
        found, _ = header.read(content)
        kinds.update({slab.kind for slab in found.slabs})
        kinds["low"] += any(slab.low for slab in found.slabs)
        kinds["table"] += bool(found.coding and found.coding.recipe.used)
    assert all(kinds[kind] for kind in (header.XZ, "low", "table"))
    assert kinds[header.MODEL] == 10


def test_enough_forged_files_come_past_the_header(files):
    behind = 0
    for i in range(500):
        rng = np.random.default_rng([3, i])
        content = forging_rinr.forge(files[i % len(files)][0], rng)
        try:
            costs.check(header.read(content)[0], len(content), forging_rinr.LIMITS)
            behind += 1
        except ValueError:
            pass
    assert 100 < behind < 500


def test_a_forged_file_is_the_same_every_time(files):
    once, again = (forging_rinr.forge(files[3][0], np.random.default_rng(9)) for _ in range(2))
    assert once == again != files[3][0]
