"""What a word of the command line stands for, where it is more than a name."""

from __future__ import annotations

import argparse


def whole(text: str) -> int:
    """``32``."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None


def number(text: str) -> float:
    """``1e-3``."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None


def lengths(text: str) -> int | tuple[int, ...]:
    """``32``, or ``16,16,8`` for every axis."""
    found = widths(text)
    return found[0] if len(found) == 1 and "," not in text else found


def widths(text: str) -> tuple[int, ...]:
    """``16,16,16``."""
    try:
        return tuple(int(n) for n in text.split(",") if n)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 16,16, got {text!r}") from None


def region(text: str) -> tuple[slice, ...]:
    """``0:64,128:,:``, a part of every axis.

    Examples
    --------
    >>> region("0:64,-8:,:")
    (slice(0, 64, None), slice(-8, None, None), slice(None, None, None))
    """
    try:
        ends = [[int(end) if end.strip() else None for end in part.split(":")] for part in text.split(",")]
        if any(len(pair) != 2 for pair in ends):
            raise ValueError
    except ValueError:
        words = f"expected START:STOP for every axis, such as 0:64,128:, got {text!r}"
        raise argparse.ArgumentTypeError(words) from None
    return tuple(slice(start, stop) for start, stop in ends)


def seconds(text: str) -> float:
    """``2.5``."""
    found = number(text)
    if not found > 0.0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text}")
    return found


def wider(text: str) -> tuple[str, float, str]:
    """``layers.*=2:sums in bfloat16``."""
    pattern, equals, rest = text.partition("=")
    factor, colon, reason = rest.partition(":")
    if not (pattern and equals and colon and reason):
        raise argparse.ArgumentTypeError(f"expected CASE=FACTOR:REASON, got {text!r}")
    return pattern, number(factor), reason
