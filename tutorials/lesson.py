"""What the tutorials share: blanks that are checked, networks that are drawn, sounds that are heard.

A blank is a function that returns three dots; `check` and `check_backend` say whether what has replaced them is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refinr import oracle

NOT_YET = "Not yet: put code in place of the three dots and run this again."


def check(answer: Callable[..., Any], right: Callable[..., Any], *cases: Any) -> None:
    """Say whether a function answers as another one does, for each of some arguments."""
    for case in cases:
        arguments = case if isinstance(case, tuple) else (case,)
        found, expected = answer(*arguments), right(*arguments)
        if found is ...:
            print(NOT_YET)
            return
        if np.shape(found) != np.shape(expected) or not np.allclose(found, expected, rtol=1e-9, atol=1e-12):
            print(f"Not right: {answer.__name__}{arguments} gives {found}, and should be {expected}.")
            return
    print(f"Right, in {len(cases)} cases.")


def check_backend(backend: Any, cases: str) -> None:
    """Say whether a backend passes the oracle's cases of that name."""
    case = oracle.cases(cases)[0]
    found = getattr(backend, case.operation)(**case.inputs("float64"), **case.options)
    if any(value is ... for value in found.values()):
        print(NOT_YET)
        return
    results = oracle.check_backend(backend, [cases], "float64", quiet=True).results
    wrong = [result.text for result in results if result.state != "passed"]
    print(wrong[0] if wrong else f"Right, in {len(results)} cases.")


def draw_network(axes: Any, sizes: Sequence[int], names: Sequence[str] = (), weights: Sequence[Any] = ()) -> None:
    """A network as a graph, from left to right: at most eight neurons of a layer are drawn.

    Edges of `weights`, a matrix (I, O) or None a layer, are orange where positive, purple where negative, and not there
    where 0.
    """
    shown = [min(size, 8) for size in sizes]
    places = [np.arange(n) - (n - 1) / 2 for n in shown]
    for layer in range(len(sizes) - 1):
        matrix = weights[layer] if layer < len(weights) else None
        for i, low in enumerate(places[layer]):
            for o, high in enumerate(places[layer + 1]):
                w = None if matrix is None else np.asarray(matrix)[i, o]
                if w is None or w != 0:
                    color = "0.75" if w is None else "#e08214" if w > 0 else "#8073ac"
                    axes.plot([layer, layer + 1], [low, high], color=color, linewidth=0.8, zorder=1)
    for layer, size in enumerate(sizes):
        axes.scatter(np.full(shown[layer], layer), places[layer], s=90, color="white", edgecolor="black", zorder=2)
        name = f"{names[layer]}\n" if layer < len(names) else ""
        more = f" (of {size})" if size > shown[layer] else ""
        axes.text(layer, -max(shown) / 2 - 0.6, f"{name}{shown[layer]}{more}", ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.5, len(sizes) - 0.5), ylim=(-max(shown) / 2 - 2.2, max(shown) / 2))
    axes.axis("off")


def listen(samples: np.ndarray, rate: int) -> Any:
    """A player, in a notebook; nothing where there is no IPython."""
    try:
        from IPython.display import Audio
    except ImportError:
        return None
    return Audio(np.asarray(samples, "float64"), rate=rate)
