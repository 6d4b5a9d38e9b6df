"""Finds packets that were captured twice, by the rules of `flow.copies`, among all segments of a window at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from handshake.flow.copies import AT_ONCE_NS, REMEMBERED, WITHIN_NS, fingerprint, here_within_ns
from handshake.model.packet import FIN, RST, SYN, IcmpError, Packet, Segment, Tags
from handshake.model.record import dataclass
from handshake.source.columns import Window
from handshake.wire.columns.arrays import Bools, Ints, Words, odd_keys
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.links import tags_of
from handshake.wire.columns.options import options_of
from handshake.wire.columns.segments import OTHER, Segments

_MIX = odd_keys(5)
"""Packets with the same sum only may be the same: they are compared."""

_ALL = (1 << 64) - 1
_TSVAL, _TAGS, _TIME, _TURN, _WHERE, _PLACE = range(5, 11)
"""Facts on a packet, one row of 11: what copies share (endpoints, numbers, flags with window and payload, IP
identification, TSval, tags as a hash), then time, turn, interface, and place in the file."""
_SHARED, _COLUMNS = _TIME, 11
_LONG_AGO = -9
_UNREAD = -2
"""In place of a TSval that stands among other options."""


@dataclass(slots=True)
class Copied:
    """Places in the window of packets that are copies."""

    rows: set[int] = field(default_factory=set)
    """Copies of what the same interface had seen."""
    pairs: set[int] = field(default_factory=set)
    """Pairs of endpoints between which those went."""
    elsewhere: set[int] = field(default_factory=set)
    """Copies of what another interface had seen."""


class CopyFinder:
    """Remembers the packets that a later one may be a copy of. `read` gives the packet at a place in the file."""

    def __init__(self, endpoints: Endpoints, read: Callable[[int], Packet]) -> None:
        self._endpoints = endpoints
        self._read = read
        self._noted = 0
        self._others = np.zeros(0, np.int64)
        """Turns of the other packets of this window."""
        self._pieces: list[_Piece] = []
        """What is remembered, in the order of the capture."""

    def turns(self, rows: Ints, others: Sequence[int]) -> Ints:
        """How often the memory has been turned over before each packet: the next segments of a capture, by place.

        `others` are places of ICMP errors about something else than TCP, which take room in the memory as well.
        """
        others_at = np.array(others, np.int64)
        before = self._noted + np.searchsorted(others_at, rows) + np.arange(len(rows))
        self._others = (self._noted + np.searchsorted(rows, others_at) + np.arange(len(others))) // REMEMBERED
        self._noted += len(rows) + len(others)
        return before // REMEMBERED

    def find(  # noqa: PLR0917 - all that is known of a window
        self, segments: Segments, turns: Ints, window: Window, odd: Mapping[int, Packet],
        others: Mapping[int, Packet], interfaces: Sequence[int],
    ) -> Copied:  # fmt: skip
        """The copies among the segments of a window, which come in the order of the capture, and among `others`.

        `interfaces` tells which one each link stands for.
        """
        line = _Line(self._endpoints, segments, window, {**odd, **others}, list(others), interfaces)
        turn = line.merged(turns, self._others[: len(others)])
        able = np.arange(len(line.row)) if len(set(interfaces)) > 1 else np.flatnonzero(line.within > 0)
        every = np.concatenate((*(piece.prints for piece in self._pieces), line.prints[able]))
        kept = len(every) - len(able)
        ordered = np.sort(every)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        found, fresh = Copied(), np.ones(len(line.row), np.bool_)
        if len(twice):
            same = np.flatnonzero(np.isin(every, twice))
            before, now = same[same < kept], able[same[same >= kept] - kept]
            facts = np.concatenate((self._facts_of(before), line.facts(now, turn, whole=True)))
            limits = np.concatenate((np.zeros(len(before), np.int64), line.within[now]))
            at, here = _copies(facts, limits)
            copies = now[at - len(before)]
            fresh[copies] = False
            found.elsewhere.update(line.row[copies[~here]].tolist())
            found.rows.update(line.row[copies[here]].tolist())
            found.pairs.update(line.pairs(copies[here]))
        recent = (self._noted - 1) // REMEMBERED - 1
        pieces = (piece.since(recent) for piece in (*self._pieces, _Piece(line, turn, np.flatnonzero(fresh))))
        self._pieces = [piece for piece in pieces if len(piece.chosen)]
        return found

    def _facts_of(self, places: Ints) -> Ints:
        """The facts on some of the packets that are remembered, with the timestamps that stand among other options."""
        found = [np.zeros((0, _COLUMNS), np.int64)]
        begin = 0
        for piece in self._pieces:
            end = begin + len(piece.chosen)
            here = places[(places >= begin) & (places < end)]
            found.append(piece.line.facts(piece.chosen[here - begin], piece.turn))
            begin = end
        facts = np.concatenate(found)
        for index in np.flatnonzero(facts[:, _TSVAL] == _UNREAD).tolist():
            packet = self._read(int(facts[index, _PLACE])).transport
            assert isinstance(packet, Segment)
            facts[index, _TSVAL] = -1 if packet.options.tsval is None else packet.options.tsval
        return facts


@dataclass(frozen=True, slots=True)
class _Piece:
    """Packets of a window that are remembered; `turn` is of all packets of the line."""

    line: _Line
    turn: Ints
    chosen: Ints

    @property
    def prints(self) -> Words:
        """Their prints."""
        prints: Words = self.line.prints[self.chosen]
        return prints

    def since(self, turn: int) -> _Piece:
        """Those of this turn or later ones."""
        return _Piece(self.line, self.turn, self.chosen[np.searchsorted(self.turn[self.chosen], turn) :])


class _Line:
    """The segments and ICMP errors of a window, in the order of the capture."""

    def __init__(  # noqa: PLR0917 - all that is known of a window
        self, endpoints: Endpoints, segments: Segments, window: Window, alone: Mapping[int, Packet],
        others: Sequence[int], interfaces: Sequence[int],
    ) -> None:  # fmt: skip
        self._endpoints, self._segments, self._window = endpoints, segments, window
        self._interfaces = np.array(interfaces)
        self._words = _words(segments)
        at = np.searchsorted(segments.row, others)
        self._at = at
        self._which = self.merged(np.arange(len(segments.row)), -1)
        self.row = self.merged(segments.row, others)
        """Places in the window."""
        self.prints = self.merged(_mixed(self._words[:_TSVAL]) ^ self._words[_TSVAL].view(np.uint64), 0)
        """The same for packets that are alike, and hardly for any others."""
        self.within = self.merged(_within(segments), 0)
        """How soon a copy at the same interface has to come, ns."""
        self._alone: dict[int, Ints] = {}
        """What copies share, of packets that were decoded one by one."""
        for index in np.flatnonzero(self.merged(~segments.plain, True)).tolist():
            packet = alone[int(self.row[index])].transport
            assert isinstance(packet, Segment | IcmpError)
            shared = self._alone[index] = self._shared(packet)
            words = shared.view(np.uint64)[:, None]
            self.prints[index] = (_mixed(words[:_TSVAL]) ^ words[_TAGS])[0]
            self.within[index] = here_within_ns(packet)

    def merged(self, segments: Any, others: Any) -> Any:
        """One column of that of the segments and of values for the others."""
        return np.insert(segments, self._at, others) if len(self._at) else segments

    def _shared(self, packet: Segment | IcmpError) -> Ints:
        if isinstance(packet, IcmpError):
            words = [fingerprint(packet), 0, 0, 0, 0, 0, 1]
        else:
            tsval, ip_id = packet.options.tsval, packet.ip_id
            words = [
                self._endpoints.of(*packet.src)[1], self._endpoints.of(*packet.dst)[1],
                packet.seq << 32 | packet.ack_raw, packet.flags | packet.wnd << 9 | packet.payload_len << 25,
                -1 if ip_id is None else ip_id, -1 if tsval is None else tsval, _hashed(packet.tags),
            ]  # fmt: skip
        return np.array([word & _ALL for word in words], np.uint64).view(np.int64)

    def facts(self, chosen: Ints, turns: Ints, *, whole: bool = False) -> Ints:
        """The facts on some of them; `whole`: with the timestamps that stand among other options."""
        segments, window = self._segments, self._window
        row, which = self.row[chosen], self._which[chosen]
        facts = np.zeros((len(chosen), _COLUMNS), np.int64)
        plain = np.flatnonzero(which >= 0)
        taken = which[plain]
        for column, words in zip((*range(_TSVAL), _TAGS), self._words, strict=True):
            facts[plain, column] = words.view(np.int64)[taken]
        facts[plain, _TSVAL] = np.where(segments.form == OTHER, _UNREAD, segments.tsval)[taken]
        for at in np.flatnonzero(np.isin(chosen, list(self._alone))).tolist():
            facts[at, :_SHARED] = self._alone[int(chosen[at])]
        unread = np.flatnonzero(facts[:, _TSVAL] == _UNREAD) if whole else ()
        if len(unread):
            some = which[unread]
            _, facts[unread, _TSVAL], _ = options_of(window.data, segments.at[some], segments.header[some])
        facts[:, _TIME], facts[:, _TURN] = window.time_ns[row], turns[chosen]
        facts[:, _WHERE] = self._interfaces[window.link[row]]
        facts[:, _PLACE] = window.at + window.starts[row]
        return facts

    def pairs(self, chosen: Ints) -> list[int]:
        """Words for the pairs of endpoints of some segments."""
        which = self._which[chosen]
        pairs: list[int] = self._endpoints.pair(self._segments.src[which], self._segments.dst[which]).tolist()
        return pairs


def _words(segments: Segments) -> tuple[Words | Ints, ...]:
    """All that a copy shares with its original, but for its timestamp; the hash of the tags is the last one."""
    numbers = segments.seq << 32 | segments.ack
    rest = segments.flags & 511 | segments.wnd << 9 | segments.payload << 25
    ways, which = np.unique(segments.way, return_inverse=True) if segments.way.any() else (np.zeros(1, np.int64), None)
    hashes = np.array([_hashed(tags_of(way)) for way in ways.tolist()], np.int64)
    tags = np.zeros(len(numbers), np.int64) if which is None else hashes[which]
    return segments.src, segments.dst, numbers, rest, segments.ip_id, tags


def _hashed(tags: Tags) -> int:
    return hash(tags) if tags else 0


def _mixed(words: Iterable[Words | Ints]) -> Words:
    mixed = sum(each.view(np.uint64) * factor for each, factor in zip(words, _MIX, strict=True))
    assert isinstance(mixed, np.ndarray)
    spread: Words = mixed ^ mixed >> np.uint64(32)
    return spread


def _within(segments: Segments) -> Ints:
    """How soon a copy at the same interface has to come, ns; 0 where that cannot be told."""
    opens = ((segments.flags & (SYN | FIN)) > 0) & ((segments.flags & RST) == 0)
    told = segments.ip_id > 0
    within: Ints = told * np.int64(WITHIN_NS) + (opens & ~told) * np.int64(AT_ONCE_NS)
    return within * segments.plain


def _copies(facts: Ints, limits: Ints) -> tuple[Ints, Bools]:
    """Of packets in the order of the capture, those that came soon enough after another; whether at one interface."""
    seen: dict[bytes, tuple[int, int, int]] = {}
    copies, here = [], []
    rest = zip(limits.tolist(), facts[:, _TIME : _WHERE + 1].tolist(), strict=True)
    for index, (limit, (time_ns, turn, where)) in enumerate(rest):
        key = facts[index, :_SHARED].tobytes()
        before_ns, before_turn, seen_at = seen.get(key, (0, _LONG_AGO, 0))
        if before_turn >= turn - 1 and 0 <= time_ns - before_ns < (limit if seen_at == where else WITHIN_NS):
            copies.append(index)
            here.append(seen_at == where)
        else:
            seen[key] = time_ns, turn, where
    return np.array(copies, np.int64), np.array(here, np.bool_)
