"""The column decoder: the plain packets of a whole window at once, as arrays; the rest is left to the scalar one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from handshake.model.options import NOP, TIMESTAMPS
from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bytes, Ints, among, gather, type_of
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.links import networks
from handshake.wire.columns.packets import Packets, packets_of
from handshake.wire.columns.segments import BARE, OTHER, STAMPED, Datagrams, Segments
from handshake.wire.layout import TCP, UDP, tcp_header_length
from handshake.wire.registry import UDP_TUNNELS

_STAMPED = int.from_bytes(bytes((NOP, NOP, TIMESTAMPS, 10)))


@dataclass(slots=True)
class Plain:
    """What the columns could read of a window, and the packets that they could not."""

    segments: Segments
    datagrams: Datagrams
    odd: Ints


def decode(  # noqa: PLR0917 - one column each
    data: Bytes, starts: Ints, captured: Ints, original: Ints, link: Ints, linktypes: Sequence[int],
    endpoints: Endpoints,
) -> Plain:  # fmt: skip
    """Sort the packets of a window: TCP segments, UDP datagrams, and odd ones. `linktypes` are those of the links."""
    at, version, way = networks(data, starts, link, linktypes)
    limits = starts + np.maximum(original, captured)
    packets = packets_of(data, at, limits, version == 4, version == 6, endpoints)
    room = np.minimum(starts + captured, packets.end) - packets.at
    tcp = np.flatnonzero((packets.protocol == 6) & (room >= TCP.size))
    udp = np.flatnonzero((packets.protocol == 17) & (room >= UDP.size) & (way == 0))
    segments = _segments(data, packets, tcp, room, way, endpoints)
    datagrams = _datagrams(data, packets, udp, endpoints)
    odd = np.ones(len(starts), np.bool_)
    for found in (segments, datagrams):
        odd[found.row] = False
    return Plain(segments, datagrams, np.flatnonzero(odd))


def _datagrams(data: Bytes, packets: Packets, rows: Ints, endpoints: Endpoints) -> Datagrams:
    header = gather(data, packets.at[rows], type_of(UDP))
    ports = [header[name].astype(np.int64) for name in ("src_port", "dst_port")]
    tunnels = among(frozenset(UDP_TUNNELS))
    plain = np.flatnonzero(~(tunnels[ports[0]] | tunnels[ports[1]]))
    rows = rows[plain]
    src, dst = (
        endpoints.ends(hosts[rows], port[plain]) for hosts, port in zip((packets.src, packets.dst), ports, strict=True)
    )
    return Datagrams(rows, src, dst)


@cache
def _tcp_type() -> np.dtype[np.void]:
    """A TCP header, and the first three words of its options."""
    return np.dtype([("fixed", TCP.column_type()), ("options", ">u4", 3)])


def _segments(  # noqa: PLR0917 - one column each
    data: Bytes, packets: Packets, rows: Ints, room: Ints, way: Ints, endpoints: Endpoints
) -> Segments:
    head = gather(data, packets.at[rows], _tcp_type())
    offset_flags = head["fixed"]["offset_flags"].astype(np.int64)
    size: Ints = tcp_header_length(offset_flags)  # type: ignore[assignment, arg-type]
    good = (size >= TCP.size) & (room[rows] >= size)
    if not good.all():
        chosen = np.flatnonzero(good)
        rows, head, offset_flags, size = rows[chosen], head[chosen], offset_flags[chosen], size[chosen]
    tcp, words = head["fixed"], head["options"]
    at, end, room = packets.at[rows], packets.end[rows], room[rows]
    source, target = tcp["src_port"].astype(np.int64), tcp["dst_port"].astype(np.int64)
    stamped = (size == TCP.size + 12) & (words[:, 0] == _STAMPED)
    form = OTHER - (size == TCP.size) * np.int64(OTHER - BARE) - stamped * np.int64(OTHER - STAMPED)
    return Segments(
        rows, endpoints.ends(packets.src[rows], source), endpoints.ends(packets.dst[rows], target),
        source << 16 | target, tcp["seq"].astype(np.int64), tcp["ack"].astype(np.int64), offset_flags & 0xFFF,
        tcp["window"].astype(np.int64), end - at - size, packets.ttl[rows], packets.ip_id[rows], form,
        (words[:, 1] + np.int64(1)) * stamped - 1, tcp["urgent"] | packets.ecn[rows] << 16 | way[rows] << 18,
        at, size, at + room, at + room >= end, np.ones(len(rows), np.bool_),
    )  # fmt: skip
