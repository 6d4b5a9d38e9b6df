"""HS9xx: what the capture itself left out."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, numbers, rule
from handshake.model.finding import Severity
from handshake.model.packet import ACK


@rule(
    "HS901", "evicted", Severity.NOTE,
    what="The connection was dropped from the full flow table before its end; what came later is missing here.",
    why="More connections at once than the table keeps: a flood or a very busy capture.",
    check="Filter the capture to the hosts of interest first.",
    rfc=(),
)  # fmt: skip
def evicted(facts: Facts) -> Iterator[Match]:
    """Dropped early to bound memory."""
    if facts.handshake.evicted:
        yield Match("followed only up to here: the flow table was full")


@rule(
    "HS902", "captured-out-of-order", Severity.NOTE,
    what="The answer stands before the question in the capture.",
    why="Several interfaces or queues of a network card were merged into one file without sorting, or two capture "
    "points were joined.",
    check="`reordercap IN OUT` sorts a capture by time.",
    rfc=(),
    twin="Wireshark tcp.analysis.out_of_order",
)  # fmt: skip
def out_of_order(facts: Facts) -> Iterator[Match]:
    """SYN-ACK captured before its SYN."""
    syn, answer = facts.handshake.client.opening, facts.handshake.server.opening
    if syn and answer and answer.flags & ACK and answer.number < syn.number:
        yield Match("the SYN-ACK was captured before its SYN", (answer.number, syn.number))


@rule(
    "HS903", "options-cut", Severity.NOTE,
    what="The capture holds only the beginning of a segment's options.",
    why="A small snapshot length, or the packet was fragmented inside its TCP header.",
    check="Capture with `-s 0` (whole packets).",
    rfc=(),
    twin="Wireshark: packet size limited during capture",
)  # fmt: skip
def options_cut(facts: Facts) -> Iterator[Match]:
    """Options that end where the capture does."""
    found = [segment for _, segment in facts.segments if segment.options.cut]
    if found:
        yield Match("what follows the cut is unknown", numbers(found))
