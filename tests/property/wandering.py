"""Random captures as bytes: ordinary connections side by side, each bent a little, so that every way out of the plain
is taken now and then."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from handshake.model.packet import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from tests.unit.source.capture_bytes import pcap_header, pcap_record
from tests.unit.wire.wire_bytes import ethernet, extension, fragment, icmp, ipv4, ipv6, tcp, udp

MS = 10**6


def _stamp(ts: tuple[int, int]) -> bytes:
    return b"\x08\x0a" + struct.pack("!II", ts[0] % 2**32, ts[1] % 2**32)


_MSS, _NOPS, _SCALE = b"\x02\x04\x05\xb4", b"\1\1", b"\x03\x03"
_STAMP = b"(stamp)"
_SYN_OPTIONS = (
    _MSS + b"\4\2" + _STAMP + b"\1" + _SCALE + b"\7",
    _MSS + b"\1" + _SCALE + b"\x08" + _NOPS + b"\4\2",
    _MSS,
    b"\x02\x04\x02\0" + _NOPS + _STAMP,
    b"",
    _NOPS + _STAMP + b"\1\1\1\0",
    _MSS + _SCALE + b"\x0f\0",
    b"\2\3\5\1",
)
"""As stacks send them, and as none does."""
_GREETINGS = (b"x" * 80, b"\x16\x03\x01\0\5\1" + b"y" * 100, b"hi", b"GET / HTTP/1.1\r\n\r\n", b"z" * 1400)
_WORDS = (b"", b"a", b"b" * 30, b"c" * 500, b"d" * 1448, b"HTTP/1.1 200 OK\r\n")
_ODD = ("vlan", "fragment", "checksum", "cut", "cut hard", "urgent", "ecn", "extension", "padding")


@dataclass(frozen=True)
class Piece:
    """One packet to be."""

    time_ns: int
    flow: int
    to_server: bool
    flags: int
    seq: int
    ack: int
    payload: bytes = b""
    options: bytes = b""
    ttl: int = 64
    wnd: int = 64240
    ip_id: int = 0
    six: bool = False
    odd: str = ""
    ports: tuple[int, int] | None = None
    """Those of the client and the server, where they are not the usual ones."""


def connection(random: Random, flow: int, start_ns: int) -> list[Piece]:
    """An ordinary connection, or the beginning of one."""
    six, stamps = random.random() < 0.2, random.random() < 0.6
    ids = random.random() < 0.6
    iss = [random.choice((0, 1, 2**32 - 3, random.getrandbits(32))) for _ in range(2)]
    clocks = [random.choice((0, 1, 2**32 - 2, random.getrandbits(32))) for _ in range(2)]
    choose = _SYN_OPTIONS[0] if stamps else random.choice(_SYN_OPTIONS)
    answer = choose if random.random() < 0.8 else random.choice(_SYN_OPTIONS)
    ecn = random.choice((0, 0, 0, ECE | CWR))
    both = stamps and answer is choose
    next_, pieces, now = [iss[0], iss[1]], [], start_ns
    number = random.getrandbits(16)

    def send(side: int, flags: int, payload: bytes = b"", options: bytes | None = None) -> None:
        nonlocal now, number
        now += random.choice((10**4, MS, 20 * MS, 30 * MS))
        number = number % 65535 + 1
        clocks[side] += random.choice((0, 1, 5))
        body = (b"\1\1" + _stamp((clocks[side], clocks[1 - side])) if both else b"") if options is None else options
        ack = next_[1 - side] % 2**32 if flags & ACK else 0
        ttl = 64 if side == 0 else 57
        pieces.append(Piece(now, flow, side == 0, flags, next_[side] % 2**32, ack, payload, body, ttl, 64240,
                            number if ids else 0, six))  # fmt: skip
        next_[side] += len(payload) + (flags >> 1 & 1) + (flags & 1)

    send(0, SYN | ecn, options=choose.replace(_STAMP, _stamp((clocks[0], 0))))
    kind = random.random()
    if kind < 0.08:
        return pieces
    if kind < 0.15:
        next_[1] = 0
        send(1, RST | ACK, options=b"")
        return pieces
    send(1, SYN | ACK | (ecn & ECE), options=answer.replace(_STAMP, _stamp((clocks[1], clocks[0]))))
    if kind < 0.2:
        if kind < 0.18:
            send(0, RST, options=b"")
        return pieces
    send(0, ACK)
    greeting = random.choice(_GREETINGS)
    for turn in range(random.choice((0, 1, 2, 3, 6, 12))):
        side = random.choice((0, 1)) if turn else random.choice((0, 0, 1))
        data = greeting if turn == 0 else random.choice(_WORDS)
        send(side, ACK | random.choice((0, PSH)), data)
        if random.random() < 0.5:
            send(1 - side, ACK)
    if random.random() < 0.75:
        first = random.choice((0, 1))
        send(first, FIN | ACK)
        if random.random() < 0.5:
            send(1 - first, ACK)
        send(1 - first, FIN | ACK)
        send(first, ACK)
    elif random.random() < 0.5:
        send(random.choice((0, 1)), RST | random.choice((0, ACK)), options=b"")
    return pieces


def bent(random: Random, pieces: list[Piece]) -> list[Piece]:
    """The same with something wrong at one place."""
    at = random.randrange(len(pieces))
    piece, later = pieces[at], pieces[at + 1 :]
    how = random.choice(("late", "wait", *_BENDS))
    if how == "wait":
        pause = random.choice((600, 1500, 4000, 241_000)) * MS
        return [*pieces[: at + 1], *(replace(each, time_ns=each.time_ns + pause) for each in later)]
    if how == "late":
        return [
            *pieces[:at],
            *later[:1],
            *(replace(piece, time_ns=each.time_ns + 10) for each in later[:1]),
            *later[1:],
        ]
    return [*pieces[:at], *_BENDS[how](random, piece), *later]


def _shift(random: Random, number: int) -> int:
    return (number + random.choice((-1, 1, 500, 2**31, -(2**29)))) % 2**32


def _again(random: Random, piece: Piece) -> list[Piece]:
    later_ns = piece.time_ns + random.choice((0, MS, 300 * MS, 2000 * MS))
    return [piece, replace(piece, time_ns=later_ns, ip_id=random.choice((piece.ip_id, piece.ip_id + 1)))]


def _reset(random: Random, piece: Piece) -> list[Piece]:
    seq = (piece.seq + len(piece.payload)) % 2**32
    return [piece, replace(piece, flags=RST | random.choice((0, ACK)), payload=b"", options=b"", seq=seq)]


def _syn(random: Random, piece: Piece) -> list[Piece]:
    return [piece, replace(piece, flags=SYN, payload=b"", seq=random.getrandbits(32))]


def _flags(random: Random, piece: Piece) -> list[Piece]:
    return [replace(piece, flags=piece.flags ^ random.choice((ECE, CWR, URG, PSH, FIN, RST, ACK, SYN, 512)))]


def _options(random: Random, piece: Piece) -> list[Piece]:
    sack = b"\1\1\5\x0a" + struct.pack("!II", piece.ack, (piece.ack + 100) % 2**32)
    return [replace(piece, options=random.choice((b"", _NOPS + _stamp((5, 6)), sack, b"\x13\x12" + bytes(16) + _NOPS)))]


def _alive(_: Random, piece: Piece) -> list[Piece]:
    later_ns = piece.time_ns + 2000 * MS
    return [piece, replace(piece, time_ns=later_ns, payload=b"", flags=ACK, seq=(piece.seq - 1) % 2**32)]


_BENDS: dict[str, Callable[[Random, Piece], list[Piece]]] = {
    "again": _again,
    "lost": lambda _, piece: [],
    "ttl": lambda random, piece: [replace(piece, ttl=random.choice((63, 50, 255)))],
    "wnd": lambda random, piece: [replace(piece, wnd=random.choice((0, 0, 1000, 14600)))],
    "seq": lambda random, piece: [replace(piece, seq=_shift(random, piece.seq))],
    "ack": lambda random, piece: [replace(piece, ack=_shift(random, piece.ack))],
    "flags": _flags,
    "reset": _reset,
    "syn": _syn,
    "options": _options,
    "alive": _alive,
    "odd": lambda random, piece: [replace(piece, odd=random.choice(_ODD))],
    "icmp": lambda _, piece: [piece, replace(piece, odd="icmp")],
    "backward": lambda random, piece: [replace(piece, time_ns=piece.time_ns - random.choice((5, 50 * MS)))],
    "small": lambda _, piece: [replace(piece, payload=piece.payload[:1])],
}


def frame(random: Random, piece: Piece) -> tuple[bytes, int]:
    """The bytes that are captured, and how many there were on the wire."""
    ends = (
        [bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))]
        if not piece.six
        else [b"\xfd" + bytes(14) + b"\1", b"\xfd" + bytes(14) + b"\2"]
    )
    ports = piece.ports or (40000 + piece.flow, 80)
    if not piece.to_server:
        ends, ports = ends[::-1], ports[::-1]
    where = (ends[0], ends[1])
    checksum = 0x1234 if piece.odd == "checksum" else None
    options = piece.options + bytes(-len(piece.options) % 4)
    segment = tcp(options, piece.payload, flags=piece.flags & 511, seq=piece.seq, ack=piece.ack, ports=ports,
                  window=piece.wnd, urgent=9 * (piece.odd == "urgent"), reserved=piece.flags >> 9,
                  checksum=checksum, ends=where)  # fmt: skip
    tos = 2 * (piece.odd == "ecn")
    if piece.odd == "icmp":
        quote = ipv4(segment, ends=where)[:28] if not piece.six else ipv6(segment, ends=where)[:48]
        if piece.six:
            packet, kind = ipv6(icmp(1, random.choice((0, 4)), quote), following=58, ends=where[::-1]), 0x86DD
        else:
            packet, kind = ipv4(icmp(3, random.choice((1, 3, 4)), quote), protocol=1, ends=where[::-1]), 0x0800
    elif piece.six:
        content, following = segment, 6
        if piece.odd == "extension":
            content, following = extension(6) + segment, 0
        if piece.odd == "fragment":
            content, following = fragment(6, 0, 1) + segment, 44
        packet, kind = ipv6(content, following=following, hop_limit=piece.ttl, traffic_class=tos, ends=where), 0x86DD
    else:
        packet, kind = ipv4(segment, ttl=piece.ttl, ip_id=piece.ip_id % 65536, tos=tos, ends=where,
                            fragment=0x2000 * (piece.odd == "fragment"),
                            options=b"\1\1\1\1" * (piece.odd == "extension")), 0x0800  # fmt: skip
    if piece.odd == "vlan":
        packet, kind = b"\0\7" + kind.to_bytes(2) + packet, 0x8100
    data = ethernet(packet, kind)
    whole = len(data)
    if piece.odd == "padding":
        data += b"pad"
        whole += 3
    if piece.odd == "cut":
        data = data[:70]
    if piece.odd == "cut hard":
        data = data[: random.choice((10, 30, 50))]
    return data, whole


HEADER = pcap_header(magic=0xA1B23C4D)
EPOCH_NS = 1_700_000_000 * 10**9


def record(random: Random, piece: Piece) -> bytes:
    """Its record in a capture of nanoseconds."""
    data, whole = frame(random, piece)
    time_ns = piece.time_ns + EPOCH_NS
    return pcap_record(data, time_ns // 10**9, time_ns % 10**9, orig_len=whole)


def capture(seed: int, flows: int = 40, bends: float = 0.7) -> bytes:
    """A pcap of that many connections on few ports."""
    random = Random(seed)
    pieces: list[Piece] = []
    ports = random.choice((flows, max(flows // 2, 1), 3 * flows))
    for _ in range(flows):
        made = connection(random, random.randrange(ports), random.randrange(0, random.choice((1, 400))) * 1000 * MS)
        while random.random() < bends and made:
            made = bent(random, made)
        pieces += made
    step = 50 * MS if bends and random.random() < 0.3 else 1  # some captures are not quite in order
    order = sorted(range(len(pieces)), key=lambda index: pieces[index].time_ns // step)
    records = []
    for index in order:
        piece = pieces[index]
        records.append(record(random, piece))
        time_ns = piece.time_ns + EPOCH_NS
        if random.random() < 0.03:
            question = ethernet(ipv4(udp(b"q" * 30, ports=(random.randrange(5000, 5020), 99)), protocol=17))
            records.append(pcap_record(question, time_ns // 10**9, time_ns % 10**9))
    return HEADER + b"".join(records)
