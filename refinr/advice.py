"""What would help a fit that has not arrived: a line for people.

With this you can have that line (`on_fit`), warn a caller with it (`give`), and tell the warning from others
(`NotExactWarning`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from refinr.report import Report

FEW_STEPS = 300
"""Steps in which the defaults arrive, with room to spare."""

FEW_PARAMETERS = 0.6
"""Parameters for each output from which on networks take many steps, or do not arrive."""


SETTINGS = ("encoding", "omega", "scale", "lr")
"""That decide whether networks of an activation arrive, whatever the signal."""


class NotExactWarning(UserWarning):
    """A fit has bits wrong, and nothing keeps them."""


def on_fit(
    report: Report,
    *,
    max_steps: int,
    outputs: int,
    activation: str,
    chosen: Mapping[str, Any],
    usual: Mapping[str, Any],
    store: str,
) -> str | None:
    """What is wrong after a fit, and what would help; None if nothing is wrong.

    Parameters
    ----------
    report : Report
    max_steps : int
        Steps that networks might take.
    outputs : int
        Values that all networks compute.
    activation : str
    chosen, usual : mapping
        Settings of the fit, and what stands where a user gives none.
    store : str
        What files hold parameters in.

    Examples
    --------
    >>> report = Report(1.0, 2, 100, 20.0, 20, 0, 64, (0, 8), (0.5, -0.1), 1.0, 3.0)
    >>> on_fit(report, max_steps=20, outputs=128, activation="sine", chosen={}, usual={}, store="float32")
    '8 of 128 bits are wrong: more steps would help (max_steps=2000), and exact=True keeps the rest as a residual'
    """
    if report.lossless or max_steps == 0:
        return None
    named = {name: usual[name] for name in SETTINGS if usual.get(name) is not None}
    others = {name: value for name, value in named.items() if chosen[name] != value}
    share = report.parameters / outputs
    if report.most_steps <= FEW_STEPS and report.most_steps >= max_steps:
        way = "more steps would help (max_steps=2000)"
    elif share < FEW_PARAMETERS:
        way = f"networks have {share:.2g} parameters for each output, where 0.9 arrive: wider layers, or smaller tiles"
    elif others:
        settings = ", ".join(f"{name}={value!r}" for name, value in others.items())
        way = f"fits with {activation!r} arrive with {settings}"
    elif store != "float32":
        way = f"{store} rounds parameters by more than margins allow: a larger margin, or store='float32'"
    else:
        way = "more steps, wider layers or smaller tiles would help"
    wrong = f"{sum(report.wrong_bits):,} of {report.total_bits:,} bits are wrong"
    return f"{wrong}: {way}, and exact=True keeps the rest as a residual"


def give(inr: Any, options: Any, chosen: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Warn whoever called the function that calls this, once for each place.

    Parameters
    ----------
    inr : INR
        Of trained networks.
    options : Options
        Of their training.
    chosen, usual : mapping
        Settings of the fit, and what stands where a user gives none.
    """
    if inr.lossless or inr.layout.cut.regresses:
        return
    hint = on_fit(
        inr.report,
        max_steps=options.max_steps,
        outputs=inr.layout.outputs_in_all,
        activation=inr.layout.spec.activation,
        chosen=chosen,
        usual=usual,
        store=inr.store,
    )
    if hint:
        warnings.warn(hint, NotExactWarning, stacklevel=4)  # beside this one, fit and what checks its arguments
