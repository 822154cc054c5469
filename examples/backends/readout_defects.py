"""Ways to get readouts of fixed features wrong: features, steps of the solvers, decisions, proofs.

As in `examples.backends.fast_defects`, each is the reference with one fault.
"""

from __future__ import annotations

import math

import numpy as np

from examples.backends.planting import Defect, Result, after, before, like
from refinr.oracle import operations
from refinr.readouts import features as fixed


def _random_first(u: np.ndarray, shape: list[int], order: float) -> Result:
    return {"ranks": np.argsort(u, kind="stable").argsort(kind="stable")}


def _places(result: Result, arguments: dict) -> Result:
    """The feature of each rank instead of the rank of each feature."""
    return {"ranks": np.argsort(result["ranks"])}


def _unscaled(y: np.ndarray, w: np.ndarray, ranks: np.ndarray, features: np.ndarray, shape: list[int]) -> Result:
    """The cosine transform as libraries have it by default: not orthonormal."""
    result = operations.cosine_features(y, w, ranks, features, shape)
    return result | {"analysis": like(result["analysis"] * math.sqrt(2.0 * y.shape[0]), y)}


def _one_count(arguments: dict) -> dict:
    return {"features": np.full_like(arguments["features"], arguments["features"].max())}


def _zero_no_square(result: Result, arguments: dict) -> Result:
    at_zero = (np.arange(arguments["features"]) - arguments["index"][:, None]) % arguments["prime"] == 0
    return {"F": np.where(at_zero, np.int8(-1), result["F"])}


def _projected(
    signs: np.ndarray, a: np.ndarray, ranks: np.ndarray, features: np.ndarray, shape: list[int], level: float
) -> Result:
    """The nearest point of the orthant in place of the mirror image."""
    basis = fixed.Cosines(tuple(shape), 0.0, 0)
    mask = like(ranks[:, None] < features, a)
    w = basis.analysis(signs * np.maximum(a, a.dtype.type(level))) * mask
    return {"w": w, "z": signs * basis.synthesis(w)}


def _relaxed_by_one(result: Result, arguments: dict) -> Result:
    a = arguments["a"]
    return {"next": a + result["z"] - np.maximum(a, a.dtype.type(arguments["level"]))}


def _halves_up(F: np.ndarray, signs: np.ndarray, u: np.ndarray, velocity: np.ndarray, rate: float) -> Result:
    w = np.clip(np.floor(u + u.dtype.type(0.5)), -1, 1)
    return operations.straight_through(F, signs, u, velocity, rate) | {"w": w}


def _slope_of_clip(result: Result, arguments: dict) -> Result:
    """No gradient where the weight is at an end already."""
    decayed = like(0.9 * arguments["velocity"], arguments["u"])
    return {"next_velocity": np.where(abs(arguments["u"]) <= 1.0, result["next_velocity"], decayed)}


def _wrapped(F: np.ndarray, w: np.ndarray) -> Result:
    """Sums kept in eight bits."""
    z = (F.astype(np.int32) @ w.astype(np.int32)).astype(np.int8).astype(np.int32)
    return {"z": z, "bits": (z > 0).astype(np.uint8)}


def _smallest_of_all(result: Result, arguments: dict) -> Result:
    return {"margins": np.full_like(result["margins"], result["margins"].min())}


def _unbounded(rows: np.ndarray, multipliers: np.ndarray) -> Result:
    """Multipliers with A^T v = 0, whatever their signs."""
    size = np.linalg.norm(rows.T @ multipliers) < 1e-6 * np.linalg.norm(np.abs(rows).T @ abs(multipliers))
    return {"proved": np.asarray(size, np.uint8)}


def _nonnegative(rows: np.ndarray, multipliers: np.ndarray) -> Result:
    return {"proved": np.asarray((multipliers >= 0).all() and (multipliers > 0).any(), np.uint8)}


READOUT = [
    Defect("order of the features without their frequency", "readout", {"feature_ranks": _random_first}),
    Defect("places of ranks for ranks", "readout", after("feature_ranks", _places)),
    Defect("transform that is not orthonormal", "readout", {"cosine_features": _unscaled}),
    Defect("as many features for all networks", "readout", before("cosine_features", _one_count)),
    Defect(
        "one feature too many",
        "readout",
        before("cosine_features", lambda a: {"features": a["features"] + 1}),
    ),
    Defect(
        "axes of a tile in the other order", "readout", before("cosine_features", lambda a: {"shape": a["shape"][::-1]})
    ),
    Defect("zero taken for no square", "readout", after("legendre_features", _zero_no_square)),
    Defect("a projection in place of the mirror", "readout", {"douglas_rachford": _projected}),
    Defect("relaxed by one", "readout", after("douglas_rachford", _relaxed_by_one)),
    Defect("orthant not moved", "readout", before("douglas_rachford", lambda a: {"level": 0.0})),
    Defect("weights of features that a network has not got", "readout", before("douglas_rachford", _one_count)),
    Defect(
        "what is behind weights cut, not rounded",
        "readout",
        after("straight_through", lambda r, a: {"w": np.clip(np.trunc(a["u"]), -1, 1)}),
    ),
    Defect("halves of weights rounded up", "readout", {"straight_through": _halves_up}),
    Defect("no gradient at the ends", "readout", after("straight_through", _slope_of_clip)),
    Defect(
        "echo of the last step not taken off",
        "readout",
        before("message_passing", lambda a: {"g": np.zeros_like(a["g"])}),
    ),
    Defect("past beliefs forgotten", "readout", before("message_passing", lambda a: {"keep": 0.0})),
    Defect(
        "levels in units of one",
        "readout",
        after("message_passing", lambda r, a: {"mean": like(r["mean"] * math.sqrt(len(a["levels"]) - 1) / 2, a["g"])}),
    ),
    Defect("one margin for all networks", "readout", after("readout_margins", _smallest_of_all)),
    Defect("sums kept in eight bits", "readout", {"integer_readout": _wrapped}),
    Defect("a proof by multipliers of both signs", "readout", {"certificate": _unbounded}),
    Defect("a proof by signs alone", "readout", {"certificate": _nonnegative}),
]
