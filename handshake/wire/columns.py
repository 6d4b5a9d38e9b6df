"""The column decoder: the plain packets of a whole window at once, as arrays; the rest is left to the scalar one.

Plain is IPv4 without options or IPv6 without extension headers over Ethernet, Linux cooked headers, BSD loopback or
nothing at all, not in fragments, with TCP or UDP headers that were captured whole and whose lengths agree; TCP also in
VLANs. Offsets and widths are those of `wire.layout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from os import urandom
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshake.model.options import EOL, NOP, TIMESTAMPS
from handshake.model.packet import Tag, Tags
from handshake.model.record import dataclass
from handshake.wire.cooked import ARPHRD, ARPHRD_NETLINK, IPV4_FAMILY, IPV6_FAMILIES
from handshake.wire.layout import ETHERNET, IPV4, IPV6, SLL, SLL2, TCP, UDP, VLAN, Layout, tcp_header_length, vlan_id
from handshake.wire.registry import UDP_TUNNELS, VLANS

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

MOST_OPTIONS = 40
BARE, STAMPED, OTHER = 0, 1, 2
"""Options: none; NOP, NOP, timestamps, as every segment of a connection with timestamps has them; anything else."""
_STAMPED = int.from_bytes(bytes((NOP, NOP, TIMESTAMPS, 10)))
_SIX = np.uint64(1 << 63)
"""Set in the word that stands for an IPv6 address or endpoint: a keyed hash; without it the word is an IPv4 one."""
RIGHT, WRONG, UNKNOWN = 0, 1, 2


@dataclass(slots=True)
class Segments:
    """TCP segments of a window, one element each, in the order of the capture."""

    row: Ints
    """Which packet of the window."""
    src: Words
    """The sender's endpoint as one word: address and port (IPv4), or their keyed hash."""
    dst: Words
    ports: Ints
    """Source port times 65536 and destination port."""
    seq: Ints
    ack: Ints
    flags: Ints
    """The nine flags, and the three reserved bits above them."""
    wnd: Ints
    payload: Ints
    """Bytes by the IP header's count."""
    ttl: Ints
    ip_id: Ints
    """-1 for IPv6."""
    form: Ints
    """`BARE`, `STAMPED` or `OTHER`."""
    tsval: Ints
    """-1 without the timestamps of `STAMPED`."""
    rest: Ints
    """What else can be odd or make a difference: urgent pointer, ECN bits above, the VLANs above these (`way`)."""
    at: Ints
    """Where the TCP header begins in the window."""
    header: Ints
    """Bytes of the TCP header."""
    end: Ints
    """Where the captured part of the segment ends in the window."""
    whole: Bools
    """It was captured to its end."""
    plain: Bools
    """Read here; the others were decoded one by one, and only their ends are told."""

    @property
    def six(self) -> Bools:
        """It came over IPv6."""
        return self.src >> np.uint64(63) > 0

    @property
    def way(self) -> Ints:
        """The VLANs that it came in, as a number (`tags_of`)."""
        return self.rest >> 18

    def take(self, order: Ints) -> Segments:
        """Some of them, in another order."""
        return Segments(*(getattr(self, name)[order] for name in _NAMES))


_NAMES = tuple(field.name for field in fields(Segments))


@dataclass(slots=True)
class Datagrams:
    """UDP datagrams of a window, as `Segments`."""

    row: Ints
    src: Words
    dst: Words


@dataclass(slots=True)
class Plain:
    """What the columns could read of a window, and the packets that they could not."""

    segments: Segments
    datagrams: Datagrams
    odd: Ints


def odd_keys(count: int) -> Words:
    """Odd words that nobody can guess (numpy's own generators would have to be imported)."""
    return np.frombuffer(urandom(8 * count), np.uint64) | np.uint64(1)


