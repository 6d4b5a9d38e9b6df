"""The annotated timeline of each handshake, and for a probe the way to its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from handshake.model.address import Endpoint, format_address
from handshake.model.services import service_name
from handshake.render.connects import write_both, write_connect
from handshake.render.crowds import write_omitted
from handshake.render.exchanges import origins_ns, write_exchanges
from handshake.render.lanes import Lanes
from handshake.render.notes import crowd_notes, write_crowds
from handshake.render.page import Page
from handshake.render.reply import write_answer, write_reply
from handshake.render.session import Lane, Session, connect_session, drawable, sessions, udp_sessions
from handshake.render.units import duration, moment
from handshake.render.verdict import write_udp_verdict, write_verdict
from handshake.render.words import OUTCOME_STYLE, REACH_STYLE, damage_words, way_words

if TYPE_CHECKING:
    from handshake.model.report import Approach, Report
    from handshake.render.terminal import Terminal


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write every handshake step by step; the report's damage stands at the end, where reading stopped."""
    page = Page(out, terminal)
    if report.approach:
        _approach(page, report.approach)
    for position, (handshake, session) in enumerate(zip(report.handshakes, sessions(report), strict=True)):
        if position or report.approach:
            page.line()
        if not report.approach:
            _title(page, session, handshake.server.endpoint, OUTCOME_STYLE[handshake.outcome])
        if way := way_words(handshake):
            page.field("within", way)
        Lanes(page, session, report.kernel).write()
        if report.answer:
            write_answer(page, report.answer)
        write_verdict(page, handshake)
    if report.crowds and report.handshakes:
        page.line()
    write_crowds(page, crowd_notes(report, None))
    write_omitted(page, report)
    if report.reply:
        write_reply(page, report.reply)
    _udp(page, report)
    _connects(page, report)
    if not (report.handshakes or report.exchanges or report.connects or report.crowds):
        page.paragraph("nothing to show: no TCP handshake, no UDP exchange")
    for source in report.sources:
        if source.damage:
            page.line()
            page.paragraph((f"{source.name} damaged {damage_words(source.damage)}", "red"))


def _udp(page: Page, report: Report) -> None:
    """Exchanges datagram by datagram; of a capture also one row each before."""
    if report.exchanges and not report.approach:
        if report.handshakes:
            page.line()
        write_exchanges(page, report.exchanges, origins_ns(report))
    for exchange, session in zip(drawable(report), udp_sessions(report), strict=True):
        page.line()
        if not report.approach:
            _title(page, session, session.ends[Lane.SERVER], REACH_STYLE[exchange.verdict])
        Lanes(page, session).write()
        write_udp_verdict(page, exchange, session)


def _connects(page: Page, report: Report) -> None:
    for connect in report.connects:
        page.line()
        if not report.handshakes and (session := connect_session(report, connect)).before:
            Lanes(page, session).write_before()
            page.line()
        write_connect(page, connect, alone=not report.handshakes)
        if report.handshakes:
            page.line()
            write_both(page, report.handshakes[0], connect)


def _approach(page: Page, approach: Approach) -> None:
    resolution, route, target = approach.resolution, approach.route, approach.target
    addresses = ", ".join(map(format_address, resolution.addresses))
    if resolution.source != "literal":
        ttl = "" if resolution.ttl_s is None else f", TTL {resolution.ttl_s} s"
        took = duration(resolution.took_ns)
        page.field("resolve", f"{resolution.host} → {addresses} ({resolution.source}, {took}{ttl})")
    gateway = f" via {format_address(route.gateway)}" if route.gateway else ""
    page.field("route", f"{format_address(route.source)} → {route.interface}{gateway}, MTU {route.mtu}")
    words = ", ".join(word for word in (target.service, approach.server.scope.value) if word)
    page.field("target", (str(approach.server), "bold"), f"({words})")


def _title(page: Page, session: Session, server: Endpoint, style: str) -> None:
    words = (service_name(server.port), f"{server.scope.value} address", moment(session.start_ns))
    head = f"── {session.title}"
    tail = page.cut(f"{''.join(f' · {word}' for word in words if word)} ", page.terminal.width - len(head))
    rule = "─" * (page.terminal.width - len(page.terminal.say(head)) - len(tail))
    page.line((head, f"bold {style}"), (tail, "bold"), (rule, "dim"))
