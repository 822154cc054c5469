"""Every refusal is in refinr's words: of its own type, a sentence that names the file, what it is and what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import astropy
import nibabel
import numpy as np
import pydicom
import pytest
import scipy

from refinr.files import signals
from refinr.files.format import FormatError
from tests import fuzz

FOREIGN = re.compile(
    r"object|attribute|out of range|local variable|unpack_from|NoneType|Traceback|[Ee]rrno|reshape|buffer|<class"
    r"|0x[0-9a-f]{5}|\w+Error|\w+Exception|returned|traceback|invalid literal|codec|argument"
)
"""What libraries and Python say of themselves."""

SAME = re.compile(r"expected (.+), got \1$")
GENERAL = "it is damaged, or of a kind that is not known here"

SUITES = [
    Path(astropy.__file__).parent / "io" / "fits" / "tests" / "data",
    Path(nibabel.__file__).parent / "tests" / "data",
    Path(pydicom.__file__).parent / "data" / "charset_files",
    Path(scipy.__file__).parent / "io" / "tests" / "data",
]
"""Test files of installed packages, many of them malformed on purpose."""


def assert_ours(path: Path, error: FormatError) -> str:
    row = signals.format_of(path)
    assert row is not None
    text = str(error)
    start = f"{path}: cannot be read as {row.name.upper()}: "
    assert type(error) is FormatError
    assert text.startswith(start)
    reason = text.removeprefix(start)
    assert "\n" not in reason
    assert 10 < len(reason) < 300
    assert not FOREIGN.search(reason), reason
    assert not SAME.search(reason), reason
    return reason


def refusals(paths: list[Path]) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in paths:
        try:
            signals.read(path)
        except FormatError as error:
            found[assert_ours(path, error)] += 1
    return found


def test_malformed_files_of_public_test_suites():
    paths = [path for suite in SUITES for path in sorted(suite.iterdir()) if signals.format_of(path)]
    found = refusals(paths)
    assert len(paths) > 70  # other versions of these libraries have more of them, or fewer
    assert found.total() > (40 if len(paths) > 80 else 35)
    assert found[GENERAL] < 3


@pytest.mark.parametrize("make", [fuzz.reader_seeds, fuzz.other_seeds])
def test_mutations(tmp_path, make):
    seeds = make()
    paths = []
    for index in range(250):
        _, original, content = fuzz.hostile(seeds, 77, index)
        paths.append(tmp_path / f"{index}{original.suffix}")
        paths[-1].write_bytes(content)
    found = refusals(paths)
    assert found.total() > 100
    assert found[GENERAL] < 0.7 * found.total()  # what is compressed says no more


def test_what_writers_refuse(tmp_path):
    for suffix, row in signals.by_suffix().items():
        for samples in (np.zeros((2,) * 9, "float16"), np.zeros((0, 3)), np.zeros(3, "complex64")):
            error = None
            try:
                signals.write(tmp_path / f"a{suffix}", samples, {"rate": 8000})
            except FormatError as raised:
                error = str(raised)
            assert error is None or error.startswith(
                f"{tmp_path / 'a'}{suffix}: cannot be written as {row.name.upper()}: "
            )
            assert error is None or not FOREIGN.search(error.partition(": cannot be")[2])


def test_no_refusal_quotes_a_library():
    """By how it is written: what a reader caught is the cause of the error, and no part of its text."""
    for path in sorted(Path(signals.__file__).parent.glob("*.py")):
        for call in re.findall(r"FormatError\((.*?)\)(?: from|\n)", path.read_text(encoding="utf-8"), re.DOTALL):
            assert "{error" not in call, f"{path.name}: {call}"
