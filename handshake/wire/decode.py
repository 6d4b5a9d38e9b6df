"""From a frame to a packet: the scalar decoder. Lax: it keeps what was good and says where it stopped."""

from __future__ import annotations

from handshake.model.packet import Frame, Packet, Stop
from handshake.wire import (
    capwap,
    cooked,
    erf,
    ethernet,
    gre,
    gtp,
    icmp,
    ip,
    ipip,
    juniper,
    l2tp,
    lan,
    llc,
    mpls,
    overlay,
    serial,
    switch,
    tcp,
    transition,
    udp,
    wifi,
)
from handshake.wire.layout import TooShortError
from handshake.wire.registry import by_link
from handshake.wire.walk import MAX_LAYERS, HaltError, Layer, Walk

LAYERS = (
    capwap, cooked, erf, ethernet, gre, gtp, icmp, ip, ipip, juniper, l2tp, lan, llc, mpls, overlay, serial, switch,
    tcp, transition, udp, wifi,
)  # fmt: skip
"""The modules whose layers are known: importing them registered those."""


def decode(frame: Frame) -> Packet:
    """Decode one frame. Never raises, whatever the bytes; `Packet.stop` says where and why it ended early."""
    walk = Walk(frame)
    stop = None
    try:
        following: tuple[Layer, int] | None = by_link(frame.linktype, 0, "link")
        while following is not None:
            layer, at = following
            if len(walk.layers) >= MAX_LAYERS:
                raise HaltError("link", at, f"more than {MAX_LAYERS} layers", fault=True)
            following = layer(walk, at)
    except HaltError as halt:
        stop = Stop(halt.layer, halt.at, str(halt), halt.fault)
    except TooShortError as short:
        stop = Stop(short.layer, short.at, f"{short.layer} header cut short: {short}", fault=True)
    if stop is not None:  # a datagram whose payload began like a tunnel, but went wrong
        walk.transport, walk.payload = None, b""
    return Packet(frame.number, frame.time_ns, tuple(walk.layers), walk.transport, walk.payload, stop)
