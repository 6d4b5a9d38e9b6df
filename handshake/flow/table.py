"""The table of flows: packets in, finished handshakes out, in bounded memory.

A connection leaves the table when its 4-tuple is used again, when it has been closed for longer
than TIME-WAIT lasts, when the table is full, or at the end. A full table drops closed connections
first, then the oldest ones that never opened (a SYN flood must not push out real ones), then the
oldest open ones; what is dropped before its end is marked `evicted`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from handshake.flow.acceptance import opens
from handshake.flow.conversation import Conversation
from handshake.flow.verdict import conclude
from handshake.flow.ways import MOST_WAYS, Ways
from handshake.model.address import Endpoint
from handshake.model.handshake import Exchange, Handshake, Mark
from handshake.model.packet import SYN, Datagram, IcmpError, Packet, Segment, Tags

if TYPE_CHECKING:
    from handshake.flow.exchange import OpenExchange
    from handshake.flow.meter import Meter
    from handshake.flow.progress import Progress
    from handshake.flow.witness import Witness

DEFAULT_LIMIT = 100_000
"""Conversations (and, apart, UDP exchanges) kept at once."""

MOST_DATAGRAMS = 200_000
"""Datagrams of all exchanges together that are kept one by one; beyond it they are only counted."""

LINGER_NS = 240 * 10**9
"""How long a closed 4-tuple is remembered: TIME-WAIT, twice the MSL of 2 minutes (RFC 9293 §3.4.2)."""

Key = tuple[Endpoint, Endpoint, Tags]

_TCP, _UDP = 6, 17


class FlowTable:
    """Sorts packets into conversations and exchanges. Not thread-safe."""

    def __init__(self, limit: int = DEFAULT_LIMIT, *, secrets: bool = False) -> None:
        if limit < 1:
            raise ValueError("a flow table needs room for at least one conversation")
        self.limit = limit
        self._secrets = secrets
        self.source = ""
        """What the packets come from; handshakes and exchanges carry it on."""
        self.evicted = 0
        self.evicted_exchanges = 0
        self.unmatched_icmp = 0
        """ICMP errors about flows of which nothing was captured."""
        self.observer: Progress | None = None
        """Told when a conversation changes, if anybody is to be."""
        self.meter: Meter | Witness | None = None
        """Counts or keeps the packets of each flow, if anybody wants more than the flows themselves tell."""
        self._numbers = 0
        self._flows: dict[Key, Conversation] = {}
        self._ways: Ways[Conversation] = Ways()
        self._queues: tuple[dict[int, Conversation], ...] = ({}, {}, {})
        """Conversations that are closed, embryonic, open: in this order they are dropped. Oldest first."""
        self._exchange_numbers = 0
        self._exchanges: dict[Key, OpenExchange] = {}
        self._exchange_ways: Ways[OpenExchange] = Ways()
        self._datagrams_kept = 0
        self._finished: list[Handshake] = []
        self._finished_exchanges: list[Exchange] = []

    def feed(self, packet: Packet) -> Sequence[Handshake]:
        """Take one packet; return the handshakes that it finished (none, nearly always)."""
        transport = packet.transport
        if isinstance(transport, Segment):
            self._segment(transport, packet.payload)
        elif isinstance(transport, Datagram):
            self._datagram(transport, packet.payload)
        elif isinstance(transport, IcmpError):
            self._icmp(transport)
        return self._take_finished() if self._finished else ()

    def conversation(self, packet: Segment | IcmpError) -> Conversation | None:
        """The conversation under way between the ends of a packet, in its VLANs and tunnels."""
        return self.between(packet.src, packet.dst, packet.tags)

    def between(self, src: Endpoint, dst: Endpoint, tags: Tags = ()) -> Conversation | None:
        """The conversation under way between two ends."""
        return self._flows.get((src, dst, tags)) or self._flows.get((dst, src, tags))

    def copied(self, packet: Segment | IcmpError) -> None:
        """Count a copy of a packet that was fed before, if its conversation is still there."""
        flow = self.conversation(packet)
        if flow is not None:
            flow.copied(packet)
            if self.meter is not None and isinstance(packet, Segment):
                self.meter.copy(flow, packet)

    def stages(self) -> Iterator[tuple[int, Conversation]]:
        """Conversations with their stage, closed 0, embryonic 1 or open 2, each in the order of leaving."""
        return ((stage, flow) for stage, queue in enumerate(self._queues) for flow in queue.values())

    def evict(self, flow: Conversation) -> None:
        """Take a conversation out of a full table."""
        flow.evicted = flow.closed_ns is None
        self.evicted += flow.evicted
        self._drop(flow)

    def collect(self) -> Sequence[Handshake]:
        """Handshakes that were finished by other ways than `feed`."""
        return self._take_finished()

    @property
    def begun(self) -> int:
        """Conversations that it ever had."""
        return self._numbers

    def __len__(self) -> int:
        """Conversations in it."""
        return sum(map(len, self._queues))

    def expire(self, packet: Segment | IcmpError, now_ns: int) -> None:
        """Forget the connection between the ends of a packet if it has been closed for longer than TIME-WAIT lasts."""
        flow = self.conversation(packet)
        if flow is not None and flow.closed_ns is not None and now_ns - flow.closed_ns > LINGER_NS:
            self._drop(flow, now_ns)

    def _tidy(self, now_ns: int) -> None:
        """Forget those that have been closed for longer than that, the first closed first."""
        closed = self._queues[0]
        while closed:
            flow = next(iter(closed.values()))
            if flow.closed_ns is None or now_ns - flow.closed_ns <= LINGER_NS:
                break
            self._drop(flow, now_ns)

    def finish(self) -> Sequence[Handshake]:
        """Return what is left, in order of appearance, and empty the table; numbers go on where they were."""
        left = sorted((flow for queue in self._queues for flow in queue.values()), key=lambda flow: flow.number)
        for flow in left:
            self._drop(flow)
        self._finished_exchanges.extend(self._open_exchanges())
        self._exchanges.clear()
        self._exchange_ways = Ways()
        return self._take_finished()

    def exchanges(self) -> tuple[Exchange, ...]:
        """All UDP exchanges so far, in order of appearance."""
        return (*self._finished_exchanges, *self._open_exchanges())

    def _open_exchanges(self) -> Iterator[Exchange]:
        return (exchange.conclude(self.source) for key, exchange in self._exchanges.items() if key == exchange.key)

    def _take_finished(self) -> Sequence[Handshake]:
        finished, self._finished = self._finished, []
        return finished

    def _segment(self, segment: Segment, payload: bytes) -> None:
        key = (segment.src, segment.dst, segment.tags)
        flow = (
            self._flows.get(key)
            or self._flows.get((segment.dst, segment.src, segment.tags))
            or self._on_another_way(segment)
        )
        reuse = None
        if flow is not None:
            closed_ns = flow.closed_ns
            expired = closed_ns is not None and segment.time_ns - closed_ns > LINGER_NS
            if expired or (segment.flags & SYN and flow.starts_anew(segment)):
                reuse = Mark.PORT_REUSED if expired else flow.reused_by(segment)
                self._drop(flow, segment.time_ns)
                flow = None
        before = None
        if flow is None:
            self._make_room(segment.time_ns)
            self._numbers += 1
            flow = Conversation(self._numbers, segment, reuse, secrets=self._secrets)
            self._flows[flow.key] = flow
            self._ways.add(flow.ends, flow.number, flow)
        else:
            before = self._stage(flow)
        flow.feed(segment, payload)
        if self.meter is not None:
            self.meter.segment(flow, segment)
        after = self._stage(flow)
        if after != before:
            if before is not None:
                del self._queues[before][flow.number]
            self._queues[after][flow.number] = flow
            if self.observer:
                self.observer.changed(flow, segment.time_ns)

    def _on_another_way(self, segment: Segment) -> Conversation | None:
        """The conversation that a segment belongs to by its numbers, though it came in another VLAN or tunnel."""
        if opens(segment):
            return None
        for flow in self._ways.between(segment.src, segment.dst):
            if len(flow.other_ways) < MOST_WAYS and flow.continued_by(segment):
                key = (segment.src, segment.dst, segment.tags)
                flow.other_ways.append(key)
                self._flows[key] = flow
                return flow
        return None

    def _stage(self, flow: Conversation) -> int:
        if flow.closed_ns is not None:
            return 0
        return 2 if flow.completed_by is not None else 1

    def _make_room(self, now_ns: int) -> None:
        self._tidy(now_ns)
        while len(self) >= self.limit:
            flow = next(iter(next(filter(None, self._queues)).values()))
            flow.evicted = flow.closed_ns is None
            self.evicted += flow.evicted
            self._drop(flow, now_ns)

    def _drop(self, flow: Conversation, now_ns: int | None = None) -> None:
        """Take a conversation out of the table: it is finished. `now_ns` is None at the end of a capture."""
        if self.observer and now_ns is not None:
            self.observer.left(flow, now_ns)
        self._finished.append(conclude(flow, self.source))
        del self._queues[self._stage(flow)][flow.number]
        for key in (flow.key, *flow.other_ways):
            del self._flows[key]
        self._ways.remove(flow.ends, flow.number)

    def _datagram(self, datagram: Datagram, payload: bytes) -> None:
        key = (datagram.src, datagram.dst, datagram.tags)
        exchange = (
            self._exchanges.get(key)
            or self._exchanges.get((datagram.dst, datagram.src, datagram.tags))
            or self._reply_on_another_way(datagram)
        )
        if exchange is None:
            if len(self._exchanges) >= self.limit:
                self._forget(next(iter(self._exchanges.values())))
                self.evicted_exchanges += 1
            from handshake.flow.exchange import OpenExchange

            self._exchange_numbers += 1
            exchange = self._exchanges[key] = OpenExchange(self._exchange_numbers, datagram)
            self._exchange_ways.add(exchange.ends, exchange.number, exchange)
        keep = self._datagrams_kept < MOST_DATAGRAMS
        before = len(exchange.kept)
        exchange.feed(datagram, payload, keep=keep)
        self._datagrams_kept += len(exchange.kept) - before
        if self.meter is not None:
            self.meter.datagram(exchange, datagram, payload)

    def _reply_on_another_way(self, datagram: Datagram) -> OpenExchange | None:
        """The exchange that waits for a first reply, which now comes in another VLAN or tunnel of the same kind."""
        for exchange in self._exchange_ways.between(datagram.src, datagram.dst):
            if exchange.awaits(datagram):
                key = (datagram.src, datagram.dst, datagram.tags)
                exchange.reply_way = key
                self._exchanges[key] = exchange
                return exchange
        return None

    def _forget(self, exchange: OpenExchange) -> None:
        for key in (exchange.key, exchange.reply_way):
            if key is not None:
                del self._exchanges[key]
        self._exchange_ways.remove(exchange.ends, exchange.number)
        self._datagrams_kept -= exchange.datagrams_kept

    def _icmp(self, error: IcmpError) -> None:
        flow = self._quoted(error)
        if flow is None:
            self.unmatched_icmp += 1
            return
        flow.feed_icmp(error)
        if self.observer and isinstance(flow, Conversation):
            self.observer.blamed(flow, error.time_ns)

    def _quoted(self, error: IcmpError) -> Conversation | OpenExchange | None:
        """The flow that an ICMP error is about; the error may come in another VLAN or tunnel."""
        flows: Mapping[Key, Conversation | OpenExchange]
        ways: Ways[Conversation] | Ways[OpenExchange]
        if error.protocol == _TCP:
            flows, ways = self._flows, self._ways
        elif error.protocol == _UDP:
            flows, ways = self._exchanges, self._exchange_ways
        else:
            return None
        exact = flows.get((error.src, error.dst, error.tags)) or flows.get((error.dst, error.src, error.tags))
        if exact is not None:
            return exact
        for flow in ways.between(error.src, error.dst):
            return flow
        return None
