"""The shape of the package: floors, optional libraries, array functions that all share, a size to read in a sitting."""

from __future__ import annotations

import ast
import functools
import importlib
import io
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import refinr

PACKAGE = Path(refinr.__file__).parent
FLOORS = {
    name: floor
    for floor, names in enumerate(
        [
            "xp cpu version tables starting initialisation files.floats files.atomic files.checksum files.trits"
            " files.streams files.locking files.format codec.rans codec.arrangement codec.varints codec.cuts",
            "planes coords activations layers lookups losses metrics optim decisions tiling indexing endings"
            " completing files.journal"
            " progress files.residual files.container files.npy files.chunked files.wav"
            " files.budget files.frames files.heads files.directories files.segments files.fits_tiles"
            "   oracle.case oracle.tracked readouts.batches"
            " readouts.features codec.exact codec.contexts",
            "executors hints ternary encodings decompositions theory report files.npz files.png"
            " files.tiff files.images files.sound files.apart files.nifti files.dicom files.hdf5 files.zarr_stores"
            " files.fits files.storing oracle.compare"
            " oracle.rounding readouts.real readouts.infeasible readouts.integer codec.network codec.mixture"
            " codec.values codec.ordered codec.prediction codec.counts files.log",
            " files.signals kinds balls summary sections advice oracle.leaf_operations oracle.vectors codec.symbols"
            " readouts.quantise readouts.packing readouts.ragged readouts.streaming"
            " codec.header codec.bits codec.dyadic",
            "description envelopes drawing incoming readouts readouts.choosing codec.parameters"
            " oracle.readout_operations codec.training",
            "mlp readouts.networks codec.stream oracle.codec_operations",
            "arithmetic chunks jobs readouts.signs codec.slabs codec.costs",
            "training perceptrons absent readouts.finding maxima memorisation codec.models codec.report",
            "running layout codec.keeping",
            "planning tiled units decoding limits scenes codec.verbs",
            "inr keeping undecided codec.zarr_codec",
            "expansion",
            "measuring loading estimates",
            "fitting solving constructive certificates cli.notes oracle.network_operations",
            "cli.demo cli.outputs cli.streams cli.values oracle.bounds",
            "oracle.operations cli.compression cli.options",
            "oracle.facts oracle.making cli.viewing",
            "oracle.sample_cases oracle.leaf_cases oracle.ternary_cases oracle.network_cases oracle.result_cases"
            " oracle.readout_cases oracle.reporting oracle.codec_cases oracle.hostile_cases",
            "oracle.file_cases oracle.judging oracle.backends",
            "oracle.families oracle.calling",
            "oracle.expecting oracle.around oracle.corpus",
            "oracle.isolation oracle.answers",
            "oracle.check",
            "oracle",
            "__init__",
            "cli.commands cli.checking",
            "cli.arguments",
            "cli.verbs",
            "cli.parser",
            "cli",
            "__main__",
        ]
    )
    for name in names.split()
}
"""Modules by their name below `refinr`; a package's own name is its ``__init__``, the face it shows to others."""

LAZY = {"cupy", "torch", "jax", "scipy", "matplotlib", "tqdm"}
# what faces users, beside all of refinr.files
SCREENS = {
    "progress",
    "indexing",
    "summary",
    "incoming",
    "advice",
    "hints",
    "sections",
    "drawing",
    "scenes",
    "keeping",
    "estimates",
}
# what other machines compute: the chapter of certificates, and unlike workers
ELSEWHERE = {"balls", "envelopes", "undecided", "arithmetic", "absent"}
LINES_A_FILE = 200
STATEMENTS_A_FILE = 165
PACKED_A_FILE = 1  # tuples assigned to tuples: a swap or a recurrence, where both values must be the old ones
STATEMENTS_OF_THE_METHOD = 2010

# low, but of the machine and not of the mathematics: cores, files, screens; and the oracle, which has its own defects
NOT_MUTATED = {
    "cpu",
    "version",
    "tables",
    "starting",
    "endings",
    "report",
    "executors",
    "completing",
    "progress",
    "summary",
    "incoming",
    "advice",
    "hints",
    "sections",
}


