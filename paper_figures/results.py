"""Data files: what was computed, and where it comes from.

With this you can write data with their provenance (`write`), read them back checked (`read`), tell whether they are
older than the code that made them (`digest`), and carry arrays in JSON (`pack`, `unpack`).
"""

from __future__ import annotations

import ast
import base64
import datetime
import hashlib
import importlib
import inspect
import json
import math
import subprocess
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import refinr
from benchmarks import machine

Data = dict[str, Any]


class Result(NamedTuple):
    """A data file: the data, and how they came to be."""

    data: Data
    provenance: dict[str, Any]


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))


def checksum(data: Data) -> str:
    """SHA-256 of the data in a canonical form."""
    return hashlib.sha256(_canonical(data).encode()).hexdigest()


def finite(value: float) -> float | None:
    """A number as JSON has it: None for infinity (the PSNR of equal images) and NaN."""
    return float(value) if math.isfinite(value) else None


def write(path: Path, data: Data, provenance: dict[str, Any]) -> None:
    """Write a data file, whole or not at all."""
    lines = []
    for key, value in data.items():
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n  " + ",\n  ".join(map(_plain, value)) + "\n ]" if rows else _plain(value)
        lines.append(f" {_plain(key)}: {text}")
    about = json.dumps(provenance | {"sha256": checksum(data)}, indent=1)
    beside = path.with_suffix(".tmp")
    beside.write_text('{"provenance": ' + about + ',\n"data": {\n' + ",\n".join(lines) + "\n}}\n")
    beside.replace(path)


def _plain(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def read(path: Path) -> Result:
    """Read a data file.

    Raises
    ------
    ValueError
        If its data are not those that its checksum speaks of.
    """
    record = json.loads(path.read_text())
    found, expected = checksum(record["data"]), record["provenance"]["sha256"]
    if found != expected:
        raise ValueError(f"{path}: expected data with SHA-256 {expected}, got {found}")
    return Result(record["data"], record["provenance"])


def pack(array: np.ndarray) -> dict[str, Any]:
    """An array in JSON values: dtype, shape, and compressed bytes, little-endian.

    Examples
    --------
    >>> bool((unpack(pack(np.arange(6).reshape(2, 3))) == np.arange(6).reshape(2, 3)).all())
    True
    """
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    text = base64.b64encode(zlib.compress(little.tobytes(), 9)).decode()
    return {"dtype": little.dtype.str, "shape": list(array.shape), "zlib": text}


def unpack(value: dict[str, Any]) -> np.ndarray:
    """The inverse of `pack`."""
    content = zlib.decompress(base64.b64decode(value["zlib"]))
    return np.frombuffer(content, value["dtype"]).reshape(value["shape"])


# --- where data come from --------------------------------------------------------------------------------------------

_AFTER_THE_DATA = {"plot", "tables", "CLAIMS", "TITLE", "SHOWS", "PICTURES", "PRESETS"}
_PACKAGES = ("paper_figures", "benchmarks")
_NOT_COMPUTING = {f"paper_figures.{name}" for name in ("style", "claims", "results", "resume", "registry", "gallery")}
_NOT_COMPUTING |= {"benchmarks.report", "benchmarks.machine"}


def digest(module: ModuleType, preset: str, data_files: list[str] | None = None) -> str:
    """Hash of what a result depends on: the code that computes it, and the settings of the preset.

    That is the module without what comes after its data file (see `paper_figures`), the modules of this package and of
    `benchmarks` that it imports, and the settings; comments, docstrings and layout do not count.  `refinr` itself is
    not in it: its own hash is in the provenance (`refinr_digest`).
    """
    sources = [computing_code(inspect.getsource(module))]
    seen: set[str] = set()
    waiting = _imports(module)
    while waiting:
        name = waiting.pop()
        if name not in seen | _NOT_COMPUTING:
            seen.add(name)
            waiting |= _imports(importlib.import_module(name))
    sources += [computing_code(inspect.getsource(importlib.import_module(name))) for name in sorted(seen)]
    return hashlib.sha256(_canonical([*sources, module.PRESETS[preset], data_files]).encode()).hexdigest()


def refinr_digest() -> str:
    """Hash of the code of `refinr`; comments, docstrings and layout do not count."""
    paths = sorted(Path(refinr.__file__).parent.rglob("*.py"))
    return hashlib.sha256("\n".join(computing_code(path.read_text()) for path in paths).encode()).hexdigest()


def _imports(module: ModuleType) -> set[str]:
    """Modules of `_PACKAGES` that a module imports from."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and node.module in _PACKAGES:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(tuple(f"{p}." for p in _PACKAGES)):
            found.add(str(node.module))
    return found


def computing_code(source: str) -> str:
    r"""The syntax tree of a source as text, without docstrings and what comes after the data file.

    Comments and layout are not in a syntax tree; fields that are empty are left out, as they differ between versions.

    Examples
    --------
    >>> one = computing_code('TITLE = "a"\n\ndef f(x):\n    "Docstring."\n    return (x,  # one\n        1)\n')
    >>> one == computing_code("def f(x): return (x, 1)"), one == computing_code("def f(x): return (x, 2)")
    (True, False)
    """
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _after_the_data(node)]
    return _text(tree)


def _text(node: Any) -> str:
    if isinstance(node, list):
        return "[" + ", ".join(map(_text, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
    if "body" in fields and isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            fields["body"] = node.body[1:]
    return f"{type(node).__name__}({', '.join(f'{name}={_text(value)}' for name, value in fields.items())})"


def _after_the_data(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return node.name in _AFTER_THE_DATA or node.name.startswith(("_draw", "_judge"))
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id in _AFTER_THE_DATA for target in targets)


def provenance(
    name: str, preset: str, seed: int, seconds: float, used: float, source: str, others: float
) -> dict[str, Any]:
    """Where a result comes from.

    `used` is the processor's time of this process, all cores together; `others` the number of cores that other
    processes kept busy meanwhile.
    """
    return {
        "figure": name,
        "preset": preset,
        "seed": seed,
        "seconds": round(seconds, 1),
        "processor seconds": round(used, 1),
        "cores busy with other processes": finite(round(others, 2)),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "source": source,
        "refinr source": refinr_digest(),
        "machine": machine.facts(),
    }


def _commit() -> str:
    folder = Path(__file__).parent
    try:
        head = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(head, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
        status = ["git", "status", "--porcelain", "--untracked-files=no", "--", "*.py"]
        changed = subprocess.run(status, cwd=folder.parent, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" and changes" if changed else "")
