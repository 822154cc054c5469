"""The gallery page: every picture beside what the paper says.

With this you can collect what the result files say (`entries`), count it (`summary`), and make the page (`page`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from paper_figures import datafiles, figures, registry
from paper_figures.claims import FAILS, HOLDS, PARTLY, UNTRIED, Claim, Finding
from paper_figures.markdown import table

_HEAD = """# The paper's figures, computed anew

{summary}

This page is generated from the result files of the preset "{preset}" (`python -m paper_figures gallery`); verdicts are
computed from the data by the rules stated below, not typed in. The paper is Han et al., "Towards Lossless Implicit
Neural Representation via Bit Plane Decomposition", CVPR 2025. Its claims are given in our words; its images are not
ours to copy, and its networks and images are larger: 256 x 256 pixels, six layers of 512, thousands of iterations on a
GPU. "Holds" says that the claim holds at the size tried here, "partly" that a weaker one does, which its rule states,
"not tried" that nothing here decides about it. Where step sizes decide, every method has its own, from a sweep that
goes on until the best lies inside, and several seeds, which are not the sweep's: numbers are means, "+-" is half the
distance of the extremes. Work is counted in multiply-adds of training, time in seconds of one processor core.

In tables BER is the bit error rate, the share of wrong bits; PSNR (in dB), SSIM and RMSE are of samples as whole
numbers; BCE, MSE and MAE are losses (cross-entropy, squared and absolute error), PE is an encoding of coordinates by
octaves. A plane is one bit of all samples; "Nyquist" is the highest frequency that the samples can carry, in units of
which first layers are given; "stored bits / bit" are bits kept for each bit of the array. "(edge)" marks a step size
whose sweep ended with it. On logarithmic axes step 0 is drawn left of step 1.

    python -m paper_figures all --preset small     # computes what is missing or stale, and can be interrupted
    python -m paper_figures list                   # which results exist, and which are older than their code

The results on this page took {time}.

`--preset paper` has the paper's sizes (on a GPU, with CuPy), or the largest that two cores manage, and can be
interrupted, too; `--data DIR` takes Kodak, DIV2K, TESTIMAGES, FiveK or LibriSpeech from disk (see
[signals.py](signals.py)).
"""

LARGER = "larger_"
"""What anchors of results of the preset "paper" begin with."""

PAPER = registry.RESULTS / "paper"
"""Where results of the preset "paper" are."""

_BUSY = 0.1
"""Cores that others must have kept busy for the page to mention it."""


def page(preset: str, folder: Path, beside: Path) -> str:
    """The page for the results in `folder`, with links as seen from the folder `beside`."""
    found = entries(preset, folder)
    missing = [name for name in figures.NAMES if name not in found]
    runs = [entry.result.provenance for entry in found.values()]
    parts = [_HEAD.format(preset=preset, time=duration(runs), summary=summary(found))]
    larger = larger_entries(folder)
    parts.append(_overview(found, larger))
    for name, entry in found.items():
        parts.append(_section(name, entry, os.path.relpath(folder, beside), name))
        if name in larger:
            parts.append(_section(name, larger[name], os.path.relpath(PAPER, beside), LARGER + name))
    if missing:
        parts.append(f"Not computed with this preset yet: {', '.join(missing)}.\n")
    return "\n".join(parts)


class Entry(NamedTuple):
    """What the page says of a figure."""

    result: datafiles.Result
    findings: list[tuple[Claim, Finding]]
    tables: dict[str, list[datafiles.Data]]
    stale: bool


def entries(preset: str, folder: Path) -> dict[str, Entry]:
    """By the figures' names; those without data are left out."""
    found = {name: _entry(name, preset, folder) for name in figures.NAMES}
    return {name: entry for name, entry in found.items() if entry is not None}


def larger_entries(folder: Path) -> dict[str, Entry]:
    """Of the preset "paper", beside the kept results of the preset "small"; beside others none."""
    return entries("paper", PAPER) if folder == registry.RESULTS / "small" else {}


def _entry(name: str, preset: str, folder: Path) -> Entry | None:
    """None if there are no data, or data of an earlier version that this one cannot read."""
    path = registry.data_path(folder, name)
    if not path.exists():
        return None
    figure = registry.find(name)
    result = datafiles.read(path)
    stale = registry.state(name, preset, folder) == registry.STALE
    try:
        findings = [(claim, claim.judge(result.data)) for claim in figure.claims]
        return Entry(result, findings, figure.tables(result.data), stale)
    except (LookupError, TypeError, ValueError, StopIteration):
        if stale:
            return None
        raise


