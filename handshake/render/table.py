"""The first screen: the summary, then one row a handshake, then what UDP there was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from handshake.model.services import service_name
from handshake.render import summary
from handshake.render.crowds import write_omitted
from handshake.render.exchanges import captures, origins_ns, starts, write_exchanges
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.story import speaks
from handshake.render.units import maybe_duration
from handshake.render.words import OUTCOME_STYLE, close_brief, option_brief, retransmits, way_words

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake
    from handshake.model.report import Report
    from handshake.render.terminal import Terminal


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the summary (unless quiet), the handshakes and the UDP exchanges."""
    page = Page(out, terminal)
    quiet = terminal.verbosity < 0
    if not quiet:
        summary.render(report, out, terminal)
        page.line()
    origins = origins_ns(report)
    if report.handshakes:
        columns = _columns(report.handshakes, origins)
        write_grid(page, columns + _signatures(report.handshakes) if terminal.verbosity > 0 else columns)
    if not quiet:
        write_omitted(page, report)
    if report.exchanges:
        if report.handshakes:
            page.line()
        write_exchanges(page, report.exchanges, origins)
    if report.connects:
        from handshake.render.connects import write_connect

        for connect in report.connects:
            write_connect(page, connect)
    if terminal.interactive and not quiet:
        _hint(page, report.handshakes)


def _columns(handshakes: Sequence[Handshake], origins: Mapping[str, int]) -> list[Column]:
    return [
        Column("#", [str(h.number) for h in handshakes], right=True),
        Column("capture", captures(handshakes, origins), expendable=2, middle=True),
        Column("start", starts(handshakes, origins), expendable=6, right=True),
        Column("client", [str(h.client.endpoint) for h in handshakes], expendable=3, middle=True),
        Column("server", [str(h.server.endpoint) for h in handshakes], middle=True),
        Column("service", [service_name(h.server.endpoint.port) or "" for h in handshakes], expendable=5),
        Column("speaks", [speaks(h) for h in handshakes], expendable=4),
        Column("within", [way_words(h) for h in handshakes], expendable=4),
        Column("outcome", [h.outcome.value for h in handshakes], styles=[OUTCOME_STYLE[h.outcome] for h in handshakes]),
        Column("set-up", [maybe_duration(h.timing.setup_ns) for h in handshakes], expendable=1, right=True),
        Column("irtt", [maybe_duration(h.timing.irtt_ns) for h in handshakes], expendable=7, right=True),
        Column("resent", [retransmits(h) for h in handshakes], expendable=4),
        Column("options", [option_brief(h) for h in handshakes], expendable=10),
        Column("close", [close_brief(h.teardown) for h in handshakes], expendable=9),
        Column("findings", [_codes(h) for h in handshakes], expendable=2, styles=["yellow"] * len(handshakes)),
    ]


def _signatures(handshakes: Sequence[Handshake]) -> list[Column]:
    """What the SYNs and SYN-ACKs give away, in p0f's way; the first to go where there is no room."""
    from handshake.findings.fingerprint import fingerprint

    return [
        Column(name, [fingerprint(opening).signature if opening else "" for opening in openings], expendable=expendable)
        for name, expendable, openings in (
            ("SYN", 11, [h.client.opening for h in handshakes]),
            ("SYN-ACK", 12, [h.server.opening for h in handshakes]),
        )
    ]


def _codes(handshake: Handshake) -> str:
    """Codes without repetition; the fourth and further ones are only counted."""
    codes = sorted({finding.code for finding in handshake.findings})
    return " ".join(codes[:3]) + (f" +{len(codes) - 3}" if len(codes) > 3 else "")


def _hint(page: Page, handshakes: Sequence[Handshake]) -> None:
    """What to type next, for the first handshake with a finding or else the first one."""
    chosen = next((h for h in handshakes if h.findings), handshakes[0] if handshakes else None)
    if chosen is None:
        return
    page.line()
    page.paragraph((f"Step by step: add --flow {chosen.number} --ladder", "dim"))
    if chosen.findings:
        page.paragraph((f"What a code means: handshake explain {chosen.findings[0].code}", "dim"))
