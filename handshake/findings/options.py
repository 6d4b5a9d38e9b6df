"""HS2xx: options and windows in the handshake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from handshake.findings.registry import Facts, Match, Sign, milliseconds, numbers, rule, times
from handshake.model import options as kinds
from handshake.model.finding import Severity
from handshake.model.handshake import Mark
from handshake.model.options import Option
from handshake.model.packet import SYN

_SYN_ONLY = {kinds.MSS: "MSS", kinds.WSCALE: "window scale", kinds.SACK_PERMITTED: "SACK-permitted"}
_ONCE = frozenset(
    {kinds.MSS, kinds.WSCALE, kinds.SACK_PERMITTED, kinds.SACK, kinds.TIMESTAMPS, kinds.MD5, kinds.AO, kinds.TFO}
)
"""Options of which a second one in the same segment makes no sense."""
_SMALL_MSS = {4: 536, 16: 1220}
"""The default MSS by address length: announcing less is legal and suspicious (RFC 9293 §3.7.1)."""


@rule(
    "HS201", "zero-window-in-synack", Severity.WARNING, on=(Sign.ANSWER,),
    what="The SYN-ACK announces a receive window of zero.",
    why="The server accepts the connection but no data yet: a proxy or anti-flood device that answers for the real "
    "server, a tarpit, or a server without memory.",
    check="How long until a window update comes; what stands in front of the server.",
    rfc=("RFC 9293 §3.8.6", "RFC 9293 §3.8.6.1"),
    twin="Wireshark tcp.analysis.zero_window",
)  # fmt: skip
def zero_window(facts: Facts) -> Iterator[Match]:
    """Window 0 in the SYN-ACK."""
    answer = facts.handshake.server.opening
    if answer is not None and answer.wnd == 0 and answer.flags & SYN:
        opened = [segment for segment in facts.marked(Mark.WINDOW_OPENED) if segment.src == answer.src]
        detail = "the server's window is 0: no data may be sent yet"
        if opened and opened[0].time_ns >= answer.time_ns:
            detail += f"; it opens {milliseconds(opened[0].time_ns - answer.time_ns)} later"
        yield Match(detail, numbers([answer, *opened]))


@rule(
    "HS202", "no-mss", Severity.NOTE,
    what="A SYN or SYN-ACK announces no maximum segment size.",
    why="A minimal or crafted stack, a SYN cookie implementation without it, or a middlebox that strips options. The "
    "other side has to assume 536 bytes (IPv4) or 1220 (IPv6): many small packets.",
    check="Whether the option is there at the sending host (two capture points).",
    rfc=("RFC 9293 §3.7.1", "RFC 6691 §2"),
)  # fmt: skip
def no_mss(facts: Facts) -> Iterator[Match]:
    """MSS option missing."""
    for name, segment in facts.openings:
        if segment.options.mss is None and segment.options.fault is None and not segment.faults:
            default = _SMALL_MSS[len(segment.src.address)]
            yield Match(f"the {name} has no MSS option: {default} bytes are assumed", (segment.number,))


@rule(
    "HS203", "window-scale-not-accepted", Severity.NOTE, on=(Sign.PAIR,),
    what="The client offered window scaling, the SYN-ACK does not have it.",
    why="The server does not support it, or a middlebox or SYN cookie took it out. Windows stay below 64 KiB: slow "
    "on long, fast paths.",
    check="`net.ipv4.tcp_window_scaling` on the server; firewalls that normalise options.",
    rfc=("RFC 7323 §2.2",),
)  # fmt: skip
def window_scale_refused(facts: Facts) -> Iterator[Match]:
    """Window scale in one SYN only."""
    pair = facts.pair
    if pair and pair[0].options.wscale_shift is not None and pair[1].options.wscale_shift is None:
        shift = pair[0].options.wscale_shift
        yield Match(f"window scale {shift} was offered and not accepted", (pair[0].number, pair[1].number))


@rule(
    "HS204", "sack-not-accepted", Severity.NOTE, on=(Sign.PAIR,),
    what="The client offered selective acknowledgments, the SYN-ACK does not have the option.",
    why="An old or small stack, or options stripped on the way. Several losses in one window then cost a round trip "
    "each.",
    check="`net.ipv4.tcp_sack` on the server; firewalls that normalise options.",
    rfc=("RFC 2018 §2",),
)  # fmt: skip
def sack_refused(facts: Facts) -> Iterator[Match]:
    """SACK-permitted in one SYN only."""
    pair = facts.pair
    if pair and pair[0].options.sack_permitted and not pair[1].options.sack_permitted:
        yield Match("SACK was offered and not accepted", (pair[0].number, pair[1].number))


@lru_cache(maxsize=4096)
def _repeats(order: tuple[int, ...]) -> bool:
    """Whether an option stands there twice that may stand there once."""
    once = [kind for kind in order if kind in _ONCE]
    return len(set(once)) < len(once)


@rule(
    "HS207", "malformed-options", Severity.WARNING,
    what="The options of a segment cannot be read to their end, have a length they may not have, or stand there "
    "twice.",
    why="A crafted packet, a broken stack, or a middlebox that writes over options carelessly.",
    check="The raw bytes; whether the receiver answers at all.",
    rfc=("RFC 9293 §3.1", "RFC 9293 §3.2"),
    twin="Wireshark tcp.option.len.invalid (expert info)",
)  # fmt: skip
def malformed_options(facts: Facts) -> Iterator[Match]:
    """Option faults."""
    if not facts.odd and not any(map(_repeats, facts.orders)):
        return
    for _, segment in facts.segments:
        if segment.options.fault:
            yield Match(segment.options.fault, (segment.number,))
        for kind, count in Counter(item.kind for item in segment.options.items).items():
            if count > 1 and kind in _ONCE:
                yield Match(f"option {Option(kind, b'').name} stands there {times(count)}", (segment.number,))


@rule(
    "HS208", "syn-option-outside-syn", Severity.WARNING,
    what="An option that belongs in a SYN only stands in another segment.",
    why="A crafted packet or a broken stack; receivers have to ignore it.",
    check="What sends it.",
    rfc=("RFC 9293 §3.2", "RFC 7323 §2.2", "RFC 2018 §2"),
)  # fmt: skip
def syn_option_elsewhere(facts: Facts) -> Iterator[Match]:
    """MSS, window scale or SACK-permitted without SYN."""
    if facts.late_kinds.isdisjoint(_SYN_ONLY):
        return
    for _, segment in facts.segments:
        if not segment.flags & SYN:
            names = [_SYN_ONLY[item.kind] for item in segment.options.items if item.kind in _SYN_ONLY]
            if names:
                yield Match(f"{', '.join(names)} in a segment without SYN", (segment.number,))


@rule(
    "HS209", "window-scale-too-large", Severity.WARNING, on=(kinds.WSCALE,),
    what="A window scale shift above 14 was announced; it counts as 14.",
    why="A crafted or broken SYN.",
    check="What sends it.",
    rfc=("RFC 7323 §2.3",),
    twin="Wireshark tcp.options.wscale.shift.invalid",
)  # fmt: skip
def window_scale_too_large(facts: Facts) -> Iterator[Match]:
    """Shift above 14."""
    for name, segment in facts.openings:
        shift = segment.options.wscale_shift
        if shift is not None and shift > 14:
            yield Match(f"the {name} announces a shift of {shift}", (segment.number,))


@rule(
    "HS211", "small-mss", Severity.NOTE, on=(kinds.MSS,),
    what="A very small maximum segment size was announced.",
    why="A tunnel or a device clamps the MSS, a tiny stack, or an attempt to make the other side send many small "
    "packets.",
    check="The path MTU; `iptables`/`nft` rules with TCPMSS on routers.",
    rfc=("RFC 9293 §3.7.1", "RFC 6691"),
)  # fmt: skip
def small_mss(facts: Facts) -> Iterator[Match]:
    """MSS below the default."""
    for name, segment in facts.openings:
        mss = segment.options.mss
        if mss is not None and mss < _SMALL_MSS[len(segment.src.address)]:
            yield Match(f"the {name} announces an MSS of {mss} bytes", (segment.number,))


@rule(
    "HS215", "zero-window-probe", Severity.NOTE, on=(Mark.ZERO_WINDOW_PROBE,),
    what="A side probes the other one's closed window.",
    why="The other side announced a receive window of 0: its application does not read, it is out of memory, or a "
    "proxy holds the client back. The prober asks again and again, lest a lost window update stop both for ever.",
    check="What the application behind the closed window is doing (`ss -tm` shows its receive queue).",
    rfc=("RFC 9293 §3.8.6.1",),
    twin="Wireshark tcp.analysis.zero_window_probe",
)  # fmt: skip
def zero_window_probe(facts: Facts) -> Iterator[Match]:
    """Probes of a closed window, the first of each side."""
    found = facts.marked(Mark.ZERO_WINDOW_PROBE)
    if found:
        yield Match("the window is closed and is probed", numbers(found))
