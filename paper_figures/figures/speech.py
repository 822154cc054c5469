"""Table 9: what a recogniser understands of sound that is exact, and of sound that is nearly so.

Five sentences of an audiobook go through pocketsphinx with its own English model: as recorded, as decoded from an exact
representation, and at the paper's two PSNRs: with white noise, and as the fewest cosines that reach them, which lack
what a network learns last.  The peak in the PSNR is the whole range, 2 for samples in [-1, 1], which is the stronger
error of the two that a PSNR of sound can mean.  The recogniser takes 16 bits: sound that is not exact is rounded.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from paper_figures import claims, recordings, style
from paper_figures.claims import Claim, Finding
from paper_figures.figure import Figure
from paper_figures.resume import each
from refinr.solving import solve

PICTURES = {
    "speech": "Left: words of five sentences that a recogniser gets wrong, in per cent of what is read. Right: how "
    "many of its transcripts differ from that of the recording. Sound at the PSNR of the paper's SIREN and DINER is "
    "the recording with white noise (every draw counts), or the fewest cosines that reach it.",
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"sentences": 0, "noises": 1},
    "small": {"sentences": 5, "noises": 2},
    "paper": {"sentences": 5, "noises": 10},
}
LEVELS = (68.54, 85.19)
"""PSNR of SIREN's and of DINER's sound in the paper, dB."""
RECORDED = "recorded"
EXACT = "exact"


def compute(preset: str, rng: np.random.Generator) -> dict[str, Any]:
    """Transcripts of every version of every sentence."""
    settings = PRESETS[preset]
    if settings["sentences"] == 0 or importlib.util.find_spec("pocketsphinx") is None:
        return {"rows": []}
    sentences = recordings.speech()[: settings["sentences"]]

    def measure(case: dict[str, Any], stream: np.random.Generator) -> dict[str, Any]:
        sentence = sentences[case["sentence"]]
        samples = sentence.samples
        inr = solve(samples, seed=int(stream.integers(2**31)))
        decoded = inr.decode()
        versions = {RECORDED: [samples], EXACT: [decoded]}
        for level in LEVELS:
            size = 65535 * 10 ** (-level / 20)  # root of the mean square, in steps of 16 bits
            versions[f"noise, {level} dB"] = [
                _rounded(samples + size * stream.standard_normal(samples.shape)) for _ in range(settings["noises"])
            ]
            versions[f"cosines, {level} dB"] = [_rounded(fewest_cosines(samples, level))]
        said = {name: [transcript(version) for version in found] for name, found in versions.items()}
        return {
            "text": sentence.text, "said": said, "same bytes": decoded.tobytes() == samples.tobytes(),
        }  # fmt: skip

    return {"rows": each(measure, [{"sentence": k} for k in range(len(sentences))], rng)}


def _rounded(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def transcript(samples: np.ndarray) -> str:
    """What the recogniser hears in 16-bit samples of 16 kHz; one that has heard nothing before."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(samples.astype("<i2").tobytes(), no_search=False, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def fewest_cosines(samples: np.ndarray, level: float) -> np.ndarray:
    """The largest coefficients of the cosine transform, as few as give a PSNR of `level` for a range of 65,535.

    Examples
    --------
    >>> samples = np.random.default_rng(0).integers(-9000, 9000, 500).astype("int16")
    >>> error = fewest_cosines(samples, 50.0) - samples
    >>> bool(50.0 <= 20 * np.log10(65535 / np.sqrt((error**2).mean())) < 52)
    True
    """
    from scipy.fft import dct, idct

    coefficients = dct(samples.astype(np.float64), norm="ortho")
    order = np.argsort(-abs(coefficients))
    left_out = np.append(np.cumsum(coefficients[order[::-1]] ** 2)[::-1], 0.0) / len(samples)
    kept = int((left_out > 65535.0**2 * 10 ** (-level / 10)).sum())
    coefficients[order[kept:]] = 0.0
    return idct(coefficients, norm="ortho")


def word_errors(said: str, text: str) -> int:
    """Words to put in, take out or change: the distance of Levenshtein.

    Examples
    --------
    >>> word_errors("he was not a man", "he was not an ill man"), word_errors("", "one two")
    (2, 2)
    """
    heard = said.split()
    previous = list(range(len(heard) + 1))
    for i, word in enumerate(text.split(), start=1):
        now = [i]
        for j, other in enumerate(heard, start=1):
            now.append(min(previous[j] + 1, now[j - 1] + 1, previous[j - 1] + (word != other)))
        previous = now
    return previous[-1]


def _versions(data: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for row in data["rows"] for name in row["said"]))


