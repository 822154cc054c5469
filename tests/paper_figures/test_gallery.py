"""The page is that of the kept results."""

from __future__ import annotations

import re
from pathlib import Path

from paper_figures import gallery, registry

ROOT = Path(__file__).parents[2]
SMALL = registry.RESULTS / "small"


def test_the_gallery_is_the_page_of_the_kept_results():
    page = gallery.page("small", SMALL, ROOT / "paper_figures")
    assert (ROOT / "paper_figures" / "README.md").read_text() == page


def test_links_of_the_gallery_lead_somewhere():
    page = (ROOT / "paper_figures" / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    files, anchors = [link for link in links if link[0] != "#"], [link[1:] for link in links if link[0] == "#"]
    assert files
    assert not [link for link in files if not (ROOT / "paper_figures" / link).exists()]
    assert set(anchors) == set(re.findall(r'<a id="(\w+)"', page))
