"""Any bytes at all: decoding and judging never raise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.api import Inspection
from handshake.model.packet import Frame
from handshake.wire.decode import Decoder, decode
from handshake.wire.registry import LINKS
from tests.scenarios.script import ISNS, Stage, scenarios
from tests.unit.wire.encapsulations import LINKS as LINK_CASES
from tests.unit.wire.encapsulations import TUNNELS
from tests.unit.wire.wire_bytes import ipv4

CASES = LINK_CASES | TUNNELS

FRAMES = [
    Stage(version, ISNS[0], scenario.setup).frame(number, line)
    for scenario in scenarios()
    for version in scenario.versions
    for number, line in enumerate((line for block in scenario.blocks for line in block.lines), 1)
]


@pytest.mark.parametrize("linktype", [*LINKS, 147])
@given(data=st.binary(max_size=200), orig_len=st.integers(0, 70000))
@settings(max_examples=40, deadline=None)
def test_any_bytes_decode(linktype: int, data: bytes, orig_len: int) -> None:
    packet = decode(Frame(1, 0, linktype, data, orig_len))
    assert packet.transport is not None or packet.stop is not None


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8191), st.booleans(), st.binary(max_size=100)), max_size=40)
)
@settings(max_examples=200, deadline=None)
def test_any_fragments_decode(fragments: list[tuple[int, int, bool, bytes]]) -> None:
    decoder = Decoder()
    for number, (ip_id, offset, more, payload) in enumerate(fragments, 1):
        data = ipv4(payload, ip_id=ip_id, fragment=(offset >> (number % 13)) | more << 13)
        packet = decoder.decode(Frame(number, number, 101, data, len(data)))
        assert packet.transport is not None or packet.stop is not None


@st.composite
def damaged(draw: st.DrawFn) -> Frame:
    """A frame of some scenario with bytes changed, cut or added."""
    frame = draw(st.sampled_from(FRAMES))
    data = bytearray(frame.data)
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    data = data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data
    return Frame(frame.number, frame.time_ns, frame.linktype, bytes(data) + draw(st.binary(max_size=8)), frame.orig_len)


@given(name=st.sampled_from(sorted(CASES)), data=st.data())
@settings(max_examples=1500, deadline=None)
def test_damaged_encapsulations_decode(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    changed = bytearray(case.data)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(changed)))
    packet = decode(Frame(1, 0, case.linktype, bytes(changed[:kept]), data.draw(st.sampled_from([kept, len(changed)]))))
    assert (packet.transport is None) == (packet.stop is not None)


@given(st.lists(damaged(), max_size=25))
@settings(max_examples=150, deadline=None)
def test_damaged_packets_are_judged(frames: list[Frame]) -> None:
    inspection = Inspection()
    found = [handshake for frame in frames for handshake in inspection.feed(frame)]
    found += inspection.finish()
    tally = inspection.tally
    assert tally.frames == len(frames)
    assert sum(handshake.client.segments + handshake.server.segments for handshake in found) == tally.tcp - tally.copies
    assert inspection.report(found, ()).handshakes == tuple(sorted(found, key=lambda handshake: handshake.number))
