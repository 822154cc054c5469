"""Whether a network that ships with the package would make files of small arrays shorter.

With this you can run ``python -m benchmarks.prior``.

The parameters of a network are a large share of a small file.  Networks are trained here once, on pieces of 64 x 64 of
other signals, turned and mirrored, some of them with fewer bits; a third of the signals are held out, in turns, and one
piece of each is coded

- as today: whole files of `refinr.compress`;
- with the prior as it is: whole files, nothing of the network in them;
- with the prior and what it lacks, after 300 steps from there: whole files, differences coded as parameters are, of the
  output's biases and the linear part alone, or of everything;
- with a prior that goes on learning while samples are coded, there and back, nothing of it in the file: eight steps
  after every 256 samples, on up to 4,096 of those that are known, pulled towards the prior.  Its samples cost what
  their distribution gives them, before a coder; all else is counted as in the others.

Rows are kept in a folder for temporary files: what is interrupted goes on where it was.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refinr
from benchmarks import codec, report
from refinr import cpu, optim
from refinr.cli import demo
from refinr.codec import counts, header, mixture, models, network, parameters, slabs, stream, training
from refinr.codec.arrangement import Arrangement
from refinr.files import signals as files

GREY = (*codec.PHOTOGRAPHS, *codec.TEXTURES, "text", "page", "elevation", "bathymetry", "MRI slice", "ultrasound", "CT")
COLOUR = ("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "rocket.jpg", "retina.jpg", "motorcycle_left.png")
FOLDS = 3
PIECE = 64
PIECES = 16
"""Of every signal, that priors are trained on."""

ROWS = 512
"""Samples of a piece, a role each."""

HIDDEN = 32
STEPS = {"grey": 6000, "colour": 1500}
SIZES = {"grey": (16, 32, 64, 128), "colour": (32, 64)}
TUNED = (300, 8e-3)
"""Steps from the prior, and their size at first."""

GROUP = 256
LEARNT = (8, 2e-3, 4096, 300.0)
"""Steps after a group, their size, samples of each, and how strongly parameters are pulled back."""

FEW = ("b1", "skip")
WAYS = ("prior", "few differences", "all differences", "learning")
OVERHEAD = 8 + 1
"""Bytes of a lane of the coder, and of the word that says which prior."""

_ADAM = optim.Adam(betas=(0.9, 0.99))

Units = dict[str, np.ndarray]


class Role(NamedTuple):
    """What a network sees of a piece: how many references, its samples in the order of coding, and ends of groups."""

    references: int
    data: training.Data
    ends: np.ndarray


def signals(kind: str) -> dict[str, np.ndarray]:
    """By name; colours in grey are green."""
    import skimage.data

    if kind == "colour":
        folder = Path(skimage.data.__file__).parent
        return {name: files.read(folder / name).samples[..., :3] for name in COLOUR}
    found = {name: samples for _, name, samples in codec.signals() if name in GREY}
    return {name: samples[..., 1] if samples.ndim == 3 else samples for name, samples in found.items()}


def piece(samples: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A piece that is not flat, or the last of twenty."""
    for _ in range(20):
        corner = [int(rng.integers(0, n - min(n, size) + 1)) for n in samples.shape[:2]]
        found = np.ascontiguousarray(samples[tuple(slice(at, at + size) for at in corner)])
        if len(np.unique(found)) > counts.MOST_LEVELS:
            break
    return found


