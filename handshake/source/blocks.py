"""A pcapng file in windows: its enhanced packet blocks as arrays, of any number of interfaces and sections.

Simple and obsolete packet blocks are left to the scalar reader, which takes over before them.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from mmap import mmap
from struct import Struct

import numpy as np

from handshake.model.packet import Frame
from handshake.source.capture import Capture
from handshake.source.columns import CHAIN, FULL, Bytes, Columns, Ints, Links, Quads, Window
from handshake.source.pcapng import (
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    LITTLE,
    MAX_BLOCK,
    OBSOLETE_PACKET,
    SECTION_HEADER,
    SIMPLE_PACKET,
    Interface,
    Layouts,
    PcapngReader,
)

_LATEST = 1 << 62
_FRAME = 32
"""Bytes of an enhanced packet block around its packet."""
_MOST_BREAKS = 1000
"""Times that descriptions may stand between packets: each one costs a window."""


class PcapngColumns(Columns):
    """The windows of a pcapng file. They end before each section header or interface description."""

    head = 28
    tail = 4

    def __init__(self, capture: Capture, reader: PcapngReader, descriptor: int, window: int, links: Links) -> None:
        super().__init__(capture, descriptor, window, _order(reader.layouts), links)
        self._reader = reader
        self._limit = MAX_BLOCK
        self._longest = MAX_BLOCK >> 2
        self._known: list[tuple[int, Layouts, list[Interface]]] = []
        """From which offset on which byte order and interfaces hold."""
        self._scales = np.zeros((5, 0), np.int64)
        """Of each interface: multiplier, divisor, offset, most ticks, link."""

    def frame(self, offset: int, number: int) -> Frame:
        """The frame whose packet begins at that offset of the file."""
        _, layouts, interfaces = self._known[bisect_right(self._known, offset, key=lambda known: known[0]) - 1]
        fields = layouts.enhanced
        header = os.pread(self._descriptor, fields.size, offset - fields.size)
        index, high, low, captured, original = fields.unpack(header)
        data = os.pread(self._descriptor, captured, offset)
        interface = interfaces[index]
        return Frame(number, interface.time_ns(high, low), interface.linktype, data, original, interface.name)

    # -- descriptions ------------------------------------------------------------------------------------

    def _describe(self) -> int:
        """Read the descriptions that begin with this window; how many bytes they take."""
        self.breaks += 1
        end = self._reader.describe(self._offset)
        self._type = np.dtype(_order(self._reader.layouts) + "u4")
        self._known.append((end, self._reader.layouts, self._reader.interfaces))
        scales = [(*_scale(each), self._link(each.linktype, each.name)) for each in self._reader.interfaces]
        self._scales = np.array(scales, np.int64).reshape(-1, 5).T
        return end - self._offset

    def _described(self, buffer: Bytes, heads: Ints, number: int) -> Window | None:
        _, _, index, high, low, captured, original = self._fields(buffer, heads)
        multiplier, divisor, offset_ns, most, link = self._scales[:, index]
        if int(high.max()) >= _LATEST >> 32:
            return None
        ticks = high << 32 | low
        if (ticks > most).any():
            return None
        if (self._scales[1] == 1).all():
            time_ns = ticks * multiplier + offset_ns
        else:
            whole = ticks // divisor
            time_ns = whole * multiplier + (ticks - whole * divisor) * multiplier // divisor + offset_ns
        if int(time_ns.min()) < 0:
            return None
        return Window(buffer, self._offset, heads + self.head, captured, original, time_ns, link, number + 1)

    # -- blocks ------------------------------------------------------------------------------------------

    def _walk(self, memory: mmap, buffer: Bytes, size: int) -> tuple[Ints, int]:
        words = buffer[: size & ~3].view(self._type)
        heads = self._heads(memory, words, len(words))
        packets, end = self._sound(words, heads)
        breaks = not end and len(words) and words[0] in (SECTION_HEADER, INTERFACE_DESCRIPTION)
        if breaks and self.breaks < _MOST_BREAKS:
            end = self._describe()
        return packets, end

    def _sound(self, words: Quads, heads: Ints) -> tuple[Ints, int]:
        """Of blocks one behind the other, given in words, the packets up to a block that is none of ours.

        Also where that one begins. Both in bytes.
        """
        if not len(heads):
            return heads, 0
        kind, length = words[heads], words[heads + 1].astype(np.int64)
        behind = heads + (length >> 2)
        sound = (length & 3 == 0) & (length >= 12) & (length <= MAX_BLOCK) & (behind <= len(words))
        sound &= words[np.minimum(behind, len(words)) - 1] == length
        packet = kind == ENHANCED_PACKET
        index, captured = (words[np.minimum(heads + at, len(words) - 1)] for at in (2, 5))
        fits = (length >= _FRAME) & (captured.astype(np.int64) <= length - _FRAME) & (index < self._scales.shape[1])
        others = (SECTION_HEADER, INTERFACE_DESCRIPTION, SIMPLE_PACKET, OBSOLETE_PACKET)
        sound &= np.where(packet, fits, ~np.isin(kind, others))
        count = len(heads) if sound.all() else int(np.argmin(sound))
        return heads[:count][packet[:count]] * 4, int(behind[count - 1]) * 4 if count else 0

    def _follow(self, memory: mmap, size: int, at: int, most: int) -> list[int]:
        """Blocks from a known one on, one by one; all counted in words."""
        length_at = Struct(self._type.str[0] + "I").unpack_from
        found: list[int] = []
        while at + 3 <= size and len(found) < most:
            length = length_at(memory, at * 4 + 4)[0] >> 2
            if length < 3 or at + length > size:
                break
            found.append(at)
            at += length
        return found

    def _following(self, words: Quads, at: Ints) -> Ints:
        length = (words[at + 1] >> 2).astype(np.int64)
        return at + length + (length < 3) * _LATEST

    def _guesses(self, memory: mmap, words: Quads, size: int, mean: int) -> Ints:
        """A packet's block begins with its type, and its length stands at both ends."""
        kind = ENHANCED_PACKET.to_bytes(4, "little" if self._type.str[0] == "<" else "big")
        reach = mean + min(mean, FULL // 4)
        places = range(mean * CHAIN, size - 4 * reach - 64, mean * CHAIN)
        found = np.array([memory.find(kind, at * 4, (at + reach) * 4) for at in places], np.int64)
        at = found[(found >= 0) & (found & 3 == 0)] >> 2
        length = words[at + 1].astype(np.int64)
        last = at + (length >> 2) - 1
        good = np.flatnonzero((length >= _FRAME) & (last < size) & (words[at + 5] <= length - _FRAME))
        return np.append(0, at[good[words[last[good]] == length[good]]])


def _order(layouts: Layouts) -> str:
    return "<" if layouts is LITTLE else ">"


def _scale(interface: Interface) -> tuple[int, int, int, int]:
    """Multiplier, divisor and offset of an interface's time, and the most ticks of which 64 bits hold all results."""
    multiplier, divisor, offset_ns = interface.multiplier, interface.divisor, interface.offset_ns
    if multiplier * divisor >= _LATEST or not abs(offset_ns) < _LATEST >> 1:
        return 0, 1, 0, -1
    return multiplier, divisor, offset_ns, min((_LATEST >> 1) * divisor // multiplier, _LATEST)
