"""Reads one recording in windows: what is plain in bulk, the rest packet by packet, and all of it into lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from handshake.app.first import METHODS
from handshake.bulk.census import Census
from handshake.bulk.copies import Copied, CopyFinder
from handshake.bulk.following import Follower
from handshake.bulk.intake import Intake, Taken
from handshake.bulk.listing import Listing
from handshake.bulk.names import Names
from handshake.bulk.room import NEVER, Candidates
from handshake.bulk.share import Result, Share
from handshake.bulk.sift import NotPlainError, Rows, Sieve, Sifted
from handshake.bulk.slots import OPEN, Slots
from handshake.bulk.verdicts import Judge, Verdict, judged
from handshake.model.handshake import Handshake
from handshake.model.packet import Packet
from handshake.model.report import Tally
from handshake.source.columns import Window
from handshake.source.windows import Windows
from handshake.wire.columns.arrays import Bools, Ints, gather
from handshake.wire.columns.segments import Segments
from handshake.wire.decode import decode as decode_alone

_FIRST = np.array([int.from_bytes(start[:4], "little") for start in (*METHODS, b"HTTP")], np.int64)
_BEGINS = np.isin(np.arange(256), [start[0] for start in (*METHODS, b"HTTP")])
"""Bytes that HTTP may begin with."""
_PIECE = 1 << 13
"""Connections that are concluded at once."""


class BulkReader:
    """One recording, or a share of it. `judge` adds the findings to a finished handshake; `lines` take what came."""

    def __init__(  # noqa: PLR0917 - what it is put together from
        self, windows: Windows, judge: Judge, source: str, limit: int, names: Names, lines: Census | Listing,
        share: Share,
    ) -> None:  # fmt: skip
        self._windows = windows
        self._judge = judge
        self._share = share
        self._names = names
        self._endpoints = names.endpoints
        self.tally = Tally()
        self.lines = lines
        self._slots = Slots()
        self._follower = Follower(windows, names, self._slots, share, self.tally, source, self._finished)
        self._table = self._follower.table
        passing = self.tally if share.is_first else Tally()  # counts of what is nobody's are those of the first share
        self._intake = Intake(windows, names, self._table, limit, share, passing)
        self._finder = CopyFinder(self._endpoints, self._packet_at)
        self._sieve = Sieve(self._slots, self._endpoints)
        self._verdicts: list[Verdict] = []
        self._known: dict[int, int] = {}
        """Numbers of verdicts by form."""
        self._there = 0
        """Connections after the last look at how full the table is."""

    def take(self, window: Window) -> None:
        """Take the packets of the next window. Raises NotPlainError when the capture is to be read in another way."""
        taken = self._intake.take(window)
        segments, errors = taken.segments, taken.errors
        turns = self._finder.turns(taken.tcp, list(errors))
        if not self._share.is_all:
            turns = turns[np.searchsorted(taken.tcp, segments.row)]
            errors = errors if self._share.is_first else {}
        first: dict[str, int] = {}
        interfaces = [first.setdefault(name, number) for number, (_, name) in enumerate(taken.links)]
        copies = self._finder.find(segments, turns, window, taken.odd, errors, interfaces)
        self.tally.copies += len(copies.elsewhere)
        self._intake.blame(packet for row, packet in errors.items() if row not in copies.elsewhere)
        if copies.elsewhere:
            segments = segments.take(np.flatnonzero(~np.isin(segments.row, list(copies.elsewhere))))
        if len(segments.row):
            self._segments(taken, segments, copies)

    def finish(self) -> Result:
        """The capture has ended: all that is still under way is finished."""
        slots = self._slots
        rest = slots.in_order()
        for slot in rest[slots.live[rest] & slots.pending[rest]].tolist():
            self._follower.catch_up(slot)
        self._conclude(rest[~slots.live[rest]])
        slots.clear()
        self._finished(self._table.finish())
        exchanges = self._intake.exchanges
        self.tally.unmatched_icmp += self._table.unmatched_icmp
        self.tally.evicted += self._table.evicted
        self.tally.evicted_exchanges += self._table.evicted_exchanges + exchanges.evicted
        return Result(self.tally, self.lines, exchanges.counted(self._table.exchanges()))

    # -- connections -------------------------------------------------------------------------------------

    def _segments(self, taken: Taken, segments: Segments, copies: Copied) -> None:
        window = taken.window
        wild = np.zeros(len(segments.row), np.bool_)
        if copies.rows:
            wild, segments = self._follower.without(copies, segments)
            if not len(wild):
                self._follower.take_copies(taken, copies)
                return
        talk = _talk(window, segments) if self.lines.wants_talks else np.zeros(len(segments.row), np.bool_)
        rows = Rows(window.time_ns[segments.row], window.first + segments.row,
                    window.at + window.starts[segments.row], wild, talk)  # fmt: skip
        sifted = self._sieve.sift(window.data, segments, rows)
        self._learn(window, sifted)
        self._follower.take(taken, sifted, copies)

    def _learn(self, window: Window, sifted: Sifted) -> None:
        """Remember the addresses of new connections over IPv6."""
        first = sifted.created
        first = first[(sifted.segments.six & sifted.segments.plain)[first]]
        slot, at = sifted.slot[first], sifted.segments.at[first]
        self._names.learn(self._slots.client_host[slot], window.data, at - 32)
        self._names.learn(self._slots.server_host[slot], window.data, at - 16)

    def _packet_at(self, place: int) -> Packet:
        return decode_alone(self._windows.frame(place, 0))

    # -- judgement ---------------------------------------------------------------------------------------

    def _finished(self, handshakes: Iterable[Handshake]) -> None:
        for handshake in handshakes:
            self.lines.add(self._judge(handshake))

    def _verdicts_on(self, chosen: Ints) -> tuple[list[Verdict], Ints]:
        """Verdicts on connections, each judged once for all that went like it; and which of them is on whom."""
        slots = self._slots
        of_each = slots.verdict[chosen]
        fresh = np.flatnonzero(of_each < 0)
        if len(fresh):
            of_each[fresh] = slots.verdict[chosen[fresh]] = self._numbers_of(chosen[fresh])
        there = np.bincount(of_each) > 0
        which = np.cumsum(there) - 1
        return [self._verdicts[number] for number in np.flatnonzero(there).tolist()], which.take(of_each)

    def _numbers_of(self, chosen: Ints) -> Ints:
        """The numbers of the verdicts on connections, by their forms; for a new form the first one is judged."""
        slots = self._slots
        form_of = slots.form[chosen]
        forms = np.unique(form_of)
        which = np.searchsorted(forms, form_of)
        unknown = np.array([form not in self._known for form in forms.tolist()])
        rows = np.flatnonzero(unknown[which])
        rows = rows[np.argsort(slots.first[chosen[rows]])][::-1]
        first = dict(zip(which[rows].tolist(), chosen[rows].tolist(), strict=True))
        for number, slot in sorted(first.items()):
            opened = bool(slots.phase[slot] == OPEN)
            self._known[int(forms[number])] = len(self._verdicts)
            self._verdicts.append(judged(self._follower.packets(slot), self._judge, opened=opened))
        return np.array([self._known[form] for form in forms.tolist()])[which]

    def _conclude(self, chosen: Ints, evicted: Bools | None = None) -> None:
        """These connections are finished."""
        for start in range(0, len(chosen), _PIECE):
            piece = slice(start, start + _PIECE)
            verdicts, which = self._verdicts_on(chosen[piece])
            early = None if evicted is None else evicted[piece]
            self.lines.add_alike(self._slots, chosen[piece], verdicts, which, early)
        self._slots.release(chosen)

    # -- room --------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """How many there are, here and in the flow table."""
        return len(self._slots) - self._slots.followed + len(self._table)

    def candidates(self) -> Candidates:
        """All connections, as far as it matters to who has to leave a full table."""
        slots = self._slots
        chosen = slots.plain()
        verdicts, which = self._verdicts_on(chosen)
        flows = [flow for _, flow in self._table.stages()]
        begun = _numbers(slots.first[chosen], [flow.first_number for flow in flows])
        opened = _numbers(self._frames(chosen, np.array([verdict.opened_by for verdict in verdicts], np.int64)[which]),
                          [flow.completed_by.number if flow.completed_by else NEVER for flow in flows])  # fmt: skip
        closed = _numbers(self._frames(chosen, np.array([verdict.closed_by for verdict in verdicts], np.int64)[which]),
                          [flow.closed_number or NEVER for flow in flows])  # fmt: skip
        created = np.concatenate((np.zeros(0, np.int64), *self._follower.created))
        self._follower.created.clear()
        if len(chosen) + len(flows) - len(created) != self._there:
            raise NotPlainError("connections came and went before the table was full")
        self._leaving = chosen, closed, flows
        return Candidates(begun, opened, closed, created)

    def leave(self, which: Ints, frames: Ints) -> None:
        """Of the candidates, these had to leave when those frames came."""
        slots, (chosen, closed, flows) = self._slots, self._leaving
        mine = which < len(chosen)
        leaving = chosen[which[mine]]
        if (slots.last[leaving] > frames[mine]).any():
            raise NotPlainError("a connection goes on after it was evicted")
        early = closed[which[mine]] >= frames[mine]
        self._conclude(leaving, early)
        self.tally.evicted += int(early.sum())
        for index, frame in zip((which[~mine] - len(chosen)).tolist(), frames[~mine].tolist(), strict=True):
            flow = flows[index]
            if flow.last_number > frame:
                raise NotPlainError("a connection goes on after it was evicted")
            slot = slots.find_one(self._endpoints.pair_of(*flow.ends))
            if slot >= 0 and slots.pending[slot] and self._follower.conversation(slot) is flow:
                self._follower.catch_up(slot)
            self._table.evict(flow)
        self._finished(self._table.collect())
        self._there = self.connections

    def _frames(self, chosen: Ints, place: Ints) -> Ints:
        """Numbers of the frames at these places among the kept packets; `NEVER` for place -1."""
        slots = self._slots
        frames = np.full(len(chosen), NEVER)
        rows = np.flatnonzero(place >= 0)
        frames[rows] = slots.first[chosen[rows]] + slots.numbers[place[rows], chosen[rows]]
        return frames


def _numbers(columns: Ints, others: Sequence[int]) -> Ints:
    return np.append(columns, np.array(others, np.int64)) if others else columns


def _talk(window: Window, segments: Segments) -> Bools:
    """Payloads that begin like HTTP, or are so short that they might."""
    found = np.zeros(len(segments.row), np.bool_)
    at = segments.at + segments.header
    room = segments.end - at
    where = np.flatnonzero((segments.payload > 0) & (room > 0))
    where = where[_BEGINS[window.data[at[where]]]]
    if len(where):
        words = gather(window.data, at[where], np.dtype("<u4")).astype(np.int64)
        found[where] = np.isin(words, _FIRST) | (room[where] < 4)
    return found
