"""Signals: their bits, their sizes, and those of a user's folder."""

from __future__ import annotations

import numpy as np
import pytest

from paper_figures import signals
from refinr import planes
from refinr.files import signals as files
from tests.helpers import assert_equal_exact


@pytest.mark.parametrize(("name", "bits"), [("portrait", 8), ("elevation", 10), ("bathymetry", 12), ("synthetic", 16)])
def test_signals_have_the_bits_they_say(name, bits):
    signal = signals.image(name, 40)
    assert (signal.codes.shape, signal.bits) == ((40, 40), bits)
    assert int(signal.codes.max()) >> bits == 0
    assert len(np.unique(signal.codes)) > 100


def test_reduced_images_are_rounded_block_means():
    codes = np.random.default_rng(0).integers(0, 65536, (9, 13), dtype=np.uint16)
    small = signals.reduced(codes, 4)
    square = codes[0:8, 2:10]
    for i, j in np.ndindex(4, 4):
        block = square[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        assert int(small[i, j]) == (2 * int(block.sum(dtype=int)) + 4) // 8
    with pytest.raises(ValueError, match="at most 9"):
        signals.reduced(codes, 10)


def test_unknown_and_small_signals_are_refused():
    with pytest.raises(ValueError, match="unknown name 'lena'"):
        signals.image("lena", 8)
    with pytest.raises(ValueError, match="at most"):
        signals.image("bathymetry", 1000)


def test_a_users_folder_replaces_the_images(folder):
    with signals.taken_from(folder):
        found = signals.images(["portrait"], 9)
        assert len(signals.listing() or []) == 5
    assert [(s.name, s.bits) for s in found] == [
        ("kodak/one", 8),
        ("div2k/one", 8),
        ("testimages/one", 16),
        ("fivek/one", 16),
    ]
    whole = files.read(folder / "fivek" / "one.tif").samples[:, 4:22].astype(int)  # the central square
    pixel = whole[2:4, 6:8]
    grey = (2 * pixel.sum(axis=2) + 3) // 6
    assert found[3].codes.dtype == np.uint16
    assert int(found[3].codes[1, 3]) == (2 * int(grey.sum()) + 4) // 8
    assert [s.name for s in signals.images(["portrait"], 9)] == ["portrait"]


def test_a_users_sounds_are_floats_of_their_range(folder):
    stored = files.read(folder / "librispeech" / "a.wav").samples
    with signals.taken_from(folder):
        (sound,) = signals.sounds(32)
    samples = planes.from_codes(sound.codes, "float32")
    assert_equal_exact(samples, (stored[16:48] / 32768).astype(np.float32))


def test_files_that_are_not_what_they_should_be_are_refused(folder):
    with signals.taken_from(folder), pytest.raises(ValueError, match="20 x 20 or more"):
        signals.images([], 20)
    files.write(folder / "kodak" / "two.png", np.zeros((18, 18), dtype=np.uint16))
    with signals.taken_from(folder), pytest.raises(ValueError, match=r"two\.png: expected 8 bits"):
        signals.images([], 9)
    with signals.taken_from(folder), pytest.raises(ValueError, match="65 samples or more"):
        signals.sounds(65)
    with pytest.raises(ValueError, match="expected a folder"), signals.taken_from(folder / "none"):
        pass


def test_an_empty_folder_is_refused(tmp_path):
    with signals.taken_from(tmp_path), pytest.raises(ValueError, match="got none"):
        signals.images(["portrait"], 8)
