"""A capture file in windows: where its records are, as arrays, for who wants millions of packets and not each of them.

Only what can be read from anywhere, and has today's record header. The scalar reader takes over behind the last window,
so that damage is found by the very same code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from mmap import mmap
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshake.model.packet import Frame
from handshake.model.record import dataclass
from handshake.source.capture import Capture
from handshake.source.pcap import MAX_PACKET, SANE_SNAPLEN, PcapReader

WINDOW = 1 << 23
"""Bytes of the file looked at at once."""
_FIRST_TRY = 1 << 20
"""Bytes looked at in the beginning; small packets never need many more."""
MARGIN = 512
"""Bytes behind a window that may be looked at, though they say nothing."""
CHAIN = 32
"""Records that one chain of guesses is meant to have."""
_SAMPLE = 64
"""Records of which the mean length is taken."""
FULL = 1600
"""Bytes of a record with a full Ethernet frame."""
_SPAN_S = 600
"""Packets of one window are taken to lie this close, where a record's beginning is guessed."""
MOST_RECORDS = 3 << 12
"""Records of one window."""

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Quads = NDArray[np.uint32]
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
        """Bytes of the longest packet, or block."""
        self._longest = 0
        """The same with all around it, as places are counted."""
        self.ahead = False
        """Whether a window stays valid while the next one is read."""
        self.buffers: list[Bytes] = []
        """The memory that windows lie in."""
        self._end = 0, 0, 0
        """Behind the last window: offset, frames and time."""
        self.linktype = 0
        """LINKTYPE_ number of all frames, where they have but one."""
        self.breaks = 0
        """Times that something was described between packets so far."""
        self.links = links
        """All interfaces so far, numbered from 0."""

    def windows(self) -> Iterator[Window | None]:
        """All windows in turn. Behind the last one the capture goes on, with what is left or broken: `hand_over`.

        None stands for a moment in which a pipe gave nothing new.
        """
        size = self._window
        wanted = min(size, _FIRST_TRY)
        number, time_ns = 0, 0
        most = self._limit + self.head + self.tail + 4
        self._make_buffers(size)
        turn = 0
        while True:
            memory, buffer = self._memory[turn], self.buffers[turn]
            there = self._capture.reach(self._offset + wanted)
            got = os.preadv(self._descriptor, [buffer.data[:wanted]], self._offset)
            heads, end = self._walk(memory, buffer, got)
            if len(heads):
                window = self._described(buffer, heads, number)
                if window is None:
                    break
                number += len(heads)
                time_ns = int(window.time_ns[-1])
                self._capture.frames, self._capture.position = number, self._offset + end
                yield window
                self._offset += end
                wanted = min(size, end + end // 4 if len(heads) == MOST_RECORDS else 2 * wanted)
                turn = (turn + 1) % len(self.buffers)
            elif end:
                self._offset += end
            elif got == wanted and wanted < most:
                wanted = min(2 * wanted, most)
                if wanted > size:
                    size = wanted
                    self._make_buffers(size)
            elif there:
                break
            else:
                yield None
        self._end = self._offset, number, time_ns

    def _make_buffers(self, size: int) -> None:
        self._memory = [mmap(-1, size + MARGIN) for _ in range(2 if self.ahead else 1)]
        self.buffers = [np.frombuffer(memory, np.uint8) for memory in self._memory]

    def hand_over(self) -> None:
        """Let the capture go on behind the last window."""
        self._capture.resume(*self._end)

    def frame(self, offset: int, number: int) -> Frame:
        """The frame whose packet begins at that offset of the file."""
        raise NotImplementedError

    def _walk(self, memory: mmap, buffer: Bytes, size: int) -> tuple[Ints, int]:
        """Where the headers of the whole records are, from the beginning of the buffer on, and where they end."""
        raise NotImplementedError

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window | None:
        """The window of these records; None where a time is out of reach."""
        raise NotImplementedError

    # -- where records are: places are counted in bytes or, where records are aligned, in words ------------

    def _heads(self, memory: mmap, words: Quads, size: int) -> Ints:
        """Where records begin, from the first place on, by their lengths."""
        first = self._follow(memory, size, 0, _SAMPLE)
        if len(first) < _SAMPLE:
            return np.array(first, np.int64)
        found = self._chains(memory, words, size, first[-1] // _SAMPLE)
        if found is None:
            return np.array(self._follow(memory, size, 0, MOST_RECORDS), np.int64)
        heads, rest = found
        last = self._follow(memory, size, rest, max(MOST_RECORDS - len(heads), 1))
        return np.append(heads, np.array(last, np.int64))[:MOST_RECORDS]

    def _chains(self, memory: mmap, words: Quads, size: int, mean: int) -> tuple[Ints, int] | None:
        """Records found by many chains in step, begun where one seems to be; and where the next one begins.

        Exact where each chain ends at the very beginning of the next one; None where they do not.
        """
        starts = self._guesses(memory, words, min(size, mean * MOST_RECORDS), mean)
        if len(starts) < 4:
            return None
        at, ends = starts[:-1], starts[1:]
        found = []
        while len(at):
            found.append(at)
            at = self._following(words, at)
            going = np.flatnonzero(at < ends)
            if len(going) < len(at):
                if (at > ends).any():
                    return None
                at, ends = at.take(going), ends.take(going)
        heads, end = np.concatenate(found), int(starts[-1])
        heads.sort()
        return None if int(np.diff(heads, append=end).max()) > self._longest else (heads, end)

    def _follow(self, memory: mmap, size: int, at: int, most: int) -> list[int]:
        """Records from a known one on, one by one."""
        raise NotImplementedError

    def _following(self, words: Quads, at: Ints) -> Ints:
        """Where the records behind these begin; beyond everything behind one that is none."""
        raise NotImplementedError

    def _guesses(self, memory: mmap, words: Quads, size: int, mean: int) -> Ints:
        """Where records seem to begin, some `CHAIN` records apart; the first one is sure."""
        raise NotImplementedError

    def _link(self, linktype: int, name: str = "") -> int:
        """The number of an interface."""
        return self.links.setdefault((linktype, name), len(self.links))

    def _fields(self, buffer: Bytes, heads: Ints) -> Ints:
        """The words of the headers, a row for each word."""
        views = np.lib.stride_tricks.as_strided(
            buffer[: self.head].view(f"V{self.head}"), (len(buffer) - self.head,), (1,)
        )
        return np.ascontiguousarray(views[heads].view(self._type).reshape(-1, self.head // 4).T, np.int64)


class PcapColumns(Columns):
    """The windows of a classic pcap file."""

    def __init__(self, capture: Capture, reader: PcapReader, descriptor: int, window: int, links: Links) -> None:
        super().__init__(capture, descriptor, window, reader.order, links)
        self._fraction_ns = reader.fraction_ns
        self._limit = reader.limit
        self._longest = reader.limit + self.head
        self._offset = reader.start
        self.linktype = reader.linktype
        self._number = self._link(reader.linktype)

    def frame(self, offset: int, number: int) -> Frame:
        """The frame whose packet begins at that offset of the file."""
        header = os.pread(self._descriptor, self.head, offset - self.head)
        time_ns, captured, original = self._told(Struct(f"{self._order}IIII").unpack(header))
        return Frame(number, time_ns, self.linktype, os.pread(self._descriptor, captured, offset), original)

    def _told(self, words: Any) -> tuple[Any, Any, Any]:
        """Time, captured and original length from the words of a record header, or from columns of them."""
        seconds, fraction, captured, original = words
        return seconds * 1_000_000_000 + fraction * self._fraction_ns, captured, original

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window:
        time_ns, captured, original = self._told(self._fields(buffer, heads))
        return Window(buffer, self._offset, heads + self.head, captured, original, time_ns,
                      np.full(len(heads), self._number), number + 1)  # fmt: skip

    def _walk(self, memory: mmap, buffer: Bytes, size: int) -> tuple[Ints, int]:
        words = np.lib.stride_tricks.as_strided(buffer[:4].view(self._type), (len(buffer) - 3,), (1,))
        heads = self._heads(memory, words, size)
        if not len(heads):
            return heads, 0
        (length,) = Struct(self._order + "I").unpack_from(memory, int(heads[-1]) + 8)
        return heads, int(heads[-1]) + self.head + length

    def _follow(self, memory: mmap, size: int, at: int, most: int) -> list[int]:
        """Headers from a known one on, one by one."""
        length_at = Struct(self._order + "I").unpack_from
        found: list[int] = []
        head, limit = self.head, self._limit
        while at + head <= size and len(found) < most:
            (length,) = length_at(memory, at + 8)
            following = at + head + length
            if length > limit or following > size:
                break
            found.append(at)
            at = following
        return found

    def _following(self, words: Quads, at: Ints) -> Ints:
        following: Ints = words[at + 8] + (at + self.head)
        return following

    def _guesses(self, memory: mmap, words: Quads, size: int, mean: int) -> Ints:
        """A record begins with its seconds, whose three upper bytes are those of the first record in the window."""
        seconds = int(words[0])
        little = self._type.byteorder != ">"
        upper = seconds.to_bytes(4, "little")[1:] if little else seconds.to_bytes(4, "big")[:3]
        reach = mean + min(mean, FULL)
        last = size - 4 * reach - 256
        found = [memory.find(upper, at, at + reach) for at in range(mean * CHAIN + little, last, mean * CHAIN)]
        at = np.array(found, np.int64)
        at = at[at >= 0] - little
        length, original = words[at + 8].astype(np.int64), words[at + 12]
        at = at[(length <= original) & (original <= SANE_SNAPLEN) & (at + length + 16 < size)]
        following = words[at + words[at + 8] + 16]
        return np.append(0, at[following - words[0] < _SPAN_S])
