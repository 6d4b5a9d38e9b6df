"""HS2xx: timestamps (RFC 7323), and options that need an agreement."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, rule
from handshake.model import options as kinds
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Side


@rule(
    "HS205", "timestamps-not-accepted", Severity.NOTE, on=(Sign.PAIR,),
    what="The client offered timestamps, the SYN-ACK does not have them.",
    why="Switched off on the server (Windows does by default), or stripped on the way. Without them round trips are "
    "measured less often and old duplicates are not recognised.",
    check="`net.ipv4.tcp_timestamps` on the server.",
    rfc=("RFC 7323 §3.2",),
)  # fmt: skip
def timestamps_refused(facts: Facts) -> Iterator[Match]:
    """Timestamps in one SYN only."""
    pair = facts.pair
    if pair and pair[0].options.tsval is not None and pair[1].options.tsval is None:
        yield Match("timestamps were offered and not accepted", (pair[0].number, pair[1].number))


@rule(
    "HS206", "timestamp-echo-wrong", Severity.WARNING, on=(Sign.PAIR,),
    what="The timestamp echo of the SYN-ACK is none of the client's timestamps.",
    why="A device between rewrites timestamps in one direction, or the answer is not to this SYN.",
    check="SYN proxies and load balancers on the way.",
    rfc=("RFC 7323 §3.2",),
)  # fmt: skip
def timestamp_echo(facts: Facts) -> Iterator[Match]:
    """TSecr of the SYN-ACK against TSval of the SYNs; old stacks echo nothing at all (0)."""
    pair = facts.pair
    if not pair or not pair[1].options.tsecr or pair[0].options.tsval is None:
        return
    sent = [syn.options.tsval for syn in facts.syns[Side.CLIENT]]
    if pair[1].options.tsecr not in sent:
        yield Match(f"the SYN-ACK echoes {pair[1].options.tsecr}, which no SYN carried", (pair[1].number,))


@rule(
    "HS213", "timestamps-dropped", Severity.WARNING, on=(Mark.TIMESTAMP_MISSING,),
    what="A segment has no timestamps although both SYNs had agreed on them.",
    why="The box that answered the SYN is not the host that talks now (a SYN proxy, a load balancer), a device takes "
    "options out, or a broken stack. A receiver may drop such a segment.",
    check="TTL and window of the SYN or SYN-ACK against later segments of the same side; a capture on its host.",
    rfc=("RFC 7323 §3.2",),
)  # fmt: skip
def timestamps_dropped(facts: Facts) -> Iterator[Match]:
    """Timestamps that end; a RST may do without."""
    for segment in facts.marked(Mark.TIMESTAMP_MISSING):
        yield Match(f"the {facts.sender(segment).value} leaves the timestamps out", (segment.number,))


@rule(
    "HS214", "timestamp-goes-back", Severity.WARNING, on=(Mark.TIMESTAMP_BACK,),
    what="A side's timestamp is lower than one that it sent before, on data that is new.",
    why="Two hosts or processors with clocks of their own answer for one address, a device rewrites timestamps, or "
    "somebody forges segments. The receiver drops them as old duplicates (PAWS).",
    check="Load balancers and clusters behind that address; TTL and IP identification of the segment.",
    rfc=("RFC 7323 §5.3",),
)  # fmt: skip
def timestamp_goes_back(facts: Facts) -> Iterator[Match]:
    """TSval that goes down (modulo 2^32) while sequence numbers go up."""
    for segment in facts.marked(Mark.TIMESTAMP_BACK):
        yield Match(f"the {facts.sender(segment).value} goes back to {segment.options.tsval}", (segment.number,))


@rule(
    "HS217", "option-not-agreed", Severity.WARNING, on=(Mark.OPTION_UNAGREED,),
    what="A segment has timestamps or SACK blocks although not both SYNs carried the option that permits them.",
    why="A broken stack; or the SYN or SYN-ACK did carry the option and a device on the way took it out, so that one "
    "side believes it is agreed on: consistent with both.",
    check="Whether the option is there at the sending host (two capture points); firewalls that normalise options.",
    rfc=("RFC 7323 §3.2", "RFC 2018 §2"),
)  # fmt: skip
def option_not_agreed(facts: Facts) -> Iterator[Match]:
    """Timestamps or SACK without an agreement."""
    for segment in facts.marked(Mark.OPTION_UNAGREED):
        names = [item.name for item in segment.options.items if item.kind in (kinds.TIMESTAMPS, kinds.SACK)]
        who = facts.sender(segment).value
        yield Match(f"the {who} uses {' and '.join(names)} as if it were agreed on", (segment.number,))
