"""From tshark's fields to claims: segments, datagrams and ICMP errors made of nothing but what tshark dissected.

Which of several values belongs to which header follows from `frame.protocols`: the third `ip` in there has the third
`ip.src`. A TCP header behind `icmp` is a quotation, not a segment.
"""

from __future__ import annotations

from typing import NamedTuple

from handshake.model.address import Endpoint
from handshake.model.claim import Claim
from handshake.model.options import EOL, NO_OPTIONS, NOP, Option, Options
from handshake.model.packet import Datagram, IcmpError, Packet, Segment, Stop, Tag, Tags
from handshake.oracle.fields import ANALYSIS, spelled
from handshake.oracle.values import Values, address_of, bytes_of, duration_of, time_of
from handshake.wire.icmp import MEANINGS_V4, MEANINGS_V6

_ANALYSIS = {spelled(f"tcp.analysis.{flag}"): flag for flag in ANALYSIS}
_VERSIONS = {"ip": 4, "ipv6": 6}
_ICMP_VERSIONS = {"icmp": 4, "icmpv6": 6}
_MEANINGS = {4: MEANINGS_V4, 6: MEANINGS_V6}
_ERROR_TYPES = {4: (3, 4, 11, 12), 6: (1, 2, 3, 4)}
_NUMBERS = {"tcp": 6, "udp": 17}
_TAGS = {"vlan": "vlan", "mpls": "mpls", "pppoes": "pppoe", "gre": "gre", "vxlan": "vxlan", "geneve": "geneve",
         "gtp": "gtp"}  # fmt: skip
"""Layers that keep flows apart, as tshark calls them, and our word, which is also that of the field with the number."""

Transport = Segment | Datagram | IcmpError | None


class _Header(NamedTuple):
    """An IP header: its name in `frame.protocols`, and which one of that name it is."""

    name: str
    position: int


class Claims:
    """Makes claims of the frames of one capture, in order."""

    def __init__(self) -> None:
        self._number = 0
        self._time_ns = 0

    def of(self, fields: dict[str, list[str]]) -> Claim | None:
        """The claim of one frame; None for a record that is no packet, such as a custom block of pcapng."""
        values = Values(fields)
        if values.text("link") is None:
            return None
        self._number += 1
        time_ns = time_of(values.text("time"))
        self._time_ns = self._time_ns if time_ns is None else time_ns
        return _claim(values, self._number, time_ns, self._time_ns)


def _claim(values: Values, number: int, told_ns: int | None, time_ns: int) -> Claim:
    """The claim of a frame; `time_ns` is what counts where tshark tells no time: that of the frame before."""
    protocols = tuple((values.text("protocols") or "").split(":"))
    reading = _Reading(values, protocols, number, time_ns)
    transport = reading.transport
    segment = isinstance(transport, Segment)
    shift = (values.number("number") or number) - number
    return Claim(
        number,
        told_ns,
        values.number("captured") or 0,
        values.number("length") or 0,
        protocols,
        Packet(number, time_ns, protocols, transport, b"", None if transport else _stop(protocols)),
        values.number("tcp.stream") if segment else None,
        values.number("tcp.completeness") if segment else None,
        duration_of(values.text("tcp.rtt")) if segment else None,
        frozenset(flag for name, flag in _ANALYSIS.items() if name in values.fields) if segment else frozenset(),
        any(values.truth(f"{ip}.more") or any(values.numbers(f"{ip}.offset")) for ip in _VERSIONS),
        tuple(frame - shift for ip in _VERSIONS for frame in values.numbers(f"{ip}.fragments")),
        reading.header_len,
        reading.payload_by_ip() if segment else None,
    )


def _stop(protocols: tuple[str, ...]) -> Stop:
    """Why there is nothing to follow, for the counts: tshark's name of what it saw last."""
    return Stop(protocols[-1], 0, protocols[-1] or "nothing", "_ws.malformed" in protocols)


