"""Ordinary connections: what the kernel told about them, and beside a crafted one what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handshake.model.address import format_address
from handshake.render.grid import Column, write_grid
from handshake.render.units import count, duration, maybe_duration
from handshake.render.verdict import option_columns
from handshake.render.words import OUTCOME_STYLE

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake, Negotiated
    from handshake.model.kernel import Connect
    from handshake.render.page import Page

UNSEEN = (
    "connect() does not show single segments, their times, flags and sequence numbers, what the server offered, nor "
    "who sent a RST. That takes crafted packets: the same command as root, without --connect."
)


def write_connect(page: Page, connect: Connect, *, alone: bool = True) -> None:
    """Write what is known of one connection, in fields, and what cannot be known unless a crafted one shows it."""
    page.paragraph((f"connect() {connect.client} → {connect.server}", "bold"))
    page.field("result", (_result(connect), f"bold {OUTCOME_STYLE[connect.outcome]}"))
    error = f"{connect.error}: " if connect.error else ""
    page.field("means", f"{error}{connect.words}")
    if connect.icmp:
        who = (
            "the target itself"
            if connect.icmp.reporter == connect.server.address
            else f"{format_address(connect.icmp.reporter)} on the way"
        )
        page.field("icmp", f"{connect.icmp.type}/{connect.icmp.code} {connect.icmp.meaning}, reported by {who}")
    page.field("kernel", " · ".join(_facts(connect)))
    if connect.negotiation:
        page.line()
        write_grid(page, option_columns(connect.negotiation))
    if alone and page.terminal.verbosity >= 0:
        page.line()
        page.paragraph((UNSEEN, "dim"))


def write_both(page: Page, handshake: Handshake, connect: Connect) -> None:
    """Write the crafted connection and the kernel's own side by side."""
    rows = [
        ("outcome", handshake.outcome.value, connect.outcome.value),
        ("set-up", maybe_duration(handshake.timing.setup_ns, "–"), duration(connect.took_ns)),
        (
            "round trip",
            maybe_duration(handshake.timing.syn_to_synack_ns, "–"),
            maybe_duration(connect.rtt_ns, "–"),
        ),
        ("SYN repeated", str(handshake.syn_retransmits), str(connect.retransmits)),
    ]
    theirs = {row.name: row for row in connect.negotiation}
    if theirs:
        rows += [(row.name, row.in_effect, theirs[row.name].in_effect) for row in _shared(handshake, theirs)]
    page.paragraph(("The same twice: crafted, and by the kernel's connect()", "bold"))
    write_grid(
        page,
        [
            Column("", [row[0] for row in rows]),
            Column("crafted", [row[1] for row in rows]),
            Column("connect()", [row[2] for row in rows]),
        ],
    )


def _shared(handshake: Handshake, theirs: dict[str, Negotiated]) -> Sequence[Negotiated]:
    return [row for row in handshake.negotiation if row.name in theirs]


def _result(connect: Connect) -> str:
    if connect.outcome.opened:
        return f"{connect.outcome.value} in {duration(connect.took_ns)}"
    return f"{connect.outcome.value} after {duration(connect.took_ns)}"


def _facts(connect: Connect) -> list[str]:
    """State, round trip, retransmissions and sizes, as TCP_INFO has them."""
    repeated = f"SYN repeated {count(connect.retransmits, 'time')}" if connect.retransmits else "no SYN repeated"
    facts = [f"state {connect.state}", repeated]
    if connect.rtt_ns is not None and connect.rttvar_ns is not None:
        facts.append(f"round trip {duration(connect.rtt_ns)}, varying by {duration(connect.rttvar_ns)}")
    if connect.snd_mss is not None:
        facts.append(f"segments of up to {connect.snd_mss} bytes, path MTU {connect.path_mtu}")
    return facts
