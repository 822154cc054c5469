"""A result is stale when the code that computes it changes, and only then."""

from __future__ import annotations

from types import ModuleType

import pytest

from paper_figures import (
    curves,
    datafiles,
    figures,
    gallery,
    machine,
    markdown,
    provenance,
    registry,
    signals,
    style,
    weight_rounding,
)
from paper_figures.figures import bit_bias, losses, weight_precision


def test_a_change_of_source_makes_a_result_stale_unless_it_comes_after_the_data(monkeypatch):
    real = provenance.inspect.getsource
    before = provenance.digest(bit_bias.FIGURE, "tiny")

    def after(module: object, old: str, new: str) -> str:
        def changed(asked: object) -> str:
            assert asked is not module or old in real(asked)
            return real(asked).replace(old, new) if asked is module else real(asked)

        monkeypatch.setattr(provenance.inspect, "getsource", changed)
        return provenance.digest(bit_bias.FIGURE, "tiny")

    assert after(bit_bias, "2.0 * np.rint", "2.1 * np.rint") != before
    assert after(curves, "method.lr)", "0.9 * method.lr)") != before
    assert after(signals, "period: int = 61", "period: int = 62") != before
    assert after(bit_bias, 'bit error rate")', 'errors")  # a comment') == before
    assert after(bit_bias, '"""Curves of all baselines', '"""All curves') == before
    assert after(curves, "With this you can say", "One may say") == before


def test_a_change_of_what_a_figure_is_made_by_makes_it_stale(monkeypatch):
    """Once only modules of the figures' own folder counted."""
    real = provenance.inspect.getsource
    before = provenance.digest(weight_precision.FIGURE, "tiny")

    def with_more_in(module: object) -> str:
        more = {module: "\nFURTHER = 1\n"}
        monkeypatch.setattr(provenance.inspect, "getsource", lambda asked: real(asked) + more.get(asked, ""))
        return provenance.digest(weight_precision.FIGURE, "tiny")

    assert with_more_in(weight_rounding) != before
    for module in (markdown, machine, style, gallery):
        assert with_more_in(module) == before, "it computes nothing"


def test_a_change_of_what_curves_need_makes_their_figures_stale(monkeypatch):
    """`losses` takes nothing from `datafiles` itself."""
    real = provenance.inspect.getsource
    assert "datafiles" not in real(losses)
    before = provenance.digest(losses.FIGURE, "tiny")
    more = {datafiles: "\nFURTHER = 1\n"}
    monkeypatch.setattr(provenance.inspect, "getsource", lambda asked: real(asked) + more.get(asked, ""))
    assert provenance.digest(losses.FIGURE, "tiny") != before


def test_code_is_told_from_what_comes_after_the_data():
    source = '''"""Doc."""
import a  # why

TITLE = "x"
PRESETS: dict = {
    "tiny": 1,
}
KEPT = "# no comment"


def compute():
    """Doc
    more."""

    return a, KEPT, 1


def _draw_it():
    return 2


def plot(data):
    return _draw_it()


def _judge(data):
    return 3
'''
    kept = 'import a\nKEPT = "# no comment"\ndef compute():\n    return a, KEPT, 1'
    assert provenance.computing_code(source, "compute") == provenance.computing_code(kept)
    assert provenance.computing_code(source, "compute") != provenance.computing_code(
        kept.replace("no comment", "a comment")
    )
    assert provenance.computing_code(source, "compute") != provenance.computing_code(kept.replace("KEPT, 1", "KEPT, 2"))


def test_what_is_used_by_what_is_used_counts():
    source = """
from a import tool
SCALE = 2
LIMIT = 3
class Deep:
    scale = SCALE
def helper(x):
    return Deep, tool(x)
def compute():
    from b import late
    return helper(late)
def other():
    return LIMIT
"""

    def code(old: str, new: str) -> str:
        assert old in source
        return provenance.computing_code(source.replace(old, new), "compute")

    same = provenance.computing_code(source, "compute")
    assert code("SCALE = 2", "SCALE = 4") != same
    assert code("tool(x)", "tool(-x)") != same
    assert code("import tool", "import nail as tool") != same
    assert code("import late", "import early as late") != same
    assert code("LIMIT = 3", "LIMIT = 5") == same
    assert code("return LIMIT", "return 0") == same
    assert code("from a import", "from a.deeper import") == same
    assert code("from b import", "from c import") == same
    assert code("def other", "import json\ndef other") == same


def test_modules_that_only_move_make_nothing_stale(monkeypatch):
    """The digest knows code, not places: modules in another order, and imports from elsewhere."""
    real = provenance._modules

    def moved(source: str, start: str) -> list[ModuleType]:
        return list(reversed(real(source, start)))

    before = {name: provenance.digest(registry.find(name), "small") for name in figures.NAMES}
    monkeypatch.setattr(provenance, "_modules", moved)
    assert {name: provenance.digest(registry.find(name), "small") for name in figures.NAMES} == before
    monkeypatch.undo()
    code = provenance.inspect.getsource(curves)
    assert provenance.computing_code(code) == provenance.computing_code(
        code.replace("from refinr.xp", "from refinr.lib")
    )


@pytest.mark.parametrize("name", figures.NAMES)
def test_the_digest_has_the_modules_that_compute_takes_something_from(name):
    module = provenance.sys.modules[registry.find(name).compute.__module__]
    found = {
        m.__name__.rpartition(".")[2] for m in provenance._modules(provenance.inspect.getsource(module), "compute")
    }
    assert "resume" in found
    assert not found & {"style", "claims", "figure", "gallery", "registry", "machine", "markdown"}
    # all that computes stands before what draws; contest takes curves from there
    computes, drawing, _ = provenance.inspect.getsource(module).partition("\ndef plot(")
    assert drawing
    assert ("curves" in found) == ("curves." in computes or "contest." in computes)
