"""The column decoder: the plain packets of a whole window at once, as arrays; the rest is left to the scalar one.

Plain is IPv4 without options or IPv6 without extension headers over Ethernet or raw IP, not in fragments, with TCP or
UDP headers that were captured whole and whose lengths agree. Offsets and widths are those of `wire.layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray

from handshake.model.options import EOL, NOP, TIMESTAMPS
from handshake.wire.layout import ETHERNET, IPV4, IPV6, TCP, UDP, Layout, tcp_header_length
from handshake.wire.registry import UDP_TUNNELS

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
    """Urgent pointer, and ECN bits above: what else can be odd."""
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

    segments: list[Segments]
    datagrams: list[Datagrams]
    odd: Ints


class Endpoints:
    """Addresses and endpoints as words, alike in each window. The keys are chosen anew for each reading."""

    def __init__(self, seed: int | None = None) -> None:
        keys = np.random.default_rng(seed).integers(0, 1 << 63, 6, np.uint64) * np.uint64(2) + np.uint64(1)
        self._keys = keys
        self._single: dict[int, int] = {}
        """Words of endpoints over IPv6 that were asked for one by one, and those of their addresses."""

    def host6(self, halves: Words) -> Words:
        """IPv6 addresses, two 64-bit halves each."""
        high = scrambled(halves[:, 0] ^ self._keys[0]) + self._keys[2]
        return scrambled(high + scrambled(halves[:, 1] ^ self._keys[1]) * self._keys[3]) | _SIX

    def endpoint6(self, host: Words, port: Ints) -> Words:
        """IPv6 addresses as words, with their ports."""
        return scrambled(host ^ (port.astype(np.uint64) * self._keys[4])) | _SIX

    def of(self, address: bytes, port: int) -> tuple[int, int]:
        """One address and one endpoint as words."""
        if len(address) == 4:
            host = int.from_bytes(address)
            return host, host << 16 | port
        word = self.host6(np.frombuffer(address, ">u8").astype(np.uint64).reshape(1, 2))
        host, end = int(word[0]), int(self.endpoint6(word, np.array([port]))[0])
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
def _header(ip: Layout, transport: Layout) -> np.dtype[np.void]:
    """An IP header and the transport header right behind it, with room for the first three words of TCP options."""
    room = "V12" if transport is TCP else "V0"
    return np.dtype([("ip", ip.column_type()), ("next", transport.column_type()), ("options", room)])


@cache
def _type(header: Layout) -> np.dtype[np.void]:
    return header.column_type()


def gather(data: Bytes, at: Ints, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """The structures that begin at these offsets of a window."""
    size = kind.itemsize
    views = np.lib.stride_tricks.as_strided(data[:size].view(f"V{size}"), (len(data) - size + 1,), (1,))
    return views[at].view(kind)  # plain bytes are copied as such, structures field by field


ETHERNET_LINK, RAW_LINK = 1, 101
LINKS = {ETHERNET_LINK: ETHERNET.size, RAW_LINK: 0}
"""Link types that are read here (Ethernet, raw IP) and where their network header begins."""


def decode(  # noqa: PLR0917 - one column each
    data: Bytes, starts: Ints, captured: Ints, original: Ints, link: Ints, linktypes: Sequence[int],
    endpoints: Endpoints,
) -> Plain:  # fmt: skip
    """Sort the packets of a window: TCP and UDP by IP version, and the odd ones. `linktypes` are those of the links."""
    at, version = _networks(data, starts, link, linktypes)
    done = np.zeros(len(starts), np.bool_)
    plain = Plain([], [], starts)
    for layout, number in ((IPV4, 4), (IPV6, 6)):
        rows = np.flatnonzero(version == number)
        if len(rows):
            _decode_ip(plain, done, layout, data, rows, at, starts + captured, starts + np.maximum(original, captured),
                       endpoints)  # fmt: skip
    plain.odd = np.flatnonzero(~done)
    return plain


def _networks(data: Bytes, starts: Ints, link: Ints, linktypes: Sequence[int]) -> tuple[Ints, Ints]:
    """Where the network header of each packet begins, and its IP version; 0 where it is something else."""
    at, version = starts.copy(), np.zeros(len(starts), np.int64)
    for linktype in LINKS.keys() & set(linktypes):
        of_link = np.array([each == linktype for each in linktypes])
        rows = slice(None) if of_link.all() else np.flatnonzero(of_link[link])
        at[rows] += LINKS[linktype]
        if linktype == ETHERNET_LINK:
            place = starts[rows] + ETHERNET.offset_of("ethertype")
            kind = data[place].astype(np.int64) << 8 | data[place + 1]
            version[rows] = (kind == 0x0800) * 4 + (kind == 0x86DD) * 6
        else:
            version[rows] = data[at[rows]] >> 4
    return at, version


def _decode_ip(  # noqa: PLR0917 - one column each
    plain: Plain, done: Bools, ip: Layout, data: Bytes, rows: Ints, at: Ints, ends: Ints, limits: Ints,
    endpoints: Endpoints,
) -> None:  # fmt: skip
    """One IP version: `rows` are packets of the window whose IP header begins at `at`, captured up to `ends`."""
    at, ends, limits = at[rows], ends[rows], limits[rows]
    heads = gather(data, at, _header(ip, TCP))
    header = heads["ip"]
    room = ends - at
    if ip is IPV4:
        length = header["total_length"].astype(np.int64)
        good = (header["version_ihl"] == 0x45) & ((header["fragment"] & 0x3FFF) == 0) & (length >= IPV4.size)
        protocol = header["protocol"]
    else:
        payload = header["payload_length"].astype(np.int64)
        length = payload + IPV6.size
        good = ((header["version_class_flow"] >> 28) == 6) & (payload > 0)
        protocol = header["next_header"]
    good &= at + length <= limits
    tcp = good & (protocol == 6) & (room >= ip.size + TCP.size) & (length >= ip.size + TCP.size)
    size: Ints = tcp_header_length(heads["next"]["offset_flags"].astype(np.int64))  # type: ignore[assignment, arg-type]
    tcp &= (size >= TCP.size) & (length >= ip.size + size) & (room >= ip.size + size)
    udp = good & (protocol == 17) & (room >= ip.size + UDP.size) & (length >= ip.size + UDP.size)
    if udp.any():
        tunnels = np.fromiter(UDP_TUNNELS, np.int64)
        udp &= ~np.isin(heads["next"]["src_port"], tunnels) & ~np.isin(heads["next"]["dst_port"], tunnels)
        chosen = np.flatnonzero(udp)
        src, dst, _ = _ends(ip, heads[chosen], endpoints)
        plain.datagrams.append(Datagrams(rows[chosen], src, dst))
    chosen = np.arange(len(rows)) if tcp.all() else np.flatnonzero(tcp)
    if len(chosen):
        if len(chosen) < len(rows):
            heads, header = heads[chosen], header[chosen]
        whole_end = at[chosen] + length[chosen]
        plain.segments.append(
            _segments(ip, heads, rows[chosen], at[chosen] + ip.size, size[chosen], whole_end, ends[chosen], endpoints)
        )
    done[rows[tcp | udp]] = True


def _ends(ip: Layout, heads: NDArray[np.void], endpoints: Endpoints) -> tuple[Words, Words, Ints]:
    """Endpoints of sender and receiver, and the ports."""
    source, target = heads["next"]["src_port"].astype(np.int64), heads["next"]["dst_port"].astype(np.int64)
    ends = []
    for name, port in (("src", source), ("dst", target)):
        if ip is IPV4:
            ends.append(_four(heads["ip"][name]) << np.uint64(16) | port.view(np.uint64))
        else:
            ends.append(endpoints.endpoint6(endpoints.host6(_halves(heads["ip"][name])), port))
    return ends[0], ends[1], source << 16 | target


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


def _four(addresses: NDArray[np.void]) -> Words:
    return np.ascontiguousarray(addresses).view(">u4").astype(np.uint64)


def _segments(  # noqa: PLR0917 - one column each
    ip: Layout, heads: NDArray[np.void], rows: Ints, at: Ints, size: Ints, end: Ints, captured: Ints,
    endpoints: Endpoints,
) -> Segments:  # fmt: skip
    tcp, header = heads["next"], heads["ip"]
    src, dst, ports = _ends(ip, heads, endpoints)
    if ip is IPV4:
        ecn, ttl, ip_id = header["tos"].astype(np.int64) & 3, header["ttl"], header["id"].astype(np.int64)
    else:
        ecn = header["version_class_flow"].astype(np.int64) >> 20 & 3
        ttl, ip_id = header["hop_limit"], np.full(len(rows), -1)
    offset_flags = tcp["offset_flags"].astype(np.int64)
    words = np.ascontiguousarray(heads["options"]).view(">u4").astype(np.int64).reshape(-1, 3)
    bare = size == TCP.size
    stamped = (size == TCP.size + 12) & (words[:, 0] == _STAMPED)
    form = np.where(bare, BARE, np.where(stamped, STAMPED, OTHER))
    return Segments(
        rows, src, dst, ports,
        tcp["seq"].astype(np.int64), tcp["ack"].astype(np.int64), offset_flags & 0xFFF,
        tcp["window"].astype(np.int64), end - at - size, ttl.astype(np.int64), ip_id, form,
        np.where(stamped, words[:, 1], -1), tcp["urgent"].astype(np.int64) | ecn << 16,
        at, size, np.minimum(end, captured), captured >= end, np.ones(len(rows), np.bool_),
    )  # fmt: skip


def joined(parts: list[Segments]) -> Segments:
    """Several parts of one window in the order of the capture."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.row for part in parts]), kind="stable")
    return Segments(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in _NAMES))


