"""Any bytes, from either side: reading QUIC never raises, and what it keeps stays bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.app.quic import begun, read_packets
from tests.unit.app.test_quic import ANSWER, FINISHED, INITIAL, SHORT, negotiation

WHOLE = st.sampled_from((INITIAL, ANSWER, FINISHED, SHORT, negotiation(1, 2), negotiation(*range(1, 300))))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Packets with some bytes changed, cut, and others behind."""
    data = bytearray(draw(WHOLE))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, min(len(data), 60) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=40))


DATA = st.one_of(st.binary(max_size=100), damaged())


@given(datagrams=st.lists(st.tuples(st.booleans(), DATA), max_size=20), start=st.one_of(DATA, st.just(INITIAL)))
@settings(max_examples=300, deadline=None)
def test_any_bytes(datagrams: list[tuple[bool, bytes]], start: bytes) -> None:
    assert all(len(list(read_packets(data))) <= 16 for _, data in datagrams)
    quic = begun(start, 0)
    if quic is None:
        return
    for position, (reply, data) in enumerate([(False, start), *datagrams]):
        assert quic.hear(data, position, reply=reply).startswith("QUIC")
    seen = quic.handshake()
    assert len(seen.offered) <= 32
    assert seen.round_trips is None or 0 <= seen.round_trips <= 3
