"""One UDP exchange as a session: each datagram and ICMP error, and what they say about the port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from handshake.app.quic import LEAST_FIRST, version_name
from handshake.model.application import QuicHandshake, QuicKind
from handshake.model.handshake import Exchange, Reach
from handshake.model.packet import Datagram, IcmpError
from handshake.render.session.lookups import answer_words, asked
from handshake.render.session.model import Event, Kind, Lane, Session
from handshake.render.units import count, duration, size
from handshake.render.words import icmp_words, reporter_words

if TYPE_CHECKING:
    from handshake.model.dns import DnsAnswer, Lookup


def exchange_session(exchange: Exchange, lookups: Iterable[Lookup] = ()) -> Session:
    """An exchange with the questions that led to it."""
    lookups = tuple(lookups)
    resolver = [(Lane.RESOLVER, lookups[0].server)] if lookups else []
    quic = [_quic_sentence(exchange.quic)] if exchange.quic else []
    return Session(
        f"UDP #{exchange.number} {exchange.verdict.value}",
        exchange.start_ns,
        exchange.end_ns,
        ((Lane.CLIENT, exchange.client), *resolver, (Lane.SERVER, exchange.server)),
        tuple(asked(lookups)),
        tuple(_events(exchange)),
        (f"UDP port {exchange.server.port}: {exchange.verdict.value}", _reason(exchange), *quic),
    )


def _events(exchange: Exchange) -> Iterator[Event]:
    sent = replies = 0
    for packet, note in zip_longest(exchange.datagrams, exchange.notes, fillvalue=""):
        if isinstance(packet, str):
            break
        if isinstance(packet, IcmpError):
            lanes = Lane.SERVER, Lane.CLIENT
            yield Event(packet.time_ns, Kind.ICMP, *lanes, icmp_words(packet), announced=reporter_words(packet))
            continue
        own = packet.src == exchange.client
        sent, replies = sent + own, replies + (not own)
        said = _answered(exchange.answer) if exchange.answer and replies == 1 and not own else note
        yield _datagram(packet, said, own=own)
    left = exchange.requests + exchange.replies - sent - replies
    if left > 0:
        yield Event(exchange.end_ns, Kind.FOLD, Lane.CLIENT, Lane.SERVER, f"… {count(left, 'more datagram')}")


def _datagram(packet: Datagram, note: str, *, own: bool) -> Event:
    sender = Lane.CLIENT if own else Lane.SERVER
    label = f"datagram of {size(packet.payload_len)}"
    return Event(packet.time_ns, Kind.DATAGRAM, sender, sender.across, label, note=note)


def _answered(answer: DnsAnswer) -> str:
    said, notes = answer_words(answer)
    return " · ".join((said, *notes))


def _reason(exchange: Exchange) -> str:
    if exchange.verdict is Reach.OPEN and exchange.first_reply_ns is not None:
        return f"a reply came after {duration(exchange.first_reply_ns)}"
    if exchange.icmp is not None and exchange.verdict is not Reach.SILENT:
        after = duration(exchange.icmp.time_ns - exchange.start_ns)
        if exchange.verdict is Reach.CLOSED:
            return f"the host itself says so, {icmp_words(exchange.icmp)} after {after}: nothing listens there"
        return f"turned back after {after}: {reporter_words(exchange.icmp)}"
    return (
        f"nothing came back to {count(exchange.requests, 'datagram')}: lost, dropped by a firewall, or taken by a "
        "service that has nothing to say to this payload; over UDP these look alike (RFC 768 acknowledges nothing)"
    )


def _quic_sentence(quic: QuicHandshake) -> str:
    """`QUIC version 1, a handshake inside UDP: …`."""
    words = f"QUIC version {version_name(quic.version)}, a handshake inside UDP: "
    if quic.short_ns is None or quic.round_trips is None:
        words += "it was not completed"
    else:
        trips = count(quic.round_trips, "round trip")
        words += f"{trips} until the first packet with a short header, after {duration(quic.short_ns)}"
    notes = []
    if quic.offered:
        notes.append(f"the server speaks {', '.join(map(version_name, quic.offered[:4]))} (Version Negotiation)")
    if quic.negotiated and quic.negotiated != quic.version:
        notes.append(f"version {version_name(quic.negotiated)} was agreed on")
    if quic.count(QuicKind.RETRY):
        notes.append("the server asked for proof of the client's address first (Retry), one round trip more")
    if quic.count(QuicKind.ZERO_RTT):
        notes.append("the client sent data with its first flight (0-RTT)")
    if quic.first_bytes < LEAST_FIRST:
        notes.append(f"the first datagram has {quic.first_bytes} bytes; RFC 9000 §14.1 asks for {LEAST_FIRST}")
    packets = ", ".join(f"{kind.value} {client}/{server}" for kind, client, server in quic.packets)
    return "; ".join([words, *notes, f"packets of client/server: {packets}"])
