"""The pages suffice: a backend that was written from them alone passes everything, and leaves nothing out."""

from __future__ import annotations

import pytest

from refinr import oracle
from refinr.oracle.families import FAMILIES
from tests.oracle import from_the_page


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_is_written_from_the_pages_alone_is_complete_and_right(dtype):
    complete = oracle.Expectations(require=tuple(FAMILIES))
    report = oracle.check_backend(from_the_page, dtype=dtype, quiet=True, expect=complete)
    assert report.ok, str(report)
    assert report.count("not implemented") == 0
    assert not any(result.left_out for result in report.results)
