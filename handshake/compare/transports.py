"""TCP against UDP: what the handshake costs, and what its absence does. Pure arithmetic over flows and their packets.

The first useful byte is the first payload of the server; where TLS is spoken, the first behind its handshake; with
QUIC, the first packet with a short header that can answer the client. A round trip is an answer that takes the flow
further (SYN, payload) after the client has asked for it: acknowledgments alone, and copies, are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from handshake.model.comparison import Comparison, FirstByte, Match, Metered, Passed, Traffic, Tried, Way
from handshake.model.handshake import CloseKind, Exchange, Handshake, Outcome, Reach
from handshake.model.packet import SYN
from handshake.model.record import dataclass
from handshake.model.report import Report
from handshake.model.services import service_name

WEB = "HTTP"
"""HTTP/1 over TCP, with or without TLS, against HTTP over QUIC."""
_WEB_PORTS = frozenset({80, 443, 8000, 8008, 8080, 8443})
_REFUSED = frozenset({Outcome.REFUSED, Outcome.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class _Flow:
    """One connection or exchange, whichever it is."""

    service: str
    name: str
    number: int
    metered: Metered | None
    useful: FirstByte | None
    answered: bool
    refused: bool
    silent: bool
    opened: bool
    closed: bool
    asked_again: int


def compare(
    report: Report,
    tcp: Mapping[int, Metered],
    udp: Mapping[int, Metered],
    rest: tuple[Traffic, Traffic] | None = None,
    unmetered: int = 0,
) -> Comparison:
    """Hold the connections of a report against its exchanges; traffic by their numbers, and the `rest` of each."""
    connections = [_connection(handshake, tcp.get(handshake.number)) for handshake in report.handshakes]
    exchanges = [_exchange(exchange, udp.get(exchange.number)) for exchange in report.exchanges]
    tcp_rest, udp_rest = rest or (Traffic(), Traffic())
    both = {flow.service for flow in connections} & {flow.service for flow in exchanges}
    matches = (
        Match(
            service,
            way("TCP", [flow for flow in connections if flow.service == service]),
            way("UDP", [flow for flow in exchanges if flow.service == service]),
        )
        for service in sorted(both)
    )
    return Comparison(
        report.sources,
        way("TCP", connections, tcp_rest),
        way("UDP", exchanges, udp_rest),
        tuple(matches),
        unmetered,
    )


def way(transport: str, flows: Sequence[_Flow], rest: Traffic | None = None) -> Way:
    """What the flows of one transport amount to."""
    traffic = Traffic()
    for flow in flows:
        if flow.metered is not None:
            traffic.add(flow.metered.traffic)
    if rest is not None:
        traffic.add(rest)
    useful = [flow.useful for flow in flows if flow.useful is not None]
    return Way(
        transport=transport,
        flows=len(flows),
        answered=sum(flow.answered for flow in flows),
        refused=sum(flow.refused for flow in flows),
        silent=sum(flow.silent for flow in flows),
        opened=sum(flow.opened for flow in flows),
        closed=sum(flow.closed for flow in flows),
        asked_again=sum(flow.asked_again for flow in flows),
        useful=_median(useful),
        measured=len(useful),
        traffic=traffic,
        best=_best(flows),
        times_ns=tuple(sorted(each.took_ns for each in useful)),
    )


def first_byte(first: Sequence[Passed], since_ns: int | None = None) -> FirstByte | None:
    """What it took until the server's first payload, not before `since_ns`; None where it is not among these."""
    round_trips = wire = 0
    asked = spoke = False
    for position, packet in enumerate(first):
        wire += packet.wire
        if packet.again:
            continue
        if not packet.reply:
            asked = asked or packet.span > 0 or not spoke  # a bare ACK asks only who waits for the server to begin
            spoke = spoke or packet.payload > 0
            continue
        if packet.span and asked:
            round_trips, asked = round_trips + 1, False
        if _useful(packet, since_ns):
            return FirstByte(position + 1, wire, round_trips, packet.time_ns - first[0].time_ns)
    return None


