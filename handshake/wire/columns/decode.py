"""The column decoder: the plain packets of a whole window at once, as arrays; the rest is left to the scalar one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from handshake.model.options import NOP, TIMESTAMPS
from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bytes, Ints, Words, among, gather, some, type_of
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.links import networks
from handshake.wire.columns.packets import Packets, packets_of
from handshake.wire.columns.segments import BARE, OTHER, STAMPED, Datagrams, Segments
from handshake.wire.layout import TCP, UDP, tcp_header_length
from handshake.wire.registry import UDP_TUNNELS

Wanted = Callable[[Words, Words], Ints]

_STAMPED = int.from_bytes(bytes((NOP, NOP, TIMESTAMPS, 10)))


@dataclass(slots=True)
class Plain:
    """What the columns could read of a window, and the packets that they could not."""

    tcp: Ints
    """Which packets are TCP segments that could be read."""
    segments: Segments
    """Those that are wanted."""
    datagrams: Datagrams
    odd: Ints
    """Those that could not be read."""


def decode(  # noqa: PLR0917 - one column each
    data: Bytes, starts: Ints, captured: Ints, original: Ints, link: Ints, linktypes: Sequence[int],
    endpoints: Endpoints, wanted: Wanted | None = None,
) -> Plain:  # fmt: skip
    """Sort the packets of a window: TCP segments, UDP datagrams, and odd ones. `linktypes` are those of the links.

    `wanted` says by their ends where among all TCP segments are those of which more is to be known.
    """
    at, version, way = networks(data, starts, link, linktypes)
    limits = starts + np.maximum(original, captured)
    packets = packets_of(data, at, limits, version == 4, version == 6, endpoints)
    room = np.minimum(starts + captured, packets.end) - packets.at
    tcp = np.flatnonzero((packets.protocol == 6) & (room >= TCP.size))
    udp = np.flatnonzero((packets.protocol == 17) & (room >= UDP.size) & (way == 0))
    tcp, segments = _segments(data, packets, tcp, room, way, endpoints, wanted)
    datagrams = _datagrams(data, packets, udp, endpoints)
    odd = np.ones(len(starts), np.bool_)
    odd[tcp] = odd[datagrams.row] = False
    return Plain(tcp, segments, datagrams, np.flatnonzero(odd))


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
    data: Bytes, packets: Packets, rows: Ints, room: Ints, way: Ints, endpoints: Endpoints, wanted: Wanted | None
) -> tuple[Ints, Segments]:
    head = gather(data, packets.at[rows], _tcp_type())
    offset_flags = head["fixed"]["offset_flags"].astype(np.int64)
    size: Ints = tcp_header_length(offset_flags)  # type: ignore[assignment, arg-type]
    good = (size >= TCP.size) & (room[rows] >= size)
    if not good.all():
        chosen = np.flatnonzero(good)
        rows, head, offset_flags, size = rows[chosen], some(head, chosen), offset_flags[chosen], size[chosen]
    every = rows
    source, target = (head["fixed"][name].astype(np.int64) for name in ("src_port", "dst_port"))
    src, dst = endpoints.ends(packets.src[rows], source), endpoints.ends(packets.dst[rows], target)
    ports = source << 16 | target
    if wanted:
        chosen = wanted(src, dst)
        rows, head, offset_flags, size = rows[chosen], some(head, chosen), offset_flags[chosen], size[chosen]
        src, dst, ports = src[chosen], dst[chosen], ports[chosen]
    tcp, words = head["fixed"], head["options"]
    at, end, room = packets.at[rows], packets.end[rows], room[rows]
    stamped = (size == TCP.size + 12) & (words[:, 0] == _STAMPED)
    form = OTHER - (size == TCP.size) * np.int64(OTHER - BARE) - stamped * np.int64(OTHER - STAMPED)
    return every, Segments(
        rows, src, dst, ports, tcp["seq"].astype(np.int64), tcp["ack"].astype(np.int64), offset_flags & 0xFFF,
        tcp["window"].astype(np.int64), end - at - size, packets.ttl[rows], packets.ip_id[rows], form,
        (words[:, 1] + np.int64(1)) * stamped - 1, tcp["urgent"] | packets.ecn[rows] << 16 | way[rows] << 18,
        at, size, at + room, at + room >= end, np.ones(len(rows), np.bool_),
    )  # fmt: skip
