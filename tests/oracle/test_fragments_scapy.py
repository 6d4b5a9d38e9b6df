"""Fragments that scapy makes, in any order and mixed with others, are read as the packet that scapy cut up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, fragment

from handshake.model.packet import Frame, Segment
from handshake.wire.decode import Decoder

PACKETS = st.lists(
    st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=120), st.integers(8, 64)),
    min_size=1, max_size=4,
)  # fmt: skip


@given(PACKETS, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_every_packet_is_read_once(packets: list[tuple[int, int, bytes, int]], random: object) -> None:
    pieces: list[bytes] = []
    for number, (port, sequence, payload, size) in enumerate(packets):
        whole = IP(src="10.0.0.1", dst="10.0.0.2", id=number + 1) / TCP(
            sport=port, dport=80, seq=sequence, flags="S", options=[("MSS", 1460), ("WScale", 7)]
        )
        pieces += [bytes(piece) for piece in fragment(whole / payload, fragsize=size)]  # type: ignore[no-untyped-call]
    random.shuffle(pieces)  # type: ignore[attr-defined]
    decoder = Decoder()
    told = [decoder.decode(Frame(at, at, 101, data, len(data))).transport for at, data in enumerate(pieces, 1)]
    found = [segment for segment in told if isinstance(segment, Segment)]
    assert sorted((s.src.port, s.seq, s.options.mss, s.options.wscale_shift) for s in found) == sorted(
        (port, sequence, 1460, 7) for port, sequence, _, _ in packets
    )
    assert all(segment.checksum_ok is not False for segment in found)
