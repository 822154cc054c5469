"""The entropy coder: what is read is what was written, in as many bits as it is worth."""

from __future__ import annotations

import constriction
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinr.codec import rans
from tests.strategies import seeds

TOTAL = 1 << rans.PRECISION


def _table(rng: np.random.Generator, symbols: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and frequencies of symbols, some of them with next to no probability."""
    p = rng.gamma(sharpness, size=symbols) + 1e-300
    frequency = 1 + np.floor(p / p.sum() * (TOTAL - symbols)).astype(np.int64)
    frequency[0] += TOTAL - frequency.sum()
    return np.cumsum(frequency) - frequency, frequency


def _read(content: bytes, lanes: int, lengths: list[int], starts: np.ndarray, frequencies: np.ndarray) -> list:
    decoder, found = rans.Decoder(content, lanes), []
    for length in lengths:
        batch = []
        for i in range(0, length, lanes):
            slots = decoder.slots(min(lanes, length - i))
            symbols = np.searchsorted(starts, slots, side="right") - 1
            decoder.advance(starts[symbols], frequencies[symbols])
            batch += symbols.tolist()
        found.append(batch)
    decoder.finish()
    return found


@given(seeds, st.integers(1, 9), st.integers(1, 40), st.sampled_from([0.01, 0.3, 3.0]))
def test_what_is_read_is_what_was_written(seed, lanes, symbols, sharpness):
    rng = np.random.default_rng(seed)
    starts, frequencies = _table(rng, symbols, sharpness)
    batches = [rng.integers(0, symbols, n) for n in rng.integers(0, 30, 12)]
    coded = [(starts[b], frequencies[b]) for b in batches]
    content = rans.encode(coded, lanes)
    assert _read(content, lanes, [len(b) for b in batches], starts, frequencies) == [b.tolist() for b in batches]


@given(seeds, st.integers(1, 16), st.sampled_from([0.05, 1.0]))
def test_the_size_is_the_ideal_one_but_for_64_bits_a_lane(seed, lanes, sharpness):
    rng = np.random.default_rng(seed)
    starts, frequencies = _table(rng, 20, sharpness)
    symbols = rng.choice(20, 3000, p=frequencies / TOTAL)
    coded = [(starts[symbols], frequencies[symbols])]
    ideal, bits = rans.ideal_bits(coded), 8 * len(rans.encode(coded, lanes))
    assert ideal <= bits <= 1.001 * ideal + 64 * lanes


@given(seeds)
def test_one_lane_takes_what_another_author_s_coder_takes(seed):
    rng = np.random.default_rng(seed)
    starts, frequencies = _table(rng, 30, 0.5)
    symbols = rng.choice(30, 2000, p=frequencies / TOTAL).astype(np.int32)
    coder = constriction.stream.stack.AnsCoder()
    model = constriction.stream.model.Categorical(frequencies / TOTAL, perfect=True)
    coder.encode_reverse(symbols, model)
    ours = rans.encode([(starts[symbols], frequencies[symbols])], 1)
    assert abs(coder.num_bits() - 8 * len(ours)) <= 64
    assert (coder.decode(model, len(symbols)) == symbols).all()


@given(seeds)
def test_prices_are_nearly_ideal_and_whole_numbers_of_a_65536th(seed):
    rng = np.random.default_rng(seed)
    frequencies = np.rint(2.0 ** rng.uniform(0, 24, 50)).astype(np.int64)
    batches = [(frequencies[i : i + 10], frequencies[i : i + 10]) for i in range(0, 50, 10)]
    found = rans.price(batches)
    assert found * 65536 == round(found * 65536)
    assert found == sum(rans.price([batch]) for batch in batches)
    assert abs(found - rans.ideal_bits(batches)) <= 50 * 0.003
    for f in frequencies[:9]:
        assert abs(rans.price([(np.array([0]), np.array([f]))]) - 24 + np.log2(f)) <= 0.003


def test_prices_do_not_change():
    """Or else files would be other ones."""
    found = {
        n: 65536 * rans.price([(np.zeros(1), np.array([n]))]) for n in (1, 2, 3, 5, 7, 1_000_003, TOTAL - 1, TOTAL)
    }
    said = (1572864, 1507328, 1468824, 1420588, 1388754, 266568, 0, 0)
    assert tuple(found.values()) == said
    assert rans.price([]) == 0.0


def test_a_symbol_that_is_certain_costs_nothing():
    batch = (np.zeros(5000, np.int64), np.full(5000, TOTAL))
    assert len(rans.encode([batch], 1)) == 8
    assert rans.ideal_bits([batch]) == 0


def test_no_symbols_at_all():
    content = rans.encode([], 3)
    rans.Decoder(content, 3).finish()
    assert len(content) == 24


@pytest.mark.parametrize(("size", "lanes"), [(0, 1), (8, 2), (9, 1), (16, 0), (16, -1)])
def test_content_that_cannot_be(size, lanes):
    with pytest.raises(ValueError, match="expected"):
        rans.Decoder(bytes(size), lanes)


@given(seeds, st.integers(1, 4))
def test_damage_is_found(seed, lanes):
    """A changed, missing or additional word leaves the coder elsewhere than where writing began."""
    rng = np.random.default_rng(seed)
    starts, frequencies = _table(rng, 5, 1.0)
    symbols = rng.integers(0, 5, 400)
    content = rans.encode([(starts[symbols], frequencies[symbols])], lanes)
    changed = bytearray(content)
    changed[rng.integers(0, len(content))] ^= 1 << int(rng.integers(0, 8))
    for other in (content[:-4], content + bytes(4), bytes(changed)):
        try:
            found = _read(other, lanes, [400], starts, frequencies)
        except ValueError:
            continue
        assert found != [symbols.tolist()]
        assert other == bytes(changed), "only what is no longer than it was can look whole"
