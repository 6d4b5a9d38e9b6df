"""The first screen: the summary, then one row a handshake, then what UDP there was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from handshake.model.handshake import Exchange, Handshake
from handshake.model.report import Report
from handshake.model.services import service_name
from handshake.render import summary
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.terminal import Terminal
from handshake.render.units import duration, maybe_duration, size
from handshake.render.words import OUTCOME_STYLE, close_brief, icmp_words, option_brief, retransmits, tag_words


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the summary (unless quiet), the handshakes and the UDP exchanges."""
    page = Page(out, terminal)
    if terminal.verbosity >= 0:
        summary.render(report, out, terminal)
    origin = _origin(report)
    if report.handshakes:
        page.line()
        write_grid(page, _handshake_columns(report.handshakes, origin))
    if report.exchanges:
        page.line()
        page.paragraph(("UDP: no handshake to see, only whether a reply came", "bold"))
        write_grid(page, _exchange_columns(report.exchanges, origin))
    if terminal.interactive and terminal.verbosity >= 0:
        _hint(page, report.handshakes)


def _origin(report: Report) -> int:
    """The moment from which starts are counted, ns since the epoch."""
    if report.tally.first_ns is not None:
        return report.tally.first_ns
    return min((item.start_ns for item in (*report.handshakes, *report.exchanges)), default=0)


def _starts(items: Sequence[Handshake] | Sequence[Exchange], origin: int) -> list[str]:
    """Seconds since the first packet, all with as many decimals as a capture of this length needs."""
    offsets = [item.start_ns - origin for item in items]
    decimals = 6 if max(offsets) < 10**10 else 3
    return [f"{offset / 1e9:.{decimals}f} s" for offset in offsets]


def _handshake_columns(handshakes: Sequence[Handshake], origin: int) -> list[Column]:
    return [
        Column("#", [str(h.number) for h in handshakes], right=True),
        Column("start", _starts(handshakes, origin), expendable=6, right=True),
        Column("client", [str(h.client.endpoint) for h in handshakes], expendable=3, middle=True),
        Column("server", [str(h.server.endpoint) for h in handshakes], middle=True),
        Column("service", [service_name(h.server.endpoint.port) or "" for h in handshakes], expendable=5),
        Column("within", [tag_words(h.tags) for h in handshakes], expendable=8),
        Column("outcome", [h.outcome.value for h in handshakes], styles=[OUTCOME_STYLE[h.outcome] for h in handshakes]),
        Column("set-up", [maybe_duration(h.timing.setup_ns) for h in handshakes], expendable=1, right=True),
        Column("irtt", [maybe_duration(h.timing.irtt_ns) for h in handshakes], expendable=7, right=True),
        Column("resent", [retransmits(h) for h in handshakes], expendable=4),
        Column("options", [option_brief(h) for h in handshakes], expendable=10),
        Column("close", [close_brief(h.teardown) for h in handshakes], expendable=9),
        Column("findings", [_codes(h) for h in handshakes], expendable=2, styles=["yellow"] * len(handshakes)),
    ]


def _codes(handshake: Handshake) -> str:
    """Codes without repetition; the fourth and further ones are only counted."""
    codes = sorted({finding.code for finding in handshake.findings})
    return " ".join(codes[:3]) + (f" +{len(codes) - 3}" if len(codes) > 3 else "")


def _exchange_columns(exchanges: Sequence[Exchange], origin: int) -> list[Column]:
    return [
        Column("#", [str(e.number) for e in exchanges], right=True),
        Column("start", _starts(exchanges, origin), expendable=6, right=True),
        Column("client", [str(e.client) for e in exchanges], expendable=3, middle=True),
        Column("server", [str(e.server) for e in exchanges], middle=True),
        Column("service", [service_name(e.server.port) or "" for e in exchanges], expendable=5),
        Column("within", [tag_words(e.tags) for e in exchanges], expendable=8),
        Column("sent", [_traffic(e.requests, e.request_bytes) for e in exchanges], expendable=7, right=True),
        Column("received", [_traffic(e.replies, e.reply_bytes) for e in exchanges], expendable=7, right=True),
        Column("reply", [_reply(e) for e in exchanges], styles=["" if e.replies else "yellow" for e in exchanges]),
    ]


def _traffic(datagrams: int, payload: int) -> str:
    return f"{datagrams:,} / {size(payload)}" if datagrams else ""


def _reply(exchange: Exchange) -> str:
    if exchange.first_reply_ns is not None:
        return f"after {duration(exchange.first_reply_ns)}"
    return icmp_words(exchange.icmp) if exchange.icmp else "no reply"


def _hint(page: Page, handshakes: Iterable[Handshake]) -> None:
    first = next(iter(sorted(handshakes, key=lambda h: not h.findings)), None)
    if first is None:
        return
    page.line()
    page.paragraph((f"Step by step: add --flow {first.number} --ladder", "dim"))
    if first.findings:
        page.paragraph((f"What a code means: handshake explain {first.findings[0].code}", "dim"))
