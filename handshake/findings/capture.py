"""HS9xx: what the capture itself left out."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, milliseconds, numbers, rule
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Fold, Mark, Side, Step
from handshake.model.packet import ACK, RST, SYN, IcmpError, Tags


@rule(
    "HS901", "evicted", Severity.NOTE, on=(Sign.CAPTURE,),
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
    "HS902", "captured-out-of-order", Severity.NOTE, on=(Sign.PAIR, Mark.THIRD_LATE),
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
    "HS903", "options-cut", Severity.NOTE, on=(Sign.ODD,),
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
    "HS904", "captured-twice", Severity.NOTE, on=(Sign.CAPTURE,),
    what="Some packets of this connection are in the capture more than once; each was judged once.",
    why="A mirror port copies them on their way in and out, a sniffer listens at both sides of a bridge or loopback, "
    "or two captures were merged. The very same packet comes again at once, which no retransmission does.",
    check="Mirror one direction only, capture at one interface, or `editcap -d IN OUT`.",
    rfc=("RFC 6298 §2.1", "RFC 6864 §4"),
    twin="Wireshark: tcp.analysis.retransmission, tcp.analysis.duplicate_ack on copies",
)  # fmt: skip
def captured_twice(facts: Facts) -> Iterator[Match]:
    """Copies that were folded."""
    total = facts.handshake.copies.total
    if total:
        yield Match(f"{total} packet{'s' * (total != 1)} captured once more")


@rule(
    "HS905", "time-goes-back", Severity.NOTE, on=(Mark.TIME_BACK,),
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


@rule(
    "HS906", "directions-differ", Severity.NOTE, on=(Sign.CAPTURE,),
    what="Packets of this connection travel in different VLANs, or some of them inside a tunnel and some not.",
    why="Asymmetric routing between two VLANs, or a capture point that sees one direction before and the other after "
    "a device that adds or removes tags.",
    check="Whether each direction is meant to go that way; stateful firewalls on only one of the ways.",
    rfc=("RFC 9293 §3.5",),
)  # fmt: skip
def directions_differ(facts: Facts) -> Iterator[Match]:
    """Other ways than that of the first packet; labels and tunnel numbers are one-way by design and no news."""
    here = _way(facts.handshake.tags)
    for side, tags in facts.handshake.other_ways:
        if _way(tags) != here:
            ways = (", ".join(map(str, way)) or "without any tag" for way in (facts.handshake.tags, tags))
            yield Match(f"{next(ways)} at first, packets of the {side.value} {next(ways)}")


def _way(tags: Tags) -> list[tuple[str, int | None]]:
    """The kinds of tags, with the number where that is the same in both directions by design."""
    return [(tag.kind, tag.number if tag.kind == "vlan" else None) for tag in tags]
