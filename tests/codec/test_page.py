"""docs/rinr.md suffices: a reader that was written from it decodes files that refinr wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.codec import from_the_page

FOLDER = Path(__file__).parent.parent / "fixtures"
SAID = json.loads((FOLDER / "rinr.json").read_text())


@pytest.mark.parametrize("name", ["mask", "image", "colour", "stereo", "doubles", "series", "raw", "xz"])
def test_a_reader_from_the_page_alone_gets_the_samples(name):
    content = (FOLDER / f"{name}.rinr").read_bytes()
    assert from_the_page.checksum(from_the_page.read(content)) == SAID[name]["samples"]