def _changed(data: dict[str, Any], version: str) -> tuple[int, int]:
    """Transcripts of a version that differ from that of the recording, and all."""
    pairs = [(said, row["said"][RECORDED][0]) for row in data["rows"] for said in row["said"].get(version, [])]
    return sum(a != b for a, b in pairs), len(pairs)


def _wrong_words(data: dict[str, Any], version: str) -> float:
    rows = [row for row in data["rows"] if version in row["said"]]
    wrong = sum(float(np.mean([word_errors(said, row["text"]) for said in row["said"][version]])) for row in rows)
    return wrong / sum(len(row["text"].split()) for row in rows)


def plot(data: dict[str, Any]) -> dict[str, Any]:
    """Wrong words and changed transcripts of each version."""
    sheet, grid = style.figure(1, 2, height=2.4, sharey=True)
    left, right = grid[0]
    names = _versions(data)
    for index, name in enumerate(names):
        changed, of = _changed(data, name)
        left.barh(index, 100 * _wrong_words(data, name), color="#BBBBBB")
        right.barh(index, changed / of, color="#BBBBBB")
        right.annotate(f"{changed} of {of}", (changed / of, index), (3, 0), textcoords="offset points", va="center")
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set_xlabel("wrong words, per cent")
    right.set_xlabel("share of transcripts that differ from the recording's")
    right.set_xlim(0, 1.15)
    return {"speech": sheet}


def tables(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What is heard, where it is not the same."""
    if not data["rows"]:
        return {}
    rows = []
    for row in data["rows"]:
        rows.append({"sound": "read", "words": row["text"]})
        seen: dict[str, list[str]] = {}
        for name, found in row["said"].items():
            for said in found:
                seen.setdefault(said, []).append(name)
        rows += [{"sound": "; ".join(dict.fromkeys(names)), "words": said} for said, names in seen.items()]
    return {"What the recogniser hears": rows}


def _untried(data: dict[str, Any]) -> Finding | None:
    if data["rows"]:
        return None
    return Finding("pocketsphinx or the sentences are not installed, or the preset has none", claims.UNTRIED)


def _judge_exact(data: dict[str, Any]) -> Finding:
    if (nothing := _untried(data)) is not None:
        return nothing
    same = [row["same bytes"] and row["said"][EXACT] == row["said"][RECORDED] for row in data["rows"]]
    ours = f"{sum(same)} of {len(same)} sentences: the same bytes and the same words; "
    ours += f"{_wrong_words(data, RECORDED):.0%} of the words are wrong in both"
    return Finding(ours, claims.verdict(all(same)))


def _judge_level(data: dict[str, Any], level: float) -> Finding:
    if (nothing := _untried(data)) is not None:
        return nothing
    names = [name for name in _versions(data) if name.endswith(f"{level} dB")]
    counts = {name: _changed(data, name) for name in names}
    ours = ", ".join(f"{name}: {changed} of {of} transcripts differ" for name, (changed, of) in counts.items())
    changed = sum(c for c, _ in counts.values())
    return Finding(ours, claims.verdict(changed == sum(of for _, of in counts.values()), changed > 0))


def _judge_worse(data: dict[str, Any]) -> Finding:
    if (nothing := _untried(data)) is not None:
        return nothing
    recorded = _wrong_words(data, RECORDED)
    others = {name: _wrong_words(data, name) for name in _versions(data) if name.endswith("dB")}
    ours = f"wrong words: recorded {recorded:.1%}, " + ", ".join(f"{n} {share:.1%}" for n, share in others.items())
    worse = [share >= recorded + 0.01 for share in others.values()]
    return Finding(ours, claims.verdict(all(worse), any(worse)))


CLAIMS = (
    Claim(
        "Of sound that is exact a recogniser hears what it hears of the recording.",
        "shown as text",
        "holds if bytes and transcripts are the same for all sentences",
        _judge_exact,
    ),
    Claim(
        "Of sound at SIREN's 68.54 dB it hears something else.",
        "shown as text",
        "with white noise and with the fewest cosines; holds if every transcript differs from the recording's, "
        "partly if some do",
        lambda data: _judge_level(data, LEVELS[0]),
    ),
    Claim(
        "Of sound at DINER's 85.19 dB it hears something else.",
        "shown as text",
        "the same rule",
        lambda data: _judge_level(data, LEVELS[1]),
    ),
    Claim(
        "(Ours.) What it hears of inexact sound is worse, not only different.",
        "",
        "against what is read; holds if one word in a hundred more is wrong than of the recording in every version, "
        "partly if in one",
        _judge_worse,
    ),
)

FIGURE = Figure(
    title="What a recogniser hears",
    shows="Table 9",
    pictures=PICTURES,
    presets=PRESETS,
    compute=compute,
    plot=plot,
    claims=CLAIMS,
    tables=tables,
)
