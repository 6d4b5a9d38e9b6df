"""Frames from a live interface, with the kernel's own nanosecond timestamps.

An AF_PACKET socket of our own: scapy's sniffers give float times and dissect each packet.
OS traps that this file deals with:

- A packet socket made with a protocol collects packets of *every* interface until it is bound; made
  with protocol 0 it collects nothing before it is bound to one.
- Loopback hands every packet to a sniffer twice, outgoing and incoming; like libpcap, keep the latter.
- The kernel strips the VLAN tag from the frame and tells it aside (PACKET_AUXDATA).
- The kernel starts stamping arrivals a moment *after* SO_TIMESTAMPNS is set (net_enable_timestamp
  defers to a work queue); until then the "arrival" is when the packet was read.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Self

from handshake.errors import PrivilegeError, ProbeError
from handshake.model.packet import Frame
from handshake.wire.bpf import PASS_ALL, UNLESS_OUTGOING, Instruction, attach

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
SIOCGIFHWADDR = 0x8927
ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6

LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_SLL2 = 1, 101, 276

PacketAddress = tuple[str, int, int, int, bytes]
"""What the kernel says of a packet: interface, protocol, packet type, hardware type, sender's hardware address."""

_AUXDATA = struct.Struct("=IIIHHHH")
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_AUXDATA.size) + socket.CMSG_SPACE(_TIMESPEC.size)
_STAMPING_STARTS_S = 0.02


class Sniffer:
    """A started capture on one interface: what passes after the constructor returned is seen.

    Close it, or use it as a context manager. Interfaces without an Ethernet header (tunnels) give
    raw IP frames, and only IP.
    """

    def __init__(
        self,
        interface: str,
        *,
        program: Sequence[Instruction] = (),
        snaplen: int = 262144,
        buffer_bytes: int = 8 << 20,
    ) -> None:
        """Start capturing on `interface`; `program` is a classic BPF filter (`handshake.wire.bpf`).

        `snaplen` is the most kept of a frame and `buffer_bytes` the kernel's queue, in bytes.
        Raises PrivilegeError without CAP_NET_RAW, ProbeError when there is no such interface or it is down.
        """
        kind = hardware_type(interface)
        cooked = kind not in (ARPHRD_ETHER, ARPHRD_LOOPBACK)
        first = UNLESS_OUTGOING if kind == ARPHRD_LOOPBACK else ()
        linktype = LINKTYPE_RAW if cooked else LINKTYPE_ETHERNET
        self._open(interface, linktype, (first, program), snaplen, buffer_bytes)

    def _open(
        self,
        interface: str,
        linktype: int,
        programs: tuple[Sequence[Instruction], Sequence[Instruction]],
        snaplen: int,
        buffer_bytes: int,
    ) -> None:
        """Start; of the two programs the first one stays for good."""
        first, program = programs
        self.interface = interface
        self.linktype = linktype
        self._first = first
        self._buffer = bytearray(snaplen)
        self._number = 0
        self._drops = 0
        kind = socket.SOCK_RAW if linktype == LINKTYPE_ETHERNET else socket.SOCK_DGRAM
        try:
            self._socket = socket.socket(socket.AF_PACKET, kind, 0)
        except PermissionError:
            raise PrivilegeError.to("capturing packets") from None
        try:
            self._start(program, buffer_bytes)
        except BaseException:
            self._socket.close()
            raise

    def refilter(self, program: Sequence[Instruction]) -> None:
        """Let another program choose from now on; what is in the queue already stays."""
        attach(self._socket, (*self._first, *(program or PASS_ALL)))

    def _start(self, program: Sequence[Instruction], buffer_bytes: int) -> None:
        sock = self._socket
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes)
        except PermissionError:  # CAP_NET_RAW without CAP_NET_ADMIN: as much as net.core.rmem_max allows
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        if program or self._first:
            self.refilter(program)
        time.sleep(_STAMPING_STARTS_S)
        self._bind(sock)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ProbeError(f"interface {self.interface} is down; bring it up: ip link set {self.interface} up")
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def _bind(self, sock: socket.socket) -> None:
        """From here on packets come."""
        sock.bind((self.interface, ETH_P_ALL))

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, waiting at most `timeout_s` seconds (None: for ever); None when none came.

        Raises ProbeError when the interface went down or away.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (frame := self._receive()) is None:
            left_ms = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not self._poll.poll(left_ms):
                return None
        return frame

    def _receive(self) -> Frame | None:
        """One frame off the queue; None for one that is not to be shown."""
        try:
            kept, ancillary, _, address = self._socket.recvmsg_into([self._buffer], _ANCILLARY)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ProbeError(f"capture on {self.interface} ended: {error.strerror}") from None
        if self.linktype == LINKTYPE_RAW and address[1] not in (ETH_P_IP, ETH_P_IPV6):
            return None
        time_ns, orig_len, tag = 0, kept, b""
        for level, kind, body in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, orig_len, _, _, _, tci, tpid = _AUXDATA.unpack(body)
                if status & VLAN_VALID:
                    tag = struct.pack("!HH", tpid if status & VLAN_TPID_VALID else 0x8100, tci)
            elif level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(body)
                time_ns = seconds * 1_000_000_000 + nanoseconds
        data = bytes(memoryview(self._buffer)[:kept])
        self._number += 1
        return self._frame(time_ns, data, orig_len, tag, address)

    def _frame(self, time_ns: int, data: bytes, orig_len: int, tag: bytes, address: PacketAddress) -> Frame:
        """The frame of what was received; `tag` is the VLAN tag that the kernel took out of it, if any."""
        data = data[:12] + tag + data[12:] if tag else data
        return Frame(self._number, time_ns, self.linktype, data, orig_len + len(tag), self.interface)

    @property
    def drops(self) -> int:
        """Frames lost so far because the kernel's queue was full."""
        # the kernel resets its counters at each reading: struct tpacket_stats {tp_packets, tp_drops}
        _, lost = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._drops += lost
        return self._drops

    def fileno(self) -> int:
        """File descriptor of the socket, for select and poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the capture."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hardware_type(interface: str) -> int:
    """The ARPHRD_ hardware type of an interface (asked by ioctl: /sys may show another namespace)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            request = fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s240x", interface.encode()))
        except OSError:
            there_are = ", ".join(name for _, name in socket.if_nameindex())
            raise ProbeError(f"there is no interface {interface!r}; there are: {there_are}") from None
    (kind,) = struct.unpack_from("=H", request, 16)
    return int(kind)
