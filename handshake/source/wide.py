"""Frames from several interfaces, or from all of them, through one packet socket.

One socket keeps the packets in one order and numbers them once, and interfaces that come up later are
seen as well. Frames are Linux cooked v2, whatever the interfaces are; each carries its interface's name.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Sequence

from handshake.model.packet import Frame
from handshake.source.live import ETH_P_ALL, LINKTYPE_SLL2, PacketAddress, Sniffer, hardware_type
from handshake.wire.bpf import Instruction
from handshake.wire.layout import SLL2
from handshake.wire.sieve import loopback_once, on_interfaces

_libc = ctypes.CDLL(None, use_errno=True)


class WideSniffer(Sniffer):
    """A started capture on the named interfaces, or on all; otherwise as `Sniffer`."""

    def __init__(
        self,
        interfaces: Sequence[str] = (),
        *,
        program: Sequence[Instruction] = (),
        snaplen: int = 262144,
        buffer_bytes: int = 8 << 20,
    ) -> None:
        """Start capturing; parameters and errors as of `Sniffer`, but an interface may be down or go away."""
        for name in interfaces:
            hardware_type(name)
        self._indices = {name: socket.if_nametoindex(name) for name in interfaces}
        first = loopback_once()
        if interfaces:
            first = (*on_interfaces(tuple(self._indices.values())), *first)
        self._open("", LINKTYPE_SLL2, (first, program), snaplen, buffer_bytes)

    def _bind(self, sock: socket.socket) -> None:
        # to interface 0, which means all of them; Python's bind wants a name (packet(7): struct sockaddr_ll)
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ALL), 0, 0, 0, 0, b"")
        if _libc.bind(sock.fileno(), address, len(address)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _frame(self, time_ns: int, data: bytes, orig_len: int, tag: bytes, address: PacketAddress) -> Frame:
        interface, protocol, packet_type, hardware, sender = address
        if tag:
            tpid, tci = struct.unpack("!HH", tag)
            data = struct.pack("!HH", tci, protocol) + data
            orig_len += 4
            protocol = tpid
        header = bytearray(SLL2.size)
        SLL2.write(
            header,
            0,
            protocol=protocol,
            interface=self._index(interface),
            arphrd=hardware,
            packet_type=packet_type,
            address_length=len(sender),
            address=sender[:8].ljust(8, b"\0"),
        )
        return Frame(self._number, time_ns, self.linktype, bytes(header) + data, orig_len + len(header), interface)

    def _index(self, interface: str) -> int:
        index = self._indices.get(interface)
        if index is None:
            try:
                index = socket.if_nametoindex(interface)
            except OSError:  # gone since
                index = 0
            self._indices[interface] = index
        return index


def sniffer_on(interfaces: Sequence[str], program: Sequence[Instruction], buffer_bytes: int = 8 << 20) -> Sniffer:
    """A started capture: on one interface with its own link layer, on several or (without names) all of them cooked.

    `program` and `buffer_bytes` as of `Sniffer`.
    Raises PrivilegeError without CAP_NET_RAW, ProbeError when an interface does not exist or the only one is down.
    """
    if len(interfaces) == 1:
        return Sniffer(interfaces[0], program=program, buffer_bytes=buffer_bytes)
    return WideSniffer(interfaces, program=program, buffer_bytes=buffer_bytes)
