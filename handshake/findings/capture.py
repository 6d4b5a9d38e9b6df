"""HS9xx: what the capture itself left out."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, milliseconds, numbers, rule
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Fold, Mark, Side, Step
from handshake.model.packet import ACK, RST, SYN, IcmpError


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
    what="Packets of the handshake stand in the capture in an order in which they cannot have been sent.",
    why="Several interfaces or queues of a network card were merged into one file without sorting, or two capture "
    "points were joined.",
    check="`reordercap IN OUT` sorts a capture by time.",
    rfc=(),
    twin="Wireshark tcp.analysis.out_of_order",
)  # fmt: skip
def out_of_order(facts: Facts) -> Iterator[Match]:
    """SYN-ACK before its SYN, third segment before the SYN-ACK, data before the third segment."""
    if facts.pair and facts.pair[1].flags & ACK:
        syn, answer = facts.pair
        if answer.number < syn.number:
            yield Match("the SYN-ACK was captured before its SYN", (answer.number, syn.number))
        for step, segment in facts.segments:
            if segment is answer:
                break
            confirms = segment.flags & (SYN | RST | ACK) == ACK and segment.ack == seq.add(answer.seq, answer.seg_len)
            if confirms and step.sender is Side.CLIENT:
                yield Match("the SYN-ACK was captured behind its confirmation", (segment.number, answer.number))
                break
    late = facts.marked(Mark.THIRD_LATE)
    if late:
        yield Match("the third segment was captured behind the data after it", numbers(late))


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


@rule(
    "HS905", "time-goes-back", Severity.NOTE,
    what="A packet of this connection bears an earlier time than the one before it in the capture.",
    why="Captures were joined without sorting, the clock was set while capturing, or several queues of a network card "
    "were read in turn.",
    check="`reordercap IN OUT` sorts a capture by time; latencies that would come out negative are left out here.",
    rfc=(),
    twin="Wireshark frame.time_delta < 0",
)  # fmt: skip
def time_goes_back(facts: Facts) -> Iterator[Match]:
    """The first step back in time, and how far."""
    if not facts.marked(Mark.TIME_BACK):
        return
    before = None
    for row in facts.handshake.timeline:
        if isinstance(row, Step) and isinstance(row.packet, IcmpError):
            continue
        if isinstance(row, Step) and Mark.TIME_BACK in row.marks and before is not None:
            gap = milliseconds(before - row.time_ns)
            yield Match(f"this packet is stamped {gap} earlier than the one before it", (row.packet.number,))
        before = row.last_ns if isinstance(row, Fold) else row.time_ns