def _name(path: Path) -> str:
    """``refinr/files/trits.py`` is "files.trits", ``refinr/oracle/__init__.py`` "oracle"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


SOURCES = {_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = [name for name in SOURCES if name not in ("files", "codec")]  # a door without a room behind it


# --- what a source says ----------------------------------------------------------------------------------------------


def _imports(source: str) -> set[str]:
    """Modules of the package that a source imports, anywhere; ``__init__`` is the package itself."""
    known = FLOORS.keys() | SOURCES.keys()
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            paths = [name if name.removeprefix("refinr.") in known else node.module or "" for name in names]
        else:
            continue
        for path in paths:
            if path.split(".")[0] == "refinr":
                found.add(path.removeprefix("refinr").removeprefix(".") or "__init__")
    return found


def _floor_violations(name: str, source: str) -> list[str]:
    return [f"{name} imports {other}" for other in sorted(_imports(source)) if FLOORS[other] >= FLOORS[name]]


def _door_violations(name: str, source: str) -> list[str]:
    """Files know nothing but files; the method and its chapters know neither the oracle nor the command line."""
    room = name.rpartition(".")[0]
    closed = {"files": lambda other: not other.startswith("files."), "": _is_outside}.get(room)
    face = name in ("__init__", "__main__", "oracle", "cli")
    return (
        []
        if closed is None or face
        else [f"{name} imports {other}" for other in sorted(_imports(source)) if closed(other)]
    )


def _is_outside(name: str) -> bool:
    return name.split(".")[0] in ("oracle", "codec", "cli", "__init__")


@functools.cache
def _needed_by(name: str) -> set[str]:
    """The module and all that it imports, directly or not."""
    return {name}.union(*(_needed_by(other) for other in _imports(SOURCES[name])))


def _at_top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: all but the bodies of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _at_top_level(node)


def _loaded_libraries(source: str) -> set[str]:
    found = set()
    for node in _at_top_level(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _array_functions(source: str) -> set[str]:
    """Names taken from an array library: ``xp.<name>``, ``self.xp.<name>`` and ``namespace(...).<name>``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            by_name = getattr(owner, "id", getattr(owner, "attr", None)) == "xp"
            by_call = isinstance(owner, ast.Call) and getattr(owner.func, "id", None) == "namespace"
            if by_name or by_call:
                found.add(node.attr)
    return found


def _code_lines(source: str) -> int:
    """Lines that hold code: not blank, no comment, no docstring."""
    lines = set()
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def _statements(source: str) -> int:
    """Statements but for docstrings and imports: of what is to be read, in however many lines and files.

    A tuple assigned to a tuple counts as the assignments it stands for.
    """
    return sum(_weight(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt))


def _weight(node: ast.stmt) -> int:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return 0
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return 0
    return _packed(node) or 1


def _packed(node: ast.AST) -> int:
    """Assignments that are packed into one, tuple to tuple."""
    packed = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
    return len(node.value.elts) if packed and isinstance(node.value, ast.Tuple) else 0


# --- the package -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_lower_floors(name):
    assert name in FLOORS, f"{name} stands on no floor: give it one"
    assert not _floor_violations(name, SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
def test_doors_stay_closed(name):
    assert not _door_violations(name, SOURCES[name])


@pytest.mark.parametrize("name", SOURCES)
def test_optional_and_heavy_libraries_are_imported_where_they_are_used(name):
    assert not _loaded_libraries(SOURCES[name]) & LAZY


def test_importing_the_package_loads_no_heavy_library():
    script = "import sys, refinr; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert not set(run.stdout.split()) & LAZY


@pytest.mark.parametrize("library", ["numpy", "cupy", "array_api_strict"])
@pytest.mark.parametrize("name", MODULES)
def test_array_functions_exist_in_every_library(name, library):
    assert not _array_functions(SOURCES[name]) - set(dir(importlib.import_module(library)))


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_is_read_in_minutes(name):
    lines = _code_lines(SOURCES[name])
    assert lines <= LINES_A_FILE
    assert _statements(SOURCES[name]) <= STATEMENTS_A_FILE


@pytest.mark.parametrize("folder", ["refinr", "paper_figures", "benchmarks"])
def test_a_line_is_one_thought(folder):
    for path in sorted((PACKAGE.parent / folder).rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert sum(_packed(node) > 0 for node in nodes) <= PACKED_A_FILE, path


def test_the_method_is_read_in_one_sitting():
    method = _needed_by("fitting") - SCREENS - ELSEWHERE
    method = {name for name in method if not name.startswith(("files", "readouts"))}
    assert len(method) > 15
    assert sum(_statements(SOURCES[name]) for name in method) <= STATEMENTS_OF_THE_METHOD


def test_mutants_are_made_of_floors_0_to_3_and_of_what_trains_and_certifies():
    root = PACKAGE.parent
    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    mutated = {".".join(Path(path).with_suffix("").parts[1:]) for path in config["only_mutate"]}
    floors_0_to_3 = {name for name, floor in FLOORS.items() if floor <= 3 and "." not in name} - NOT_MUTATED
    above = {"description", "mlp", "chunks", "jobs", "training", "running", "constructive", "certificates"}
    above |= {f"readouts.{name}" for name in ("batches", "features", "real", "infeasible", "integer", "quantise")}
    assert floors_0_to_3 | above <= mutated <= FLOORS.keys()
    theirs = {path for path in (f"tests/test_{name}.py" for name in mutated) if (root / path).exists()}
    forgotten = theirs - set(config["pytest_add_cli_args_test_selection"])
    assert not forgotten, "tests of mutated modules that no mutant is run against"


# --- the checks themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from refinr import planes, xp", {"planes", "xp"}),
        ("from refinr.mlp import MLP, forward", {"mlp"}),
        ("import refinr.mlp as m", {"mlp"}),
        ("import refinr", {"__init__"}),
        ("from refinr import fit", {"__init__"}),
        ("from refinr.files import residual, storing", {"files.residual", "files.storing"}),
        ("def f():\n    if True:\n        from refinr import cli", {"cli"}),
        ("import numpy.planes\nfrom other import planes", set()),
    ],
)
def test_imports_are_found(source, found):
    assert _imports(source) == found


