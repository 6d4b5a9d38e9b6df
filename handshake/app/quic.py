"""QUIC (RFC 9000) as its headers show it: a handshake inside UDP. Nothing is decrypted.

Long headers (§17.2) name version and connection ids in clear and their own length, so that the packets of one
datagram can be told apart; a short header (§17.3) takes the rest of its datagram. QUIC version 2 (RFC 9369 §3.2)
numbers the types anew. What a header claims is believed only as far as the datagram reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from handshake.model.application import QuicHandshake, QuicKind

V1, V2 = 0x00000001, 0x6B3343CF
_DRAFTS = 0xFF000000
_LONGEST_ID = 20
"""Bytes of a connection id in the versions known (§17.2)."""
_MOST_PACKETS = 16
"""Packets of one datagram that are looked at."""
_MOST_VERSIONS = 32
LEAST_FIRST = 1200
"""Bytes of a client's first datagram at least (§14.1)."""
_V1_TYPES = (QuicKind.INITIAL, QuicKind.ZERO_RTT, QuicKind.HANDSHAKE, QuicKind.RETRY)
_V2_TYPES = (QuicKind.RETRY, QuicKind.INITIAL, QuicKind.ZERO_RTT, QuicKind.HANDSHAKE)
_LONG, _FIXED = 0x80, 0x40


class QuicPacket(NamedTuple):
    """The header of one packet."""

    kind: QuicKind
    version: int = 0
    """0 in a Version Negotiation, and in a short header, which has none."""
    destination: bytes = b""
    """Destination Connection ID; empty in a short header, which does not say how long it is."""
    source: bytes = b""
    offered: tuple[int, ...] = ()
    """Versions of a Version Negotiation."""


def version_name(version: int) -> str:
    """`1`, `2`, `draft 29`, or the number: `0x51303433`.

    >>> version_name(1), version_name(0x6B3343CF), version_name(0xFF00001D), version_name(0x1A2A3A4A)
    ('1', '2', 'draft 29', '0x1a2a3a4a (reserved)')
    """
    if version in (V1, V2):
        return "1" if version == V1 else "2"
    if version & 0xFFFFFF00 == _DRAFTS:
        return f"draft {version & 0xFF}"
    return f"{version:#010x}{' (reserved)' if version & 0x0F0F0F0F == 0x0A0A0A0A else ''}"


def read_packets(data: bytes) -> Iterator[QuicPacket]:
    """Headers of the packets in one datagram, up to the first that cannot be read; padding is none."""
    at = 0
    for _ in range(_MOST_PACKETS):
        if at >= len(data):
            return
        first = data[at]
        if not first & _LONG:
            if first & _FIXED:
                yield QuicPacket(QuicKind.ONE_RTT)
            return
        read = _long(data, at)
        if read is None:
            return
        packet, at = read
        yield packet


def _long(data: bytes, at: int) -> tuple[QuicPacket, int] | None:
    """A packet with a long header and where it ends; None for what is none."""
    first, version = data[at], int.from_bytes(data[at + 1 : at + 5])
    ids = _ids(data, at + 5)
    if ids is None:
        return None
    destination, source, behind = ids
    if version == 0:
        names = data[behind:]
        if not names or len(names) % 4:
            return None
        offered = tuple(int.from_bytes(names[i : i + 4]) for i in range(0, min(len(names), 4 * _MOST_VERSIONS), 4))
        return QuicPacket(QuicKind.VERSION_NEGOTIATION, 0, destination, source, offered), len(data)
    if not first & _FIXED or max(len(destination), len(source)) > _LONGEST_ID:
        return None
    kind = (_V2_TYPES if version == V2 else _V1_TYPES)[first >> 4 & 3]
    packet = QuicPacket(kind, version, destination, source)
    if kind is QuicKind.RETRY:
        return packet, len(data)
    if kind is QuicKind.INITIAL:
        token = _number(data, behind)
        if token is None:
            return None
        behind = sum(token)
    length = _number(data, behind)
    if length is None:
        return None
    end = sum(length)
    return packet, min(end, len(data))


def _ids(data: bytes, at: int) -> tuple[bytes, bytes, int] | None:
    """Both connection ids, each behind its length in one byte, and where they end."""
    ids = []
    for _ in range(2):
        if at >= len(data) or at + 1 + data[at] > len(data):
            return None
        ids.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return ids[0], ids[1], at


