"""From a frame to a packet: the scalar decoder. Lax: it keeps what was good and says where it stopped."""

from __future__ import annotations

from handshake.model.packet import Frame, Packet, Stop
from handshake.wire import cooked, ethernet, icmp, ip, serial, tcp, udp
from handshake.wire.layout import TooShortError
from handshake.wire.registry import LINKS
from handshake.wire.walk import MAX_LAYERS, HaltError, Layer, Walk

LAYERS = (cooked, ethernet, icmp, ip, serial, tcp, udp)
"""The modules whose layers are known: importing them registered those."""


def decode(frame: Frame) -> Packet:
    """Decode one frame. Never raises, whatever the bytes; `Packet.stop` says where and why it ended early."""
    walk = Walk(frame)
    stop = None
    link = LINKS.get(frame.linktype)
    if link is None:
        stop = Stop("link", 0, f"link type {frame.linktype}", fault=False)
    else:
        following: tuple[Layer, int] | None = (link[1], 0)
        try:
            while following is not None:
                layer, at = following
                if len(walk.layers) >= MAX_LAYERS:
                    raise HaltError("link", at, f"more than {MAX_LAYERS} layers", fault=True)
                following = layer(walk, at)
        except HaltError as halt:
            stop = Stop(halt.layer, halt.at, str(halt), halt.fault)
        except TooShortError as short:
            stop = Stop(short.layer, short.at, f"{short.layer} header cut short: {short}", fault=True)
    return Packet(frame.number, frame.time_ns, tuple(walk.layers), walk.transport, walk.payload, stop)
