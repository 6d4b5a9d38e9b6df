"""Reads one recording in windows: what is plain in bulk, the rest packet by packet, and all of it into lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from handshake.app.first import METHODS
from handshake.bulk.census import Census
from handshake.bulk.copies import Copied, CopyFinder
from handshake.bulk.datagrams import Exchanges
from handshake.bulk.listing import Listing
from handshake.bulk.names import Names
from handshake.bulk.room import NEVER, Candidates
from handshake.bulk.sift import DISORDER_NS, NotPlainError, NotSharedError, Rows, Sieve, Sifted
from handshake.bulk.slots import OPEN, Slots
from handshake.bulk.verdicts import Judge, Verdict, feed, judged
from handshake.flow.conversation import Conversation
from handshake.flow.endpoint import Passed
from handshake.flow.table import LINGER_NS, FlowTable
from handshake.model.handshake import Handshake
from handshake.model.packet import Datagram, Frame, IcmpError, Packet, Segment
from handshake.model.record import dataclass
from handshake.model.report import Tally
from handshake.source.columns import Window
from handshake.source.windows import Windows
from handshake.wire.columns import Bools, Ints, Plain, Segments, Words, decode, gather, joined, named, tags_of
from handshake.wire.decode import Decoder
from handshake.wire.decode import decode as decode_alone

_FIRST = np.array([int.from_bytes(start[:4], "little") for start in (*METHODS, b"HTTP")], np.int64)
_BEGINS = np.isin(np.arange(256), [start[0] for start in (*METHODS, b"HTTP")])
"""Bytes that HTTP may begin with."""
_TCP, _UDP = 6, 17
UNBOUNDED = 1 << 62


@dataclass(frozen=True, slots=True)
class Share:
    """Which of the connections of a recording a reader follows; the first one also counts what is no connection."""

    begin: int = 0
    """Of 65536 parts, from which one on."""
    end: int = 1 << 16

    @property
    def is_first(self) -> bool:
        """It has whatever has no share."""
        return self.begin == 0

    @property
    def is_all(self) -> bool:
        """There is no other."""
        return self == Share()

    def of(self, pairs: Words) -> Ints:
        """Where its own are among pairs of endpoints."""
        parts = pairs >> np.uint64(48)
        return np.flatnonzero((parts >= self.begin) & (parts < self.end))


@dataclass(slots=True)
class Result:
    """What came of a share of a recording."""

    tally: Tally
    lines: Census | Listing
    exchanges: tuple[int, int]
    """UDP exchanges, and how many of them had no reply."""

    def merge(self, other: Result) -> None:
        """Add another share."""
        self.tally.merge(other.tally)
        self.lines.merge(other.lines)  # type: ignore[arg-type]
        self.exchanges = self.exchanges[0] + other.exchanges[0], self.exchanges[1] + other.exchanges[1]


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
        self._slots = Slots()
        self._sieve = Sieve(self._slots, self._endpoints)
        self._table = FlowTable(UNBOUNDED)
        self._table.source = source
        self._decoder = Decoder()
        self._links: list[tuple[int, str]] = []
        """Link type and name of each interface so far."""
        self._finder = CopyFinder(self._endpoints, self._packet_at)
        self._exchanges = Exchanges(limit, self._endpoints)
        self._verdicts: dict[int, Verdict] = {}
        self._latest_ns = self._created_ns = 0
        self._there = 0
        """Connections after the last look at how full the table is."""
        self._created: list[Ints] = []
        """First frames of connections that came since."""
        self._waiting: set[int] = set()
        """Slots that are live from now on, whose kept packets have not been fed."""
        self.tally = Tally()
        self._passing = self.tally if share.is_first else Tally()
        """Counts of what passes by, whosesoever it is: those of the first share count."""
        self.lines = lines

    def take(self, window: Window) -> None:
        """Take the packets of the next window. Raises NotPlainError when the capture is to be read in another way."""
        self._note_times(window)
        self._links = list(self._windows.links)
        linktypes = [linktype for linktype, _ in self._links]
        plain = decode(window.data, window.starts, window.captured, window.original, window.link, linktypes,
                       self._endpoints)  # fmt: skip
        odd, errors = self._decode_odd(window, plain)
        segments = joined(plain.segments, self._named(odd)) if odd else plain.segments
        self._passing.tcp += len(plain.segments.row)
        self._passing.udp += len(plain.datagrams.row)
        turns = self._finder.turns(segments.row, list(errors))
        if not self._share.is_all:
            mine = self._share.of(self._endpoints.pair(segments.src, segments.dst))
            segments, turns = segments.take(mine), turns[mine]
            errors = errors if self._share.is_first else {}
        copies = self._find_copies(window, segments, turns, odd, errors)
        self._blame(packet for row, packet in errors.items() if row not in copies.elsewhere)
        if copies.elsewhere:
            segments = segments.take(np.flatnonzero(~np.isin(segments.row, list(copies.elsewhere))))
        if len(segments.row):
            self._segments(window, segments, odd, copies)

    def finish(self) -> Result:
        """The capture has ended: all that is still under way is finished."""
        slots = self._slots
        for slot in slots.in_order().tolist():
            if slots.live[slot] and slots.pending[slot]:
                self._catch_up(slot)
        rest = slots.in_order()
        self._conclude(rest[~slots.live[rest]])
        self._finished(self._table.finish())
        self.tally.unmatched_icmp += self._table.unmatched_icmp
        self.tally.evicted += self._table.evicted
        self.tally.evicted_exchanges += self._table.evicted_exchanges + self._exchanges.evicted
        return Result(self.tally, self.lines, self._exchanges.counted(self._table.exchanges()))

    # -- counting ----------------------------------------------------------------------------------------

    def _note_times(self, window: Window) -> None:
        tally, time_ns = self._passing, window.time_ns
        tally.frames += len(time_ns)
        low, high = int(time_ns.min()), int(time_ns.max())
        tally.first_ns = low if tally.first_ns is None else min(tally.first_ns, low)
        tally.last_ns = high if tally.last_ns is None else max(tally.last_ns, high)
        latest = np.maximum.accumulate(np.append(self._latest_ns, time_ns))
        back = latest[:-1] - time_ns
        tally.backward += int((back > 0).sum())
        tally.most_backward_ns = max(tally.most_backward_ns, int(back.max()))
        self._latest_ns = int(latest[-1])
        if tally.most_backward_ns > DISORDER_NS and tally.last_ns - tally.first_ns > LINGER_NS:
            raise NotPlainError("times run back too far to tell what a flow table has forgotten")

    def _decode_odd(self, window: Window, plain: Plain) -> tuple[dict[int, Packet], dict[int, Packet]]:
        """Decode the odd packets one by one, and count all datagrams.

        Returned are those that concern TCP, and other ICMP errors, each by its place in the window.
        """
        found: dict[int, Packet] = {}
        errors: dict[int, Packet] = {}
        datagrams: list[tuple[int, Datagram]] = []
        tally, first = self._passing, self._share.is_first
        for row in plain.odd.tolist():
            packet = self._decoder.decode(self._frame(window, row))
            transport = packet.transport
            if packet.stop is not None:
                reasons = tally.faults if packet.stop.fault else tally.undecoded
                reasons[packet.stop.reason] = reasons.get(packet.stop.reason, 0) + 1
            if isinstance(transport, Segment):
                tally.tcp += 1
                found[row] = packet
            elif isinstance(transport, Datagram):
                tally.udp += 1
                if transport.tags and first:
                    self._exchanges.tagged(transport)
                    self._table.feed(packet)
                elif first:
                    datagrams.append((row, transport))
            elif isinstance(transport, IcmpError):
                tally.icmp_errors += 1
                if transport.protocol == _TCP:
                    found[row] = packet
                else:
                    errors[row] = packet
        if first:
            self._exchanges.take(plain.datagrams, window.first, datagrams)
        return found, errors

    def _blame(self, errors: Iterable[Packet]) -> None:
        """Take ICMP errors about something else than TCP."""
        for packet in errors:
            error = packet.transport
            assert isinstance(error, IcmpError)
            if error.protocol != _UDP or not self._exchanges.blamed(error):
                self._table.feed(packet)

    def _frame(self, window: Window, row: int) -> Frame:
        start, captured = int(window.starts[row]), int(window.captured[row])
        linktype, interface = self._links[window.link[row]]
        return Frame(window.first + row, int(window.time_ns[row]), linktype,
                     window.data[start : start + captured].tobytes(), int(window.original[row]), interface)  # fmt: skip

    def _named(self, odd: dict[int, Packet]) -> Segments:
        ends = []
        for packet in odd.values():
            transport = packet.transport
            assert isinstance(transport, Segment | IcmpError)
            for end in (transport.src, transport.dst):
                self._names.note(end)
            ends.append((transport.src, transport.dst))
        src, dst = (np.array([self._endpoints.of(*pair[side])[1] for pair in ends], np.uint64) for side in (0, 1))
        ports = np.array([one.port << 16 | other.port for one, other in ends], np.int64)
        return named(np.array(list(odd), np.int64), src, dst, ports)

    def _find_copies(
        self, window: Window, segments: Segments, turns: Ints, odd: dict[int, Packet], errors: dict[int, Packet]
    ) -> Copied:
        """The copies of a window, counted as far as they were made at another interface."""
        first: dict[str, int] = {}
        interfaces = [first.setdefault(name, number) for number, (_, name) in enumerate(self._links)]
        copies = self._finder.find(segments, turns, window, odd, errors, interfaces)
        self.tally.copies += len(copies.elsewhere)
        return copies

    # -- connections -------------------------------------------------------------------------------------

    def _segments(self, window: Window, segments: Segments, odd: dict[int, Packet], copies: Copied) -> None:
        wild = np.zeros(len(segments.row), np.bool_)
        if copies.rows:
            wild, segments = self._without(copies, segments)
            if not len(wild):
                self._take_copies(window, odd, copies)
                return
        rows = Rows(window.time_ns[segments.row], window.first + segments.row,
                    window.at + window.starts[segments.row], wild, self._talk(window, segments))  # fmt: skip
        slots = self._slots
        sifted = self._sieve.sift(window.data, segments, rows)
        self._learn(window, sifted)
        self._waiting.update(sifted.promote.tolist())
        if len(sifted.feed) or copies.rows:
            self._feed(window, sifted, odd, copies)
        if len(sifted.created):
            self._created.append(np.sort(slots.first[sifted.slot[sifted.created]]))
            self._created_ns = max(self._created_ns, int(sifted.rows.time_ns[sifted.created].max()))

    def _talk(self, window: Window, segments: Segments) -> Bools:
        return _talk(window, segments) if self.lines.wants_talks else np.zeros(len(segments.row), np.bool_)

    def _without(self, copies: Copied, segments: Segments) -> tuple[Bools, Segments]:
        """Take the copies out; the connections that they belong to are followed one by one."""
        for pair in copies.pairs:
            slot = self._slots.find_one(pair)
            if slot >= 0 and not self._slots.live[slot]:
                self._slots.follow(np.array([slot]))
                self._waiting.add(slot)
        keep = ~np.isin(segments.row, list(copies.rows))
        pairs = self._endpoints.pair(segments.src, segments.dst)
        return np.isin(pairs, np.array(sorted(copies.pairs), np.uint64))[keep], segments.take(np.flatnonzero(keep))

    def _learn(self, window: Window, sifted: Sifted) -> None:
        """Remember the addresses of new connections over IPv6."""
        first = sifted.created
        first = first[(sifted.segments.six & sifted.segments.plain)[first]]
        slot, at = sifted.slot[first], sifted.segments.at[first]
        self._names.learn(self._slots.client_host[slot], window.data, at - 32)
        self._names.learn(self._slots.server_host[slot], window.data, at - 16)

    def _packet_at(self, place: int) -> Packet:
        return decode_alone(self._windows.frame(place, 0))

    def _packets(self, slot: int) -> list[Packet]:
        """The kept packets of a connection, read again."""
        slots = self._slots
        kept = slots.kept[slot]
        numbers = (slots.first[slot] + slots.numbers[:kept, slot]).tolist()
        places = (slots.place[slot] + slots.places[:kept, slot]).tolist()
        return [decode_alone(self._windows.frame(*each)) for each in zip(places, numbers, strict=True)]

    def _promote(self, slot: int) -> None:
        """Follow this connection packet by packet from now on."""
        self._waiting.remove(slot)
        opened = bool(self._slots.phase[slot] == OPEN or self._slots.kept[slot] > 3)
        for index, packet in enumerate(self._packets(slot)):
            self._finished(feed(self._table, packet, index, opened=opened))

    def _feed(self, window: Window, sifted: Sifted, odd: dict[int, Packet], copies: Copied) -> None:
        """Judge packets one by one, in the order of the capture."""
        created = np.sort(sifted.segments.row[sifted.created])
        newest = np.maximum.accumulate(np.append(self._created_ns, window.time_ns[created]))
        at = sifted.feed
        since, behind = _behind(sifted)
        so_far = _passed_before(sifted)
        columns = (sifted.segments.row[at], at, since, behind, sifted.slot[at], so_far[at] - so_far[since])
        work = list(zip(*(column.tolist() for column in columns), strict=True))
        work += [(row, -1, 0, False, -1, []) for row in copies.rows]
        begun_before = np.searchsorted(created, [row for row, *_ in sorted(work)]).tolist()
        for (row, index, first, late, slot, missed), before in zip(sorted(work), begun_before, strict=True):
            packet = odd.get(row) or decode_alone(self._frame(window, row))
            transport = packet.transport
            assert isinstance(transport, Segment | IcmpError)
            if index < 0:
                self._copied(transport)
                continue
            if slot in self._waiting:
                self._promote(slot)
            if late:
                self._catch_up_to(sifted, index, first, missed, slot)
            begun = self._table.begun
            created_ns = max(self._created_ns, int(newest[before]))
            self._expire(transport, created_ns)
            self._finished(self._table.feed(packet))
            if self._table.begun > begun:
                self._created_ns = max(created_ns, packet.time_ns)
                if packet.number != self._slots.first[slot]:
                    self._created.append(np.array([packet.number]))
        self._settle(sifted, so_far)

    def _expire(self, packet: Segment | IcmpError, created_ns: int) -> None:
        """Forget what a flow table has forgotten since it was closed: it does so when a connection begins, anyone's."""
        self._table.expire(packet, created_ns)
        flow = None if self._share.is_all else self._table.conversation(packet)
        if flow and flow.closed_ns is not None and packet.time_ns + DISORDER_NS - flow.closed_ns > LINGER_NS:
            raise NotSharedError("whether it was forgotten depends on other shares")

    def _take_copies(self, window: Window, odd: dict[int, Packet], copies: Copied) -> None:
        for row in sorted(copies.rows):
            packet = odd.get(row) or decode_alone(self._frame(window, row))
            assert isinstance(packet.transport, Segment)
            self._copied(packet.transport)

    def _copied(self, packet: Segment | IcmpError) -> None:
        slot = self._slots.find_one(self._endpoints.pair_of(packet.src, packet.dst))
        if slot in self._waiting:
            self._promote(slot)
        self.tally.copies += 1
        self._table.copied(packet)

    def _catch_up_to(self, sifted: Sifted, index: int, since: int, missed: list[list[int]], slot: int) -> None:
        """Tell a conversation what was passed over before this packet, from `since` on or in windows before.

        `missed` are segments and bytes of each side since then.
        """
        group = sifted.lanes.group[index]
        before = sifted.states[group]
        carried = bool(before["pending"]) and since == sifted.lanes.starts[group]
        flow = self._conversation(slot)
        if flow is None:
            raise NotPlainError("nothing to catch up")
        ends = []
        for side in (0, 1):
            clock = _clock(sifted, slice(since, index), side)
            segments, payload = missed[side]
            if carried:
                clock = int(before["clock"][side]) if clock is None else clock
                segments += int(before["untold"][side, 0])
                payload += int(before["untold"][side, 1])
            ends.append(Passed(*sifted.standing(index, side), -1 if clock is None else clock, segments, payload))
        flow.catch_up(sifted.before_ns(index), *ends)

    def _settle(self, sifted: Sifted, so_far: Ints) -> None:
        """Note of connections that were fed what their conversations have not been told yet."""
        slots = self._slots
        at = sifted.feed
        group = sifted.lanes.group[at]
        last = at[np.append(group[1:] != group[:-1], np.ones(min(len(at), 1), np.bool_))]
        stops = sifted.lanes.stops[sifted.lanes.group[last]] + 1
        passed = np.append(0, np.cumsum(sifted.passed))
        rest = passed[stops] > passed[last]
        slots.untold[sifted.slot[last]] = so_far[stops] - so_far[last]
        for index, stop, slot, late in zip(
            *(each.tolist() for each in (last, stops, sifted.slot[last], rest)), strict=True
        ):
            slots.pending[slot] = late
            for side in (0, 1):
                clock = _clock(sifted, slice(index + 1, stop), side) if late else None
                slots.clock[slot, side] = -1 if clock is None else clock
            flow = self._conversation(slot)
            if flow is None:
                slots.release(np.array([slot]))
                continue
            flow.last_number = int(slots.last[slot])
            if not slots.talked[slot]:
                slots.talked[slot] = flow.talk.without_http

    def _conversation(self, slot: int) -> Conversation | None:
        slots = self._slots
        ports = int(slots.ports[slot])
        client = self._names.endpoint(int(slots.client_host[slot]), ports >> 16)
        server = self._names.endpoint(int(slots.server_host[slot]), ports & 0xFFFF)
        return self._table.between(client, server, tags_of(int(slots.way[slot])))

    def _catch_up(self, slot: int) -> None:
        """Tell a conversation what was passed over at the end of the last window."""
        slots = self._slots
        flow = self._conversation(slot)
        if flow is None:
            raise NotPlainError("nothing to catch up")
        ends = [Passed(*(int(each[slot, side]) for each in (slots.nxt, slots.ack, slots.wnd, slots.clock)),
                       *slots.untold[slot, side].tolist())
                for side in (0, 1)]  # fmt: skip
        slots.pending[slot] = False
        flow.catch_up(int(slots.last_ns[slot]), *ends)

    # -- judgement ---------------------------------------------------------------------------------------

    def _finished(self, handshakes: Iterable[Handshake]) -> None:
        for handshake in handshakes:
            self.lines.add(self._judge(handshake))

    def _verdicts_on(self, chosen: Ints) -> tuple[list[Verdict], Ints]:
        """Verdicts on connections, each judged once for all that went like it; and which of them is on whom."""
        slots = self._slots
        form_of = slots.form[chosen]
        forms = np.unique(form_of)
        which = np.searchsorted(forms, form_of)
        example = np.zeros(len(forms), np.int64)
        example[which[::-1]] = chosen[::-1]
        verdicts = []
        for form, slot in zip(forms.tolist(), example.tolist(), strict=True):
            verdict = self._verdicts.get(form)
            if verdict is None:
                opened = bool(slots.phase[slot] == OPEN)
                verdict = self._verdicts[form] = judged(self._packets(slot), self._judge, opened=opened)
            verdicts.append(verdict)
        return verdicts, which

    def _conclude(self, chosen: Ints, evicted: Bools | None = None) -> None:
        """These connections are finished."""
        if len(chosen):
            verdicts, which = self._verdicts_on(chosen)
            self.lines.add_alike(self._slots, chosen, verdicts, which, evicted)
            self._slots.release(chosen)

    # -- room --------------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """How many there are, here and in the flow table."""
        return len(self._slots) - self._slots.followed + len(self._table)

    def candidates(self) -> Candidates:
        """All connections, as far as it matters to who has to leave a full table."""
        slots = self._slots
        chosen = slots.in_order()
        chosen = chosen[~slots.live[chosen]]
        verdicts, which = self._verdicts_on(chosen)
        closed, opened = (self._frames(chosen, np.array(each, np.int64)[which])
                          for each in ([v.closed_by for v in verdicts], [v.opened_by for v in verdicts]))  # fmt: skip
        flows = [flow for _, flow in self._table.stages()]
        created = np.concatenate(self._created) if self._created else np.zeros(0, np.int64)
        self._created.clear()
        if len(chosen) + len(flows) - len(created) != self._there:
            raise NotPlainError("connections came and went before the table was full")
        self._leaving = chosen, closed, flows
        return Candidates(
            _numbers(slots.first[chosen], [flow.first_number for flow in flows]),
            _numbers(opened, [flow.completed_by.number if flow.completed_by else NEVER for flow in flows]),
            _numbers(closed, [flow.closed_number or NEVER for flow in flows]), created,
        )  # fmt: skip

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
            if slot >= 0 and slots.pending[slot] and self._conversation(slot) is flow:
                self._catch_up(slot)
            self._table.evict(flow)
        self._finished(self._table.collect())
        self._there = self.connections

    def _frames(self, chosen: Ints, place: Ints) -> Ints:
        """Numbers of the frames at these places among the kept packets; `NEVER` for place -1."""
        slots = self._slots
        return np.where(place < 0, NEVER, slots.first[chosen] + slots.numbers[np.maximum(place, 0), chosen])


