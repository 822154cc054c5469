r"""Whole numbers in as few bytes as they need, and a reader that never believes more than is there.

With this you can write numbers and texts (`number`, `text`) and read them back from bytes (`Reader`): seven bits a
byte, the lowest first, and the eighth says that more follow.

>>> reader = Reader(number(300) + text(b"abc"))
>>> reader.number(), bytes(reader.text()), reader.left
(300, b'abc', 0)
"""

from __future__ import annotations

MOST_BITS = 70
"""Of a number: ten bytes."""


def number(value: int) -> bytes:
    r"""A number that is not negative.

    Examples
    --------
    >>> number(5), number(128)
    (b'\x05', b'\x80\x01')
    """
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def text(content: bytes) -> bytes:
    """Bytes, and before them how many."""
    return number(len(content)) + content


class Reader:
    """Reads from the front of bytes.

    Raises
    ------
    ValueError
        From every method, where the bytes end too soon or a number is out of its range.
    """

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = memoryview(content)

    @property
    def left(self) -> int:
        """How many bytes are not read yet."""
        return len(self._content)

    def number(self, most: int = (1 << MOST_BITS) - 1, least: int = 0) -> int:
        """A number from `least` to `most`."""
        value = 0
        for shift in range(0, MOST_BITS, 7):
            byte = self.bytes(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                break
        else:
            raise ValueError(f"damaged: a number of more than {MOST_BITS} bits")
        if not least <= value <= most:
            raise ValueError(f"damaged: {value} where {least} to {most} was expected")
        return value

    def bytes(self, count: int) -> memoryview:
        """So many bytes."""
        if count > self.left:
            raise ValueError(f"cut short: {count} bytes were expected, {self.left} are left")
        taken = self._content[:count]
        self._content = self._content[count:]
        return taken

    def text(self) -> memoryview:
        """What `text` wrote."""
        return self.bytes(self.number())
