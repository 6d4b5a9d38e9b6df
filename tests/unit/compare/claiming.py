"""Claims and captures made by hand, for the tests of the crosscheck."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from handshake.api import Inspection
from handshake.compare.crosscheck import Crosscheck
from handshake.compare.stream import Stream
from handshake.model.address import Endpoint
from handshake.model.claim import Claim
from handshake.model.crosscheck import Checked
from handshake.model.options import NO_OPTIONS, Options
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, Frame, IcmpError, Packet, Segment, Tags

CLIENT, SERVER = Endpoint(bytes((10, 0, 0, 1)), 40000), Endpoint(bytes((10, 0, 0, 2)), 80)
X, Y = 1000, 9000
"""Initial sequence numbers of client and server."""
MS = 1_000_000
FLAGS = {"S": SYN, "A": ACK, "R": RST, "F": FIN, "P": PSH}


def segment(
    number: int,
    way: str,
    seq: int,
    ack: int | None = None,
    *,
    data: int = 0,
    ms: float | None = None,
    options: Options = NO_OPTIONS,
    tags: Tags = (),
    ends: tuple[Endpoint, Endpoint] = (CLIENT, SERVER),
) -> Segment:
    """A segment: `>SA` is a SYN-ACK from client to server. Numbers count from the ISN of their side."""
    to_server = way[0] == ">"
    src, dst = ends if to_server else ends[::-1]
    mine, other = (X, Y) if to_server else (Y, X)
    flags = sum(FLAGS[letter] for letter in way[1:])
    time_ns = round((10 * number if ms is None else ms) * MS)
    raw = 0 if ack is None else other + ack
    return Segment(number, time_ns, src, dst, mine + seq, raw, flags, 1000, data, options, 64, tags=tags)


def packet(transport: Segment | IcmpError) -> Packet:
    return Packet(transport.number, transport.time_ns, ("ethernet", "ipv4", "tcp"), transport, b"", None)


def claim(transport: Segment | IcmpError, stream: int = 0, **more: Any) -> Claim:
    """What tshark would say of it."""
    told = stream if isinstance(transport, Segment) else None
    return Claim(
        transport.number,
        transport.time_ns,
        100,
        100,
        ("eth", "ethertype", "ip", "tcp"),
        packet(transport),
        told,
        **more,
    )


def frame(number: int, time_ns: int) -> Frame:
    return Frame(number, time_ns, 1, bytes(100), 100)


def stream(*segments: Segment, number: int = 0, **more: Any) -> Stream:
    """One of tshark's streams, of these segments."""
    made = Stream(number, segments[0])
    for each in segments:
        made.add(claim(each, number, **more), each)
    return made


def checked(*pairs: tuple[Segment | IcmpError, Claim]) -> Checked:
    """A capture of these packets, with what tshark says of each."""
    inspection, check = Inspection(), Crosscheck()
    handshakes = []
    for transport, told in pairs:
        handshakes += inspection.take(packet(transport))
        check.frame(frame(transport.number, transport.time_ns), packet(transport), told)
    return check.finish(Checked("made.pcap", "pcap", "4.0.17"), [*handshakes, *inspection.finish()])


def agreed(*transports: Segment | IcmpError, **more: Any) -> Checked:
    """The same, where tshark has all segments in one stream."""
    return checked(*((each, claim(each, **more)) for each in transports))


def found(result: Checked) -> set[tuple[str, str, str | None]]:
    """Verdict, point and trap of every difference."""
    return {(each.verdict.value, each.point, each.trap) for each in result.differences}


def moved(transport: Segment, number: int, **changes: Any) -> Segment:
    """A copy of a segment in another frame."""
    return replace(transport, number=number, time_ns=10 * number * MS, **changes)


OPENING = (segment(1, ">S", 0), segment(2, "<SA", 0, 1), segment(3, ">A", 1, 1))
