"""A capture file in windows: where its records are, as arrays, for who wants millions of packets and not each of them.

Only what can be read from anywhere, and has today's record header. The scalar reader takes over behind the last window,
so that damage is found by the very same code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from handshake.model.packet import Frame
from handshake.source.capture import Capture
from handshake.source.pcap import MAX_PACKET, SANE_SNAPLEN, PcapReader

WINDOW = 1 << 23
"""Bytes of the file looked at at once."""
MARGIN = 512
"""Bytes behind a window that may be looked at, though they say nothing."""
_CHAIN = 64
_FULL = 1600
"""Bytes of a record with a full Ethernet frame."""
_SPAN_S = 600
"""Packets of one window are taken to lie this close, where a record's beginning is guessed."""
MOST_RECORDS = 1 << 15
"""Records of one window."""

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Links = dict[tuple[int, str], int]
"""Link type and name of interfaces, each with its number."""


@dataclass(frozen=True, slots=True)
class Window:
    """Records that lie one behind the other, whole, in one piece of a file."""

    data: Bytes
    """The piece; valid until the next window is read. `MARGIN` bytes behind its end may be read."""
    at: int
    """Where it begins in the file."""
    starts: Ints
    """Where each packet begins in `data`, behind its record header."""
    captured: Ints
    """Bytes of each packet that were captured."""
    original: Ints
    """Bytes of each packet on the wire."""
    time_ns: Ints
    link: Ints
    """Which of `Columns.links` each packet was captured at."""
    first: int
    """Number of the first frame."""


