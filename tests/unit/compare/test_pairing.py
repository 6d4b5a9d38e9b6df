"""Which handshake is which stream: by the first frame, then by endpoints and time; pieces find their owner."""

from __future__ import annotations

from collections.abc import Sequence

from handshake.api import Inspection
from handshake.compare.pairing import Pair, paired
from handshake.compare.stream import Stream
from handshake.model.address import Endpoint
from handshake.model.packet import Segment, Tag
from tests.unit.compare.claiming import OPENING, SERVER, moved, packet, segment, stream

OTHER = Endpoint(bytes((10, 0, 0, 3)), 40000)


def pairs(segments: Sequence[Segment], *streams: Stream) -> list[Pair]:
    inspection = Inspection()
    flows = [flow for each in segments for flow in inspection.take(packet(each))] + inspection.finish()
    frames = {each.number: made.number for made in streams for each in (*made.early, *made.syns, *made.syn_acks)}
    return paired(sorted(flows, key=lambda flow: flow.number), streams, frames.get)


def test_by_the_first_frame() -> None:
    other = segment(4, ">S", 0, ends=(OTHER, SERVER))
    first, second = pairs([*OPENING, other], stream(*OPENING, number=0), stream(other, number=1))
    assert [part.number for part in first.parts] == [0]
    assert [part.number for part in second.parts] == [1]


def test_by_endpoints_when_it_is_dated_later() -> None:
    """The SYN is in two fragments: we have it in frame 1, tshark in frame 2."""
    late = moved(OPENING[0], 2)
    (pair,) = pairs([OPENING[0]], stream(late, number=5))
    assert [part.number for part in pair.parts] == [5]


def test_the_nearest_start_wins() -> None:
    early, late = moved(OPENING[0], 2), moved(OPENING[0], 500, seq=77)
    ours = [OPENING[0], moved(OPENING[0], 499, seq=77)]
    first, second = pairs(ours, stream(early, number=1), stream(late, number=2))
    assert [part.number for part in (*first.parts, *second.parts)] == [1, 2]


def test_a_stream_without_a_handshake_and_the_other_way_round() -> None:
    theirs = segment(7, ">S", 0, ends=(OTHER, SERVER))
    invented, missing = pairs([OPENING[0]], stream(theirs, number=3))
    assert (invented.flow is not None, invented.parts) == (True, [])
    assert (missing.flow, [part.number for part in missing.parts]) == (None, [3])


def test_a_piece_of_an_attempt_goes_to_its_owner() -> None:
    again = moved(OPENING[0], 4)
    (pair,) = pairs([OPENING[0], again, moved(again, 5)], stream(OPENING[0], number=0), stream(again, number=1))
    assert [part.number for part in pair.parts] == [0, 1]


def test_a_handshake_within_a_stream_of_another() -> None:
    tagged = [moved(each, 10 + each.number, tags=(Tag("vlan", 7),)) for each in OPENING]
    plain, within = pairs([*OPENING, *tagged], stream(*OPENING, *tagged, number=0))
    assert [part.number for part in plain.parts] == [0]
    assert within.within is not None
    assert within.within.number == 0
    assert within.siblings == [plain.flow]
    assert plain.siblings == [within.flow]
