"""Finds packets that were captured twice, by the rules of `flow.copies`, among all segments of a window at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

import numpy as np

from handshake.flow.copies import AT_ONCE_NS, REMEMBERED, WITHIN_NS, fingerprint, here_within_ns
from handshake.model.options import NOP, TIMESTAMPS
from handshake.model.packet import FIN, RST, SYN, Packet, Segment
from handshake.model.record import dataclass
from handshake.source.columns import Window
from handshake.wire.columns import Endpoints, Ints, Segments, Words

_MIX = np.random.default_rng().integers(0, 1 << 63, 5, np.uint64) * np.uint64(2) + np.uint64(1)
"""Packets with the same sum only may be the same: they are compared."""

_ALL = (1 << 64) - 1


@dataclass(slots=True)
class Copied:
    """Places in the window of packets that are copies, and the pairs of endpoints between which they went."""

    rows: set[int] = field(default_factory=set)
    pairs: set[int] = field(default_factory=set)


class CopyFinder:
    """Remembers the packets that a later one may be a copy of. `read` gives the packet at a place in the file."""

    def __init__(self, endpoints: Endpoints, read: Callable[[int], Packet]) -> None:
        self._endpoints = endpoints
        self._read = read
        self._noted = 0
        self._prints = np.zeros(0, np.uint64)
        self._facts: tuple[Ints, ...] = (np.zeros(0, np.int64),) * 3
        """Time, turn, and place in the file."""

    def turns(self, rows: Ints, others: Sequence[int]) -> Ints:
        """How often the memory has been turned over before each packet: the next segments of a capture, by place.

        `others` are places of ICMP errors about something else than TCP: they take room in the memory.
        """
        order = np.arange(len(rows)) + np.searchsorted(np.array(others, np.int64), rows)
        turns: Ints = (self._noted + order) // REMEMBERED
        self._noted += len(rows) + len(others)
        return turns

    def find(self, segments: Segments, turns: Ints, window: Window, odd: dict[int, Packet]) -> Copied:
        """The copies among the segments of a window, which come in the order of the capture."""
        prints, within = _prints_of(segments), _within(segments)
        for index in np.flatnonzero(~segments.plain).tolist():
            packet = odd[int(segments.row[index])].transport
            if isinstance(packet, Segment):
                prints[index] = self._print_of(packet)
                within[index] = here_within_ns(packet)
        able = np.flatnonzero(within > 0)
        row = segments.row[able]
        facts = window.time_ns[row], turns[able], window.at + window.starts[row]
        prints = np.concatenate((self._prints, prints[able]))
        columns = [np.concatenate(each) for each in zip(self._facts, facts, strict=True)]
        ordered = np.sort(prints)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        found, copies = Copied(), []
        if len(twice):
            limits = np.concatenate((np.zeros(len(self._prints), np.int64), within[able]))
            copies = self._copies(np.flatnonzero(np.isin(prints, twice)), prints, columns, limits)
            places = able[np.array(copies, np.int64) - len(self._prints)]
            found.rows.update(segments.row[places].tolist())
            found.pairs.update(self._endpoints.pair(segments.src[places], segments.dst[places]).tolist())
        recent = np.arange(np.searchsorted(columns[1], (self._noted - 1) // REMEMBERED - 1), len(prints))
        if copies:
            recent = np.setdiff1d(recent, copies)
        self._prints, self._facts = prints[recent], tuple(column[recent] for column in columns)
        return found

    def _copies(self, same: Ints, prints: Words, facts: Sequence[Ints], limits: Ints) -> list[int]:
        """Of packets that look the same, those that came soon enough after another."""
        seen: dict[int, tuple[int, int, int]] = {}
        copies = []
        for index in same.tolist():
            key = int(prints[index])
            time_ns, turn, place = (int(column[index]) for column in facts)
            before = seen.get(key)
            soon = before is not None and before[1] >= turn - 1 and 0 <= time_ns - before[0] < limits[index]
            if soon and before is not None and self._alike(before[2], place):
                copies.append(index)
            else:
                seen[key] = time_ns, turn, place
        return copies

    def _print_of(self, segment: Segment) -> int:
        """As `_prints_of`, of a packet that was decoded alone."""
        stamped = [item.kind for item in segment.options.items] == [NOP, NOP, TIMESTAMPS]
        tsval = segment.options.tsval if stamped and segment.options.tsval is not None else -1
        ip_id = -1 if segment.ip_id is None else segment.ip_id
        words = (
            self._endpoints.of(*segment.src)[1], self._endpoints.of(*segment.dst)[1],
            segment.seq << 32 | segment.ack_raw,
            segment.flags | segment.wnd << 9 | segment.payload_len << 25, ip_id << 33 ^ tsval,
        )  # fmt: skip
        total = sum(word * int(factor) for word, factor in zip(words, _MIX, strict=True)) + hash(segment.tags)
        total = total if segment.tags else total - hash(())
        return (total & _ALL) ^ (total & _ALL) >> 32

    def _alike(self, *places: int) -> bool:
        one, other = (self._read(place).transport for place in places)
        return isinstance(one, Segment) and isinstance(other, Segment) and fingerprint(one) == fingerprint(other)


def _prints_of(segments: Segments) -> Words:
    """All that a copy shares with its original, but for timestamps among other options."""
    words = segments.src * _MIX[0] + segments.dst * _MIX[1]
    numbers = segments.seq << 32 | segments.ack
    rest = segments.flags & 511 | segments.wnd << 9 | segments.payload << 25
    for each, factor in zip((numbers, rest, segments.ip_id << 33 ^ segments.tsval), _MIX[2:], strict=True):
        words += each.view(np.uint64) * factor
    mixed: Words = words ^ words >> np.uint64(32)
    return mixed


def _within(segments: Segments) -> Ints:
    """How soon a copy has to come, ns; 0 where that cannot be told."""
    opens = ((segments.flags & (SYN | FIN)) > 0) & ((segments.flags & RST) == 0)
    told = segments.ip_id > 0
    within: Ints = told * np.int64(WITHIN_NS) + (opens & ~told) * np.int64(AT_ONCE_NS)
    return within * segments.plain
