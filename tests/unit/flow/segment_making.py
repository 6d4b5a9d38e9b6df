"""Segments made by hand, for tests that need many connections or one odd field."""

from __future__ import annotations

from handshake.model.address import Endpoint
from handshake.model.options import NO_OPTIONS, Options
from handshake.model.packet import ACK, SYN, Datagram, IcmpError, Packet, Segment

SERVER = Endpoint(bytes((10, 0, 0, 2)), 80)


def client(number: int) -> Endpoint:
    """The client with this number."""
    return Endpoint(bytes((10, 0, 0, 1)), 20000 + number)


def segment(
    src: Endpoint,
    dst: Endpoint,
    flags: int,
    seq: int,
    ack: int = 0,
    *,
    time_ns: int = 0,
    payload_len: int = 0,
    options: Options = NO_OPTIONS,
) -> Segment:
    """A segment; everything else is ordinary."""
    return Segment(1, time_ns, src, dst, seq, ack, flags, 1000, payload_len, options, 64)


def packet(transport: Segment | Datagram | IcmpError) -> Packet:
    """A packet around it."""
    return Packet(1, transport.time_ns, (), transport, b"", None)


def syn(number: int, *, time_ns: int = 0, seq: int = 1000) -> Packet:
    """The SYN of a client."""
    return packet(segment(client(number), SERVER, SYN, seq, time_ns=time_ns))


def opening(number: int, *, time_ns: int = 0) -> list[Packet]:
    """The three segments of a client's handshake."""
    here = client(number)
    return [
        syn(number, time_ns=time_ns),
        packet(segment(SERVER, here, SYN | ACK, 9000, 1001, time_ns=time_ns)),
        packet(segment(here, SERVER, ACK, 1001, 9001, time_ns=time_ns)),
    ]
