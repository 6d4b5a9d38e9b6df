"""Follows connections packet by packet, in the ordinary way, and tells them what was passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from handshake.bulk.copies import Copied
from handshake.bulk.intake import Taken
from handshake.bulk.names import Names
from handshake.bulk.share import Share
from handshake.bulk.sift import DISORDER_NS, NotPlainError, NotSharedError, Sifted
from handshake.bulk.slots import OPEN, Slots
from handshake.bulk.verdicts import feed
from handshake.flow.conversation import Conversation
from handshake.flow.endpoint import Passed
from handshake.flow.table import LINGER_NS, FlowTable
from handshake.model.handshake import Handshake
from handshake.model.packet import IcmpError, Packet, Segment
from handshake.model.report import Tally
from handshake.source.windows import Windows
from handshake.wire.columns.arrays import Bools, Ints
from handshake.wire.columns.links import tags_of
from handshake.wire.columns.segments import Segments
from handshake.wire.decode import decode as decode_alone

UNBOUNDED = 1 << 62


class Follower:
    """The flow table of those connections that are not plain; `finished` takes their handshakes."""

    def __init__(  # noqa: PLR0917 - what it is put together from
        self, windows: Windows, names: Names, slots: Slots, share: Share, tally: Tally, source: str,
        finished: Callable[[Iterable[Handshake]], None],
    ) -> None:  # fmt: skip
        self._windows = windows
        self._names = names
        self._slots = slots
        self._share = share
        self._tally = tally
        self._finished = finished
        self.table = FlowTable(UNBOUNDED)
        self.table.source = source
        self._created_ns = 0
        self._waiting: set[int] = set()
        """Slots that are live from now on, whose kept packets have not been fed."""
        self.created: list[Ints] = []
        """First frames of connections that began, plain ones too, until somebody clears it."""

    def take(self, taken: Taken, sifted: Sifted, copies: Copied) -> None:
        """Take the packets of a window that are to be judged one by one, and note which connections began."""
        self._waiting.update(sifted.promote.tolist())
        if len(sifted.feed) or copies.rows:
            self._feed(taken, sifted, copies)
        if len(sifted.created):
            self.created.append(np.sort(self._slots.first[sifted.slot[sifted.created]]))
            self._created_ns = max(self._created_ns, int(sifted.rows.time_ns[sifted.created].max()))

    def without(self, copies: Copied, segments: Segments) -> tuple[Bools, Segments]:
        """Take the copies out; the connections that they belong to are followed one by one."""
        for pair in copies.pairs:
            slot = self._slots.find_one(pair)
            if slot >= 0 and not self._slots.live[slot]:
                self._slots.follow(np.array([slot]))
                self._waiting.add(slot)
        keep = ~np.isin(segments.row, list(copies.rows))
        pairs = self._names.endpoints.pair(segments.src, segments.dst)
        return np.isin(pairs, np.array(sorted(copies.pairs), np.uint64))[keep], segments.take(np.flatnonzero(keep))

    def take_copies(self, taken: Taken, copies: Copied) -> None:
        """Take a window in which there is nothing else."""
        for row in sorted(copies.rows):
            packet = taken.packet(row)
            assert isinstance(packet.transport, Segment)
            self._copied(packet.transport)

    def packets(self, slot: int) -> list[Packet]:
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
        for index, packet in enumerate(self.packets(slot)):
            self._finished(feed(self.table, packet, index, opened=opened))

    def _feed(self, taken: Taken, sifted: Sifted, copies: Copied) -> None:
        """Judge packets one by one, in the order of the capture."""
        created = np.sort(sifted.segments.row[sifted.created])
        newest = np.maximum.accumulate(np.append(self._created_ns, taken.window.time_ns[created]))
        at = sifted.feed
        since, behind = _behind(sifted)
        so_far = _passed_before(sifted)
        columns = (sifted.segments.row[at], at, since, behind, sifted.slot[at], so_far[at] - so_far[since])
        work = list(zip(*(column.tolist() for column in columns), strict=True))
        work += [(row, -1, 0, False, -1, []) for row in copies.rows]
        begun_before = np.searchsorted(created, [row for row, *_ in sorted(work)]).tolist()
        for (row, index, first, late, slot, missed), before in zip(sorted(work), begun_before, strict=True):
            packet = taken.packet(row)
            transport = packet.transport
            assert isinstance(transport, Segment | IcmpError)
            if index < 0:
                self._copied(transport)
                continue
            if slot in self._waiting:
                self._promote(slot)
            if late:
                self._catch_up_to(sifted, index, first, missed, slot)
            begun = self.table.begun
            created_ns = max(self._created_ns, int(newest[before]))
            self._expire(transport, created_ns)
            self._finished(self.table.feed(packet))
            if self.table.begun > begun:
                self._created_ns = max(created_ns, packet.time_ns)
                if packet.number != self._slots.first[slot]:
                    self.created.append(np.array([packet.number]))
        self._settle(sifted, so_far)

    def _expire(self, packet: Segment | IcmpError, created_ns: int) -> None:
        """Forget what a flow table has forgotten since it was closed: it does so when a connection begins, anyone's."""
        self.table.expire(packet, created_ns)
        flow = None if self._share.is_all else self.table.conversation(packet)
        if flow and flow.closed_ns is not None and packet.time_ns + DISORDER_NS - flow.closed_ns > LINGER_NS:
            raise NotSharedError("whether it was forgotten depends on other shares")

    def _copied(self, packet: Segment | IcmpError) -> None:
        slot = self._slots.find_one(self._names.endpoints.pair_of(packet.src, packet.dst))
        if slot in self._waiting:
            self._promote(slot)
        self._tally.copies += 1
        self.table.copied(packet)

    def _catch_up_to(self, sifted: Sifted, index: int, since: int, missed: list[list[int]], slot: int) -> None:
        """Tell a conversation what was passed over before this packet, from `since` on or in windows before.

        `missed` are segments and bytes of each side since then.
        """
        group = sifted.lanes.group[index]
        carried = bool(sifted.states["pending"][group]) and since == sifted.lanes.starts[group]
        flow = self.conversation(slot)
        if flow is None:
            raise NotPlainError("nothing to catch up")
        ends = []
        for side in (0, 1):
            clock = _clock(sifted, slice(since, index), side)
            segments, payload = missed[side]
            if carried:
                end = sifted.sides[2 * group + side]
                clock = int(end["clock"]) if clock is None else clock
                segments += int(end["untold_segments"])
                payload += int(end["untold_payload"])
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
        segments, payload = np.moveaxis(so_far[stops] - so_far[last], 2, 0)
        slots.untold_segments[sifted.slot[last]], slots.untold_payload[sifted.slot[last]] = segments, payload
        for index, stop, slot, late in zip(
            *(each.tolist() for each in (last, stops, sifted.slot[last], rest)), strict=True
        ):
            slots.pending[slot] = late
            for side in (0, 1):
                clock = _clock(sifted, slice(index + 1, stop), side) if late else None
                slots.clock[slot, side] = -1 if clock is None else clock
            flow = self.conversation(slot)
            if flow is None:
                slots.release(np.array([slot]))
                continue
            flow.last_number = int(slots.last[slot])
            if not slots.talked[slot]:
                slots.talked[slot] = flow.talk.without_http

    def conversation(self, slot: int) -> Conversation | None:
        """The conversation that this slot stands for, if it is followed."""
        slots = self._slots
        ports = int(slots.ports[slot])
        client = self._names.endpoint(int(slots.client_host[slot]), ports >> 16)
        server = self._names.endpoint(int(slots.server_host[slot]), ports & 0xFFFF)
        return self.table.between(client, server, tags_of(int(slots.way[slot])))

    def catch_up(self, slot: int) -> None:
        """Tell a conversation what was passed over at the end of the last window."""
        slots = self._slots
        flow = self.conversation(slot)
        if flow is None:
            raise NotPlainError("nothing to catch up")
        columns = slots.nxt, slots.ack, slots.wnd, slots.clock, slots.untold_segments, slots.untold_payload
        ends = [Passed(*(int(column[slot, side]) for column in columns)) for side in (0, 1)]
        slots.pending[slot] = False
        flow.catch_up(int(slots.last_ns[slot]), *ends)


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
