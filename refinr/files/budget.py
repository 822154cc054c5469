"""What a file from anybody may ask for while it is read: memory and time, in proportion to its bytes.

With this you can state a `Budget`, and refuse a head that speaks of more samples than one pays for (`Budget.check`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from refinr.files.format import FormatError

COPIES = 2
"""How often samples are in memory while they are read: as they are decoded, and as they are handed on."""

A_SECOND = 1e9
"""Operations that take a second of a processor's time at most."""

NO_LIMIT = 1 << 62
"""Bytes that nothing has, and `FOR_EVER`, in seconds, which clocks can count: those of an infinite budget."""

FOR_EVER = 1e6


@dataclass(frozen=True)
class Budget:
    """What a file may ask for.

    Parameters
    ----------
    memory : float
        Bytes that any file may ask for.
    memory_a_byte : float
        Bytes that each byte of a file may ask for, where that is more.
    operations : float
        Operations that any file may ask for: a core does one to four in a nanosecond.
    operations_a_byte : float
        Operations that each byte of a file may ask for besides.
    """

    memory: float = 5e8
    memory_a_byte: float = 64.0
    operations: float = 5e9
    operations_a_byte: float = 2e4

    def bytes_for(self, size: int) -> int:
        """Bytes of memory that a file of `size` bytes may ask for."""
        return int(min(max(self.memory, self.memory_a_byte * size), NO_LIMIT))

    def seconds_for(self, size: int) -> float:
        """Seconds of a processor's time that a file of `size` bytes may ask for."""
        return min((self.operations + self.operations_a_byte * size) / A_SECOND, FOR_EVER)

    def check(self, promised: int, size: int) -> None:
        """Refuse `promised` bytes of samples in a file of `size` bytes that does not pay for them.

        Raises
        ------
        ValueError
            If they would take more memory, as often as they are held, than the file may ask for.

        Examples
        --------
        >>> Budget(memory=1000).check(501, 3)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        refinr.files.format.FormatError: its 3 bytes stand for 501 bytes of samples, and may for 500: say that ...
        """
        if (most := self.bytes_for(size) // COPIES) < promised:
            raise FormatError(
                f"its {size} bytes stand for {promised} bytes of samples, and may for {most}: "
                "say that the file is trusted if it is (trusted=True, --trusted)"
            )


class Cost(NamedTuple):
    """What decoding takes at most: bytes at once, and operations."""

    memory: float
    operations: float


def at_most(what: str, wanted: float, most: float, words: str) -> None:
    """Refuse a file, of which `what` says how large it is, that stands for more than `most`.

    Raises
    ------
    ValueError
        If it does.

    Examples
    --------
    >>> at_most("9 bytes", 1000, 100, "{:.0f} samples")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: 9 bytes stand for 1000 samples, expected at most 100: say that ...
    """
    if wanted > most:
        raise ValueError(
            f"{what} stand for {words.format(min(wanted, 1e300))}, expected at most {most:.3g}: "
            "say that the file is trusted if it is, and it will be decoded"
        )