class Endpoints:
    """Addresses and endpoints as words, alike in each window. The keys are chosen anew for each reading."""

    def __init__(self) -> None:
        self._keys = odd_keys(6)
        self._single: dict[int, int] = {}
        """Words of endpoints over IPv6 that were asked for one by one, and those of their addresses."""

    def host6(self, halves: Words) -> Words:
        """IPv6 addresses, two 64-bit halves each."""
        high = scrambled(halves[:, 0] ^ self._keys[0]) + self._keys[2]
        return scrambled(high + scrambled(halves[:, 1] ^ self._keys[1]) * self._keys[3]) | _SIX

    def ends(self, host: Words, port: Ints) -> Words:
        """Endpoints as words, from addresses as words and ports."""
        ports: Words = port.astype(np.uint64)
        ends = host << np.uint64(16) | ports
        rows = np.flatnonzero(host >> np.uint64(63))
        if len(rows):
            ends[rows] = scrambled(host[rows] ^ (ports[rows] * self._keys[4])) | _SIX
        return ends

    def of(self, address: bytes, port: int) -> tuple[int, int]:
        """One address and one endpoint as words."""
        if len(address) == 4:
            host = int.from_bytes(address)
            return host, host << 16 | port
        word = self.host6(np.frombuffer(address, ">u8").astype(np.uint64).reshape(1, 2))
        host, end = int(word[0]), int(self.ends(word, np.array([port]))[0])
        self._single[end] = host
        return host, end

    def host_of(self, end: int) -> int:
        """The address of an endpoint over IPv6 that was asked for one by one."""
        return self._single[end]

    def pair_of(self, one: tuple[bytes, int], other: tuple[bytes, int]) -> int:
        """The word for two endpoints, addresses and ports."""
        words = (np.array([self.of(*end)[1]], np.uint64) for end in (one, other))
        return int(self.pair(*words)[0])

    def pair(self, one: Words, other: Words) -> Words:
        """A word for two endpoints, whichever comes first."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        return scrambled(low * self._keys[5] + (high ^ self._keys[1]) * self._keys[0])


def scrambled(words: Words) -> Words:
    """Each word mixed so that every bit depends on every bit (splitmix64's finaliser)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@cache
def _type(header: Layout) -> np.dtype[np.void]:
    return header.column_type()


@cache
def _among(chosen: frozenset[int]) -> Bools:
    """By 16-bit number, whether it is one of these."""
    numbers = np.zeros(1 << 16, np.bool_)
    numbers[list(chosen)] = True
    return numbers


@cache
def _tcp_type() -> np.dtype[np.void]:
    """A TCP header, and the first three words of its options."""
    return np.dtype([("fixed", TCP.column_type()), ("options", ">u4", 3)])


def gather(data: Bytes, at: Ints, kind: np.dtype[Any]) -> NDArray[Any]:
    """The structures that begin at these offsets of a window."""
    size = kind.itemsize
    views = np.lib.stride_tricks.as_strided(data[:size].view(f"V{size}"), (len(data) - size + 1,), (1,))
    return views[at].view(kind)  # plain bytes are copied as such, structures field by field


def decode(  # noqa: PLR0917 - one column each
    data: Bytes, starts: Ints, captured: Ints, original: Ints, link: Ints, linktypes: Sequence[int],
    endpoints: Endpoints,
) -> Plain:  # fmt: skip
    """Sort the packets of a window: TCP segments, UDP datagrams, and odd ones. `linktypes` are those of the links."""
    at, version, way = _networks(data, starts, link, linktypes)
    limits = starts + np.maximum(original, captured)
    packets = _packets(data, at, limits, version == 4, version == 6, endpoints)
    room = np.minimum(starts + captured, packets.end) - packets.at
    tcp = np.flatnonzero((packets.protocol == 6) & (room >= TCP.size))
    udp = np.flatnonzero((packets.protocol == 17) & (room >= UDP.size) & (way == 0))
    segments = _segments(data, packets, tcp, room, way, endpoints)
    datagrams = _datagrams(data, packets, udp, endpoints)
    odd = np.ones(len(starts), np.bool_)
    for found in (segments, datagrams):
        odd[found.row] = False
    return Plain(segments, datagrams, np.flatnonzero(odd))


def _networks(data: Bytes, starts: Ints, link: Ints, linktypes: Sequence[int]) -> tuple[Ints, Ints, Ints]:
    """Where the network header of each packet begins, its IP version (0: something else), and the VLANs before it."""
    at, kind, way = starts.copy(), np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for linktype in LINKS.keys() & set(linktypes):
        of_link = np.array([each == linktype for each in linktypes])
        rows = slice(None) if of_link.all() else np.flatnonzero(of_link[link])
        size, ethertype_of = LINKS[linktype]
        at[rows] += size
        kind[rows] = ethertype_of(data, starts[rows])
    for _ in range(_MOST_VLANS):
        tagged = np.flatnonzero(_among(frozenset(VLANS))[kind])
        if not len(tagged):
            break
        header = gather(data, at[tagged], _type(VLAN))
        numbers = vlan_id(header["tci"].astype(np.int64))  # type: ignore[arg-type]
        way[tagged] = np.where(numbers > 0, way[tagged] << 12 | numbers, way[tagged])
        kind[tagged], at[tagged] = header["ethertype"], at[tagged] + VLAN.size
    return at, (kind == _IPV4) * np.int64(4) + (kind == _IPV6) * np.int64(6), way


def tags_of(way: int) -> Tags:
    """The VLANs that a packet came in, outermost first: 12 bits each, the innermost one lowest; 0: none."""
    return (*tags_of(way >> 12), Tag("vlan", way & 0xFFF)) if way else ()


_IPV4, _IPV6 = 0x0800, 0x86DD
_MOST_VLANS = 2
"""Tags before a packet that is plain."""


def _ethernet(data: Bytes, at: Ints) -> Ints:
    return gather(data, at + ETHERNET.offset_of("ethertype"), np.dtype(">u2"))


def _sll(data: Bytes, at: Ints) -> Ints:
    return _cooked(gather(data, at, _type(SLL)))


def _sll2(data: Bytes, at: Ints) -> Ints:
    return _cooked(gather(data, at, _type(SLL2)))


def _cooked(header: NDArray[Any]) -> Ints:
    kind: Ints = header["protocol"] * ~np.isin(header["arphrd"], (*ARPHRD, ARPHRD_NETLINK))
    return kind


def _null(data: Bytes, at: Ints) -> Ints:
    word = gather(data, at, np.dtype(">u4")).astype(np.uint32)
    family = np.where(word > 0xFFFF, word.byteswap(), word)
    return np.where(family == IPV4_FAMILY, _IPV4, np.where(np.isin(family, IPV6_FAMILIES), _IPV6, 0))


def _raw(data: Bytes, at: Ints) -> Ints:
    version = data[at] >> 4
    return np.where(version == 4, _IPV4, np.where(version == 6, _IPV6, 0))


LINKS: dict[int, tuple[int, Callable[[Bytes, Ints], Ints]]] = {
    1: (ETHERNET.size, _ethernet),
    113: (SLL.size, _sll),
    276: (SLL2.size, _sll2),
    **dict.fromkeys((0, 108), (4, _null)),
    **dict.fromkeys((12, 14, 101, 228, 229), (0, _raw)),
}
"""Link types that are read here (`registry.LINKS` has all): bytes of their headers, and who tells the EtherType."""


@dataclass(slots=True)
class _Packets:
    """What IP headers say, one element a packet."""

    protocol: Ints
    """0 where it is not plain."""
    at: Ints
    """Where the next header begins."""
    end: Ints
    """Where the packet ends, captured or not."""
    src: Words
    """The address, as a word."""
    dst: Words
    ttl: Ints
    ip_id: Ints
    ecn: Ints


_COLUMNS = tuple(field.name for field in fields(_Packets))


def _packets(  # noqa: PLR0917 - one column each
    data: Bytes, at: Ints, limits: Ints, four: Bools, six: Bools, endpoints: Endpoints
) -> _Packets:
    """The packets whose IP headers begin at `at`, and which end at `limits` or before."""
    if four.all():
        return _packets4(data, at, limits)
    if six.all():
        return _packets6(data, at, limits, endpoints)
    rows4, rows6 = np.flatnonzero(four), np.flatnonzero(six)
    parts = _packets4(data, at[rows4], limits[rows4]), _packets6(data, at[rows6], limits[rows6], endpoints)
    columns = []
    for name in _COLUMNS:
        one, other = (getattr(part, name) for part in parts)
        column = np.zeros(len(at), one.dtype)
        column[rows4], column[rows6] = one, other
        columns.append(column)
    return _Packets(*columns)


def _packets4(data: Bytes, at: Ints, limits: Ints) -> _Packets:
    header = gather(data, at, _type(IPV4))
    length = header["total_length"].astype(np.int64)
    good = (header["version_ihl"] == 0x45) & ((header["fragment"] & 0x3FFF) == 0) & (length >= IPV4.size)
    good &= at + length <= limits
    src, dst = (np.ascontiguousarray(header[name]).view(">u4").astype(np.uint64) for name in ("src", "dst"))
    return _Packets(
        header["protocol"] * good.astype(np.int64), at + IPV4.size, at + length, src, dst,
        header["ttl"].astype(np.int64), header["id"].astype(np.int64), header["tos"] & np.int64(3),
    )  # fmt: skip


def _packets6(data: Bytes, at: Ints, limits: Ints, endpoints: Endpoints) -> _Packets:
    header = gather(data, at, _type(IPV6))
    first = header["version_class_flow"].astype(np.int64)
    length = header["payload_length"].astype(np.int64) + IPV6.size
    good = ((first >> 28) == 6) & (length > IPV6.size) & (at + length <= limits)
    src, dst = (endpoints.host6(_halves(header[name])) for name in ("src", "dst"))
    return _Packets(header["next_header"] * good.astype(np.int64), at + IPV6.size, at + length, src, dst,
                    header["hop_limit"].astype(np.int64), np.full(len(at), -1), first >> 20 & 3)  # fmt: skip


def _datagrams(data: Bytes, packets: _Packets, rows: Ints, endpoints: Endpoints) -> Datagrams:
    header = gather(data, packets.at[rows], _type(UDP))
    ports = [header[name].astype(np.int64) for name in ("src_port", "dst_port")]
    tunnels = _among(frozenset(UDP_TUNNELS))
    plain = np.flatnonzero(~(tunnels[ports[0]] | tunnels[ports[1]]))
    rows = rows[plain]
    src, dst = (
        endpoints.ends(hosts[rows], port[plain]) for hosts, port in zip((packets.src, packets.dst), ports, strict=True)
    )
    return Datagrams(rows, src, dst)


def _segments(  # noqa: PLR0917 - one column each
    data: Bytes, packets: _Packets, rows: Ints, room: Ints, way: Ints, endpoints: Endpoints
) -> Segments:
    head = gather(data, packets.at[rows], _tcp_type())
    offset_flags = head["fixed"]["offset_flags"].astype(np.int64)
    size: Ints = tcp_header_length(offset_flags)  # type: ignore[assignment, arg-type]
    good = (size >= TCP.size) & (room[rows] >= size)
    if not good.all():
        chosen = np.flatnonzero(good)
        rows, head, offset_flags, size = rows[chosen], head[chosen], offset_flags[chosen], size[chosen]
    tcp, words = head["fixed"], head["options"]
    at, end, room = packets.at[rows], packets.end[rows], room[rows]
    source, target = tcp["src_port"].astype(np.int64), tcp["dst_port"].astype(np.int64)
    stamped = (size == TCP.size + 12) & (words[:, 0] == _STAMPED)
    form = OTHER - (size == TCP.size) * np.int64(OTHER - BARE) - stamped * np.int64(OTHER - STAMPED)
    return Segments(
        rows, endpoints.ends(packets.src[rows], source), endpoints.ends(packets.dst[rows], target),
        source << 16 | target, tcp["seq"].astype(np.int64), tcp["ack"].astype(np.int64), offset_flags & 0xFFF,
        tcp["window"].astype(np.int64), end - at - size, packets.ttl[rows], packets.ip_id[rows], form,
        (words[:, 1] + np.int64(1)) * stamped - 1, tcp["urgent"] | packets.ecn[rows] << 16 | way[rows] << 18,
        at, size, at + room, at + room >= end, np.ones(len(rows), np.bool_),
    )  # fmt: skip


def hosts_of(data: Bytes, segments: Segments, endpoints: Endpoints) -> tuple[Words, Words]:
    """The addresses of sender and receiver, one word each."""
    src, dst = segments.src >> np.uint64(16), segments.dst >> np.uint64(16)
    rows = np.flatnonzero(segments.six & segments.plain)
    if len(rows):
        header = gather(data, segments.at[rows] - IPV6.size, _type(IPV6))
        src[rows], dst[rows] = (endpoints.host6(_halves(header[name])) for name in ("src", "dst"))
    for row in np.flatnonzero(segments.six & ~segments.plain).tolist():
        src[row], dst[row] = (endpoints.host_of(int(ends[row])) for ends in (segments.src, segments.dst))
    return src, dst


def _halves(addresses: NDArray[np.void]) -> Words:
    return np.ascontiguousarray(addresses).view(">u8").astype(np.uint64).reshape(-1, 2)


def joined(one: Segments, other: Segments) -> Segments:
    """Two parts of one window in the order of the capture."""
    order = np.argsort(np.concatenate((one.row, other.row)), kind="stable")
    return Segments(*(np.concatenate((getattr(one, name), getattr(other, name)))[order] for name in _NAMES))


def named(row: Ints, src: Words, dst: Words, ports: Ints) -> Segments:
    """Packets that were decoded one by one, of which only the ends are told here."""
    zeros = {name: np.zeros(len(row), np.int64) for name in _NAMES}
    zeros |= {"row": row, "ports": ports}
    nothing = np.zeros(len(row), np.bool_)
    return Segments(**(zeros | {"src": src, "dst": dst, "whole": nothing, "plain": nothing}))  # type: ignore[arg-type]


def options_of(data: Bytes, at: Ints, header: Ints) -> tuple[Words, Ints, Ints]:
    """Of the options of some TCP headers: a hash of all but the timestamps' values, TSval and TSecr (-1 without)."""
    length = header - TCP.size
    size = int(length.max(initial=0)) + 7 & ~7
    block = gather(data, at + TCP.size, np.dtype(f"V{size}")).view(np.uint8).reshape(-1, size)
    block *= _INSIDE[length, :size]
    words = block.view(np.uint64)
    stamp = _timestamps_at(block, length)
    tsval = np.full(len(at), -1)
    tsecr = np.full(len(at), -1)
    for place in np.flatnonzero(np.bincount(stamp + 1)[1:]).tolist():
        rows = np.flatnonzero(stamp == place)
        pair = np.ascontiguousarray(block[rows, place + 2 : place + 10]).view(">u4").astype(np.int64)
        tsval[rows], tsecr[rows] = pair[:, 0], pair[:, 1]
        block[rows, place + 2 : place + 10] = 0
    mixed = length.astype(np.uint64)
    for column in range(size // 8):
        mixed += scrambled(words[:, column] * _KEYS[column])  # nothing where options are shorter
    return scrambled(mixed), tsval, tsecr


_KEYS = np.arange(1, MOST_OPTIONS // 4, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
_INSIDE = (np.arange(MOST_OPTIONS) < np.arange(MOST_OPTIONS + 1)[:, None]).astype(np.uint8)
"""By length, which bytes belong to the options."""


def _timestamps_at(block: Bytes, length: Ints) -> Ints:
    """Where the first timestamps option of the right length stands, -1 without.

    Most SYNs have the same kinds of options in the same places as another: of such only one is walked.
    """
    found = np.full(len(block), -1)
    words = block.view(np.uint64)
    rest = np.arange(len(block))
    for _ in range(_SHAPES):
        if not len(rest):
            break
        one = int(rest[0])
        place, shape = _walked(block[one].tobytes(), int(length[one]))
        differs = length[rest] != length[one]
        for column in np.flatnonzero(shape.view(np.uint64)).tolist():
            mask = shape.view(np.uint64)[column]
            differs |= (words[rest, column] & mask) != (words[one, column] & mask)
        found[rest[~differs]] = place
        rest = rest[differs]
    for row in rest.tolist():
        found[row] = _walked(block[row].tobytes(), int(length[row]))[0]
    return found


_SHAPES = 16
"""Shapes that are looked for in a window before the rest is walked one by one."""


def _walked(options: bytes, length: int) -> tuple[int, Bytes]:
    """Where timestamps stand in the options of one header, or -1; and a mask of the bytes that say so."""
    shape = np.zeros(MOST_OPTIONS, np.uint8)
    at = 0
    while at + 1 < length:
        kind, size = options[at], options[at + 1]
        shape[at] = 0xFF
        if kind == EOL:
            break
        if kind != NOP:
            shape[at + 1] = 0xFF
            if size < 2 or at + size > length:
                break
            if kind == TIMESTAMPS and size == 10:
                return at, shape
        at += 1 if kind == NOP else size
    return -1, shape


def checksums(data: Bytes, segments: Segments) -> Ints:
    """`RIGHT`, `WRONG` or `UNKNOWN` (cut, or left to the network card), as `wire.checksum` tells it."""
    length = segments.end - segments.at
    pseudo = _pseudo_sums(data, segments) + (length >> 16) + (length & 0xFFFF)
    total = pseudo + _sums(data, segments.at, length)
    told = np.where(segments.whole, np.where(total % 0xFFFF == 0, RIGHT, WRONG), UNKNOWN)
    wrong = np.flatnonzero(told == WRONG)
    place = segments.at[wrong] + TCP.offset_of("checksum")
    field = data[place].astype(np.int64) << 8 | data[place + 1]
    told[wrong[field % 0xFFFF == pseudo[wrong] % 0xFFFF]] = UNKNOWN
    return told


def _pseudo_sums(data: Bytes, segments: Segments) -> Ints:
    """Sum of the 16-bit words of each pseudo-header, but for its length."""
    src, dst = segments.src, segments.dst
    low = np.uint64(0xFFFF)
    halves = (
        (src >> np.uint64(32)) + (src >> np.uint64(16) & low) + (dst >> np.uint64(32)) + (dst >> np.uint64(16) & low)
    )
    total: Ints = halves.astype(np.int64) + 6
    rows = np.flatnonzero(segments.six)
    if len(rows):
        header = gather(data, segments.at[rows] - IPV6.size, _type(IPV6))
        ends = (np.ascontiguousarray(header[name]).view(">u2").reshape(-1, 8) for name in ("src", "dst"))
        total[rows] = 6 + sum(end.sum(1, dtype=np.int64) for end in ends)
    return total


_STEPS = (64, 128, 512, 1536)


def _sums(data: Bytes, at: Ints, length: Ints) -> Ints:
    """Sum of the big-endian 16-bit words of each piece, modulo 65535, an odd last byte padded with zero.

    They are added as little-endian words, 2^16 being 1 there, and the bytes of the sum are swapped (RFC 1071 §2 B).
    """
    total = np.zeros(len(at), np.int64)
    short = (length <= _STEPS[0]) & (length & 3 == 0)  # most are a header and no more: few lengths, each in one go
    for size in np.flatnonzero(np.bincount(length[short])).tolist():
        rows = np.flatnonzero(length == size)
        total[rows] = np.einsum("ij->i", _words(data, at[rows], size), dtype=np.uint64).view(np.int64)
    others = np.flatnonzero(~short & (at + _STEPS[-1] + 4 <= len(data)))
    below = 0
    for step in _STEPS:
        chosen = others[(length[others] > below) & (length[others] <= step)]
        for start in range(0, len(chosen), 1024):
            rows = chosen[start : start + 1024]
            words = _words(data, at[rows], step + 4)
            whole, rest = length[rows] >> 2, length[rows] & 3
            last = words[np.arange(len(rows)), whole].astype(np.int64) & (1 << 8 * rest) - 1
            words *= np.arange(step // 4 + 1, dtype=np.int32) < whole[:, None].astype(np.int32)
            total[rows] = np.einsum("ij->i", words, dtype=np.uint64).view(np.int64) + last
        below = step
    total = total % 0xFFFF * 256 % 0xFFFF
    memory = data.data
    for row in np.flatnonzero(~short & ((length > below) | (at + below + 4 > len(data)))).tolist():
        piece = bytes(memory[at[row] : at[row] + length[row]])
        total[row] = int.from_bytes(piece + b"\0" * (len(piece) % 2)) % 0xFFFF
    return total


def _words(data: Bytes, at: Ints, size: int) -> NDArray[np.uint32]:
    """The little-endian words of pieces of so many bytes, a row each."""
    return gather(data, at, np.dtype(f"V{size}")).view("<u4").reshape(-1, size // 4)
