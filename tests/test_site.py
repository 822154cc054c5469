"""The documentation site: it builds without a warning, and has a page for every module, tutorial and document."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import refinr

ROOT = Path(__file__).parent.parent


def test_the_site_builds_without_a_warning_and_has_all_pages(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tutorials/*.ipynb")]
    assert len(documents) > 20
    assert not [path for path in documents if not (tmp_path / path.relative_to(ROOT).with_suffix(".html")).exists()]

    names = [module.name for module in pkgutil.walk_packages(refinr.__path__, "refinr.")]
    pages = {path.stem for path in (tmp_path / "docs" / "api").glob("refinr*.html")}
    assert pages == {"refinr"} | {name for name in names if not name.endswith("__main__")}
    assert 'id="refinr.planes.to_planes"' in (tmp_path / "docs" / "api" / "refinr.planes.html").read_text()

    assert "README.html" in (tmp_path / "index.html").read_text()
    start = (tmp_path / "README.html").read_text()
    assert 'href="tutorials/README.html"' in start
    assert '<a href="./explorer.html">' in start
    assert (tmp_path / "explorer.html").read_bytes() == (ROOT / "tutorials/explorer/explorer.html").read_bytes()
    assert 'href="docs/api/refinr.oracle.operations.html"' in start

    lesson = (tmp_path / "tutorials" / "02_a_network_by_hand.html").read_text()
    assert 'src="../_static/mathjax/tex-chtml.js"' in lesson
    assert (tmp_path / "_static" / "mathjax" / "tex-chtml.js").exists()
    fetched = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']https?://""")
    assert not [page for page in tmp_path.rglob("*.html") if fetched.search(page.read_text())], "the network is asked"
