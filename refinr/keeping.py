"""Where the networks of a fit are kept as they are done: in memory, or in a journal, from which a fit goes on.

With this you can open one for an array and its settings (`ledger`).
"""

from __future__ import annotations

import hashlib
import json
import os
from types import ModuleType

import numpy as np

from refinr import mlp, optim
from refinr.arithmetic import fingerprint
from refinr.files import container
from refinr.files.journal import Journal, Ledger
from refinr.jobs import Options
from refinr.tiled import Tiled
from refinr.xp import name_of


def ledger(
    path: str | os.PathLike[str] | None, tiled: Tiled, options: Options, xp: ModuleType, store: str, mixed: bool
) -> Ledger:
    """Where networks are kept: in memory, or in the journal of these samples and settings.

    Raises
    ------
    ValueError
        If the journal is one of other samples, settings or arithmetic, or nobody can tell.
    OSError
        If it cannot be written, or another process is at it.
    """
    layout = tiled.layout
    one = {name: np.empty(shape, dtype) for name, (shape, dtype) in mlp.stored(layout.spec, 1).items()}
    if path is None:
        return Ledger(layout.networks, one)
    identity = [container.VERSION, tiled.checksum, layout.to_json(), _described(options), name_of(xp), store]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()
    return Journal(path, key, layout.networks, one, machine=fingerprint(), mixed=mixed)


def _described(options: Options) -> str:
    """All that two fits must have in common, in words: schedules and optimisers of ours are what they print."""
    if callable(options.lr) and not isinstance(options.lr, optim.SCHEDULES):
        raise ValueError(
            "journal: expected lr to be a number or a schedule of refinr.optim: whether two others are the same, "
            "nobody can tell"
        )
    if type(options.optimiser) not in optim.OPTIMISERS.values():
        raise ValueError(
            "journal: expected one of refinr.optim.OPTIMISERS: whether two other optimisers are the same, "
            "nobody can tell"
        )
    return repr(options)
