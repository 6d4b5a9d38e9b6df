"""HS2xx: traces that devices on the way leave in options and numbers. What they say is never proof."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from handshake.findings.registry import Facts, Match, numbers, rule
from handshake.model.finding import Severity
from handshake.model.handshake import Mark
from handshake.model.options import EOL, MSS, NOP

_NOPS = {
    3: "window scale",
    4: "MSS, or window scale or SACK-permitted with their padding",
    10: "timestamps",
    12: "timestamps with their padding",
    18: "an MD5 signature",
    20: "an MD5 signature with its padding",
}
"""What takes as much room as a run of NOPs, by its length in bytes."""

_FULL_MSS = {4: 1460, 16: 1440}
"""The MSS of Ethernet by address length: 1500 bytes less the headers (RFC 6691 §2)."""

_MANY = 10
"""Windows of fewer segments are whole multiples of many numbers."""


@rule(
    "HS216", "nops-instead-of-option", Severity.NOTE, on=(NOP,),
    what="A SYN or SYN-ACK has NOPs in a row where no stack pads: three at the end, or five anywhere.",
    why="Stacks pad an option with one or two NOPs, so that at most four stand together. Consistent with a firewall "
    "that overwrites options it does not know or like.",
    check="The same SYN at the sending host; firewalls that normalise options.",
    rfc=("RFC 9293 §3.1", "RFC 9293 §3.2"),
)  # fmt: skip
def nops(facts: Facts) -> Iterator[Match]:
    """Long runs of NOPs."""
    for name, segment in facts.openings:
        run = _odd_run([item.kind for item in segment.options.items])
        if run:
            size = f", the size of {_NOPS[run]}" if run in _NOPS else ""
            detail = f"{run} NOPs in a row in the {name}{size}: consistent with an option that was overwritten"
            yield Match(detail, (segment.number,))


def _odd_run(order: list[int]) -> int:
    """Length of the first run of NOPs that no padding explains, 0 for none."""
    if order.count(NOP) < 3:
        return 0
    runs = [(kind, len(list(run))) for kind, run in groupby(kind for kind in order if kind != EOL)]
    if runs and runs[-1][0] == NOP and runs[-1][1] > 2:
        return runs[-1][1]
    return next((length for kind, length in runs if kind == NOP and length > 4), 0)


@rule(
    "HS218", "mss-clamped", Severity.NOTE, on=(MSS,),
    what="The window of a SYN is a whole number of full Ethernet segments, but the MSS it announces is smaller.",
    why="Many stacks announce a window of so many segments. Consistent with a router that lowered the MSS on the way "
    "(clamping, as before a tunnel or PPPoE) and left the window alone.",
    check="`iptables`/`nft` rules with TCPMSS, `ip tcp adjust-mss` on routers; the MTU of the path.",
    rfc=("RFC 9293 §3.7.1", "RFC 6691 §2"),
)  # fmt: skip
def mss_clamped(facts: Facts) -> Iterator[Match]:
    """A window in units of another MSS."""
    syn = facts.handshake.client.opening
    if syn is None or not syn.options.mss:
        return
    mss, full = syn.options.mss, _FULL_MSS[len(syn.src.address)]
    whole = syn.wnd % full == 0 and syn.wnd % mss != 0
    if mss < full and whole and syn.wnd >= _MANY * full:
        count = syn.wnd // full
        yield Match(f"window {syn.wnd} = {count} × {full}, MSS {mss}: consistent with a clamped MSS", (syn.number,))


@rule(
    "HS219", "sack-of-far-numbers", Severity.WARNING, on=(Mark.SACK_FAR,),
    what="A SACK block names numbers far away from the acknowledgment number beside it.",
    why="Consistent with a device that rewrites sequence numbers (some firewalls randomise them) and forgets those in "
    "SACK blocks. The sender then ignores the blocks, or retransmits needlessly.",
    check="Firewalls with sequence number randomisation; a capture on the other side of them.",
    rfc=("RFC 2018 §3",),
)  # fmt: skip
def far_sack(facts: Facts) -> Iterator[Match]:
    """SACK blocks of another numbering."""
    found = facts.marked(Mark.SACK_FAR)
    if found:
        yield Match("SACK blocks that belong to other sequence numbers", numbers(found))
