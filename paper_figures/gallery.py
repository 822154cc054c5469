"""The gallery page: every picture beside what the paper says.

With this you can make the page from the result files (`page`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from paper_figures import datafiles, figures, registry
from paper_figures.markdown import table

_HEAD = """# The paper's figures, computed anew

This page is generated from the result files of the preset "{preset}" (`python -m paper_figures gallery`); verdicts are
computed from the data by the rules stated below, not typed in. The paper is Han et al., "Towards Lossless Implicit
Neural Representation via Bit Plane Decomposition", CVPR 2025. Its claims are given in our words; its images are not
ours to copy, and its networks and images are larger: 256 x 256 pixels, six layers of 512, thousands of iterations on a
GPU. "Holds" says that the claim holds at the size tried here.

    python -m paper_figures all --preset small     # computes what is missing or stale, and can be interrupted
    python -m paper_figures list                   # which results exist, and which are older than their code

The results on this page took {time}.

`--preset paper` has the paper's sizes (on a GPU, with CuPy), and `--data DIR` takes Kodak, DIV2K, TESTIMAGES, FiveK or
LibriSpeech from disk (see [signals.py](signals.py)).
"""


def page(preset: str, folder: Path, beside: Path) -> str:
    """The page for the results in `folder`, with links as seen from the folder `beside`."""
    found = {}
    judged = {}
    missing = []
    for name in figures.NAMES:
        path = registry.data_path(folder, name)
        if not path.exists():
            missing.append(name)
            continue
        result = datafiles.read(path)
        stale = registry.state(name, preset, folder) == registry.STALE
        try:
            judged[name] = [(claim, claim.judge(result.data)) for claim in registry.find(name).claims]
            found[name] = _section(name, result, judged[name], os.path.relpath(folder, beside), stale)
        except (LookupError, TypeError, ValueError, StopIteration):
            if not stale:
                raise
            missing.append(name)  # data of an earlier version, which this one cannot read
            judged.pop(name, None)
    runs = [datafiles.read(registry.data_path(folder, name)).provenance for name in found]
    parts = [_HEAD.format(preset=preset, time=_duration(runs))]
    overview = ["## Claims and verdicts", "", "| where in the paper | claim | verdict here |", "|---|---|---|"]
    for name, verdicts in judged.items():
        shows = registry.find(name).shows
        overview += [
            f"| [{shows}](#{name}) | {_cell(claim.claim)} | {finding.verdict} |" for claim, finding in verdicts
        ]
    parts.append("\n".join(overview) + "\n")
    untried = "\n".join(f"- {what}: {why}" for what, why in registry.UNTRIED.items())
    parts.append(f"Not tried here:\n\n{untried}\n")
    parts += found.values()
    if missing:
        parts.append(f"Not computed with this preset yet: {', '.join(missing)}.\n")
    return "\n".join(parts)


def _duration(runs: list[dict[str, Any]]) -> str:
    spent = sum(about["seconds"] for about in runs)
    others = sum(about["seconds"] * (about["cores busy with other processes"] or 0.0) for about in runs) / max(spent, 1)
    cores = " or ".join(sorted({about["machine"]["cores"] for about in runs}))
    shared = f", of which others kept {others:.1f} busy" if others >= 0.1 else ""
    return f"{spent / 60:.1f} minutes on {cores} cores{shared}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(name: str, result: datafiles.Result, verdicts: list[Any], folder: str, stale: bool) -> str:
    figure = registry.find(name)
    lines = [f'<a id="{name}"></a>', "", f"## {figure.title}", ""]
    if stale:
        lines += ["**Stale: these results come from an earlier version of this figure's code.**", ""]
    for picture, caption in figure.pictures.items():
        lines += [f"![{caption}]({folder}/{picture}.png)", "", f"*{caption}*", ""]
    lines += ["| claim | the paper's numbers | ours | verdict | rule |", "|---|---|---|---|---|"]
    for claim, finding in verdicts:
        row = (claim.claim, claim.paper or "none given", finding.ours, f"**{finding.verdict}**", claim.rule)
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
    for heading, rows in figure.tables(result.data).items():
        lines += ["", f"{heading}:", "", table(rows)]
    about = result.provenance
    facts = (
        f"Preset {about['preset']}, seed {about['seed']}; {_duration([about])}; "
        f"commit {about['commit'][:10]}{about['commit'][40:]}; code: `paper_figures/figures/{name}.py`, "
        f"data: [{name}.json]({folder}/{name}.json), SHA-256 {about['sha256'][:16]}."
    )
    return "\n".join([*lines, "", facts, ""])
