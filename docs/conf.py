"""The documentation site: README, the pages of docs/, the tutorials, the gallery, and a page for every public module.

`make docs` builds it into docs/_build/html.  The source folder is the repository's root, so that links between Markdown
files mean the same on the site as they do in the repository; what exists only for the site is made here: the start
page's tables of contents, the API pages, and links to modules, which lead to their API pages.
"""

from __future__ import annotations

import os
import pkgutil
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

import refinr  # noqa: E402

project = "refinr"
author = "refinr contributors"
copyright = author
release = refinr.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # a copy in the site: its formulas need no network
    "sphinx.ext.viewcode",
]
root_doc = "README"
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}
include_patterns = [
    "*.md",
    "docs/**.md",
    "docs/**.rst",
    "tutorials/*.md",
    "tutorials/*.ipynb",
    "paper_figures/README.md",
    "examples/backends/README.md",
    "benchmarks/results/*.md",
]
exclude_patterns = ["docs/_build", ".*", "mutants", "demo-output"]

nb_execution_mode = "off"  # the notebooks are committed with their outputs, and a test keeps these right
nb_number_source_lines = False
myst_enable_extensions = ["html_image", "dollarmath"]
myst_heading_anchors = 3

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say more: shapes and dtypes
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # types in docstrings have short names, which several modules may have

html_theme = "furo"
html_title = "refinr"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["redirect", "../tutorials/explorer/explorer.html"]  # index.html leads to the start page
html_copy_source = False
html_show_sphinx = False

CONTENTS = """
```{toctree}
:caption: Learn
:hidden:

tutorials/README
docs/reading-order
docs/planes-and-regression
```

```{toctree}
:caption: Use
:hidden:

docs/command-line
docs/formats
docs/kinds
docs/compression
docs/clusters
docs/certificates
docs/ternary
docs/solving
docs/constructive
docs/expansion
docs/container
docs/rinr
```

```{toctree}
:caption: Verify and regenerate
:hidden:

docs/theorems
paper_figures/README
docs/benchmarks
```

```{toctree}
:caption: Check a backend
:hidden:

examples/backends/README
docs/oracle-format
docs/scoreboard
docs/homework
```

```{toctree}
:caption: Reference
:hidden:

docs/api/index
ARCHITECTURE
CONTRIBUTING
SECURITY
docs/holds
CHANGELOG
```
"""
RESULTS = "\n```{toctree}\n:hidden:\n:glob:\n\n../benchmarks/results/*\n```\n"
TUTORIALS = "\n```{toctree}\n:hidden:\n:glob:\n\n[0-9]*\n```\n"
APPENDED = {"README": CONTENTS, "docs/benchmarks": RESULTS, "tutorials/README": TUTORIALS}


def modules() -> dict[str, bool]:
    """Names of all modules of refinr, packages after the plain ones, and whether each is a package."""
    found = pkgutil.walk_packages(refinr.__path__, "refinr.")
    rows = [(module.name, module.ispkg) for module in found if not module.name.endswith("__main__")]
    return {"refinr": True} | dict(sorted(rows, key=lambda row: (row[0].count(".") + row[1], row[0])))


def write_api_pages(app: Sphinx) -> None:
    """docs/api: one page for each module, and one that lists them."""
    folder = DOCS / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, package in modules().items():
        # what a package shows is described there, but searches and links lead to where it is defined
        options = "   :members:\n" + "   :no-index:\n" * package
        text = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n{options}"
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    listing = "".join(f"   {name}\n" for name in modules())
    text = f"API\n===\n\nEvery module, from its docstrings.\n\n.. toctree::\n   :maxdepth: 1\n\n{listing}"
    (folder / "index.rst").write_text(text, encoding="utf-8")


def link_inside_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """In Markdown: links to modules lead to their API pages, and anchors in HTML become labels."""
    if app.env.doc2path(page).suffix != ".md":
        return
    folder = (ROOT / page).parent

    names = modules()

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[1]))
        name = ".".join(target.relative_to(ROOT).with_suffix("").parts) if target.is_relative_to(ROOT) else ""
        if name not in names:
            return match[0]
        return f"]({os.path.relpath(DOCS / 'api' / name, folder)}.rst)"

    text = re.sub(r"\]\(([\w./-]+)\)", link, source[0])
    explorer = f'<a href="{os.path.relpath(ROOT, folder)}/explorer.html">\\1</a>'  # a page, and no file to download
    text = re.sub(r"\[([^\]]+)\]\([\w./-]*explorer/explorer\.html\)", explorer, text)
    text = re.sub(r'^<a id="(\w+)"></a>$', r"(\1)=", text, flags=re.MULTILINE)
    source[0] = text + APPENDED.get(page, "")


def read_as_written(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In docstrings: indented blocks before the first section are formulas; stars and bars mean themselves."""
    underlined = (i - 1 for i, line in enumerate(lines) if re.fullmatch("---+", line.strip()))
    sections = next(underlined, len(lines))
    written, block, example = [], False, False
    for i, line in enumerate(lines):
        block_goes_on = block and (line.startswith("    ") or not line)
        block = i < sections and (block_goes_on or (line.startswith("    ") and not lines[i - 1]))
        example = ">>>" in line or (example and bool(line.strip()))
        if block and not block_goes_on and not written[-2].endswith("::"):
            written += ["::", ""]
        written.append(line if block or example else re.sub(r"``.*?``|\*\w[^*]*\w\*|\*(?=\w)|\|", _escape, line))
    lines[:] = written


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0] if found[0] in "*|" else found[0]  # the rest is literal, or emphasised


def is_bare_field(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Fields of named tuples are described in the docstring of the class, if it says anything about them."""
    return True if (getattr(obj, "__doc__", None) or "").startswith("Alias for field number") else None


def branch_alone(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The sidebar opens where the reader is: with all modules on every page it would be most of the site."""
    whole = context["toctree"]
    context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers what is made for the site alone."""
    app.connect("builder-inited", write_api_pages)
    app.connect("source-read", link_inside_the_site)
    app.connect("html-page-context", branch_alone, priority=400)  # before the theme, which comes at 500
    app.connect("autodoc-skip-member", is_bare_field)
    app.connect("autodoc-process-docstring", read_as_written, priority=400)  # before napoleon, which comes at 500
    return {"parallel_read_safe": True}