def named(row: Ints, src: Words, dst: Words, ports: Ints) -> Segments:
    """Packets that were decoded one by one, of which only the ends are told here."""
    zeros = {name: np.zeros(len(row), np.int64) for name in _NAMES}
    zeros |= {"row": row, "ports": ports}
    nothing = np.zeros(len(row), np.bool_)
    return Segments(**(zeros | {"src": src, "dst": dst, "whole": nothing, "plain": nothing}))  # type: ignore[arg-type]


def options_of(data: Bytes, at: Ints, header: Ints) -> tuple[Words, Ints, Ints]:
    """Of the options of some TCP headers: a hash of all but the timestamps' values, TSval and TSecr (-1 without)."""
    length = header - TCP.size
    block = gather(data, at + TCP.size, np.dtype(f"V{MOST_OPTIONS}")).view(np.uint8).reshape(-1, MOST_OPTIONS).copy()
    block *= np.arange(MOST_OPTIONS) < length[:, None]
    stamp = _timestamps_at(block, length)
    rows = np.flatnonzero(stamp >= 0)
    tsval = np.full(len(at), -1)
    tsecr = np.full(len(at), -1)
    if len(rows):
        places = stamp[rows, None] + np.arange(2, 10)
        values = block[rows[:, None], places]
        pair = np.ascontiguousarray(values).view(">u4").astype(np.int64)
        tsval[rows], tsecr[rows] = pair[:, 0], pair[:, 1]
        block[rows[:, None], places] = 0
    words = block.view(np.uint64)
    mixed = length.astype(np.uint64)
    for column in range(MOST_OPTIONS // 8):
        mixed = scrambled(mixed * np.uint64(3) + words[:, column])
    return mixed, tsval, tsecr


def _timestamps_at(block: Bytes, length: Ints) -> Ints:
    """Where the first timestamps option of the right length stands, -1 without; all options are walked in step."""
    found = np.full(len(block), -1)
    rows = np.arange(len(block))
    at = np.zeros(len(block), np.int64)
    while len(rows):
        inside = at[rows] + 1 < length[rows]
        rows = rows[inside]
        place = at[rows]
        kind, size = block[rows, place], block[rows, place + 1].astype(np.int64)
        step = np.where(kind == NOP, 1, size)
        good = (kind != EOL) & (step >= 1) & ((kind == NOP) | (size >= 2)) & (place + step <= length[rows])
        here = good & (kind == TIMESTAMPS) & (size == 10)
        found[rows[here]] = place[here]
        at[rows] = place + step
        rows = rows[good & ~here]
    return found


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
    below = 0
    for step in _STEPS:
        rows = np.flatnonzero((length > below) & (length <= step) & (at + step + 4 <= len(data)))
        for start in range(0, len(rows), 1024):
            some = rows[start : start + 1024]
            words = gather(data, at[some], np.dtype(f"V{step + 4}")).view("<u4").reshape(-1, step // 4 + 1)
            whole, rest = length[some] >> 2, length[some] & 3
            last = words[np.arange(len(some)), whole].astype(np.int64) & (1 << 8 * rest) - 1
            words *= np.arange(step // 4 + 1, dtype=np.int32) < whole[:, None].astype(np.int32)
            total[some] = (np.einsum("ij->i", words, dtype=np.uint64).astype(np.int64) + last) % 0xFFFF
        below = step
    total = total * 256 % 0xFFFF
    memory = data.data
    for row in np.flatnonzero((length > below) | (at + _STEPS[-1] + 4 > len(data))):
        piece = bytes(memory[at[row] : at[row] + length[row]])
        total[row] = int.from_bytes(piece + b"\0" * (len(piece) % 2)) % 0xFFFF
    return total
