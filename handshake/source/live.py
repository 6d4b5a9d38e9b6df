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

LINKTYPE_ETHERNET, LINKTYPE_RAW = 1, 101

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
        self.interface = interface
        kind = _arphrd(interface)
        if kind == ARPHRD_LOOPBACK:
            program = (*UNLESS_OUTGOING, *(program or PASS_ALL))
        cooked = kind not in (ARPHRD_ETHER, ARPHRD_LOOPBACK)
        self.linktype = LINKTYPE_RAW if cooked else LINKTYPE_ETHERNET
        self._buffer = bytearray(snaplen)
        self._number = 0
        self._drops = 0
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM if cooked else socket.SOCK_RAW, 0)
        except PermissionError:
            raise PrivilegeError.to("capturing packets") from None
        try:
            self._start(program, buffer_bytes)
        except BaseException:
            self._socket.close()
            raise

    def _start(self, program: Sequence[Instruction], buffer_bytes: int) -> None:
        sock = self._socket
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes)
        except PermissionError:  # CAP_NET_RAW without CAP_NET_ADMIN: as much as net.core.rmem_max allows
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        if program:
            attach(sock, program)
        time.sleep(_STAMPING_STARTS_S)
        sock.bind((self.interface, ETH_P_ALL))
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ProbeError(f"interface {self.interface} is down; bring it up: ip link set {self.interface} up")
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, waiting at most `timeout_s` seconds (None: for ever); None when none came.

        Raises ProbeError when the interface went down or away.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left_ms = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not self._poll.poll(left_ms):
                return None
            frame = self._receive()
            if frame is not None:
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
        data = bytes(memoryview(self._buffer)[:kept])
        time_ns, orig_len = 0, kept
        for level, kind, body in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, orig_len, _, _, _, tci, tpid = _AUXDATA.unpack(body)
                if status & VLAN_VALID:
                    tag = struct.pack("!HH", tpid if status & VLAN_TPID_VALID else 0x8100, tci)
                    data = data[:12] + tag + data[12:]
                    orig_len += len(tag)
            elif level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(body)
                time_ns = seconds * 1_000_000_000 + nanoseconds
        self._number += 1
        return Frame(self._number, time_ns, self.linktype, data, orig_len, self.interface)

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


def _arphrd(interface: str) -> int:
    """The ARPHRD_ hardware type of an interface (asked by ioctl: /sys may show another namespace)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            request = fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s240x", interface.encode()))
        except OSError:
            there_are = ", ".join(name for _, name in socket.if_nameindex())
            raise ProbeError(f"there is no interface {interface!r}; there are: {there_are}") from None
    (kind,) = struct.unpack_from("=H", request, 16)
    return int(kind)
