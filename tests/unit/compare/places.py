"""Two places made by hand: what leaves one and arrives at the other, as each of them would capture it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from handshake.api import Witnessing
from handshake.compare.vantage import vantage
from handshake.model.address import Endpoint
from handshake.model.handshake import Side
from handshake.model.options import MSS, SACK_PERMITTED, TIMESTAMPS, WSCALE, Option, Options
from handshake.model.packet import ACK, FIN, PSH, SYN, Packet, Segment
from handshake.model.report import SourceInfo
from handshake.model.vantage import Place, Vantage

MS = 1_000_000
CLIENT, SERVER = Endpoint(bytes((10, 0, 0, 1)), 40001), Endpoint(bytes((10, 0, 0, 2)), 80)
ISS, IRS = 1000, 9000


@dataclass(frozen=True)
class Sent:
    """A segment as it left, and when its copies arrived."""

    segment: Segment
    arrived_ns: tuple[int, ...]
    """By the client's clock; empty: lost. More than one: doubled."""
    changed: Segment | None = None
    """As it arrived, if not as it left."""

    @property
    def side(self) -> Side:
        return Side.CLIENT if self.segment.src.address == CLIENT.address else Side.SERVER


def stamp(value: int, echo: int = 0) -> Option:
    return Option(TIMESTAMPS, value.to_bytes(4) + echo.to_bytes(4))


def usual(mss: int = 1460, tsval: int | None = 1) -> Options:
    items = [Option(MSS, mss.to_bytes(2)), Option(SACK_PERMITTED, b""), Option(WSCALE, b"\x07")]
    return Options(tuple(items + ([stamp(tsval)] if tsval is not None else [])))


def seg(
    flags: int,
    seq: int,
    ack: int = 0,
    *,
    at_ms: float = 0,
    data: int = 0,
    back: bool = False,
    options: Options | None = None,
    ip_id: int | None = 1,
    ttl: int = 64,
) -> Segment:
    """A segment of the client, or of the server (`back`)."""
    src, dst = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    return Segment(0, round(at_ms * MS), src, dst, seq, ack, flags, 500, data, options or Options(), ttl, ip_id=ip_id)


def on_time(segment: Segment, way_ms: float = 10) -> Sent:
    return Sent(segment, (segment.time_ns + round(way_ms * MS),))


def lost(segment: Segment) -> Sent:
    return Sent(segment, ())


def story(*, syn: Options | None = None, synack: Options | None = None) -> list[Sent]:
    """Open, say something, close: all of it arrives after 10 ms."""
    return [
        on_time(seg(SYN, ISS, options=syn or usual())),
        on_time(seg(SYN | ACK, IRS, ISS + 1, at_ms=10, back=True, options=synack or usual(), ip_id=0)),
        on_time(seg(ACK, ISS + 1, IRS + 1, at_ms=20, ip_id=2)),
        on_time(seg(PSH | ACK, ISS + 1, IRS + 1, at_ms=21, data=10, ip_id=3)),
        on_time(seg(PSH | ACK, IRS + 1, ISS + 11, at_ms=32, data=20, back=True, ip_id=7)),
        on_time(seg(FIN | ACK, ISS + 11, IRS + 21, at_ms=43, ip_id=4)),
        on_time(seg(FIN | ACK, IRS + 21, ISS + 12, at_ms=54, back=True, ip_id=8)),
        on_time(seg(ACK, ISS + 12, IRS + 22, at_ms=65, ip_id=5)),
    ]


def captured(
    sent: Iterable[Sent], ahead_ns: int = 0, drift_ppb: int = 0, foreign: Iterable[tuple[Side, Segment]] = ()
) -> tuple[list[Segment], list[Segment]]:
    """What the place near the client and the one near the server capture; the server's clock is ahead."""
    near: list[Segment] = []
    far: list[Segment] = []
    for each in sent:
        here, there = (near, far) if each.side is Side.CLIENT else (far, near)
        here.append(each.segment)
        there += [replace(each.changed or each.segment, time_ns=time_ns) for time_ns in each.arrived_ns]
    for place, segment in foreign:
        (near if place is Side.CLIENT else far).append(segment)
    moved = [replace(each, time_ns=each.time_ns + ahead_ns + each.time_ns * drift_ppb // 10**9) for each in far]
    return numbered(near), numbered(moved)


def numbered(segments: list[Segment]) -> list[Segment]:
    ordered = sorted(segments, key=lambda each: each.time_ns)
    return [replace(each, number=number) for number, each in enumerate(ordered, 1)]


def place(name: str, segments: list[Segment]) -> Place:
    """A capture that has been read."""
    inspection = Witnessing(name)
    found = []
    for each in segments:
        found += inspection.take(Packet(each.number, each.time_ns, (), each, b"", None))
    found += inspection.finish()
    source = SourceInfo(name, "pcap", len(segments))
    return inspection.place(inspection.report(found, [source]))


def seen(
    sent: Iterable[Sent],
    ahead_ns: int = 0,
    drift_ppb: int = 0,
    foreign: Iterable[tuple[Side, Segment]] = (),
    *,
    turned: bool = False,
) -> Vantage:
    """Both places, held against each other; `turned`: given in the wrong order."""
    near, far = captured(sent, ahead_ns, drift_ppb, foreign)
    places = place("client.pcap", near), place("server.pcap", far)
    return vantage(*(places[::-1] if turned else places))
