"""What is said under a timeline: the result, the options in effect, the findings and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handshake.findings.fingerprint import fingerprint
from handshake.findings.registry import RULES
from handshake.model.packet import ACK
from handshake.render.explanation import write_reasons
from handshake.render.grid import Column, write_grid
from handshake.render.story import story
from handshake.render.words import (
    OUTCOME_STYLE,
    OUTCOME_WORDS,
    REACH_STYLE,
    SEVERITY_STYLE,
    close_sentence,
    fingerprint_words,
    outcome_sentence,
    timing_sentence,
)

if TYPE_CHECKING:
    from handshake.model.finding import Finding
    from handshake.model.handshake import Exchange, Handshake, Negotiated
    from handshake.render.page import Page
    from handshake.render.session import Session


def write_verdict(page: Page, handshake: Handshake) -> None:
    """Write everything that the timeline amounts to."""
    page.line()
    result = (outcome_sentence(handshake), f"bold {OUTCOME_STYLE[handshake.outcome]}")
    page.paragraph(result, f"  {timing_sentence(handshake)}")
    if page.terminal.verbosity >= 0:
        page.paragraph((OUTCOME_WORDS[handshake.outcome], "dim"))
    if handshake.outcome.opened:
        page.paragraph(close_sentence(handshake.teardown))
    for sentence in story(handshake):
        page.paragraph(sentence)
    if handshake.role_inferred:
        page.paragraph(("no SYN was captured: which end is the client is a guess from the ports", "dim"))
    if handshake.evicted:
        page.paragraph(("followed only in part: the flow table was full", "yellow"))
    if handshake.negotiation and handshake.server.opening:
        page.line()
        write_grid(page, option_columns(handshake.negotiation))
    if page.terminal.verbosity >= 0:
        _fingerprints(page, handshake)
    for finding in handshake.findings:
        page.line()
        _finding(page, finding)


def write_udp_verdict(page: Page, exchange: Exchange, session: Session) -> None:
    """Write what a UDP exchange says about the port."""
    page.line()
    verdict, *words = session.result
    page.paragraph((verdict, f"bold {REACH_STYLE[exchange.verdict]}"))
    for sentence in words:
        page.paragraph((sentence, "dim"))


def option_columns(negotiation: Sequence[Negotiated]) -> list[Column]:
    """The option table."""
    return [
        Column("option", [row.name for row in negotiation]),
        Column("offered", [row.offered for row in negotiation]),
        Column("accepted", [row.accepted for row in negotiation]),
        Column("in effect", [row.in_effect for row in negotiation]),
    ]


def _fingerprints(page: Page, handshake: Handshake) -> None:
    """What the SYN and the SYN-ACK give away about their senders."""
    openings = [opening for opening in (handshake.client.opening, handshake.server.opening) if opening]
    if openings:
        page.line()
    for opening in openings:
        name = "SYN-ACK" if opening.flags & ACK else "SYN"
        page.field(name, (fingerprint_words(fingerprint(opening)), "dim"))


def _finding(page: Page, finding: Finding) -> None:
    """The finding with its numbers; the rule's What, Why and check unless the reader wants it short."""
    page.paragraph(
        (f"{finding.code} {finding.name}", f"bold {SEVERITY_STYLE[finding.severity.value]}"),
        (f"· {finding.severity.value}", "dim"),
    )
    page.field("seen", finding.detail, (_frames(finding.frames), "dim"))
    if page.terminal.verbosity >= 0:
        write_reasons(page, RULES[finding.code])


def _frames(frames: Sequence[int]) -> str:
    """`(frames 1, 2, 3)`, the first five of them."""
    if not frames:
        return ""
    more = ", …" if len(frames) > 5 else ""
    return f"({'frame' if len(frames) == 1 else 'frames'} {', '.join(map(str, frames[:5]))}{more})"
