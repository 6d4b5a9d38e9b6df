"""TCP segments (RFC 9293 §3.1) and their options, kept in wire order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model import options as kinds
from handshake.model.address import Endpoint
from handshake.model.options import NO_OPTIONS, Option, Options
from handshake.model.packet import Segment
from handshake.wire.checksum import tcp_checksum_ok
from handshake.wire.layout import TCP, tcp_flags, tcp_header_length, tcp_reserved

if TYPE_CHECKING:
    from handshake.wire.walk import Walk

_BODY_LENGTHS = {
    kinds.MSS: (2,),
    kinds.WSCALE: (1,),
    kinds.SACK_PERMITTED: (0,),
    kinds.SACK: (8, 16, 24, 32),
    kinds.TIMESTAMPS: (8,),
    kinds.MD5: (16,),
    kinds.USER_TIMEOUT: (2,),
    kinds.TFO: (0, *range(4, 17, 2)),
    kinds.ACCECN0: (0, 3, 6, 9),
    kinds.ACCECN1: (0, 3, 6, 9),
}
"""Body lengths (without kind and length bytes) that the options' RFCs allow."""


_NO_OPERATION = Option(kinds.NOP, b"")
_STAMP_ALONE = bytes((kinds.NOP, kinds.NOP, kinds.TIMESTAMPS, 10))
"""How the options of most segments begin, as RFC 7323 appendix A recommends."""


def parse_options(data: bytes, *, cut: bool = False) -> Options:
    """Options of a TCP header, in wire order, up to the first one that cannot be read (RFC 9293 §3.1).

    With `cut`, `data` is only the captured beginning of the options: its end is no fault.
    """
    if len(data) == 12 and data.startswith(_STAMP_ALONE):
        return Options((_NO_OPERATION, _NO_OPERATION, Option(kinds.TIMESTAMPS, data[4:])), None, cut)
    items: list[Option] = []
    fault = None
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind == kinds.NOP:
            items.append(_NO_OPERATION)
            at += 1
            continue
        if kind == kinds.EOL:
            items.append(Option(kind, b""))
            if any(data[at + 1 :]):
                fault = fault or "data after the end-of-list option"
            break
        if at + 1 >= end:
            fault = None if cut else f"option {kind} is cut before its length byte"
            break
        length = data[at + 1]
        option = Option(kind, data[at + 2 : at + length])
        if length < 2:
            fault = f"option {option.name} has length {length}"
            break
        if at + length > end:
            items.append(option)
            fault = (
                None
                if cut
                else f"option {option.name} of length {length} overruns the header by {at + length - end} bytes"
            )
            break
        allowed = _BODY_LENGTHS.get(kind)
        if allowed and length - 2 not in allowed:
            fault = fault or f"option {option.name} has length {length}"
        items.append(option)
        at += length
    return Options(tuple(items), fault, cut)


def tcp(walk: Walk, at: int) -> None:
    """One TCP header. A wrong data offset is a fault to show; ports, numbers and flags still count."""
    src_port, dst_port, seq, ack, offset_flags, wnd, _, urgent = TCP.read(walk.data, at)
    header = tcp_header_length(offset_flags)
    room = walk.end - at
    data = walk.data
    faults: tuple[str, ...] = ()
    options, checksum_ok = NO_OPTIONS, None
    if header < TCP.size:
        faults = (f"data offset {header // 4} is less than 5",)
        header = TCP.size
    elif header > room and walk.whole:
        faults = (f"data offset {header // 4} reaches {header - room} bytes past the end of the segment",)
        header = room
    elif header > TCP.size:
        options = parse_options(data[at + TCP.size : at + header], cut=walk.captured < at + header)
    if walk.whole and walk.end == walk.captured:
        checksum_ok = tcp_checksum_ok(walk.src, walk.dst, data[at:])
    walk.layers.append("tcp")
    frame = walk.frame
    walk.transport = Segment(
        frame.number,
        frame.time_ns,
        Endpoint(walk.src, src_port),
        Endpoint(walk.dst, dst_port),
        seq,
        ack,
        tcp_flags(offset_flags),
        wnd,
        max(room - header, 0),
        options,
        walk.ttl,
        walk.ecn,
        walk.ip_id,
        urgent,
        tcp_reserved(offset_flags),
        checksum_ok,
        faults,
        walk.tags,
        walk.dscp,
    )
    walk.payload = data[at + header :]