class Columns:
    """The windows of a capture, and any single frame of it. Use `windows.columns_of`."""

    head = 16
    """Bytes of a record before its packet."""
    tail = 0
    """Bytes behind it, at least."""

    def __init__(self, capture: Capture, descriptor: int, window: int, order: str, links: Links) -> None:
        self._capture = capture
        self._descriptor = descriptor
        self._window = window
        self._order = order
        self._type = np.dtype(order + "u4")
        self._offset = 0
        self._limit = MAX_PACKET
        self.linktype = 0
        """LINKTYPE_ number of all frames, where they have but one."""
        self.links = links
        """All interfaces so far, numbered from 0."""

    def windows(self) -> Iterator[Window | None]:
        """All windows in turn; then the capture goes on behind the last one, with what is left or broken.

        None stands for a moment in which a pipe gave nothing new.
        """
        size, number, time_ns = self._window, 0, 0
        most = self._limit + self.head + self.tail + 4
        buffer = np.zeros(size + MARGIN, np.uint8)
        while True:
            there = self._capture.reach(self._offset + size)
            got = os.preadv(self._descriptor, [buffer.data[:size]], self._offset)
            heads, end = self._walk(buffer, got)
            if len(heads):
                window = self._described(buffer, heads, number)
                if window is None:
                    break
                number += len(heads)
                time_ns = int(window.time_ns[-1])
                self._capture.frames, self._capture.position = number, self._offset + end
                yield window
                self._offset += end
            elif end:
                self._offset += end
            elif got == size and size < most:
                size = min(2 * size, most)
                buffer = np.zeros(size + MARGIN, np.uint8)
            elif there:
                break
            else:
                yield None
        self._capture.resume(self._offset, number, time_ns)

    def frame(self, offset: int, number: int) -> Frame:
        """The frame whose packet begins at that offset of the file."""
        record = np.frombuffer(os.pread(self._descriptor, self.head, offset - self.head), np.uint8)
        (window,) = (self._described(np.append(record, np.zeros(4, np.uint8)), np.zeros(1, np.int64), number - 1),)
        assert window is not None
        data = os.pread(self._descriptor, int(window.captured[0]), offset)
        return Frame(number, int(window.time_ns[0]), self.linktype, data, int(window.original[0]))

    def _walk(self, buffer: Bytes, size: int) -> tuple[Ints, int]:
        """Where the headers of the whole records are, from the beginning of the buffer on, and where they end."""
        raise NotImplementedError

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window | None:
        raise NotImplementedError

    def _link(self, linktype: int, name: str = "") -> int:
        """The number of an interface."""
        return self.links.setdefault((linktype, name), len(self.links))

    def _fields(self, buffer: Bytes, heads: Ints) -> Ints:
        """The words of the headers, one row each."""
        views = np.lib.stride_tricks.as_strided(
            buffer[: self.head].view(f"V{self.head}"), (len(buffer) - self.head,), (1,)
        )
        return views[heads].view(self._type).reshape(-1, self.head // 4).astype(np.int64)


class PcapColumns(Columns):
    """The windows of a classic pcap file."""

    def __init__(self, capture: Capture, reader: PcapReader, descriptor: int, window: int, links: Links) -> None:
        super().__init__(capture, descriptor, window, reader.order, links)
        self._fraction_ns = reader.fraction_ns
        self._limit = reader.limit
        self._offset = reader.start
        self.linktype = reader.linktype
        self._number = self._link(reader.linktype)

    def _walk(self, buffer: Bytes, size: int) -> tuple[Ints, int]:
        heads = self._heads(buffer, size)
        if not len(heads):
            return heads, 0
        (length,) = Struct(self._order + "I").unpack_from(buffer.data, int(heads[-1]) + 8)
        return heads, int(heads[-1]) + self.head + length

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window:
        fields = self._fields(buffer, heads)
        time_ns = fields[:, 0] * 1_000_000_000 + fields[:, 1] * self._fraction_ns
        return Window(buffer, self._offset, heads + self.head, fields[:, 2], fields[:, 3], time_ns,
                      np.full(len(heads), self._number), number + 1)  # fmt: skip

    def _heads(self, buffer: Bytes, size: int) -> Ints:
        first = self._follow(buffer, size, 0, _CHAIN)
        if len(first) < _CHAIN:
            return np.array(first, np.int64)
        found = self._chains(buffer, size, first[-1] // _CHAIN)
        if found is None:
            return np.array(self._follow(buffer, size, 0, MOST_RECORDS), np.int64)
        heads, rest = found
        last = self._follow(buffer, size, rest, max(MOST_RECORDS - len(heads), 1))
        return np.append(heads, np.array(last, np.int64))[:MOST_RECORDS]

    def _follow(self, buffer: Bytes, size: int, at: int, most: int) -> list[int]:
        """Headers from a known one on, one by one."""
        length_at = Struct(self._order + "I").unpack_from
        found: list[int] = []
        head, limit = self.head, self._limit
        memory = buffer.data[:size]
        while at + head <= size and len(found) < most:
            (length,) = length_at(memory, at + 8)
            following = at + head + length
            if length > limit or following > size:
                break
            found.append(at)
            at = following
        return found

    def _chains(self, buffer: Bytes, size: int, mean: int) -> tuple[Ints, int] | None:
        """Headers found by many chains in step, begun where one seems to be; and the one that comes next.

        Exact where each chain ends at the very beginning of the next one; None where they do not.
        """
        size = min(size, mean * MOST_RECORDS)
        words = np.lib.stride_tricks.as_strided(buffer[:4].view(self._type), (len(buffer) - 3,), (1,))
        starts = self._guesses(buffer, words, size, mean)
        if len(starts) < 4:
            return None
        at, ends = starts[:-1].copy(), starts[1:]
        chain = np.arange(len(at))
        found = []
        while len(at):
            found.append(at)
            at = at + self.head + words[at + 8].astype(np.int64)
            stop = ends[chain]
            going = at < stop
            if not going.all():
                if (at > stop).any():
                    return None
                at, chain = at[going], chain[going]
        heads = np.sort(np.concatenate(found))
        return None if int(words[heads + 8].max()) > self._limit else (heads, int(starts[-1]))

    def _guesses(self, buffer: Bytes, words: NDArray[np.uint32], size: int, mean: int) -> Ints:
        """Where records seem to begin, some `_CHAIN` records apart; the first one is sure."""
        reach = mean + min(mean, _FULL)
        places = np.arange(mean * _CHAIN, size - 4 * reach - 256, mean * _CHAIN)
        if not len(places):
            return places
        seconds = int(words[0])
        at_byte = 3 if self._type.byteorder != ">" else 0
        views = np.lib.stride_tricks.as_strided(buffer[:reach].view(f"V{reach}"), (len(buffer) - reach,), (1,))
        pieces = views[places + at_byte].view(np.uint8).reshape(-1, reach)
        rows, columns = np.nonzero(pieces == seconds >> 24)
        at = places[rows] + columns
        likely = words[at] - words[0] < _SPAN_S
        rows, at = rows[likely], at[likely]
        length, original = words[at + 8].astype(np.int64), words[at + 12]
        good = (length <= original) & (original <= SANE_SNAPLEN) & (at + length + 16 < size)
        following = at[good] + length[good] + 16
        good[good] = words[following] - words[0] < _SPAN_S
        rows, at = rows[good], at[good]
        return np.append(0, at[np.append(True, rows[1:] != rows[:-1])] if len(at) else at)