def _useful(packet: Passed, since_ns: int | None) -> bool:
    """Payload of the server; of UDP also an empty datagram, which is an answer all the same."""
    carries = packet.payload > 0 or (not packet.flags and packet.span > 0)
    return carries and (since_ns is None or packet.time_ns >= since_ns)


def _connection(handshake: Handshake, metered: Metered | None) -> _Flow:
    client, server = handshake.client.endpoint, handshake.server.endpoint
    useful = None
    if metered is not None and metered.first and metered.first[0].flags & SYN and not metered.first[0].reply:
        tls = handshake.application.tls if handshake.application is not None else None
        if tls is None or tls.finished_ns is not None:
            useful = first_byte(metered.first, None if tls is None else tls.finished_ns)
    return _Flow(
        service=_tcp_service(handshake),
        name=f"TCP #{handshake.number} {client} → {server}",
        number=handshake.number,
        metered=metered,
        useful=useful,
        answered=handshake.server.payload_bytes > 0,
        refused=handshake.outcome in _REFUSED,
        silent=handshake.outcome is Outcome.UNANSWERED,
        opened=handshake.outcome.opened,
        closed=handshake.teardown.kind in (CloseKind.FIN, CloseKind.RST, CloseKind.FIN_THEN_RST),
        asked_again=handshake.syn_retransmits + handshake.synack_retransmits,
    )


def _exchange(exchange: Exchange, metered: Metered | None) -> _Flow:
    reach = exchange.verdict
    repeated = sum(1 for packet in metered.first if packet.again and not packet.reply) if metered else 0
    return _Flow(
        service=_udp_service(exchange),
        name=f"UDP #{exchange.number} {exchange.client} → {exchange.server}",
        number=exchange.number,
        metered=metered,
        useful=_datagrams_first_byte(exchange, metered),
        answered=exchange.replies > 0,
        refused=reach in (Reach.CLOSED, Reach.FILTERED),
        silent=reach is Reach.SILENT,
        opened=exchange.quic is not None and exchange.quic.round_trips is not None,
        closed=False,
        asked_again=max(repeated, sum(max(len(lookup.sent_ns) - 1, 0) for lookup in exchange.lookups)),
    )


def _datagrams_first_byte(exchange: Exchange, metered: Metered | None) -> FirstByte | None:
    quic = exchange.quic
    if metered is None or not metered.first:
        return None
    if quic is None:
        return first_byte(metered.first)
    if quic.reply_ns is None or quic.reply_round_trips is None:
        return None
    useful = first_byte(metered.first, exchange.start_ns + quic.reply_ns)
    if useful is None:
        return None
    return FirstByte(useful.packets, useful.wire, quic.reply_round_trips, useful.took_ns)


def _tcp_service(handshake: Handshake) -> str:
    server = handshake.server.endpoint
    protocol = handshake.application.protocol if handshake.application is not None else ""
    if protocol == "HTTP" or (protocol == "TLS" and server.port in _WEB_PORTS):
        return WEB
    return "DNS" if protocol == "DNS" or server.port == 53 else _by_port(server.port, str(server))


def _udp_service(exchange: Exchange) -> str:
    server = exchange.server
    if exchange.quic is not None:
        return WEB if server.port in _WEB_PORTS else f"QUIC at {server}"
    return "DNS" if server.port == 53 else _by_port(server.port, str(server))


def _by_port(port: int, server: str) -> str:
    """The port's service; without a well-known one only the very same server offers the same."""
    return service_name(port) or server


def _median(values: Iterable[FirstByte]) -> FirstByte | None:
    """Each value's own median, the lower of two."""
    columns = list(zip(*((v.packets, v.wire, v.round_trips, v.took_ns) for v in values), strict=True))
    if not columns:
        return None
    return FirstByte(*(sorted(column)[(len(column) - 1) // 2] for column in columns))


def _best(flows: Sequence[_Flow]) -> Tried | None:
    """The flow with the fewest round trips to its first useful byte; of these the quickest."""
    tried = [
        Tried(flow.number, flow.name, flow.metered.first, flow.useful)
        for flow in flows
        if flow.useful is not None and flow.metered is not None
    ]
    return min(tried, key=lambda each: (each.useful.round_trips, each.useful.took_ns, each.number), default=None)
