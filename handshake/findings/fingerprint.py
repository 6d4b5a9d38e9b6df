"""What a SYN or SYN-ACK gives away about its sender: TTL, window, MSS, the order of its options. A hint, never proof.

Signatures are written as p0f 3 writes them; what is not kept of a packet (the DF bit, IP options) is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model import options as kinds
from handshake.model.packet import ACK, CWR, ECE, PSH, SYN, URG, Segment
from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.options import Option

_START_TTLS = (32, 64, 128, 255)
"""TTLs that systems send with."""

_LAYOUT = {
    kinds.NOP: "nop", kinds.MSS: "mss", kinds.WSCALE: "ws", kinds.SACK_PERMITTED: "sok", kinds.SACK: "sack",
    kinds.TIMESTAMPS: "ts",
}  # fmt: skip

_LIKE = {
    (64, "mss,sok,ts,nop,ws"): "Linux",
    (128, "mss,nop,ws,nop,nop,sok"): "Windows",
    (64, "mss,nop,ws,nop,nop,ts,sok,eol+1"): "macOS",
    (64, "mss,nop,ws,sok,ts"): "FreeBSD",
}
"""Whose SYNs look so today, by first TTL and options: few, because others imitate them or answer in their order."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One SYN or SYN-ACK."""

    ttl: int
    """As captured."""
    initial_ttl: int
    """A guess: the next of 32, 64, 128 and 255."""
    window: int
    window_unit: str | None
    """What the window is a whole multiple of: `mss`, or `mss-12` (room for timestamps); None for neither."""
    window_count: int | None
    """How many of them."""
    mss: int | None
    wscale_shift: int | None
    layout: str
    """Options in wire order: `mss,sok,ts,nop,ws`; empty without any."""
    quirks: tuple[str, ...]
    """What is odd, in p0f's words: `ecn`, `seq-`, `ack+`, `ack-`, `uptr+`, `urgf+`, `pushf+`, `ts1-`, `ts2+`, `exws`,
    `bad`; and `cut` where the capture lacks a part of the options."""
    like: str | None
    """A system whose SYNs look so; None for a SYN-ACK or where the table is silent."""

    @property
    def hops(self) -> int:
        """Routers on the way, if the guess is right."""
        return self.initial_ttl - self.ttl

    @property
    def signature(self) -> str:
        """As short as it goes: first TTL + hops : MSS : window, scale : options."""
        window = f"{self.window_unit}*{self.window_count}" if self.window_unit else str(self.window)
        scale = "*" if self.wscale_shift is None else self.wscale_shift
        return f"{self.initial_ttl}+{self.hops}:{self.mss or '*'}:{window},{scale}:{self.layout}"


def fingerprint(segment: Segment) -> Fingerprint:
    """The fingerprint of a SYN or SYN-ACK."""
    options = segment.options
    layout, first = _layout(options.items), initial_ttl(segment.ttl)
    unit, count = _multiple(segment)
    bare = segment.flags & (SYN | ACK) == SYN
    return Fingerprint(
        ttl=segment.ttl,
        initial_ttl=first,
        window=segment.wnd,
        window_unit=unit,
        window_count=count,
        mss=options.mss,
        wscale_shift=options.wscale_shift,
        layout=layout,
        quirks=tuple(_quirks(segment)),
        like=_LIKE.get((first, layout)) if bare else None,
    )


def initial_ttl(ttl: int) -> int:
    """The TTL that a segment probably set out with."""
    return next(start for start in _START_TTLS if ttl <= start)


def ttl_words(ttl: int) -> str:
    """`57 (7 hops)`: a TTL and the way that it probably has behind it."""
    hops = initial_ttl(ttl) - ttl
    return f"{ttl} ({hops} hop{'s' * (hops != 1)})"


def _layout(items: tuple[Option, ...]) -> str:
    words = [_LAYOUT.get(item.kind, f"?{item.kind}") for item in items]
    if items and items[-1].kind == kinds.EOL:
        used = sum(1 if item.kind <= kinds.NOP else len(item.data) + 2 for item in items)
        words[-1] = f"eol+{-used % 4}"  # padding up to the next word; more than that is not kept
    return ",".join(words)


def _multiple(segment: Segment) -> tuple[str | None, int | None]:
    """The unit of a window and how many of it."""
    mss = segment.options.mss
    units = [("mss", mss or 0)]
    if segment.options.tsval is not None:
        units.append(("mss-12", (mss or 0) - 12))
    for name, size in units:
        if size > 0 and segment.wnd and segment.wnd % size == 0:
            return name, segment.wnd // size
    return None, None


def _quirks(segment: Segment) -> list[str]:
    flags, options = segment.flags, segment.options
    bare = not flags & ACK
    found = {
        "ecn": bool(segment.ecn or flags & (ECE | CWR)),
        "seq-": segment.seq == 0,
        "ack+": bare and segment.ack_raw != 0,
        "ack-": not bare and segment.ack_raw == 0,
        "uptr+": not flags & URG and segment.urgent != 0,
        "urgf+": bool(flags & URG),
        "pushf+": bool(flags & PSH),
        "ts1-": options.tsval == 0,
        "ts2+": bare and bool(options.tsecr),
        "exws": (options.wscale_shift or 0) > 14,
        "bad": options.fault is not None,
        "cut": options.cut,
    }
    return [quirk for quirk, there in found.items() if there]
