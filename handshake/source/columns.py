"""A pcap file in windows: where its records are, as arrays, for who wants millions of packets and not each of them.

Only what can be read from anywhere in the file: not compressed, no pipe, today's record header. The scalar reader takes
over behind the last window, so that damage is found, and named, by the very same code.
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
from handshake.source.pcap import SANE_SNAPLEN, PcapReader

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
    first: int
    """Number of the first frame."""


class Columns:
    """The windows of a capture, and any single frame of it. Use `of`."""

    def __init__(self, capture: Capture, reader: PcapReader, descriptor: int, window: int) -> None:
        self._capture = capture
        self._descriptor = descriptor
        self._window = window
        self._fraction_ns = reader.fraction_ns
        self._limit = reader.limit
        self._record = Struct(reader.order + "IIII")
        self._type = np.dtype(reader.order + "u4")
        self._offset = reader.start
        self.linktype = reader.linktype
        """LINKTYPE_ number of all frames."""

    @classmethod
    def of(cls, capture: Capture, window: int = WINDOW) -> Columns | None:
        """The columns of a capture of which nothing was read yet; None where only its frames can be had."""
        reader, descriptor = capture.reader, capture.descriptor()
        if not isinstance(reader, PcapReader) or not reader.regular or descriptor is None:
            return None
        return cls(capture, reader, descriptor, window)

    def windows(self) -> Iterator[Window]:
        """All windows in turn; then the capture goes on behind the last one, with what is left or broken."""
        size, number = self._window, 0
        buffer = np.zeros(size + MARGIN, np.uint8)
        while True:
            got = os.preadv(self._descriptor, [buffer.data[:size]], self._offset)
            heads = self._walk(buffer, got)
            if len(heads):
                window = self._described(buffer, heads, number)
                number += len(heads)
                yield window
                self._offset += int(window.starts[-1] + window.captured[-1])
                self._capture.frames = number
            elif got == size and size < self._limit + self._record.size:
                size = min(2 * size, self._limit + self._record.size)
                buffer = np.zeros(size + MARGIN, np.uint8)
            else:
                break
        self._capture.resume(self._offset, number)

    def frame(self, offset: int, number: int) -> Frame:
        """The frame whose packet begins at that offset of the file."""
        record = os.pread(self._descriptor, self._record.size, offset - self._record.size)
        seconds, fraction, captured, original = self._record.unpack(record)
        data = os.pread(self._descriptor, captured, offset)
        return Frame(number, seconds * 1_000_000_000 + fraction * self._fraction_ns, self.linktype, data, original)

    def _walk(self, buffer: Bytes, size: int) -> Ints:
        """Where the headers of the whole records are, from the beginning of the buffer on."""
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
        length_at = Struct(self._record.format[:1] + "I").unpack_from
        found: list[int] = []
        head, limit = self._record.size, self._limit
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
            at = at + self._record.size + words[at + 8].astype(np.int64)
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

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window:
        views = np.lib.stride_tricks.as_strided(buffer[:16].view("V16"), (len(buffer) - 16,), (1,))
        fields = views[heads].view(self._type).reshape(-1, 4).astype(np.int64)
        time_ns = fields[:, 0] * 1_000_000_000 + fields[:, 1] * self._fraction_ns
        return Window(buffer, self._offset, heads + 16, fields[:, 2], fields[:, 3], time_ns, number + 1)
