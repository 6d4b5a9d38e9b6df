"""A UDP exchange: each datagram and ICMP error in order, what is in them, and what they say about the port."""

from __future__ import annotations

from itertools import zip_longest

from handshake.app.quic import LEAST_FIRST, version_name
from handshake.model.application import QuicHandshake, QuicKind
from handshake.model.handshake import Exchange, Reach
from handshake.model.packet import Datagram, IcmpError
from handshake.model.services import service_name
from handshake.render.lookups import INDENT, answer_words
from handshake.render.page import Page, Span
from handshake.render.units import count, duration, row_time, size
from handshake.render.words import icmp_words, reporter_words

REACH_STYLE = {Reach.OPEN: "green", Reach.CLOSED: "red", Reach.FILTERED: "red", Reach.SILENT: "yellow"}


def write_datagrams(page: Page, exchange: Exchange) -> None:
    """Write the datagrams of one exchange and the verdict."""
    recorded = bool(exchange.notes)
    if recorded:
        service = service_name(exchange.server.port)
        tail = f" · {service}" if service else ""
        page.paragraph((f"UDP #{exchange.number} {exchange.client} → {exchange.server}{tail}", "bold"))
    else:
        page.paragraph((f"client {exchange.client}", "bold"), indent=INDENT)
        page.paragraph((f"server {exchange.server}", "bold"), indent=INDENT)
    sent = replies = 0
    for packet, note in zip_longest(exchange.datagrams, exchange.notes, fillvalue=""):
        if isinstance(packet, str):
            break
        first = row_time(packet.time_ns - exchange.start_ns)
        if isinstance(packet, IcmpError):
            page.paragraph((f"◀ {reporter_words(packet)}", "red"), indent=INDENT, first=first)
            continue
        own = packet.src == exchange.client
        sent, replies = sent + own, replies + (not own)
        words: list[Span] = [(_datagram(packet, own), "" if own else "cyan")]
        if own and sent > 1 and not recorded:
            words.append(("· sent again", "yellow"))
        if note:
            words.append((f"· {note}", "yellow" if note.endswith("again") else ""))
        page.paragraph(*words, indent=INDENT, first=first)
        if exchange.answer and not own and replies == 1:
            page.paragraph(*answer_words(exchange.answer), indent=INDENT)
    left = exchange.requests + exchange.replies - sent - replies
    if left > 0:
        page.paragraph((f"… {count(left, 'datagram')} more", "dim"), indent=INDENT)
    page.line()
    if exchange.quic:
        page.paragraph(_quic_words(exchange.quic))
    reach = exchange.verdict
    page.paragraph((f"UDP port {exchange.server.port}: {reach.value}", f"bold {REACH_STYLE[reach]}"))
    page.paragraph((_reason(exchange), "dim"))


def _quic_words(quic: QuicHandshake) -> str:
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


def _datagram(datagram: Datagram, own: bool) -> str:
    return f"{'▶' if own else '◀'} datagram of {size(datagram.payload_len)}"


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
