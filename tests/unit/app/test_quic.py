"""QUIC headers made by hand from RFC 9000 §17 and RFC 9369 §3, and what an exchange of them amounts to."""

from __future__ import annotations

import struct

import pytest

from handshake.app.quic import Quic, begun, read_packets
from handshake.model.application import QuicHandshake, QuicKind

CLIENT_ID, SERVER_ID, FIRST_ID = b"client", b"srv", b"original"
TYPES = {1: ("Initial", "0-RTT", "Handshake", "Retry"), 0x6B3343CF: ("Retry", "Initial", "0-RTT", "Handshake")}
SHORT = b"\x40" + bytes(30)


def number(value: int) -> bytes:
    """A variable-length integer (RFC 9000 §16), in as many bytes as it needs."""
    for size, top in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if value < 1 << 8 * size - 2:
            return (value | top << 8 * size - 2).to_bytes(size)
    raise ValueError(value)


def long(kind: str, to: bytes, by: bytes, version: int = 1, *, body: int = 40, token: bytes = b"") -> bytes:
    first = 0xC0 | TYPES[version].index(kind) << 4
    head = bytes((first,)) + struct.pack("!I", version) + bytes((len(to),)) + to + bytes((len(by),)) + by
    if kind == "Retry":
        return head + b"token" + bytes(16)
    return head + (number(len(token)) + token if kind == "Initial" else b"") + number(body) + bytes(body)


def negotiation(*versions: int) -> bytes:
    ids = bytes((len(CLIENT_ID),)) + CLIENT_ID + bytes((len(FIRST_ID),)) + FIRST_ID
    return b"\x80" + bytes(4) + ids + b"".join(struct.pack("!I", version) for version in versions)


INITIAL = long("Initial", FIRST_ID, CLIENT_ID, body=1100).ljust(1200, b"\0")
ANSWER = long("Initial", CLIENT_ID, SERVER_ID) + long("Handshake", CLIENT_ID, SERVER_ID, body=400)
FINISHED = long("Handshake", SERVER_ID, CLIENT_ID)


def exchange(*datagrams: tuple[bool, bytes]) -> QuicHandshake:
    """What a client and a server (True) amount to, one datagram every 10 ns; the first begins it."""
    quic = begun(datagrams[0][1], 1000)
    assert quic is not None
    for position, (reply, data) in enumerate(datagrams):
        quic.hear(data, 1000 + 10 * position, reply=reply)
    return quic.handshake()


@pytest.mark.parametrize("version", TYPES)
@pytest.mark.parametrize("kind", ["Initial", "0-RTT", "Handshake", "Retry"])
def test_a_long_header_is_read(version: int, kind: str) -> None:
    (packet,) = read_packets(long(kind, FIRST_ID, CLIENT_ID, version))
    assert (packet.kind.value, packet.version) == (kind, version)
    assert (packet.destination, packet.source) == (FIRST_ID, CLIENT_ID)


def test_packets_of_one_datagram_are_told_apart() -> None:
    datagram = long("Initial", b"", b"", token=b"t" * 100) + long("Handshake", b"", b"", body=70_000) + SHORT
    assert [p.kind.value for p in read_packets(datagram)] == ["Initial", "Handshake", "1-RTT"]
    assert [p.kind.value for p in read_packets(INITIAL)] == ["Initial"], "padding is no packet"


def test_a_length_beyond_the_datagram_ends_there() -> None:
    assert [p.kind.value for p in read_packets(long("Handshake", b"a", b"b", body=400)[:60])] == ["Handshake"]


def test_ids_longer_than_allowed_are_none_of_ours() -> None:
    assert not list(read_packets(long("Initial", bytes(21), CLIENT_ID)))


def test_one_round_trip_until_the_keys_are_there() -> None:
    seen = exchange(
        (False, INITIAL), (True, ANSWER), (True, FINISHED + SHORT), (False, FINISHED + SHORT), (True, SHORT)
    )
    assert (seen.version, seen.negotiated, seen.client_id, seen.server_id) == (1, 1, CLIENT_ID, SERVER_ID)
    assert (seen.short_ns, seen.round_trips) == (20, 1)
    assert (seen.reply_ns, seen.reply_round_trips) == (40, 2), "the server's first one answers no request yet"
    assert (QuicKind.INITIAL, 1, 1) in seen.packets
    assert (QuicKind.HANDSHAKE, 1, 2) in seen.packets
    assert seen.first_bytes == 1200


def test_a_retry_costs_one_more() -> None:
    retry = long("Retry", CLIENT_ID, b"retried")
    seen = exchange((False, INITIAL), (True, retry), (False, INITIAL), (True, ANSWER), (False, FINISHED + SHORT))
    assert (seen.round_trips, seen.count(QuicKind.RETRY), seen.server_id) == (2, 1, SERVER_ID)
    assert seen.reply_ns is None


def test_version_negotiation_costs_one_more() -> None:
    grease = INITIAL[:1] + struct.pack("!I", 0x1A2A3A4A) + INITIAL[5:]
    second = long("Initial", FIRST_ID, CLIENT_ID, 0x6B3343CF, body=1100).ljust(1200, b"\0")
    answer = long("Initial", CLIENT_ID, SERVER_ID, 0x6B3343CF)
    seen = exchange(
        (False, grease), (True, negotiation(1, 0x6B3343CF)), (False, second), (True, answer), (False, SHORT)
    )
    assert (seen.version, seen.offered, seen.negotiated) == (0x1A2A3A4A, (1, 0x6B3343CF), 0x6B3343CF)
    assert seen.round_trips == 2


def test_early_data_is_answered_after_one_round_trip() -> None:
    early = long("Initial", FIRST_ID, CLIENT_ID, body=900) + long("0-RTT", FIRST_ID, CLIENT_ID, body=200)
    seen = exchange((False, early), (True, ANSWER + SHORT))
    assert (seen.reply_ns, seen.reply_round_trips, seen.count(QuicKind.ZERO_RTT)) == (10, 1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"", SHORT, ANSWER[:5], long("Handshake", b"a", b"b"), long("Retry", b"a", b"b"), negotiation(1),
        bytes.fromhex("c0000100000100000000000003777777076578616d706c6503636f6d0000010001"),
        b"\xc0" + struct.pack("!I", 0x12345678) + INITIAL[5:100],
    ],
)  # fmt: skip
def test_what_begins_no_handshake(data: bytes) -> None:
    assert begun(data, 0) is None


def test_words() -> None:
    quic = begun(INITIAL, 0)
    assert isinstance(quic, Quic)
    assert quic.hear(INITIAL, 0, reply=False) == "QUIC Initial · version 1"
    assert quic.hear(negotiation(1, 0xFF00001D), 1, reply=True) == "QUIC Version Negotiation: 1, draft 29"
    assert quic.hear(b"\0", 2, reply=True) == "QUIC"
