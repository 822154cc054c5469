"""Cases of files: to samples, where they are good; and to be refused, where they are not.

With this you can make the cases of two families (`container`, of whole files; `refused`, of calls that must raise).
A damaged file has a right digest again, unless the digest is what it tests: a reader has to see the damage itself.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from refinr import constructive, tiling
from refinr.files import container as files
from refinr.fitting import fit
from refinr.inr import INR
from refinr.oracle.case import Case
from refinr.oracle.making import Draw, make, make_refused, short, uniform
from refinr.oracle.result_cases import signals
from refinr.solving import solve

ROOM = 2.0**-8
"""Outputs must be further from their thresholds: whatever rounds differently decides alike."""


def container(rng: Draw) -> Iterator[Case]:
    """Files to samples."""
    for name, cut, samples in signals(rng):
        channels = tiling.has_channels(samples.shape)
        seed = int(rng.integers(2**31))
        inr = fit(samples, cut, tile=8, hidden=(8, 8), lr=1e-2, seed=seed, channels=channels)
        yield _decoded(name, inr)
    for name, cut, samples, keywords in _signals(rng):
        yield _decoded(name, _with_room(rng, samples, cut, keywords))
    codes = rng.integers(0, 64, (5, 3), dtype="uint8")
    yield _decoded("written-down", constructive.exact(codes))
    yield _decoded("written-down-backwards", constructive.exact(codes[::-1]))  # as many bytes, other samples
    yield _decoded("written-down-int16", constructive.exact(codes.astype("int16") - 40, 2))
    for gray in (False, True):
        samples = rng.integers(0, 8, (9, 7), dtype="uint8")
        yield _decoded("solved" + "-gray" * gray, _solved(samples, gray, int(rng.integers(2**31))))
    yield from _damaged(rng)


def _solved(samples: np.ndarray, gray: bool, seed: int) -> INR:
    """Solved from one seed after the other, until every output is far from its threshold."""
    for again in range(100):
        inr = solve(samples, gray=gray, tile=8, seed=seed + again, exact=True)
        if inr.lossless and inr.margin > 2.0**-16:
            return inr
    raise ValueError(f"seed: no readout with room in a hundred from {seed}")


def _signals(rng: Draw) -> Iterator[tuple[str, str, np.ndarray, dict[str, Any]]]:
    """Name, decomposition, samples, keywords of `fit`: every branch of the format, in small."""
    codes = rng.integers(0, 8, (7, 5), dtype="uint8")
    yield "ragged", "planes", rng.integers(0, 16, (9, 7), dtype="uint8"), {"tile": (4, 5)}
    yield "ragged-1d", "planes", rng.integers(0, 4, (19,), dtype="uint16"), {"tile": (8,)}
    yield "ragged-3d", "planes", rng.integers(0, 4, (3, 5, 4), dtype="uint8"), {"tile": (2, 4, 3), "channels": False}
    yield "ragged-colour", "planes", rng.integers(0, 4, (5, 6, 2), dtype="uint8"), {"tile": (4, 4)}
    yield "signed", "planes", rng.integers(-9, 6, (6, 5)).astype("int16"), {}
    yield "signed-far", "planes", (rng.integers(0, 5, (6, 5)) + 1000).astype("int32"), {}
    yield "signed-ends", "planes", np.array([-128, 127, 0, -1, 5], dtype="int8"), {}
    yield "gray", "planes", codes, {"gray": True}
    yield "gray-16", "planes", rng.integers(0, 2**10, (5, 3), dtype="uint16"), {"gray": True}
    yield "radix", "planes", rng.integers(0, 32, (3, 3), dtype="uint8"), {"radix_bits": 2, "loss": "mse", "margin": 0.3}
    yield "radix-gray", "planes", codes[:3, :3], {"radix_bits": 2, "gray": True, "loss": "mse", "margin": 0.3}
    yield "bool", "planes", codes > 3, {}
    yield "uint64", "planes", np.array([0, 2**63, 5, 2**64 - 1], dtype="uint64"), {}
    yield "big-endian", "planes", np.array([1.5, -2.25, 0.0], dtype=">f4"), {}
    yield "constant", "planes", np.full((3, 2), 6, dtype="uint8"), {}
    for store in ("float16", "bfloat16"):
        yield f"stored-{store}", "planes", codes, {"store": store, "margin": 2.0}
    for steps, size in ((2, 6), (1, 11)):
        samples = rng.integers(0, 16, (size, 5), dtype="uint8")
        yield f"residual-{steps}", "planes", samples, {"exact": True, "max_steps": steps}
    yield "residual-colour", "planes", rng.integers(0, 4, (5, 6, 3), dtype="uint8"), {
        "exact": True, "max_steps": 1, "tile": (4, 4), "gray": True,
    }  # fmt: skip
    yield "residual-bit-coordinate", "bit-coordinate", codes, {"exact": True, "max_steps": 2}
    yield "bit-coordinate-colour", "bit-coordinate", rng.integers(0, 4, (3, 4, 2), dtype="uint8"), {"hidden": (16, 16)}
    yield "values", "none", codes, {"exact": True, "max_steps": 60}
    yield "values-signed", "none", codes.astype("int16") - 4, {"exact": True, "max_steps": 60, "tile": (4, 4)}
    for encoding in ("octaves", "fourier", "triangle"):
        yield f"encoded-{encoding}", "planes", codes, {"encoding": encoding, "activation": "relu"}
    for activation in ("finer", "gauss", "wire", "tanh", "gelu"):
        yield activation, "planes", codes[:2, :4], {"activation": activation}
    yield "omega-9", "planes", codes, {"omega": 9.0}
    yield "shallow", "planes", codes, {"hidden": (35,)}
    for layer in ("ternary", "ternary-integer"):
        keywords = {"layer": layer, "hidden": (12, 12), "features": 6, "encoding": "triangle", "max_steps": 150}
        yield layer, "planes", codes[:5, :4], keywords | {"exact": True, "lr": 1e-2}


def _with_room(rng: Draw, samples: np.ndarray, cut: str, keywords: dict[str, Any]) -> INR:
    """Fitted from one seed after the other, until every output is far from its threshold."""
    settings: dict[str, Any] = {"tile": 8, "hidden": (8, 8), "lr": 1e-2, "margin": 0.5} | keywords
    settings.setdefault("channels", tiling.has_channels(samples.shape))
    while True:
        inr = fit(samples, cut, **settings, seed=int(rng.integers(2**31)))
        if inr.lossless and inr.margin > ROOM:
            return inr


def _bytes(inr: INR) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        inr.save(path)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def _decoded(name: str, inr: INR) -> Case:
    return make(f"container.decode_file.{name}", {"file": _bytes(inr)})


# --- to be refused ---------------------------------------------------------------------------------------------------

Change = Callable[[dict[str, np.ndarray], dict[str, Any]], None]


def _changed(good: np.ndarray, change: Change) -> np.ndarray:
    """The file with other arrays or another description, written as any file is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.inr"
        path.write_bytes(good.tobytes())
        arrays, description = files.read(path)
        arrays = {name: array.copy() for name, array in arrays.items()}
        description = json.loads(json.dumps(description))
        change(arrays, description)
        files.write(path, arrays, description)
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def _damaged(rng: Draw) -> Iterator[Case]:
    """Good files with one thing that is not right."""
    codes = rng.integers(0, 16, (5, 7), dtype="uint8")
    good = _bytes(_with_room(rng, codes, "planes", {"tile": (4, 4)}))
    mended = _bytes(_with_room(rng, codes, "planes", {"exact": True, "max_steps": 1}))

    def flipped(place: int) -> np.ndarray:
        file = good.copy()
        file[place] ^= 1
        return file

    for name, file, why in (
        ("empty", good[:0], "a file of no bytes"),
        ("cut-short", good[:-1], "the last byte missing"),
        ("half", good[: len(good) // 2], "half of it missing"),
        ("longer", np.concatenate([good, good[:8]]), "more than its header speaks of"),
        ("bit-of-a-number", flipped(-9), "a digest that differs"),
        ("bit-of-the-text", flipped(int(np.argmax(good == ord("w")))), "a digest that differs"),
        ("no-safetensors", np.frombuffer(b"P5 2 2 255 0123", np.uint8), "another kind of file"),
    ):
        yield make_refused(f"container.decode_file.refused-{name}", {"file": file}, why)

    def layout(**changes: Any) -> Change:
        return lambda arrays, description: description["layout"].update(changes)

    def without(name: str) -> Change:
        return lambda arrays, description: arrays.__delitem__(name)

    def other(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
        return lambda arrays, description: arrays.update({name: change(arrays[name])})

    def spec(**changes: Any) -> Change:
        return lambda arrays, description: description["layout"]["spec"].update(changes)

    changes: list[tuple[str, np.ndarray, Change, str]] = [
        # far from those that there are: the next one will be known some day, and this file is kept
        ("version", good, lambda a, d: d.update(version=1000), "a version that is not known"),
        ("format", good, lambda a, d: d.update(format="other"), "another format"),
        ("no-layout", good, lambda a, d: d.__delitem__("layout"), "no layout"),
        ("shape", good, layout(shape=[5, 9]), "networks for another grid"),
        ("shape-of-nothing", good, layout(shape=[0, 7]), "an axis without samples"),
        ("tile", good, layout(tile=[8, 8]), "a tile larger than the grid"),
        ("tile-of-nothing", good, layout(tile=[0, 4]), "a tile without samples"),
        ("dtype", good, layout(dtype="<c8"), "samples of a dtype that has no codes"),
        ("decomposition", good, layout(decomposition="waves"), "a decomposition that is not known"),
        ("activation", good, spec(activation="relu6"), "an activation that is not known"),
        ("layer", good, spec(layer="dense"), "a layer that is not known"),
        ("sizes", good, spec(sizes=[2, 8, 9, 1]), "sizes that are not those of the arrays"),
        ("missing", good, without("b1"), "an array that is missing"),
        ("transposed", good, other("w1", lambda a: np.ascontiguousarray(a[:, :, :-1])), "an array of another shape"),
        ("parameter", good, other("w2", lambda a: -a), "samples that the checksum does not know"),
        ("checksum", good, lambda a, d: d.update(checksum="0" * 64), "a checksum that differs"),
        ("samples-swapped", good, layout(dtype="|i1"), "a checksum that differs, of another dtype"),
        ("residual-short", mended, other("residual", lambda a: a[:-2]), "a residual that is cut short"),
        ("residual-longer", mended, other("residual", lambda a: np.append(a, a[:4])), "more after the residual"),
        ("residual-missing", mended, without("residual"), "a residual that is not there"),
        ("codec", mended, lambda a, d: d["residual"].update(codec="lzw"), "a codec that is not known"),
    ]
    for name, file, change, why in changes:
        yield make_refused(f"container.decode_file.refused-{name}", {"file": _changed(file, change)}, why)


def refused(rng: Draw) -> Iterator[Case]:
    """Calls that make no sense: whoever answers them has cropped, cast or stretched something unasked."""
    x, w, b, dy = uniform(rng, 3, 5), uniform(rng, 2, 5, 4), uniform(rng, 2, 1, 4), uniform(rng, 2, 3, 4)
    linear = {"x": x, "w": w, "b": b, "dy": dy}
    yield make_refused("refused.linear.inner", linear | {"x": x[:, :4]}, "inputs of another width than the weights'")
    yield make_refused("refused.linear.networks", linear | {"w": uniform(rng, 3, 5, 4)}, "weights of other networks")
    network = {"x": x, "targets": np.zeros((2, 3, 3)), "w0": w, "b0": b}
    network |= {"w1": uniform(rng, 2, 4, 3), "b1": uniform(rng, 2, 1, 3)}
    options: dict[str, Any] = {"omega": 1.0, "scale": 1.0, "octaves": 0}
    yield make_refused("refused.mlp.activation", network, "an unknown name", **options, activation="sinc", loss="bce")
    yield make_refused("refused.mlp.loss", network, "an unknown name", **options, activation="sine", loss="huber")
    image = rng.integers(0, 256, (12, 11), dtype="uint8")
    yield make_refused("refused.ssim.small", {"a": image[:10], "b": image[:10]}, "less than a window", bits=8)
    yield make_refused("refused.psnr.shapes", {"a": image, "b": image[:, :1]}, "images of two shapes", bits=8)
    yield make_refused("refused.rmse.shapes", {"a": image, "b": image[:1]}, "images of two shapes")
    yield make_refused("refused.bit_error_rate.bits", {"a": image, "b": image}, "codes that need more bits", bits=3)
    codes = {"codes": np.array([0, 9], dtype="uint8")}
    yield make_refused("refused.to_planes.bits", codes, "codes that need more bits", bits=3, radix_bits=1, gray=False)
    planes = {"planes": np.zeros((2, 12), "uint8")}
    wide: dict[str, Any] = {"radix_bits": 1, "gray": False}
    yield make_refused("refused.from_planes.dtype", planes, "codes of 12 bits in 8", **wide, bits=12, dtype="uint8")
    yield make_refused("refused.from_planes.number", planes, "other planes than bits", **wide, bits=9, dtype="uint16")
    other = {"planes": np.full((2, 4), 2, "uint8")}
    yield make_refused("refused.from_planes.digit", other, "a digit that is no bit", **wide, bits=4, dtype="uint8")
    z = {"z": short(rng.uniform(-1, 1, (3, 2))), "targets": np.zeros((3, 1))}
    yield make_refused("refused.mse.shapes", z, "targets of another shape")
