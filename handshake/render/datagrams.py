"""A UDP probe: each datagram and ICMP error in order, and what they say about the port."""

from __future__ import annotations

from handshake.model.handshake import Exchange, Reach
from handshake.model.packet import Datagram, IcmpError
from handshake.render.lookups import INDENT, answer_words
from handshake.render.page import Page, Span
from handshake.render.units import count, duration, row_time, size
from handshake.render.words import icmp_words, reporter_words

REACH_STYLE = {Reach.OPEN: "green", Reach.CLOSED: "red", Reach.FILTERED: "red", Reach.SILENT: "yellow"}


def write_datagrams(page: Page, exchange: Exchange) -> None:
    """Write the datagrams of one exchange and the verdict."""
    page.paragraph((f"client {exchange.client}", "bold"), indent=INDENT)
    page.paragraph((f"server {exchange.server}", "bold"), indent=INDENT)
    sent = replies = 0
    for packet in exchange.datagrams:
        first = row_time(packet.time_ns - exchange.start_ns)
        if isinstance(packet, IcmpError):
            page.paragraph((f"◀ {reporter_words(packet)}", "red"), indent=INDENT, first=first)
            continue
        own = packet.src == exchange.client
        sent, replies = sent + own, replies + (not own)
        words: list[Span] = [(_datagram(packet, own), "" if own else "cyan")]
        if own and sent > 1:
            words.append(("· sent again", "yellow"))
        page.paragraph(*words, indent=INDENT, first=first)
        if exchange.answer and not own and replies == 1:
            page.paragraph(*answer_words(exchange.answer), indent=INDENT)
    page.line()
    reach = exchange.verdict
    page.paragraph((f"UDP port {exchange.server.port}: {reach.value}", f"bold {REACH_STYLE[reach]}"))
    page.paragraph((_reason(exchange), "dim"))


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
