"""What a handshake says, in the few words that several formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.handshake import CloseKind, Handshake, Mark, Outcome, Reach, Side, Teardown
from handshake.model.options import MSS, NOP, SACK_PERMITTED, TFO, WSCALE, Option
from handshake.model.packet import ACK, AE, CWR, ECE, IcmpError, Segment, Tags, flag_names
from handshake.render.units import count, duration

if TYPE_CHECKING:
    from handshake.findings.fingerprint import Fingerprint
    from handshake.model.kernel import KernelView
    from handshake.model.report import Damage

OUTCOME_STYLE = {
    Outcome.ESTABLISHED: "green",
    Outcome.SIMULTANEOUS_OPEN: "green",
    Outcome.SPLIT_HANDSHAKE: "green",
    Outcome.REFUSED: "red",
    Outcome.UNANSWERED: "red",
    Outcome.UNREACHABLE: "red",
    Outcome.HALF_OPEN: "yellow",
    Outcome.ABORTED_BY_CLIENT: "yellow",
    Outcome.ABORTED_BY_SERVER: "yellow",
    Outcome.ONE_SIDED: "dim",
    Outcome.MIDSTREAM: "dim",
}

REACH_STYLE = {Reach.OPEN: "green", Reach.CLOSED: "red", Reach.FILTERED: "red", Reach.SILENT: "yellow"}

OUTCOME_WORDS = {
    Outcome.ESTABLISHED: "both ends agreed on their sequence numbers",
    Outcome.SIMULTANEOUS_OPEN: "both ends opened actively at the same time",
    Outcome.SPLIT_HANDSHAKE: "the server answered the SYN with a SYN of its own",
    Outcome.REFUSED: "the host answered, and nothing listens on that port (or a firewall rejects with RST)",
    Outcome.UNANSWERED: "no reply to the SYN: dropped on the way, or filtered",
    Outcome.UNREACHABLE: "a router or the host reported that the SYN could not be delivered",
    Outcome.HALF_OPEN: "the server answered, and the client's final ACK never came",
    Outcome.ABORTED_BY_CLIENT: "the client reset the connection before it was established",
    Outcome.ABORTED_BY_SERVER: "the server reset the connection before it was established",
    Outcome.ONE_SIDED: "only one direction was captured",
    Outcome.MIDSTREAM: "the capture began after the handshake",
}

_GOOD = {Mark.HANDSHAKE_COMPLETE}
_UNUSUAL = {
    Mark.DATA_IN_SYN,
    Mark.DATA_IN_SYN_ACK,
    Mark.DATA_IN_THIRD_SEGMENT,
    Mark.DATA_BEFORE_ACK,
    Mark.PORT_REUSED,
    Mark.TIME_WAIT_REUSED,
    Mark.KEEP_ALIVE,
    Mark.ZERO_WINDOW_PROBE,
    Mark.WINDOW_OPENED,
}
"""Worth a look, and allowed."""

SEVERITY_STYLE = {"error": "red", "warning": "yellow", "note": "cyan"}


def option_words(segment: Segment) -> str:
    """The options of a SYN or SYN-ACK in words and wire order, ECN flags included; empty without any."""
    words = [_option(item) for item in segment.options.items if item.kind > NOP]
    ecn = segment.flags & (AE | CWR | ECE)
    if ecn:
        words.append(_ecn(ecn, reply=bool(segment.flags & ACK)))
    return ", ".join(words)


def _option(item: Option) -> str:
    shape = (item.kind, len(item.data))
    if shape == (MSS, 2):
        return f"MSS {int.from_bytes(item.data)}"
    if shape == (WSCALE, 1):
        return f"window scale {item.data[0]}"
    if shape == (SACK_PERMITTED, 0):
        return "SACK"
    if shape == (TFO, 0):
        return "Fast Open cookie request"
    if item.kind == TFO:
        return f"Fast Open cookie of {count(len(item.data), 'byte')}"
    return item.name


def _ecn(flags: int, reply: bool) -> str:
    """The offer (RFC 3168 §6.1.1, RFC 9768 §3.1.1) or the plain acceptance; anything else by its flags."""
    if not reply and flags == (AE | CWR | ECE):
        return "AccECN"
    if flags == (ECE if reply else ECE | CWR):
        return "ECN"
    return "flags " + ",".join(flag_names(flags))


def option_brief(handshake: Handshake) -> str:
    """What both ends announced, as short as it goes: `MSS 1460 WS 7/7 SACK TS`; empty without both SYNs."""
    if handshake.client.opening is None or handshake.server.opening is None:
        return ""
    ours, theirs = handshake.client.opening.options, handshake.server.opening.options
    words = []
    if ours.mss is not None or theirs.mss is not None:
        words.append(
            f"MSS {ours.mss or '-'}" if ours.mss == theirs.mss else f"MSS {ours.mss or '-'}/{theirs.mss or '-'}"
        )
    if ours.wscale_shift is not None and theirs.wscale_shift is not None:
        words.append(f"WS {ours.wscale_shift}/{theirs.wscale_shift}")
    if ours.sack_permitted and theirs.sack_permitted:
        words.append("SACK")
    if ours.tsval is not None and theirs.tsval is not None:
        words.append("TS")
    return " ".join(words)


def retransmits(handshake: Handshake) -> str:
    """Repeated SYNs and SYN-ACKs: `2 SYN`, `1 SYN 1 S/A`; empty when there were none."""
    words = []
    if handshake.syn_retransmits:
        words.append(f"{handshake.syn_retransmits} SYN")
    if handshake.synack_retransmits:
        words.append(f"{handshake.synack_retransmits} S/A")
    return " ".join(words)


def close_brief(teardown: Teardown) -> str:
    """How it was closed, in one or two words: `FIN client`, `RST server`; empty while open."""
    kind = {
        CloseKind.OPEN: "",
        CloseKind.FIN: "FIN",
        CloseKind.FIN_UNFINISHED: "FIN…",
        CloseKind.HALF_CLOSED: "half",
        CloseKind.RST: "RST",
        CloseKind.FIN_THEN_RST: "FIN+RST",
    }[teardown.kind]
    who = "both" if teardown.simultaneous else teardown.first.value if teardown.first else ""
    return f"{kind} {who}".strip()


def close_sentence(teardown: Teardown) -> str:
    """How it was closed, as one sentence without a full stop."""
    first = teardown.first.value if teardown.first else "one side"
    other = teardown.first.other.value if teardown.first else "the other"
    if teardown.simultaneous:
        return "closed by both sides at the same time: the FINs crossed"
    return {
        CloseKind.OPEN: "not closed within the capture: no FIN or RST",
        CloseKind.FIN: f"closed with FIN, {first} first; both sides acknowledged",
        CloseKind.FIN_UNFINISHED: f"closed with FIN, {first} first; the last acknowledgment was not captured",
        CloseKind.HALF_CLOSED: f"half-closed: {first} sent FIN, {other} did not",
        CloseKind.RST: f"reset by {teardown.reset_by.value if teardown.reset_by else first}",
        CloseKind.FIN_THEN_RST: f"{first} sent FIN first, then {_resetter(teardown)} sent RST",
    }[teardown.kind]


def _resetter(teardown: Teardown) -> str:
    return teardown.reset_by.value if teardown.reset_by else "one side"


def timing_sentence(handshake: Handshake) -> str:
    """Where the time of the opening went, without the outcome; empty when nothing could be measured."""
    timing = handshake.timing
    words = []
    if timing.syn_to_synack_ns is not None:
        words.append(f"network+server {duration(timing.syn_to_synack_ns)}")
    if timing.synack_to_ack_ns is not None:
        words.append(f"client {duration(timing.synack_to_ack_ns)}")
    if timing.excluded:
        words.append(f"round trip left out: {timing.excluded}")
    return " · ".join(words)


def outcome_sentence(handshake: Handshake) -> str:
    """The outcome with its time and tries: `established in 0.310 ms`, `unanswered after 3 SYNs in 7.012 s`."""
    outcome, timing = handshake.outcome, handshake.timing
    name: str = outcome.value
    if outcome.opened:
        took = timing.setup_ns if timing.setup_ns is not None else timing.irtt_ns
        words = name if took is None else f"{name} in {duration(took)}"
        repeats = [
            count(number, f"{segment} retransmission")
            for segment, number in (("SYN", handshake.syn_retransmits), ("SYN-ACK", handshake.synack_retransmits))
            if number
        ]
        return f"{words} after {' and '.join(repeats)}" if repeats else words
    if outcome is Outcome.UNANSWERED:
        words, spent = f"unanswered after {count(handshake.syn_retransmits + 1, 'SYN')}", lasted(handshake)
        return f"{words} in {spent}" if spent else words
    if outcome in (Outcome.REFUSED, Outcome.UNREACHABLE):
        waited = answer_ns(handshake)
        return f"{name} after {duration(waited)}" if waited >= 0 else name
    return name


def lasted(handshake: Handshake) -> str:
    """How long its packets took; empty where the clock went back in between."""
    spent = handshake.end_ns - handshake.start_ns
    return duration(spent) if spent >= 0 else ""


def answer_ns(handshake: Handshake) -> int:
    """Time, ns, from the first packet to the first one that did not come from the client."""
    steps = handshake.steps
    answer = next((s for s in steps if isinstance(s.packet, IcmpError) or s.sender is Side.SERVER), steps[-1])
    return answer.time_ns - handshake.start_ns


def tag_words(tags: Tags) -> str:
    """VLANs and tunnels around a connection, outermost first: `vlan 100, gre 7 (10.0.0.1 ↔ 10.0.0.2)`."""
    return ", ".join(map(str, tags))


def way_words(handshake: Handshake) -> str:
    """What is around a connection, and what else around some of it: `vlan 10; server: vlan 20`."""
    others = (f"{side.value}: {tag_words(tags) or 'no tag'}" for side, tags in handshake.other_ways)
    return "; ".join(word for word in (tag_words(handshake.tags), *others) if word)


def icmp_words(error: IcmpError) -> str:
    """An ICMP error: `ICMP 3/3 port unreachable`, with the next-hop MTU where it carries one."""
    mtu = f", MTU {error.mtu}" if error.mtu is not None else ""
    family = "ICMP" if error.version == 4 else "ICMPv6"
    return f"{family} {error.type}/{error.code} {error.meaning}{mtu}"


def damage_words(damage: Damage) -> str:
    """Where and why a capture could not be read any further."""
    place = "" if damage.offset is None else f", byte {damage.offset:,}"
    return f"at packet {damage.number:,}{place}: {damage.reason}"


def reporter_words(error: IcmpError) -> str:
    """An ICMP error and who sent it: the target itself or somebody on the way."""
    who = "the target itself" if error.reporter == error.dst.address else f"{error.reporter_text} on the way"
    return f"{icmp_words(error)}, reported by {who}"


def kernel_words(view: KernelView) -> str:
    """`SYN-RECV, accept queue 0/5`: the server's kernel on one connection, in its own words."""
    if view.accept_queue is None:
        return view.state or "nothing listens"
    return f"{view.state or 'no connection'}, accept queue {view.accept_queue}/{view.backlog}"


def fingerprint_words(found: Fingerprint) -> str:
    """What an opening gives away: `TTL 64 (0 hops) · window 64240 = 44 × MSS · mss,sok,ts,nop,ws · like Linux`."""
    from handshake.findings.fingerprint import ttl_words

    window = f"window {found.window}"
    if found.window_unit:
        window += f" = {found.window_count} × {'MSS' if found.window_unit == 'mss' else '(MSS - 12)'}"
    words = [f"TTL {ttl_words(found.ttl)}", window, found.layout or "no options"]
    words += [f"odd: {', '.join(found.quirks)}"] if found.quirks else []
    words += [f"like {found.like}"] if found.like else []
    return " · ".join(words)


def is_wrong(mark: Mark) -> bool:
    """Neither what is wanted nor merely unusual."""
    return mark not in _GOOD and mark not in _UNUSUAL


def mark_words(mark: Mark) -> tuple[str, str]:
    """A mark behind its symbol, and its style."""
    if mark in _GOOD:
        return f"✓ {mark.value}", "green"
    if mark in _UNUSUAL:
        return f"• {mark.value}", "cyan"
    return f"{'↻' if 'retransmitted' in mark.value else '✗'} {mark.value}", "yellow"
