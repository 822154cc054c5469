"""The oracle's cases as files: safetensors and a manifest, readable from every language.

With this you can write cases (`export`) and read them back (`load`).  docs/oracle-format.md describes the files.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refinr.oracle.case import BITS, BOUNDED, EPS, TINY, TRAJECTORY, Case, Output
from refinr.oracle.compare import FACTOR
from refinr.version import __version__

FORMAT = "refinr-oracle"
VERSION = 3
CLASSES = {
    1: {"exact": BITS, "elementwise": BOUNDED, "reduction": BOUNDED, "trajectory": TRAJECTORY},
    2: {kind: kind for kind in (BITS, BOUNDED, TRAJECTORY)},
    3: {kind: kind for kind in (BITS, BOUNDED, TRAJECTORY)},
}
"""By version, the names of comparison classes: version 1 had two for one."""


def export(folder: str | Path, cases: Sequence[Case]) -> None:
    """Write cases: a safetensors file a family, ``manifest.json``, and two tables for simple readers.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    from safetensors.numpy import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    families = {}
    lines = ["case\trole\ttensor\tdtype\tshape\tfile\toffset\tbytes\tclass\tfloor\tdtypes"]
    heads = ["case\toperation\tdtypes\tfixed\trefused\toptions"]
    for family in dict.fromkeys(case.family for case in cases):
        chosen = [case for case in cases if case.family == family]
        tensors = {key: array for case in chosen for key, array in _tensors(case)}
        outputs = {f"{case.name}/output/{key}": output for case in chosen for key, output in case.outputs.items()}
        content = save(tensors)
        file = f"{family}.safetensors"
        (folder / file).write_bytes(content)
        families[family] = {
            "file": file,
            "sha256": hashlib.sha256(content).hexdigest(),
            "cases": [_describe(case) for case in chosen],
        }
        lines += _index(file, content, outputs)
        heads += ["\t".join(_head(case)) for case in chosen]
    manifest = {"format": FORMAT, "version": VERSION, "refinr": __version__}
    manifest |= {"factor": FACTOR, "eps": EPS, "tiny": TINY, "families": families}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    (folder / "cases.tsv").write_text("\n".join(heads) + "\n")


def _head(case: Case) -> list[str]:
    """A case in a line; options as ``name=value``, their values in JSON without spaces."""
    options = [f"{name}={json.dumps(value, separators=(',', ':'))}" for name, value in case.options.items()]
    flags = [str(int(case.fixed)), str(int(bool(case.refused)))]
    return [case.name, case.operation, ",".join(case.dtypes) or "-", *flags, " ".join(options) or "-"]


def _tensors(case: Case) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in case.arrays.items():
        yield f"{case.name}/input/{name}", _plain(array)
    for name, output in case.outputs.items():
        yield f"{case.name}/output/{name}", _plain(output.values)
        if output.kind != BITS:
            yield f"{case.name}/units/{name}", np.array(output.units, dtype=np.float64)


def _plain(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(array.shape)


def _describe(case: Case) -> dict[str, Any]:
    outputs = [
        {"tensor": name, "class": o.kind, "floor": o.floor, "dtypes": list(o.dtypes)}
        for name, o in case.outputs.items()
    ]
    named = {"name": case.name, "operation": case.operation, "options": case.options, "inputs": list(case.arrays)}
    return named | {"outputs": outputs, "dtypes": list(case.dtypes), "fixed": case.fixed, "refused": case.refused}


def _index(file: str, content: bytes, outputs: dict[str, Output]) -> list[str]:
    """A line a tensor: where it lies in its file."""
    size = int.from_bytes(content[:8], "little")
    lines = []
    for key, entry in json.loads(content[8 : 8 + size]).items():
        first, last = entry["data_offsets"]
        shape = "x".join(map(str, entry["shape"])) or "-"
        output = outputs.get(key, Output(np.zeros(0), "-"))
        where = [file, str(8 + size + first), str(last - first)]
        said = ",".join(output.dtypes) if output.kind != "-" else ""
        fields = [*key.split("/"), entry["dtype"], shape, *where, output.kind, repr(output.floor), said or "-"]
        lines.append("\t".join(fields))
    return lines


def load(path: str | Path) -> tuple[Case, ...]:
    """The cases that `export` wrote: a folder, or a zip archive of what was in it.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If the folder holds something else, or newer, or a file was changed.
    """
    from safetensors.numpy import load as tensors_of

    folder = zipfile.Path(path) if Path(path).is_file() else Path(path)
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest.get("format") != FORMAT or manifest["version"] not in CLASSES:
        raise ValueError(f"{folder}: expected {FORMAT} of version {VERSION} or older")
    classes = CLASSES[manifest["version"]]
    found = []
    for family in manifest["families"].values():
        content = (folder / family["file"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != family["sha256"]:
            raise ValueError(f"{folder / family['file']}: damaged, its content is not what was written")
        tensors = tensors_of(content)
        found += [_case(entry, tensors, classes) for entry in family["cases"]]
    return tuple(found)


def _case(entry: dict[str, Any], tensors: dict[str, np.ndarray], classes: dict[str, str]) -> Case:
    name = entry["name"]
    arrays = {key: tensors[f"{name}/input/{key}"] for key in entry["inputs"]}
    dtypes = tuple(entry["dtypes"])
    outputs = {}
    for output in entry["outputs"]:
        key = output["tensor"]
        units = tensors.get(f"{name}/units/{key}", 0.0)
        said = tuple(output.get("dtypes", dtypes))
        outputs[key] = Output(tensors[f"{name}/output/{key}"], classes[output["class"]], units, output["floor"], said)
    refused = entry.get("refused", "")
    return Case(name, entry["operation"], arrays, entry["options"], outputs, dtypes, entry["fixed"], refused)
