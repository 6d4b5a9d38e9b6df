"""Segments crafted with scapy and sent at network level, so that the kernel picks route and link header.

Scapy takes some 200 µs to build a segment, far longer than a loopback takes to answer. It therefore builds
one segment of each shape (IP version, kinds and lengths of the options), with every number zero; the numbers
of a real one are written into a copy of these bytes.
"""

from __future__ import annotations

import logging
import socket
import struct
from functools import lru_cache
from typing import Any, Self

from handshake.errors import PrivilegeError, ProbeError
from handshake.model.address import Endpoint
from handshake.model.options import EOL, NO_OPTIONS, NOP, TIMESTAMPS, Option, Options
from handshake.model.record import dataclass
from handshake.wire.checksum import internet_checksum, tcp_checksum
from handshake.wire.layout import IPV4, IPV6, TCP

WINDOW = 64240
"""Receive window of the crafted client, bytes; what Linux opens with."""
TTL = 64

_IP_PKTINFO = 8  # linux/in.h; Python has no name for it

_IP_HEADER = {4: IPV4.size, 16: IPV6.size}
_LARGEST_PACKET = {4: 65535, 16: 65535 + IPV6.size}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One segment to be sent: what the client decides about it; the addresses belong to the connection."""

    flags: int
    seq: int
    ack: int = 0
    wnd: int = WINDOW
    options: Options = NO_OPTIONS
    payload: bytes = b""


def mss_for(mtu: int, address: bytes) -> int:
    """The MSS to announce on a path of this MTU, bytes (RFC 9293 §3.7.1: MTU less the fixed headers)."""
    version = len(address)
    return min(mtu, _LARGEST_PACKET[version]) - _IP_HEADER[version] - TCP.size


def timestamps(tsval: int, tsecr: int) -> Option:
    """The timestamps option (RFC 7323 §3.2)."""
    return Option(TIMESTAMPS, tsval.to_bytes(4) + tsecr.to_bytes(4))


class RawSender:
    """Sends whole IP packets: one raw socket for each IP version, opened when it is first needed."""

    def __init__(self) -> None:
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}

    def open(self, inet6: bool) -> None:
        """Have the socket for one IP version ready. Raises PrivilegeError without CAP_NET_RAW."""
        family = socket.AF_INET6 if inet6 else socket.AF_INET
        if family not in self._sockets:
            try:
                self._sockets[family] = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
            except PermissionError:
                raise PrivilegeError.to("sending crafted packets", "CAP_NET_RAW (--connect does without)") from None

    def send(self, packet: bytes | bytearray, to: Endpoint, scope_id: int = 0) -> None:
        """Send one packet, out of the interface with index `scope_id`; 0 leaves that to the routing table.

        Raises PrivilegeError without CAP_NET_RAW, ProbeError when the kernel refuses.
        """
        inet6 = len(to.address) == 16
        self.open(inet6)
        try:
            if inet6:
                out = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16xI", scope_id))] if scope_id else []
                self._sockets[socket.AF_INET6].sendmsg([packet], out, 0, (to.host, 0, 0, scope_id))
            else:
                out = [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=I8x", scope_id))] if scope_id else []
                self._sockets[socket.AF_INET].sendmsg([packet], out, 0, (to.host, 0))
        except OSError as error:
            hint = " (a firewall on this machine?)" if isinstance(error, PermissionError) else ""
            raise ProbeError(f"cannot send to {to}: {error.strerror}{hint}") from None

    def close(self) -> None:
        """Close the sockets."""
        for raw in self._sockets.values():
            raw.close()
        self._sockets.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Crafter:
    """Builds and sends the segments of one connection."""

    def __init__(
        self, sender: RawSender, client: Endpoint, server: Endpoint, *, scope_id: int = 0, ttl: int = TTL
    ) -> None:
        """`scope_id` is the index of the interface to send by, 0 for any; `ttl` the IPv4 TTL or IPv6 hop limit."""
        self._sender = sender
        self._ttl = ttl
        self._client = client
        self._server = server
        self._scope_id = scope_id

    def warm(self, syn: Options) -> None:
        """Load scapy and have it build the usual shapes now, rather than while the server waits for our answer."""
        for options in (syn, *_AFTER_SYN):
            _shape(len(self._server.address), _sizes(options))

    def send(self, segment: Outgoing) -> None:
        """Craft and send one segment. Raises PrivilegeError or ProbeError as `RawSender.send` does."""
        self._sender.send(self.build(segment), self._server, self._scope_id)

    def build(self, segment: Outgoing) -> bytearray:
        """The IP packet: what scapy would build, byte by byte."""
        client, server = self._client, self._server
        items = segment.options.items
        packet = bytearray(_shape(len(server.address), _sizes(segment.options)))
        packet += segment.payload
        at = _IP_HEADER[len(server.address)]
        _write_network(packet, client.address, server.address, self._ttl)
        offset_flags = TCP.read(bytes(packet), at)[_OFFSET_FLAGS] | segment.flags
        TCP.write(
            packet,
            at,
            src_port=client.port,
            dst_port=server.port,
            seq=segment.seq,
            ack=segment.ack,
            offset_flags=offset_flags,
            window=segment.wnd,
        )
        option_at = at + TCP.size
        for kind, body in items:
            if kind in _LONE_KINDS:
                option_at += 1
            else:
                packet[option_at + 2 : option_at + 2 + len(body)] = body
                option_at += 2 + len(body)
        TCP.write(packet, at, checksum=tcp_checksum(client.address, server.address, bytes(packet[at:])))
        return packet


_AFTER_SYN = (NO_OPTIONS, Options((Option(NOP, b""), Option(NOP, b""), timestamps(0, 0))))
"""Options of what follows a SYN, without timestamps and with them."""
_OFFSET_FLAGS = [name for name, _ in TCP.fields].index("offset_flags")
_LONE_KINDS = {EOL: "EOL", NOP: "NOP"}
"""The two options without a length byte, which scapy takes by name only."""


def _write_network(packet: bytearray, src: bytes, dst: bytes, ttl: int) -> None:
    """Length, hop limit, addresses and checksum of the network header."""
    if len(dst) == 16:
        IPV6.write(packet, 0, payload_length=len(packet) - IPV6.size, hop_limit=ttl, src=src, dst=dst)
        return
    IPV4.write(packet, 0, total_length=len(packet), ttl=ttl, checksum=0, src=src, dst=dst)
    IPV4.write(packet, 0, checksum=internet_checksum(bytes(packet[: IPV4.size])))


def _sizes(options: Options) -> tuple[tuple[int, int], ...]:
    """Kinds and body lengths."""
    return tuple([(kind, len(body)) for kind, body in options.items])


@lru_cache(maxsize=256)
def _shape(address_size: int, options: tuple[tuple[int, int], ...]) -> bytes:
    """A packet of scapy's with options of these kinds and body lengths, and zero for every number."""
    inet6 = _scapy_layers()
    network = (
        inet6.IPv6(src="::", dst="::")
        if address_size == 16
        else inet6.IP(src="0.0.0.0", dst="0.0.0.0", flags="DF", id=0)  # id 0: the kernel's choice
    )
    bodies = [(_LONE_KINDS[kind], None) if kind in _LONE_KINDS else (kind, bytes(size)) for kind, size in options]
    return bytes(network / inet6.TCP(sport=0, dport=0, flags=0, window=0, options=bodies, chksum=0))


def _scapy_layers() -> Any:
    """IP and TCP layers of scapy, imported only when something is sent (0.2 s)."""
    for name in ("scapy.loading", "scapy.runtime"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what it would say about interfaces is not ours to show
    from scapy.layers import inet6

    return inet6
