"""The look-up of names."""

from __future__ import annotations

import pytest

from refinr.tables import look_up


def test_known_names_give_their_rows():
    assert [look_up({"a": 1, "b": 2}, name, "letter") for name in "ab"] == [1, 2]


@pytest.mark.parametrize("name", ["c", "", None, 3, ["a"]])
def test_unknown_names_are_refused_and_the_known_ones_listed(name):
    with pytest.raises(ValueError, match=r"^letter: unknown name .*; known are a, b$"):
        look_up({"a": 1, "b": 2}, name, "letter")