def variants(samples: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Pieces to train on."""
    for i in range(PIECES):
        found = np.rot90(piece(samples, PIECE, rng), i % 4)
        found = found[::-1] if rng.random() < 0.5 else found
        fewer = found >> int(rng.integers(1, 4)) if i % 4 == 2 and found.dtype.kind != "f" else found
        yield np.ascontiguousarray(fewer)


def roles(seen: models.Seen) -> list[Role]:
    """What the networks of a piece see of it."""
    arrangement = Arrangement(seen.middle.shape, seen.axes, seen.channels)
    model = stream.Model([None] * len(arrangement.roles), seen.levels, float(seen.outside))
    predictor = stream.Predictor(arrangement, model, arrangement.work(seen.middle, seen.outside))
    order = arrangement.order()
    role = np.repeat(order.roles, np.diff(order.bounds))
    found = []
    for i, each in enumerate(arrangement.roles):
        at = np.flatnonzero(role == i)
        groups = np.searchsorted(at, order.bounds[np.diff(order.bounds // GROUP, prepend=0) > 0])
        data = stream.data(predictor, i, order.places[at])
        ends = np.unique(np.append(groups, len(at)))
        found.append(Role(len(each.references), data, ends[ends > 0]))
    return found


def rows_of(data: training.Data, rows: Any) -> training.Data:
    """Some samples."""
    targets = mixture.Targets(*(field[rows] for field in data.targets))
    return training.Data(data.inputs[rows], data.linear[rows], targets, data.levels)


def pooled(parts: Sequence[training.Data], rng: np.random.Generator) -> training.Data:
    """Samples of all, mixed."""
    order = rng.permutation(sum(len(part.inputs) for part in parts))
    fields = zip(*((p.inputs, p.linear, *p.targets) for p in parts), strict=True)
    inputs, linear, t, half = (np.concatenate(field)[order] for field in fields)
    return training.Data(inputs, linear, mixture.Targets(t, half), 256)


def loss(params: network.Params, data: training.Data) -> tuple[float, network.Params]:
    """Bits a sample with parameters rounded as in a file, and the gradient of the loss."""
    assert isinstance(data.targets, mixture.Targets)
    used = network.from_units(network.to_units(params), "float32")
    z, s, cache = network.forward(used, data.inputs, data.linear)
    value, dz, ds = mixture.loss(z, s, data.targets, data.levels)
    return float(value) / math.log(2), network.backward(dz, ds, cache)[0]


def trained(params: network.Params, data: training.Data, steps: int, lr: float, names: Sequence[str]) -> Units:
    """After steps of the arrays with these names."""
    moving = {name: params[name] for name in names}
    states = optim.init(_ADAM, moving)
    schedule = optim.Cosine(lr, steps)
    size = min(training.BATCH, len(data.inputs))
    for t in range(steps):
        first = t * size % (len(data.inputs) - size + 1)
        grads = loss(params | moving, rows_of(data, slice(first, first + size)))[1]
        step = float(schedule(t)) * min(1.0, (t + 1) / training.WARM_UP)
        moving, states = optim.step(_ADAM, moving, {name: grads[name] for name in names}, states, t + 1, step)
    return network.to_units(params | moving)


def learnt(prior: Units, role: Role) -> float:
    """Bytes of a role's samples, where the network learns on while they are coded."""
    steps, lr, most, pull = LEARNT
    start = network.from_units(prior, "float32")
    params = start
    states = optim.init(_ADAM, params)
    bits = 0.0
    taken = 0
    begin = 0
    for end in role.ends:
        bits += loss(params, rows_of(role.data, slice(begin, end)))[0] * (end - begin)
        begin = end
        apart = -(-int(end) // most)
        for _ in range(steps if end < len(role.data.inputs) else 0):
            grads = loss(params, rows_of(role.data, slice(taken % apart, end, apart)))[1]
            grads = {name: grads[name] + (pull / float(end)) * (params[name] - start[name]) for name in grads}
            taken += 1
            params, states = optim.step(_ADAM, params, grads, states, taken, lr)
    return bits / 8


def file_size(seen: models.Seen, networks: Sequence[Units], told: bytes) -> int:
    """Bytes of a file with these networks, of which it says no more than it is told, and of a word for the prior."""
    hidden = tuple(units["w0"].shape[1] for units in networks)
    coding = header.Coding(seen.recipe, seen.axes, seen.channels, seen.outside, "mixture", 0, hidden, told)
    row, content = slabs.write(slabs.Given(coding, tuple(networks), seen.array.dtype), seen.array)
    head = header.Header(seen.array.dtype, seen.array.shape, {}, coding, (row,)).to_bytes()
    return len(head) + len(content) + 1


def measure(name: str, samples: np.ndarray, priors: dict[int, Units]) -> dict[str, Any]:
    """One row: bytes of all ways."""
    report.log(f"{name}, {samples.dtype} {samples.shape}")
    today = refinr.compress(samples)
    seen = models.look(samples, samples.ndim == 3)
    assert seen is not None
    known = roles(seen)
    shipped = [priors[role.references] for role in known]
    sizes = {"today": len(today), "prior": file_size(seen, shipped, b"")}
    for way, names in (("few differences", FEW), ("all differences", tuple(network.UNITS))):
        mixed = [rows_of(r.data, np.random.default_rng(0).permutation(len(r.data.inputs))) for r in known]
        begun = [network.from_units(units, "float32") for units in shipped]
        tuned = [trained(p, data, *TUNED, names) for p, data in zip(begun, mixed, strict=True)]
        lacking = [{n: u[n] - p[n] for n in names} for u, p in zip(tuned, shipped, strict=True)]
        sizes[way] = file_size(seen, tuned, parameters.write(lacking))
    head = len(today) - sum(slab.size for slab in header.read(today)[0].slabs)
    coding = header.read(today)[0].coding
    head -= len(coding.parameters) if coding else 0
    sizes["learning"] = round(head + OVERHEAD + sum(map(learnt, shipped, known)))
    gain = 100 * (min(sizes.values()) / sizes["today"] - 1)
    return {"signal": name, "today, bytes": sizes.pop("today"), **sizes, "shortest against today, %": gain}


def priors_of(kind: str, held_out: int, found: dict[str, np.ndarray]) -> dict[int, Units]:
    """Networks by how many references they have, trained without the signals of a fold."""
    parts: dict[int, list[training.Data]] = {}
    for i, samples in enumerate(found.values()):
        rng = np.random.default_rng(i)
        for each in variants(samples, rng) if i % FOLDS != held_out else ():
            seen = models.look(each, kind == "colour")
            for role in roles(seen) if seen else ():
                chosen = rng.permutation(len(role.data.inputs))[:ROWS]
                parts.setdefault(role.references, []).append(rows_of(role.data, chosen))
    trained_on = {}
    for references, data in parts.items():
        report.log(f"prior {held_out + 1} of {FOLDS} for {kind}, {references} references")
        rng = np.random.default_rng(references)
        mixed = pooled(data, rng)
        sizes = network.Sizes(mixed.inputs.shape[1], mixed.linear.shape[1], HIDDEN, mixture.OUTPUTS)
        start = training.start(mixed, sizes, rng)
        trained_on[references] = trained(start, mixed, STEPS[kind], training.LR, tuple(network.UNITS))
    return trained_on


def rows(kind: str, size: int) -> Iterator[dict[str, Any]]:
    """Rows of one size; kept, as priors are."""
    folder = Path(tempfile.gettempdir()) / "refinr-prior-rows"
    folder.mkdir(parents=True, exist_ok=True)
    found = signals(kind)
    for fold in range(FOLDS):
        path = folder / f"{kind}-{fold}.npz"
        if not path.exists():
            priors = priors_of(kind, fold, found)
            np.savez(path, **{f"{r} {name}": a for r, units in priors.items() for name, a in units.items()})  # type: ignore[arg-type]
        kept: dict[int, Units] = {}
        for name, array in np.load(path).items():
            kept.setdefault(int(name.split()[0]), {})[name.split()[1]] = array
        for i, (name, samples) in enumerate(found.items()):
            row = folder / f"{kind}-{size}-{name}.json"
            if i % FOLDS == fold and not row.exists() and min(samples.shape[:2]) >= size:
                part = piece(samples, size, np.random.default_rng(1000 + i))
                row.write_text(json.dumps(measure(name, part, kept)), encoding="utf-8")
            if i % FOLDS == fold and row.exists():
                yield json.loads(row.read_text(encoding="utf-8"))


def middle(table: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Median of each way against today, and of the shortest."""
    found = {way: [100 * (row[way] / row["today, bytes"] - 1) for row in table] for way in WAYS}
    found["shortest"] = [row["shortest against today, %"] for row in table]
    return {f"{way}, %": statistics.median(values) for way, values in found.items()}


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("prior", __doc__, timed=False)
    if run.quick:
        tiny = demo.synthetic(16)
        seen = models.look(tiny, channels=False)
        assert seen is not None
        data = roles(seen)[0].data
        rng = np.random.default_rng(0)
        start = training.start(data, network.Sizes(20, 16, 2, mixture.OUTPUTS), rng)
        prior = trained(start, data, 5, training.LR, tuple(network.UNITS))
        row = measure("synthetic", tiny, {0: prior})
        target = report.Target("synthetic, against today, %", row["shortest against today, %"], "<=", 0)
        run.publish("A prior", {"Bytes": [row]}, [target])
        return
    tables = {}
    with cpu.single_threaded_blas():
        for kind, sizes in SIZES.items():
            for size in sizes:
                tables[f"{kind.capitalize()}, {size} x {size}"] = list(rows(kind, size))
    summary: list[dict[str, Any]] = [
        {"pieces": heading, "signals": len(table), **middle(table)} for heading, table in tables.items()
    ]
    limits = {"Grey, 64 x 64": -5, "Grey, 128 x 128": -2}
    targets = [
        report.Target(f"worth it: {row['pieces']}, median, %", float(row["shortest, %"]), "<=", limits[row["pieces"]])
        for row in summary
        if row["pieces"] in limits
    ]
    run.publish("A network that ships with the package", {"Against today, medians": summary, **tables}, targets)


if __name__ == "__main__":
    main()
