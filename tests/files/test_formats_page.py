"""The page about formats says what the rows say.  ``python -m tests.files.test_formats_page`` writes it anew."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from refinr.files import signals
from refinr.files.format import FormatError

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
HEAD = "| files | samples | carried along | read, but not carried | written | install |\n|---|---|---|---|---|---|\n"


def table() -> str:
    lines = []
    for row in signals.FORMATS.values():
        files = ", ".join(f"`{suffix}`" for suffix in row.suffixes)
        named = (
            ", one by its name: `" + f"file{row.suffixes[0]}::name`"
            if (row.member and not row.pages) or row.name in ("hdf5", "zarr")
            else ""
        )
        named += f", one page by its number: `file{row.suffixes[0]}::2`" if row.pages else ""
        written = f"as `{row.instead}`" if row.instead else "yes"
        extra = f"`{row.extra}`" if row.extra else ""
        samples = row.samples.removeprefix("read alone: ")
        lines.append(f"| {files}{named} | {samples} | {row.carries} | {row.loses} | {written} | {extra} |\n")
    return HEAD + "".join(lines)


def test_the_page_says_what_the_rows_say():
    assert table() in PAGE.read_text(encoding="utf-8")


def test_what_cannot_be_written_says_what_can(tmp_path):
    for suffix, row in signals.by_suffix().items():
        samples = np.zeros((2, 2), "complex64" if not row.instead else "uint8")
        with pytest.raises(FormatError) as error:
            signals.write(tmp_path / f"a{suffix}", samples, {"rate": 8000})
        assert (row.instead or ("" if suffix == ".npy" else ".npy holds any array")) in str(error.value)


def test_what_the_page_of_unusual_inputs_says_is_held_by_tests():
    page = PAGE.with_name("kinds.md")
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and "held by" not in line]
    assert len(rows) == 30
    for row in rows:
        found = re.search(r"\[(test_\w+)\]\((\S+)\) \|$", row)
        assert found, row
        assert f"def {found[1]}(" in (page.parent / found[2]).read_text(encoding="utf-8")


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("| files |")
    end = text.index("\n\n", start) + 1
    PAGE.write_text(text[:start] + table() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
