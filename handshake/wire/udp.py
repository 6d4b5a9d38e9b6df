"""UDP datagrams (RFC 768): no handshake, but ports, lengths and payload; or what a tunnel carries in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.address import Endpoint
from handshake.model.packet import Datagram
from handshake.wire.layout import UDP
from handshake.wire.registry import UDP_TUNNELS

if TYPE_CHECKING:
    from handshake.wire.walk import Layer, Walk


def udp(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """One UDP header. The length field counts unless it is zero (jumbogram) or beyond the packet.

    A tunnel that is at home at one of the ports looks at the payload; if it is not its own, the datagram stays.
    """
    src_port, dst_port, length, _ = UDP.read(walk.data, at)
    room = walk.end - at
    length = length if UDP.size <= length <= room else room
    walk.layers.append("udp")
    walk.transport = Datagram(
        walk.frame.number,
        walk.frame.time_ns,
        Endpoint(walk.src, src_port),
        Endpoint(walk.dst, dst_port),
        length - UDP.size,
        walk.tags,
    )
    walk.payload = walk.data[at + UDP.size : at + length]
    tunnel = UDP_TUNNELS.get(dst_port) or UDP_TUNNELS.get(src_port)
    if tunnel is None:
        return None
    walk.end_at(at + length)
    return tunnel, at + UDP.size
