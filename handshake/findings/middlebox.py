"""HS1xx: other boxes than the two ends seem to take part. Hints: what they say is never proof."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from handshake.findings.registry import Facts, Match, Sign, milliseconds, numbers, rule, times
from handshake.model.finding import Severity
from handshake.model.handshake import Fold, Mark, Side
from handshake.model.packet import ACK, ECE, RST, SYN, Segment

_DETOUR = 2
"""A TTL that differs by so few may only have come another way."""

_SURE = 3
"""So many timestamps do not end alike by chance (1 of 64 each)."""

PATIENT_NS = 3_500_000_000
"""A server that keeps state has sent its SYN-ACK again by then: 1 s (RFC 6298 §2.1), 3 s in older stacks."""


@rule(
    "HS122", "syn-cookie-hint", Severity.NOTE, on=(Sign.PAIR,),
    what="The SYN-ACK looks like one that its sender did not remember.",
    why="Consistent with SYN cookies: under a flood (or always) the server keeps no state until the third segment, so "
    "it never repeats a SYN-ACK by itself, and has room for a few options only: Linux puts window scale, SACK and ECN "
    "into the low six bits of its timestamp, and without timestamps does without them.",
    check="`nstat TcpExtSyncookiesSent TcpExtTCPReqQFullDoCookies` and `net.ipv4.tcp_syncookies` on the server; "
    "whether it is under a flood, or its backlog too small.",
    rfc=("RFC 4987 §3.6",),
)  # fmt: skip
def syn_cookie_hint(facts: Facts) -> Iterator[Match]:
    """Two signs of a stateless SYN-ACK, or one that cannot well be chance."""
    if not facts.pair or not facts.pair[1].flags & ACK:
        return
    answers = [s for step, s in facts.segments if s.flags & (SYN | ACK) == SYN | ACK and step.sender is Side.SERVER]
    waited = _unrepeated_ns(facts)
    if waited is None or (waited < PATIENT_NS and len(answers) < _SURE):
        return
    encoded = _encoded(facts.pair[0], answers)
    signs = []
    if waited >= PATIENT_NS:
        signs.append(f"it was not repeated in {milliseconds(waited)}")
    if encoded:
        signs.append(f"the low six bits of its timestamp encode the options as Linux does ({times(encoded)})")
    if _does_without(*facts.pair):
        signs.append("window scale and SACK were offered without timestamps, and both left out")
    if len(signs) > 1 or encoded >= _SURE:
        yield Match("; ".join(signs) + ": consistent with a SYN cookie", numbers(answers))


def _unrepeated_ns(facts: Facts) -> int | None:
    """How long a SYN-ACK stood unanswered and was not repeated, ns; None if the server did repeat one by itself."""
    longest = 0
    for (_, before), (_, after) in pairwise(facts.segments):
        if before.flags & (SYN | ACK) == SYN | ACK:
            if after.flags & (SYN | ACK) == SYN | ACK:
                return None
            longest = max(longest, after.time_ns - before.time_ns)
    return longest


def _encoded(syn: Segment, answers: list[Segment]) -> int:
    """How many different timestamps of SYN-ACKs end as Linux encodes options (its syncookies.c); 0 unless all do."""
    values = {answer.options.tsval for answer in answers}
    for answer in answers:
        offered, taken = syn.options.wscale_shift, answer.options.wscale_shift
        scale = min(offered, 14) if offered is not None and taken is not None else 15
        bits = scale | answer.options.sack_permitted << 4 | bool(answer.flags & ECE) << 5
        if answer.options.tsval is None or answer.options.tsval & 63 != bits:
            return 0
    return len(values)


def _does_without(syn: Segment, answer: Segment) -> bool:
    """Options that a cookie has no room for are missing, and nothing else."""
    offered, taken = syn.options, answer.options
    if offered.tsval is not None or offered.wscale_shift is None or not offered.sack_permitted:
        return False
    return taken.mss is not None and taken.wscale_shift is None and not taken.sack_permitted


@rule(
    "HS123", "syn-proxy-hint", Severity.NOTE, on=(Sign.ANSWER,),
    what="The SYN-ACK does not look as if it came from the host that talks afterwards.",
    why="Consistent with a box that answers for the server and only then opens a connection to it: a SYN proxy against "
    "floods, a firewall, a load balancer. It answers with its own TTL and options, and with a window of 0 until the "
    "server has answered too. Some hosts change their TTL by themselves: BGP speakers lower it for a direct neighbour.",
    check="What stands before the server; a capture on the server itself. The round trip to the SYN-ACK is then the "
    "one to the proxy.",
    rfc=("RFC 4987 §3.8",),
)  # fmt: skip
def syn_proxy_hint(facts: Facts) -> Iterator[Match]:
    """Another TTL, other options, or a window that opens late, right after the SYN-ACK."""
    answer = facts.handshake.server.opening
    if answer is None or not answer.flags & ACK:
        return
    signs, frames = [], [answer]
    for segment in facts.marked(Mark.WINDOW_OPENED):
        if segment.src == answer.src and segment.time_ns >= answer.time_ns:
            signs.append(f"its window of 0 opens {milliseconds(segment.time_ns - answer.time_ns)} later")
            frames.append(segment)
    following = _next_of_server(facts, answer)
    if following is not None:
        if abs(following.ttl - answer.ttl) > _DETOUR:
            from handshake.findings.fingerprint import ttl_words

            signs.append(f"its TTL is {ttl_words(answer.ttl)}, that of the next segment {ttl_words(following.ttl)}")
        if following in facts.marked(Mark.TIMESTAMP_MISSING):
            signs.append("it agreed on timestamps, and the next segment has none")
        frames.append(following)
    if signs:
        yield Match("; ".join(signs) + ": consistent with a proxy", numbers(dict.fromkeys(frames)))


def _next_of_server(facts: Facts, answer: Segment) -> Segment | None:
    """What the server sent after its SYN-ACK, copies, RSTs and misfits aside; None if folded: then it was alike."""
    seen = False
    for row in facts.handshake.timeline:
        if isinstance(row, Fold):
            if seen and row.server_segments:
                return None
        elif row.packet is answer:
            seen = True
        elif seen and row.sender is Side.SERVER and isinstance(row.packet, Segment):
            if row.packet.flags & (SYN | RST) or Mark.BAD_ACK in row.marks:
                continue
            return row.packet
    return None


@rule(
    "HS124", "ttl-changed", Severity.NOTE, on=(Mark.TTL_CHANGED,),
    what="The TTL of one side's segments changes within the connection.",
    why="The way changed or packets are spread over ways of different length (a step or two); or two boxes speak with "
    "one address: a proxy, a load balancer, a device that injects segments (consistent with each).",
    check="Options, window and timestamps of the segments with the odd TTL; traceroute in both directions.",
    rfc=("RFC 9293 §3.9.2",),
)  # fmt: skip
def ttl_changed(facts: Facts) -> Iterator[Match]:
    """Another TTL than in the side's first segment; right behind the SYN-ACK it is HS123."""
    answer = facts.handshake.server.opening
    behind = _next_of_server(facts, answer) if answer is not None and answer.flags & ACK else None
    for segment in facts.marked(Mark.TTL_CHANGED):
        if segment is not behind or (answer and abs(segment.ttl - answer.ttl) <= _DETOUR):
            side = facts.sender(segment)
            first = next(other for step, other in facts.segments if step.sender is side and not other.flags & RST)
            yield Match(f"the {side.value}'s TTL goes from {first.ttl} to {segment.ttl}", numbers([first, segment]))
