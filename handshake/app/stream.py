"""One direction of a connection, its bytes put in order; bounded, and honest about what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.model import seq

MOST_BYTES = 1 << 16
"""Bytes that wait for an earlier segment; with more, that one is given up as not captured."""
MOST_PIECES = 64

Part = bytes | int
"""Bytes in order, or the number of bytes that are missing next."""


class InOrder:
    """Segments in, bytes in order out."""

    __slots__ = ("_next", "_waiting", "_waiting_bytes")

    def __init__(self, start: int) -> None:
        """`start` is the sequence number of the first byte."""
        self._next = start
        self._waiting: dict[int, tuple[bytes, int]] = {}
        """Sequence number to captured bytes and true length of segments that came too early."""
        self._waiting_bytes = 0

    def take(self, number: int, data: bytes, length: int) -> Iterator[Part]:
        """Take a segment of `length` bytes that begins at `number`, of which the capture has `data`."""
        if number == self._next and not self._waiting:  # nearly always
            yield from self._advance(data, length)
            return
        if seq.distance(self._next, number) + length <= 0:
            return
        known = self._waiting.get(number)
        if known is None or known[1] < length:
            self._waiting[number] = data, length
            self._waiting_bytes += len(data) - (len(known[0]) if known else 0)
        yield from self._drain()
        while self._waiting_bytes > MOST_BYTES or len(self._waiting) > MOST_PIECES:
            yield from self._give_up()

    def acknowledged(self, number: int) -> Iterator[Part]:
        """The receiver has everything before `number`: what is missing there was not captured, and will not come."""
        while self._waiting and min(seq.distance(each, number) for each in self._waiting) >= 0:
            yield from self._give_up()

    def _advance(self, data: bytes, length: int) -> Iterator[Part]:
        self._next = seq.add(self._next, length)
        if data:
            yield data
        if length > len(data):
            yield length - len(data)

    def _drain(self) -> Iterator[Part]:
        """Whatever follows without a gap."""
        while self._waiting:
            number = min(self._waiting, key=lambda each: seq.distance(self._next, each))
            ahead = seq.distance(self._next, number)
            if ahead > 0:
                return
            data, length = self._waiting.pop(number)
            self._waiting_bytes -= len(data)
            if length + ahead > 0:
                yield from self._advance(data[-ahead:], length + ahead)

    def _give_up(self) -> Iterator[Part]:
        gap = min(seq.distance(self._next, number) for number in self._waiting)
        yield gap
        self._next = seq.add(self._next, gap)
        yield from self._drain()