def _numbers(columns: Ints, others: Sequence[int]) -> Ints:
    return np.concatenate((columns, np.array(others, np.int64)))


def _behind(sifted: Sifted) -> tuple[Ints, Bools]:
    """Of each packet to be fed: from where on its conversation was told nothing, and whether it missed anything."""
    at = sifted.feed
    group = sifted.lanes.group[at]
    first = np.append(np.ones(min(len(at), 1), np.bool_), group[1:] != group[:-1])
    since = np.where(first, sifted.lanes.starts[group], np.append(0, at[:-1])[: len(at)] + 1)
    passed = np.append(0, np.cumsum(sifted.passed))
    return since, (passed[at] > passed[since]) | (first & sifted.states["pending"][group])


def _clock(sifted: Sifted, span: slice, side: int) -> int | None:
    """The last timestamp that a side sent with data which was passed over."""
    said = sifted.passed[span] & (sifted.lanes.side[span] == side) & (sifted.segments.payload[span] > 0)
    stamps = sifted.tsval[span][said]
    stamps = stamps[stamps >= 0]
    return int(stamps[-1]) if len(stamps) else None


def _passed_before(sifted: Sifted) -> Ints:
    """Segments and bytes of either side that were passed over before each packet of the window, and in all of it.

    The shape is (packets + 1, 2, 2).
    """
    gone = np.flatnonzero(sifted.passed)
    total = np.zeros((len(sifted.passed) + 1, 2, 2), np.int64)
    total[gone + 1, sifted.lanes.side[gone], 0] = 1
    total[gone + 1, sifted.lanes.side[gone], 1] = sifted.segments.payload[gone]
    return total.cumsum(axis=0)


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
