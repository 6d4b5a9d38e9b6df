"""Reads one capture in windows: what is plain in bulk, the rest packet by packet, and all of it into one census."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from handshake.app.http import METHODS
from handshake.bulk.census import Census
from handshake.bulk.copies import Copied, CopyFinder
from handshake.bulk.datagrams import Exchanges
from handshake.bulk.listing import Listing
from handshake.bulk.names import Names
from handshake.bulk.room import NEVER, Room
from handshake.bulk.sift import DISORDER_NS, NotPlainError, Rows, Sieve, Sifted
from handshake.bulk.slots import OPEN, Slots
from handshake.bulk.verdicts import Judge, Verdict, feed, judged
from handshake.flow.conversation import Conversation
from handshake.flow.endpoint import Passed
from handshake.flow.table import LINGER_NS, FlowTable
from handshake.model.handshake import Handshake
from handshake.model.packet import Datagram, Frame, IcmpError, Packet, Segment
from handshake.model.report import Tally
from handshake.source.columns import Columns, Window
from handshake.wire.columns import Bools, Ints, Plain, Segments, decode, gather, joined, named
from handshake.wire.decode import Decoder
from handshake.wire.decode import decode as decode_alone

_FIRST = np.array([int.from_bytes(start[:4], "little") for start in (*METHODS, b"HTTP")], np.int64)
_LETTERS = np.array(sorted({start[0] for start in (*METHODS, b"HTTP")}), np.uint8)
_TCP, _UDP = 6, 17
UNBOUNDED = 1 << 62


class BulkReader:
    """One capture. `judge` adds the findings to a finished handshake; `lines` take what came of each."""

    def __init__(  # noqa: PLR0917 - what it is put together from
        self, columns: Columns, judge: Judge, source: str, limit: int, names: Names, lines: Census | Listing
    ) -> None:
        self._columns = columns
        self._judge = judge
        self._limit = limit
        self._names = names
        self._endpoints = names.endpoints
        self._slots = Slots()
        self._sieve = Sieve(self._slots, self._endpoints)
        self._table = FlowTable(UNBOUNDED)
        self._table.source = source
        self._decoder = Decoder()
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
        self.lines = lines

    @property
    def exchanges(self) -> tuple[int, int]:
        """UDP exchanges, and how many of them had no reply."""
        return self._exchanges.counted(self._table.exchanges())

    def take(self, window: Window) -> None:
        """Take the packets of the next window. Raises NotPlainError when the capture is to be read in another way."""
        self._note_times(window)
        plain = decode(window.data, window.starts, window.captured, window.original, self._columns.linktype,
                       self._endpoints)  # fmt: skip
        odd, others = self._decode_odd(window, plain)
        parts = plain.segments
        self.tally.tcp += sum(len(part.row) for part in parts)
        self.tally.udp += sum(len(part.row) for part in plain.datagrams)
        if odd:
            parts = [*parts, self._named(odd)]
        if parts:
            self._segments(window, joined(parts), odd, others)

    def finish(self) -> None:
        """The capture has ended: all that is still under way is finished."""
        self._make_room()
        slots = self._slots
        for slot in slots.used().tolist():
            if slots.live[slot] and slots.pending[slot]:
                self._catch_up(slot)
        rest = slots.used()
        self._conclude(rest[~slots.live[rest]])
        self._finished(self._table.finish())
        self.tally.unmatched_icmp += self._table.unmatched_icmp
        self.tally.evicted += self._table.evicted
        self.tally.evicted_exchanges += self._table.evicted_exchanges + self._exchanges.evicted

    # -- counting ----------------------------------------------------------------------------------------

    def _note_times(self, window: Window) -> None:
        tally, time_ns = self.tally, window.time_ns
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

    def _decode_odd(self, window: Window, plain: Plain) -> tuple[dict[int, Packet], list[int]]:
        """Decode the odd packets one by one, and count all datagrams.

        Returned are those that concern TCP, by their place in the window, and the places of other ICMP errors.
        """
        found: dict[int, Packet] = {}
        errors: list[tuple[int, Packet]] = []
        datagrams: list[tuple[int, Datagram]] = []
        tally = self.tally
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
                if transport.tags:
                    self._exchanges.tagged(transport)
                    self._table.feed(packet)
                else:
                    datagrams.append((row, transport))
            elif isinstance(transport, IcmpError):
                tally.icmp_errors += 1
                if transport.protocol == _TCP:
                    found[row] = packet
                else:
                    errors.append((row, packet))
        self._exchanges.take(plain.datagrams, window.first, datagrams)
        for _, packet in errors:
            error = packet.transport
            assert isinstance(error, IcmpError)
            if error.protocol != _UDP or not self._exchanges.blamed(error):
                self._table.feed(packet)
        return found, [row for row, _ in errors]

    def _frame(self, window: Window, row: int) -> Frame:
        start, captured = int(window.starts[row]), int(window.captured[row])
        return Frame(window.first + row, int(window.time_ns[row]), self._columns.linktype,
                     window.data[start : start + captured].tobytes(), int(window.original[row]))  # fmt: skip

    def _named(self, odd: dict[int, Packet]) -> Segments:
        ends = []
        for packet in odd.values():
            transport = packet.transport
            assert isinstance(transport, Segment | IcmpError)
            for end in (transport.src, transport.dst):
                self._names.note(end)
            ends.append((transport.src, transport.dst))
        src, dst = (
            np.array([self._endpoints.of(*end)[1] for end in side], np.uint64) for side in zip(*ends, strict=True)
        )
        ports = np.array([one.port << 16 | other.port for one, other in ends])
        return named(np.array(list(odd)), src, dst, ports)

    # -- connections -------------------------------------------------------------------------------------

    def _segments(self, window: Window, segments: Segments, odd: dict[int, Packet], others: list[int]) -> None:
        copies = self._finder.find(segments, window, odd, others)
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
            if len(slots) - slots.alive + len(self._table) > self._limit + self._limit // 2:
                self._make_room()
            self._created_ns = max(self._created_ns, int(sifted.rows.time_ns[sifted.created].max()))

    def _talk(self, window: Window, segments: Segments) -> Bools:
        return _talk(window, segments) if self.lines.wants_talks else np.zeros(len(segments.row), np.bool_)

    def _without(self, copies: Copied, segments: Segments) -> tuple[Bools, Segments]:
        """Take the copies out; the connections that they belong to are followed one by one."""
        for pair in copies.pairs:
            slot = self._slots.known.get(pair)
            if slot is not None and not self._slots.live[slot]:
                self._slots.live[slot] = True
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
        return decode_alone(self._columns.frame(place, 0))

    def _packets(self, slot: int) -> list[Packet]:
        """The kept packets of a connection, read again."""
        slots = self._slots
        kept = slots.kept[slot]
        numbers = (slots.first[slot] + slots.numbers[slot, :kept]).tolist()
        places = (slots.place[slot] + slots.places[slot, :kept]).tolist()
        return [decode_alone(self._columns.frame(*each)) for each in zip(places, numbers, strict=True)]

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
                self._catch_up_to(sifted, index, first, missed, transport)
            begun = self._table.begun
            created_ns = max(self._created_ns, int(newest[before]))
            self._table.expire(transport, created_ns)
            self._finished(self._table.feed(packet))
            if self._table.begun > begun:
                self._created_ns = max(created_ns, packet.time_ns)
                if packet.number != self._slots.first[slot]:
                    self._created.append(np.array([packet.number]))
        self._settle(sifted, so_far)

    def _take_copies(self, window: Window, odd: dict[int, Packet], copies: Copied) -> None:
        for row in sorted(copies.rows):
            packet = odd.get(row) or decode_alone(self._frame(window, row))
            assert isinstance(packet.transport, Segment)
            self._copied(packet.transport)

    def _copied(self, packet: Segment | IcmpError) -> None:
        slot = self._slots.known.get(self._endpoints.pair_of(packet.src, packet.dst), -1)
        if slot in self._waiting:
            self._promote(slot)
        self.tally.copies += 1
        self._table.copied(packet)

    def _catch_up_to(
        self, sifted: Sifted, index: int, since: int, missed: list[list[int]], packet: Segment | IcmpError
    ) -> None:
        """Tell a conversation what was passed over before this packet, from `since` on or in windows before.

        `missed` are segments and bytes of each side since then.
        """
        group = int(sifted.group[index])
        start = int(sifted.starts[group])
        carried = bool(sifted.pending[group]) and since == start
        flow = self._table.between(packet.src, packet.dst)
        if flow is None:
            raise NotPlainError("nothing to catch up")
        ends = []
        for side in (0, 1):
            last = int(sifted.last[side][index])
            here = last >= start
            ack = int(sifted.segments.ack[last]) if here else int(sifted.ends[0][group, side])
            wnd = int(sifted.segments.wnd[last]) if here else int(sifted.ends[1][group, side])
            clock = _clock(sifted, slice(since, index), side)
            segments, payload = missed[side]
            if carried:
                clock = int(sifted.clock[group, side]) if clock is None else clock
                segments += int(sifted.untold[group, side, 0])
                payload += int(sifted.untold[group, side, 1])
            clock = -1 if clock is None else clock
            ends.append(Passed(int(sifted.before[side][index]), ack, wnd, clock, segments, payload))
        flow.catch_up(int(sifted.before_ns[index]), *ends)

    def _settle(self, sifted: Sifted, so_far: Ints) -> None:
        """Note of connections that were fed what their conversations have not been told yet."""
        slots = self._slots
        at = sifted.feed
        last = at[np.append(sifted.group[at[1:]] != sifted.group[at[:-1]], np.ones(min(len(at), 1), np.bool_))]
        stops = np.append(sifted.starts[1:], len(sifted.slot))[sifted.group[last]]
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
        return self._table.between(client, server)

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
        forms, first, which = np.unique(slots.form[chosen], return_index=True, return_inverse=True)
        verdicts = []
        for form, slot in zip(forms.tolist(), chosen[first].tolist(), strict=True):
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

    def _make_room(self) -> None:
        """Take out what a full table would have lost since the last time."""
        slots, table = self._slots, self._table
        created = np.sort(np.concatenate(self._created)) if self._created else np.zeros(0, np.int64)
        count = len(slots) - slots.alive + len(table)
        if count <= self._limit:
            return
        self._created.clear()
        chosen = slots.used()
        chosen = chosen[~slots.live[chosen]]
        verdicts, which = self._verdicts_on(chosen)
        closed, opened = (self._frames(chosen, np.array(each)[which])
                          for each in ([v.closed_by for v in verdicts], [v.opened_by for v in verdicts]))  # fmt: skip
        flows = list(table.stages())
        room = Room(np.append(slots.first[chosen], [flow.first_number for _, flow in flows]),
                    np.append(opened, [flow.completed_by.number if flow.completed_by else NEVER for _, flow in flows]),
                    np.append(closed, [flow.closed_number or NEVER for _, flow in flows]))  # fmt: skip
        if len(chosen) + len(flows) - len(created) != self._there:
            raise NotPlainError("connections came and went before the table was full")
        gone, frames = room.leaving(created, self._limit)
        mine = gone < len(chosen)
        leaving = chosen[gone[mine]]
        if (slots.last[leaving] > frames[mine]).any():
            raise NotPlainError("a connection goes on after it was evicted")
        early = closed[gone[mine]] >= frames[mine]
        self._conclude(leaving, early)
        self.tally.evicted += int(early.sum())
        for index, frame in zip((gone[~mine] - len(chosen)).tolist(), frames[~mine].tolist(), strict=True):
            flow = flows[index][1]
            if flow.last_number > frame:
                raise NotPlainError("a connection goes on after it was evicted")
            table.evict(flow)
        self._finished(table.collect())
        self._there = len(slots) - slots.alive + len(table)

    def _frames(self, chosen: Ints, place: Ints) -> Ints:
        """Numbers of the frames at these places among the kept packets; `NEVER` for place -1."""
        slots = self._slots
        return np.where(place < 0, NEVER, slots.first[chosen] + slots.numbers[chosen, np.maximum(place, 0)])


def _behind(sifted: Sifted) -> tuple[Ints, Bools]:
    """Of each packet to be fed: from where on its conversation was told nothing, and whether it missed anything."""
    at = sifted.feed
    group = sifted.group[at]
    first = np.append(np.ones(min(len(at), 1), np.bool_), group[1:] != group[:-1])
    since = np.where(first, sifted.starts[group], np.append(0, at[:-1])[: len(at)] + 1)
    passed = np.append(0, np.cumsum(sifted.passed))
    return since, (passed[at] > passed[since]) | (first & sifted.pending[group])


def _clock(sifted: Sifted, span: slice, side: int) -> int | None:
    """The last timestamp that a side sent with data which was passed over."""
    said = sifted.passed[span] & (sifted.side[span] == side) & (sifted.segments.payload[span] > 0)
    stamps = sifted.tsval[span][said]
    stamps = stamps[stamps >= 0]
    return int(stamps[-1]) if len(stamps) else None


def _passed_before(sifted: Sifted) -> Ints:
    """Segments and bytes of either side that were passed over before each packet of the window, and in all of it.

    The shape is (packets + 1, 2, 2).
    """
    gone = np.flatnonzero(sifted.passed)
    total = np.zeros((len(sifted.passed) + 1, 2, 2), np.int64)
    total[gone + 1, sifted.side[gone], 0] = 1
    total[gone + 1, sifted.side[gone], 1] = sifted.segments.payload[gone]
    return total.cumsum(axis=0)


def _talk(window: Window, segments: Segments) -> Bools:
    """Payloads that begin like HTTP, or are so short that they might."""
    found = np.zeros(len(segments.row), np.bool_)
    at = segments.at + segments.header
    room = segments.end - at
    where = np.flatnonzero((segments.payload > 0) & (room > 0))
    if len(where):
        words = gather(window.data, at[where], np.dtype("V4")).view("<u4").astype(np.int64)
        short = room[where] < 4
        found[where] = np.isin(words, _FIRST) & ~short | short & np.isin(words & 255, _LETTERS)
    return found