def summary(found: dict[str, Entry]) -> str:
    """The page in two sentences."""
    findings = [pair for entry in found.values() for pair in entry.findings]
    paper = Counter(finding.verdict for claim, finding in findings if not claim.is_ours)
    paper[UNTRIED] += len(registry.UNTRIED)
    ours = Counter(finding.verdict for claim, finding in findings if claim.is_ours)
    swept = [row["inside"] for entry in found.values() for row in rows(entry.result.data) if "inside" in row]
    words = f"**Of {paper.total()} claims of the paper {_counted(paper)}; of {ours.total()} of ours {_counted(ours)}.**"
    return f"{words} The best step size lies inside its sweep in {sum(swept)} of {len(swept)} cases."


def _counted(verdicts: Counter[str]) -> str:
    words = {HOLDS: "hold", PARTLY: "hold partly", FAILS: "do not hold", UNTRIED: "were not tried"}
    return ", ".join(f"{verdicts[verdict]} {word}" for verdict, word in words.items() if verdicts[verdict])


def rows(data: Any) -> Iterator[dict[str, Any]]:
    """All dicts that lie in lists, at any depth of the data."""
    for value in data.values() if isinstance(data, dict) else ():
        for row in value if isinstance(value, list) else ():
            if isinstance(row, dict):
                yield row
                yield from rows(row)


def _overview(found: dict[str, Entry], larger: dict[str, Entry]) -> str:
    lines = ["## Claims and verdicts", "", "| where in the paper | claim | verdict here |", "|---|---|---|"]
    for name, entry in found.items():
        shows = registry.find(name).shows
        for claim, finding in entry.findings:
            lines.append(f"| [{shows}](#{name}) | {_cell(claim.claim)} | {finding.verdict} |")
    for untried in registry.UNTRIED:
        lines.append(f"| {untried.where} | {_cell(untried.claim)} | {UNTRIED}: {_cell(untried.why)} |")
    for name, entry in larger.items():
        words = "; ".join(f"{claim.claim} {finding.verdict}" for claim, finding in entry.findings)
        shows = registry.find(name).shows
        lines.append(f"| [{shows}, larger](#{LARGER}{name}) | (the claims above, not counted again) | {_cell(words)} |")
    return "\n".join(lines) + "\n\nFigures 1 and 4 of the paper are drawings of the method, without a claim.\n"


def duration(runs: list[dict[str, Any]]) -> str:
    """What these runs took, and what others took of the machine meanwhile."""
    spent = sum(about["seconds"] for about in runs)
    foreign = sum(about["seconds"] * (about["cores busy with other processes"] or 0.0) for about in runs)
    others = foreign / max(spent, 1.0)  # a mean over time; runs of less than a second tell nothing
    cores = " or ".join(sorted({about["machine"]["cores"] for about in runs}))
    shared = f", of which others kept {others:.1f} busy" if others >= _BUSY else ""
    own = sum(about["processor seconds"] for about in runs)
    return f"{spent / 60:.1f} minutes on {cores} cores{shared}, and {own / 60:.1f} minutes of processor time"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(name: str, entry: Entry, folder: str, anchor: str) -> str:
    figure = registry.find(name)
    size = ", larger (preset paper)" if anchor != name else ""
    lines = [f'<a id="{anchor}"></a>', "", f"## {figure.title}{size}", ""]
    if entry.stale:
        lines += ["**Stale: these results come from an earlier version of this figure's code.**", ""]
    for picture, caption in figure.pictures.items():
        lines += [f"![{caption}]({folder}/{picture}.png)", "", f"*{caption}*", ""]
    lines += ["| claim | the paper's numbers | ours | verdict | rule |", "|---|---|---|---|---|"]
    for claim, finding in entry.findings:
        row = (claim.claim, claim.paper or "none given", finding.ours, f"**{finding.verdict}**", claim.rule)
        lines.append("| " + " | ".join(map(_cell, row)) + " |")
    for heading, rows in entry.tables.items():
        lines += ["", f"{heading}:", "", table(rows)]
    about = entry.result.provenance
    last = " for the last cases, the others having been kept from a run that was cut short"
    facts = (
        f"Preset {about['preset']}, seed {about['seed']}; {duration([about])}{last * ('resumed' in about)}; "
        f"commit {about['commit'][:10]}{about['commit'][40:]}; code: `paper_figures/figures/{name}.py`, "
        f"data: [{name}.json]({folder}/{name}.json), SHA-256 {about['sha256'][:16]}."
    )
    return "\n".join([*lines, "", facts, ""])
