"""HS2xx: signed segments, by MD5 (RFC 2385) or TCP-AO (RFC 5925)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.findings.registry import Facts, Match, numbers, rule
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Outcome
from handshake.model.options import AO, MD5

if TYPE_CHECKING:
    from handshake.model.packet import Segment


def _signature(segment: Segment) -> str:
    names = (("an MD5 signature", segment.options.md5), ("TCP-AO", segment.options.ao))
    return " and ".join(name for name, there in names if there) or "no signature"


@rule(
    "HS220", "signature-changed", Severity.WARNING, on=(Mark.SIGNATURE_CHANGED,),
    what="A side signs some of its segments and others not, or in another way.",
    why="Each segment of a signed connection has to be signed. An unsigned one comes from a device on the way or from "
    "a forger, or the host restarted and its kernel answers without the key; the receiver drops it.",
    check="TTL of the segment against others of the same side; whether the key is configured for this peer.",
    rfc=("RFC 2385 §2", "RFC 5925"),
)  # fmt: skip
def signature_changed(facts: Facts) -> Iterator[Match]:
    """MD5 or TCP-AO there and missing."""
    for segment in facts.marked(Mark.SIGNATURE_CHANGED):
        yield Match(f"the {facts.sender(segment).value} sends {_signature(segment)}, unlike before", (segment.number,))


@rule(
    "HS221", "two-signatures", Severity.WARNING, on=(AO,),
    what="A segment has both an MD5 signature and TCP-AO.",
    why="A crafted packet or a broken stack: only one of them may be used, and a receiver drops such a segment.",
    check="What sends it.",
    rfc=("RFC 5925 §2.2",),
)  # fmt: skip
def two_signatures(facts: Facts) -> Iterator[Match]:
    """MD5 and TCP-AO at once."""
    if not {MD5, AO} <= facts.kinds:
        return
    found = [segment for _, segment in facts.segments if segment.options.md5 and segment.options.ao]
    if found:
        yield Match("MD5 and TCP-AO at once", numbers(found))


@rule(
    "HS222", "signed-syn-unanswered", Severity.WARNING, on=(Outcome.UNANSWERED,),
    what="The SYN is signed (MD5 or TCP-AO), and nothing came back.",
    why="A receiver drops in silence what is signed with another key, or is not expected to be signed: consistent with "
    "a wrong or missing key, as well as with everything else that makes a SYN go unanswered.",
    check="The keys on both sides (BGP neighbours: the `password` of each); `nstat TcpExtTCPMD5Failure "
    "TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected` on the server.",
    rfc=("RFC 2385 §2", "RFC 5925"),
)  # fmt: skip
def signed_syn_unanswered(facts: Facts) -> Iterator[Match]:
    """Silence after a signed SYN."""
    syn = facts.handshake.client.opening
    if facts.handshake.outcome is Outcome.UNANSWERED and syn and (syn.options.md5 or syn.options.ao):
        yield Match(f"no answer to a SYN with {_signature(syn)}", (syn.number,))
