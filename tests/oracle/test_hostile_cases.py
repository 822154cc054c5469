"""Minimised hostile files: kept as they are, refused at once, and what the oracle asks of backends."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import refinr
from refinr import cli, oracle
from refinr.files import container
from refinr.oracle import hostile_cases

FILES = sorted((Path(__file__).parents[1] / "fixtures" / "hostile").glob("*.inr"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_hostile_files_are_refused_at_once(path, tmp_path, capsys):
    assert path.stat().st_size < 50_000
    start = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"{path.name}: |residual: damaged"):
            refinr.load(path).decode()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert time.process_time() - start < 2
    assert cli.main(["decode", str(path), str(tmp_path / "a.npy")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip("\n").isprintable()
    assert not (tmp_path / "a.npy").exists()


def test_their_digests_are_right():
    for path in FILES:
        arrays, description = container.read(path)
        assert description["format"] == "refinr"
        assert all(isinstance(array, np.ndarray) for array in arrays.values())


def test_the_oracle_asks_for_the_same_files(tmp_path):
    oracle.export(tmp_path, oracle.cases("hostile"))
    cases = oracle.load(tmp_path)
    assert {case.name.rpartition(".")[2] for case in cases} == {path.stem for path in FILES}
    assert all(case.refused and case.operation == "decode_file" for case in cases)


def test_only_what_is_wrong_with_them_is_wrong():
    """The streams' arrays and checksums are right: with the stream that belongs there, the file is good."""
    samples = np.eye(4, dtype="uint8")
    plain = hostile_cases.stream(lambda planes: hostile_cases.zlib.compress(planes))
    (decoded,) = refinr.oracle.operations.OPERATIONS["decode_file"].call(file=np.frombuffer(plain, np.uint8)).values()
    assert np.array_equal(decoded, samples)
