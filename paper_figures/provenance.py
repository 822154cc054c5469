"""Where results come from, and whether they are older than the code that made them.

With this you can tell what a result depends on (`digest`: the code that computes it, and its settings;
`refinr_digest`), and say where one comes from (`about`: seed, seconds, commit, code, machine).

Both digests are of syntax trees: comments, docstrings and layout do not count, nor does the place of a module, because
code that only moves computes the same.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import functools
import hashlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import refinr
from paper_figures import machine
from paper_figures.datafiles import canonical, finite
from paper_figures.figure import Figure
from refinr.files.atomic import replace_file


def digest(figure: Figure, preset: str, user_files: list[str] | None = None) -> str:
    """Hash of what a result depends on.

    That is what ``figure.compute`` uses of its own module, directly or not; the modules of this package that this takes
    something from, and all that those import; the preset's settings; and the user's files, if there are any.  `refinr`
    is not in it: it has a hash of its own (`refinr_digest`), as most of its changes do not change what networks learn.
    """
    start = figure.compute.__name__
    source = inspect.getsource(sys.modules[figure.compute.__module__])
    codes = [computing_code(inspect.getsource(module)) for module in _modules(source, start)]
    return _hash([computing_code(source, start), *sorted(codes), figure.presets[preset], user_files])


@functools.cache
def refinr_digest() -> str:
    """Hash of the code of `refinr`; what was found of the same files before is kept beside compiled modules."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(refinr.__file__).parent.rglob("*.py"))]
    kept = Path(__file__).parent / "__pycache__" / f"refinr-{_hash([*sources, inspect.getsource(_used)])[:32]}.txt"
    if kept.exists() and len(found := kept.read_text()) == 64:
        return found
    digest = _hash(sorted(computing_code(source) for source in sources))
    with contextlib.suppress(OSError):  # a folder that cannot be written to
        kept.parent.mkdir(exist_ok=True)  # there is none yet where Python keeps no compiled modules
        replace_file(kept, digest.encode())
    return digest


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


@functools.cache
def computing_code(source: str, start: str | None = None) -> str:
    r"""The syntax tree of a source as text: all of it, or what the function `start` uses, directly or not.

    An import counts by the names it brings, not by where they come from.  Of a figure's `PRESETS` nothing counts here:
    the settings that were used do, as values.

    Examples
    --------
    >>> one = computing_code('from a.b import c\nTITLE = "t"\ndef f(x):\n    "Doc."\n    return (x,  # why\n  c)', "f")
    >>> one == computing_code("from d import c\ndef f(x): return x, c", "f")
    True
    >>> one == computing_code("from d import c\ndef f(x): return c, x", "f")
    False
    """
    used = _used(source, start)
    brought = sorted(f"{bound.name} as {bound.local}" for bound in used.imports)
    return "\n".join([*brought, _text(used.body)])


# --- what a function uses --------------------------------------------------------------------------------------------


class _Bound(NamedTuple):
    """What an import brings: the module it names, the name there, and the name here."""

    module: str
    name: str
    local: str


class _Used(NamedTuple):
    """Statements of a module's top level, and the imports, anywhere in it, that they use."""

    body: list[ast.stmt]
    imports: list[_Bound]


@functools.cache
def _used(source: str, start: str | None) -> _Used:
    tree = ast.parse(source)
    body = tree.body
    if start is not None:
        names = {start}
        count = 0
        while count < len(names):  # until nothing new is used
            count = len(names)
            body = [node for node in tree.body if _defined(node) & names]
            names = names.union(*map(_names, body)) - {"PRESETS"}
    names = set().union(*map(_names, body))
    return _Used(body, [bound for bound in _imports(tree) if bound.local in names])


def _defined(node: ast.stmt) -> set[str]:
    """Names that a statement of the top level gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)}


def _names(node: ast.AST) -> set[str]:
    return {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}


def _imports(tree: ast.AST) -> Iterator[_Bound]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Bound(alias.name, alias.name, alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield _Bound(str(node.module), alias.name, alias.asname or alias.name)


def _modules(source: str, start: str) -> list[ModuleType]:
    """The modules of this package that the function `start` of that source needs, directly or not."""
    found: dict[str, ModuleType] = {}
    waiting = [*_used(source, start).imports]
    while waiting:
        bound = waiting.pop()
        if bound.module.partition(".")[0] == "paper_figures":
            module = _module(bound)
            if module.__name__ not in found:
                found[module.__name__] = module
                waiting += _used(inspect.getsource(module), None).imports
    return list(found.values())


def _module(bound: _Bound) -> ModuleType:
    """The module that an import brings, or brings something from."""
    inner = f"{bound.module}.{bound.name}"
    package = hasattr(importlib.import_module(bound.module), "__path__")
    return importlib.import_module(inner if package and importlib.util.find_spec(inner) else bound.module)


def _text(node: Any) -> str:
    """A tree as text, without imports and docstrings; fields that are empty are left out: they differ with Python's."""
    if isinstance(node, list):
        return "[" + ", ".join(_text(part) for part in node if not _is_silent(part)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
    return f"{type(node).__name__}({', '.join(f'{name}={_text(value)}' for name, value in fields)})"


def _is_silent(node: Any) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


# --- where a result comes from ---------------------------------------------------------------------------------------


def about(name: str, preset: str, seed: int, source: str, spent: machine.Spent) -> dict[str, Any]:
    """The provenance of a result that was just computed, by the code with the digest `source`."""
    return {
        "figure": name,
        "preset": preset,
        "seed": seed,
        "seconds": round(spent.seconds, 1),
        "processor seconds": round(spent.processor_seconds, 1),
        "cores busy with other processes": finite(round(spent.cores_of_others, 2)),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "source": source,
        "refinr source": refinr_digest(),
        "machine": machine.facts(),
    }


def _commit() -> str:
    """The commit of this package's repository, and whether sources have changed since; "unknown" outside of one."""
    folder = Path(__file__).parent
    try:
        commit = _git("rev-parse", "HEAD", folder=folder)
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "*.py", folder=folder.parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" and changes" if changed else "")


def _git(*arguments: str, folder: Path) -> str:
    run = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()