def test_relative_imports_are_refused():
    with pytest.raises(AssertionError, match="relative"):
        _imports("from . import planes")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("planes", "from refinr import mlp"),
        ("planes", "from refinr import coords"),
        ("planes", "from refinr import planes"),
        ("mlp", "def f():\n    from refinr.training import train"),
        ("training", "import refinr"),
        ("files.signals", "from refinr.files import signals"),
    ],
)
def test_a_floor_violation_is_found(name, source):
    assert _floor_violations(name, source)


@pytest.mark.parametrize(("name", "source"), [("mlp", "from refinr import layers, xp"), ("cli", "import refinr")])
def test_looking_down_is_no_violation(name, source):
    assert not _floor_violations(name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("files.storing", "from refinr import xp"),
        ("fitting", "from refinr.oracle import compare"),
        ("certificates", "def f():\n    from refinr.cli import demo"),
        ("layout", "from refinr import fit"),
        ("losses", "from refinr.codec import rans"),
    ],
)
def test_an_open_door_is_found(name, source):
    assert _door_violations(name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("fitting", "from refinr.files import storing"),
        ("oracle.check", "from refinr import mlp"),
        ("cli", "import refinr"),
    ],
)
def test_a_door_opens_one_way(name, source):
    assert not _door_violations(name, source)


def test_top_level_imports_are_told_from_lazy_ones():
    assert _loaded_libraries("import scipy.special\nfrom tqdm import tqdm") == {"scipy", "tqdm"}
    assert _loaded_libraries("try:\n    import cupy\nexcept ImportError:\n    pass") == {"cupy"}
    assert _loaded_libraries("class A:\n    import jax") == {"jax"}
    assert _loaded_libraries("def f():\n    import torch") == set()


def test_array_functions_are_found():
    source = "xp.sin(xp.cos(z))\nself.xp.exp\nnamespace(z).tanh(z)\nnp.interp\nother(z).tile"
    assert _array_functions(source) == {"sin", "cos", "exp", "tanh"}


def test_only_code_is_counted():
    source = '''"""Module docstring,

    of three lines."""
# a comment

import math  # code with a comment


def f(
    x,
):
    """Docstring."""
    text = """two
lines"""
    return text
'''
    assert _code_lines(source) == 7


def test_statements_are_counted_however_they_are_packed():
    source = '''"""Docstring."""
a = 1; b = 2
if a: b = (
    3
)
def f():
    """Docstring."""
    return a
'''
    assert _statements(source) == 6
    assert _statements(source + "import a\nfrom b import c\na, b = b, a\n(a, b), c = d\n") == 9


def test_a_tuple_that_is_assigned_to_a_tuple_is_packed():
    assert _packed(ast.parse("a, b = 1, 2").body[0]) == 2
    assert not any(_packed(ast.parse(source).body[0]) for source in ("a, b = f(x)", "a = 1, 2", "f(x)"))
