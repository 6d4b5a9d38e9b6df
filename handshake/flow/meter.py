"""Counts the packets of each flow as they pass: bytes, gaps, order, copies. Bounded, and beside the flow table.

The table tells it which flow a packet belongs to, so that nothing is decoded or looked up twice. Where sequence
numbers are, they tell order and copies; a datagram has none, and only the same bytes again look like a copy.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from handshake.model import seq
from handshake.model.comparison import GAPS_NS, SIZES, Metered, Part, Passed, Traffic
from handshake.model.packet import FIN, RST, SYN, Datagram, Segment

if TYPE_CHECKING:
    from handshake.flow.conversation import Conversation
    from handshake.flow.exchange import OpenExchange

MOST_FLOWS = 100_000
"""Flows of each transport that are counted one by one; the rest are counted together."""
MOST_FIRST = 50
"""Packets of one flow that are kept."""
MOST_KEPT = 500_000
"""Packets of all flows together that are kept."""
_HOLES = 16
"""Gaps of one direction that are remembered."""
_SAID = 32
"""Latest payloads of one direction, as hashes, that a copy is recognised by."""


class Meter:
    """Counts what the flow table sorts. `wire` is set before each packet."""

    def __init__(self) -> None:
        self.wire = 0
        """Bytes of the next packet on the wire."""
        self.unmetered = 0
        self._kept = 0
        self._tcp: dict[int, _Flow] = {}
        self._udp: dict[int, _Flow] = {}
        self._rest = {True: Traffic(), False: Traffic()}
        """Packets of the flows beyond `MOST_FLOWS`; True: TCP."""

    def segment(self, conversation: Conversation, segment: Segment) -> None:
        """One segment, after its conversation has judged it."""
        flow = self._flow(self._tcp, conversation.number)
        reply = segment.src != conversation.client.endpoint
        if flow is None:
            self._uncounted(self._rest[True], segment.payload_len)
            return
        again, late = flow.ordered(reply, segment)
        flow.traffic.late += late
        size, span = segment.payload_len, segment.seg_len
        passed = Passed(segment.time_ns, reply, self.wire, size, span, segment.flags, again)
        self._count(flow, passed, _part(conversation, segment))

    def copy(self, conversation: Conversation, segment: Segment) -> None:
        """A segment that was captured once more is no traffic."""

    def datagram(self, exchange: OpenExchange, datagram: Datagram, payload: bytes) -> None:
        """One datagram of an exchange."""
        flow = self._flow(self._udp, exchange.number)
        reply = datagram.src != exchange.first.src
        if flow is None:
            self._uncounted(self._rest[False], datagram.payload_len)
            return
        again = flow.repeats(reply, payload)
        size = datagram.payload_len
        passed = Passed(datagram.time_ns, reply, self.wire, size, max(size, 1), 0, again)
        self._count(flow, passed, Part.DATA)

    def tcp(self) -> dict[int, Metered]:
        """By the number of the handshake."""
        return {number: flow.metered() for number, flow in self._tcp.items()}

    def udp(self) -> dict[int, Metered]:
        """By the number of the exchange."""
        return {number: flow.metered() for number, flow in self._udp.items()}

    def rest(self, *, tcp: bool) -> Traffic:
        """Packets of all flows that are not counted one by one."""
        return self._rest[tcp]

    def _flow(self, flows: dict[int, _Flow], number: int) -> _Flow | None:
        flow = flows.get(number)
        if flow is None and len(flows) < MOST_FLOWS:
            flow = flows[number] = _Flow()
        return flow

    def _uncounted(self, traffic: Traffic, payload: int) -> None:
        self.unmetered += 1
        traffic.packets += 1
        traffic.wire += self.wire
        traffic.payload += payload

    def _count(self, flow: _Flow, passed: Passed, part: Part) -> None:
        traffic = flow.traffic
        traffic.packets += 1
        traffic.wire += passed.wire
        traffic.payload += passed.payload
        traffic.again += passed.again
        packets, wire = traffic.parts.get(part, (0, 0))
        traffic.parts[part] = packets + 1, wire + passed.wire
        traffic.sizes[bisect_left(SIZES, passed.payload)] += 1
        if flow.last_ns is not None and passed.time_ns >= flow.last_ns:
            traffic.gaps[bisect_left(GAPS_NS, passed.time_ns - flow.last_ns)] += 1
        flow.last_ns = passed.time_ns
        if len(flow.first) < MOST_FIRST and self._kept < MOST_KEPT:
            self._kept += 1
            flow.first.append(passed)


def _part(conversation: Conversation, segment: Segment) -> Part:
    """What a segment is there for."""
    opened = conversation.completed_by
    if segment.flags & SYN:
        return Part.OPENING
    if segment.payload_len:
        return Part.DATA
    if segment.flags & (FIN | RST) or conversation.first_close is not None:
        return Part.CLOSING
    opening = opened is segment or (opened is None and bool(conversation.client.syns))
    return Part.OPENING if opening else Part.ACK


def _before(left: int, right: int) -> bool:
    """Sequence number `left` is before `right`."""
    return not seq.less_equal(right, left)


class _Flow:
    """One flow in the making."""

    __slots__ = ("_holes", "_next", "_said", "first", "last_ns", "traffic")

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.first: list[Passed] = []
        self.last_ns: int | None = None
        self._next: list[int | None] = [None, None]
        """Behind the highest sequence number captured, of client and server."""
        self._holes: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        """What was not captured before it: start and end."""
        self._said: tuple[list[int], list[int]] = ([], [])

    def metered(self) -> Metered:
        """The flow as plain data."""
        return Metered(self.traffic, tuple(self.first))

    def ordered(self, reply: bool, segment: Segment) -> tuple[bool, bool]:
        """Whether a segment carries nothing new, and whether it fills a gap before what was captured earlier."""
        if not segment.seg_len or segment.flags & RST:
            return False, False
        highest = self._next[reply]
        start, end = segment.seq, seq.add(segment.seq, segment.seg_len)
        if highest is None or _before(highest, end):
            if highest is not None and _before(highest, start) and len(self._holes[reply]) < _HOLES:
                self._holes[reply].append((highest, start))
            self._next[reply] = end
            return False, False
        for position, (begin, close) in enumerate(self._holes[reply]):
            if _before(start, close) and _before(begin, end):
                self._holes[reply][position : position + 1] = [
                    (left, right) for left, right in ((begin, start), (end, close)) if _before(left, right)
                ]
                return False, True
        return True, False

    def repeats(self, reply: bool, payload: bytes) -> bool:
        """Whether the same bytes were sent before, not long ago."""
        said = self._said[reply]
        known = hash(payload)
        if payload and known in said:
            return True
        said.append(known)
        del said[:-_SAID]
        return False