class _Reading:
    """One frame, read along its protocols."""

    def __init__(self, values: Values, protocols: tuple[str, ...], number: int, time_ns: int) -> None:
        self._values = values
        self._protocols = protocols
        self._number = number
        self._time_ns = time_ns
        self.header_len: int | None = None
        """Of a TCP header that is no quotation, even if the rest of it was not dissected."""
        self._around: _Header | None = None
        self.transport = self._read()
        """None where there is none, or not all of its header."""

    def payload_by_ip(self) -> int | None:
        """TCP payload by the innermost IP header's length; None where extension headers are in between."""
        header, values = self._around, self._values
        if header is None or self.header_len is None:
            return None
        length = values.number(f"{header.name}.length", header.position)
        if length is None:
            return None
        if header.name == "ip":
            return length - (values.number("ip.header", header.position) or 0) - self.header_len
        at = self._protocols.index("tcp")
        return length - self.header_len if self._protocols[at - 1] == "ipv6" else None

    def _read(self) -> Transport:
        for at, name in enumerate(self._protocols):
            if name in ("tcp", "icmp", "icmpv6"):
                header = self._header(at)
                if header is None:
                    return None
                if name != "tcp":
                    return self._icmp(at, header, _ICMP_VERSIONS[name])
                self._around, self.header_len = header, self._values.number("tcp.header")
                return self._segment(at, header)
        if "udp" not in self._protocols:
            return None
        at = len(self._protocols) - 1 - self._protocols[::-1].index("udp")
        header = self._header(at)
        inside = not _VERSIONS.keys().isdisjoint(self._protocols[at:])
        return None if header is None or inside else self._datagram(at, header)

    def _header(self, end: int) -> _Header | None:
        """The innermost IP header before a place in the protocols."""
        before = self._protocols[:end]
        for name in reversed(before):
            if name in _VERSIONS:
                return _Header(name, before.count(name) - 1)
        return None

    def _address(self, header: _Header, side: str) -> bytes | None:
        return address_of(self._values.text(f"{header.name}.{side}", header.position))

    def _ends(self, header: _Header, layer: str, index: int) -> tuple[Endpoint, Endpoint] | None:
        """Both endpoints of a transport header and the IP header around it."""
        addresses = self._address(header, "src"), self._address(header, "dst")
        ports = self._values.number(f"{layer}.src", index), self._values.number(f"{layer}.dst", index)
        if None in addresses or None in ports:
            return None
        src, dst = (Endpoint(address or b"", port or 0) for address, port in zip(addresses, ports, strict=True))
        return src, dst

    def _segment(self, at: int, header: _Header) -> Segment | None:
        values = self._values
        ends = self._ends(header, "tcp", 0)
        seq, ack, flags = values.number("tcp.seq"), values.number("tcp.ack"), values.number("tcp.flags")
        wnd, urgent = values.number("tcp.window"), values.number("tcp.urgent")
        if ends is None or seq is None or ack is None or flags is None or wnd is None or urgent is None:
            return None
        payload = values.number("tcp.payload")
        return Segment(
            self._number,
            self._time_ns,
            *ends,
            seq,
            ack,
            flags & 0x1FF,
            wnd,
            payload or 0,
            self._options((self.header_len or 0) - 20),
            values.number(f"{header.name}.ttl", header.position) or 0,
            values.number(f"{header.name}.ecn", header.position) or 0,
            values.number("ip.id", header.position) if header.name == "ip" else None,
            urgent,
            flags >> 9,
            faults=() if payload is not None else ("tshark tells no payload length",),
            tags=self._tags(at),
        )

    def _options(self, room: int) -> Options:
        """Options up to the end of the list; bodies are cut out of the raw bytes by tshark's own lengths."""
        raw = bytes_of(self._values.text("tcp.options"))
        kinds, lengths = self._values.numbers("tcp.kinds"), iter(self._values.numbers("tcp.lengths"))
        if not kinds and not raw:
            return NO_OPTIONS
        items: list[Option] = []
        at = 0
        for kind in kinds:
            size = 1 if kind in (EOL, NOP) else next(lengths, 0)
            items.append(Option(kind, raw[at + 2 : at + max(size, 2)]))
            if kind == EOL:
                break
            at += size
        return Options(tuple(items), cut=len(raw) < room)

    def _datagram(self, at: int, header: _Header) -> Datagram | None:
        index = self._protocols[:at].count("udp")
        ends = self._ends(header, "udp", index)
        length = self._values.number("udp.length", index)
        if ends is None or length is None:
            return None
        return Datagram(self._number, self._time_ns, *ends, max(length - 8, 0), self._tags(at))

    def _icmp(self, at: int, header: _Header, version: int) -> IcmpError | None:
        """An ICMP error with the packet that it quotes; None for other messages."""
        layer = self._protocols[at]
        kind, code = self._values.number(f"{layer}.type"), self._values.number(f"{layer}.code")
        reporter = self._address(header, "src")
        quote = next((index for index in range(at + 1, len(self._protocols)) if self._protocols[index] in _VERSIONS), 0)
        if kind not in _ERROR_TYPES[version] or code is None or reporter is None or not quote:
            return None
        quoted = _Header(self._protocols[quote], self._protocols[:quote].count(self._protocols[quote]))
        name = next((name for name in self._protocols[quote:] if name in _NUMBERS), None)
        if name is not None:
            ends = self._ends(quoted, name, self._protocols[:at].count(name))
        else:
            src, dst = self._address(quoted, "src"), self._address(quoted, "dst")
            ends = None if src is None or dst is None else (Endpoint(src, 0), Endpoint(dst, 0))
        protocol = _NUMBERS.get(name or "") or self._values.number(f"{quoted.name}.protocol", quoted.position) or 0
        if ends is None or (name is None and protocol in _NUMBERS.values()):
            return None
        return IcmpError(
            self._number,
            self._time_ns,
            reporter,
            version,
            kind,
            code,
            self._values.number(f"{layer}.mtu"),
            protocol,
            *ends,
            self._values.number("quoted.seq") if name == "tcp" else None,
            _MEANINGS[version].get((kind, code), f"type {kind} code {code}"),
            self._tags(at),
        )

    def _tags(self, end: int) -> Tags:
        """VLANs and tunnels before a place in the protocols; the IP header read last names a tunnel's ends."""
        tags: list[Tag] = []
        counts: dict[str, int] = {}
        for at, name in enumerate(self._protocols[:end]):
            index = counts[name] = counts.get(name, -1) + 1
            if name in _TAGS:
                tags.append(Tag(_TAGS[name], self._values.number(_TAGS[name], index), self._tunnel(at)))
        return tuple(tags)

    def _tunnel(self, at: int) -> tuple[bytes, bytes] | None:
        header = self._header(at)
        if header is None:
            return None
        src, dst = self._address(header, "src"), self._address(header, "dst")
        return None if src is None or dst is None else (min(src, dst), max(src, dst))