def _number(data: bytes, at: int) -> tuple[int, int] | None:
    """A variable-length integer (§16) and where it ends; None where the datagram ends before."""
    if at >= len(data):
        return None
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        return None
    return int.from_bytes(data[at : at + size]) & (1 << 8 * size - 2) - 1, at + size


def _known(version: int) -> bool:
    return version in (V1, V2) or version & 0xFFFFFF00 == _DRAFTS


class Quic:
    """The packets of one exchange. It costs little once the handshake is over: two bits of each datagram."""

    __slots__ = (
        "_client_id",
        "_counts",
        "_first",
        "_negotiated",
        "_offered",
        "_reply",
        "_server_id",
        "_short",
        "_waited",
    )

    def __init__(self, first: QuicPacket, size: int, time_ns: int) -> None:
        self._first = first.version, size, time_ns
        self._counts: dict[QuicKind, list[int]] = {}
        self._client_id, self._server_id = first.source, b""
        self._offered: tuple[int, ...] = ()
        self._negotiated: int | None = None
        self._short: tuple[int, int] | None = None
        """Time of the first short header, and the round trips before it."""
        self._reply: tuple[int, int] | None = None
        """The same of the server's first short header that can answer a request."""
        self._waited: set[str] = set()
        """Flights of the server that the client cannot go on without."""

    def hear(self, data: bytes, time_ns: int, *, reply: bool) -> str:
        """Take one datagram; what is in it, in words: `QUIC Initial, Handshake`."""
        packets = tuple(read_packets(data))
        for packet in packets:
            self._counts.setdefault(packet.kind, [0, 0])[reply] += 1
            if packet.kind is QuicKind.ONE_RTT:
                self._speaks(time_ns, reply)
            elif reply:
                self._answered(packet)
        return words_of(packets)

    def _speaks(self, time_ns: int, reply: bool) -> None:
        """A packet with a short header."""
        if self._short is None:
            self._short = time_ns, len(self._waited)
        asked = QuicKind.ZERO_RTT in self._counts or self._counts[QuicKind.ONE_RTT][False]
        if reply and asked and self._reply is None:
            own = self._counts[QuicKind.ONE_RTT][False] > 0 and QuicKind.ZERO_RTT not in self._counts
            self._reply = time_ns, len(self._waited) + own

    def _answered(self, packet: QuicPacket) -> None:
        if packet.kind in (QuicKind.RETRY, QuicKind.VERSION_NEGOTIATION):
            self._waited.add(packet.kind.value)
            self._offered = self._offered or packet.offered
        else:
            self._waited.add("keys")
        if packet.version:
            self._negotiated = packet.version
        if packet.kind is not QuicKind.RETRY and packet.version:
            self._server_id = self._server_id or packet.source  # of a Retry it is only good for one more Initial

    def handshake(self) -> QuicHandshake:
        """What was seen so far."""
        version, size, start_ns = self._first
        return QuicHandshake(
            version,
            self._client_id,
            self._server_id,
            tuple((kind, self._counts[kind][0], self._counts[kind][1]) for kind in QuicKind if kind in self._counts),
            self._offered,
            self._negotiated,
            size,
            *(value for seen in (self._short, self._reply) for value in _since(seen, start_ns)),
        )


def _since(seen: tuple[int, int] | None, start_ns: int) -> tuple[int | None, int | None]:
    return (None, None) if seen is None else (seen[0] - start_ns, seen[1])


def words_of(packets: tuple[QuicPacket, ...]) -> str:
    """The packets of one datagram: `QUIC Initial, Handshake`; the version where it is told to begin with."""
    if not packets:
        return "QUIC"
    words = f"QUIC {', '.join(packet.kind.value for packet in packets)}"
    first = packets[0]
    if first.kind is QuicKind.INITIAL:
        words += f" · version {version_name(first.version)}"
    if first.offered:
        words += f": {', '.join(map(version_name, first.offered[:4]))}{', …' if len(first.offered) > 4 else ''}"
    return words


def begun(data: bytes, time_ns: int) -> Quic | None:
    """The QUIC handshake that a client's datagram begins; None for a datagram that is none.

    Versions nobody knows are believed where the datagram is as long as a client's first has to be (§14.1).
    """
    first = next(read_packets(data), None)
    if first is None or first.kind not in (QuicKind.INITIAL, QuicKind.ZERO_RTT):
        return None
    if not _known(first.version) and len(data) < LEAST_FIRST:
        return None
    return Quic(first, len(data), time_ns)
