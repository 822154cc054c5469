"""Measured signals of packages of their own: what they are where they are installed, and what is said where not."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from paper_figures import recordings
from paper_figures.figures import speech
from refinr.files import signals as files


def test_micrographs_are_counted_from_their_smallest_value():
    if importlib.util.find_spec("ndev_sampledata") is None:
        with pytest.raises(RuntimeError, match="ndev-sampledata; pip install"):
            recordings.microscopy("neuron", 0, 16)
        return
    bits = []
    for what, (_, channels) in recordings.MICROGRAPHS.items():
        for channel in range(channels):
            signal = recordings.microscopy(what, channel, 256)
            assert signal.codes.shape == (256, 256)
            assert signal.codes.min() == 0
            assert int(signal.codes.max()).bit_length() == signal.bits
            assert np.gcd.reduce(signal.codes, axis=None) == 1, "no bit that all samples share"
            bits.append(signal.bits)
    assert bits == [12, 14, 13, 12, 12, 12, 12]


def test_sentences_have_samples_and_text(monkeypatch, tmp_path):
    monkeypatch.setattr(recordings, "SPEECH", tmp_path / "nothing")
    with pytest.raises(RuntimeError, match="pocketsphinx-testdata; apt-get install"):
        recordings.speech()
    files.write(tmp_path / "one.wav", np.arange(-20, 20, dtype=np.int16), {"rate": 16000})
    (tmp_path / "transcription").write_text("<s> she said nothing </s> (one)\n")
    monkeypatch.setattr(recordings, "SPEECH", tmp_path)
    (sentence,) = recordings.speech()
    assert (sentence.name, sentence.text) == ("one", "she said nothing")
    np.testing.assert_array_equal(sentence.samples, np.arange(-20, 20))
    assert sentence.samples.dtype == np.int16


@pytest.mark.parametrize(
    ("said", "text", "errors"),
    [("a b c", "a b c", 0), ("a c", "a b c", 1), ("a b b c", "a b c", 1), ("a x c", "a b c", 1), ("", "a b", 2)],
)
def test_wrong_words_are_counted_by_the_fewest_changes(said, text, errors):
    assert speech.word_errors(said, text) == errors
    assert speech.word_errors(text, said) == errors
