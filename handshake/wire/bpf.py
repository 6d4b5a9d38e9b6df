"""Classic BPF programs: assembled here, run by the kernel on the packets of one socket.

Loads are relative to the network header (`NET`), so one program fits every link type, and the
EtherType is asked of the kernel (`PROTOCOL`), which looks past a VLAN tag. linux/filter.h.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from socket import SOL_SOCKET, socket
from typing import NamedTuple

from handshake.wire.layout import IPV4, IPV6, TCP, UDP, Layout

SO_ATTACH_FILTER = 26

LDB, LDH, LDB_X, LDH_X = 0x30, 0x28, 0x50, 0x48
"""Load a byte or half-word into A from offset k, or from offset X + k."""
LDX_IHL, LDX_IMM = 0xB1, 0x01
"""Load X with the IPv4 header length in bytes, or with k."""
LD, LD_X, LDX_MEM, ST, STX = 0x20, 0x40, 0x61, 0x02, 0x03
"""Load a word into A from offset k or X + k, load X from cell k, store A or X to cell k."""
SUB_X, XOR_X, AND, RSH = 0x1C, 0xAC, 0x54, 0x74
JEQ, JGE, JSET, JEQ_X, RET = 0x15, 0x35, 0x45, 0x1D, 0x06
JA = 0x05
"""Jump over the next k instructions, however many; `(JA, "label")`."""

NET = 0xFFF00000
PROTOCOL, PACKET_TYPE, INTERFACE, HARDWARE, RANDOM = (0xFFFFF000 + at for at in (0, 4, 8, 28, 56))
WHOLE_PACKET = 0x40000
_PACKET_OUTGOING = 4


class Instruction(NamedTuple):
    """One instruction: opcode, jump distances if true and false, and the operand."""

    code: int
    jt: int
    jf: int
    k: int


Line = tuple[int, int] | tuple[int, str] | tuple[int, int, str, str] | str
"""`(code, k)`, `(JA, label)`, `(code, k, label if true, label if false)`, or a label; an empty one is the next line."""

DROP_ALL = (Instruction(RET, 0, 0, 0),)
PASS_ALL = (Instruction(RET, 0, 0, WHOLE_PACKET),)
UNLESS_OUTGOING = (
    Instruction(LDB, 0, 0, PACKET_TYPE),
    Instruction(JEQ, 0, 1, _PACKET_OUTGOING),
    *DROP_ALL,
)
"""Put before a program: drops what is on its way out, runs the program on the rest."""


def assemble(lines: Sequence[Line]) -> tuple[Instruction, ...]:
    """Resolve the labels; one at the end leads behind the program. Jumps reach 255 instructions, JA any."""
    labels: dict[str, int] = {}
    code: list[tuple[int, int] | tuple[int, str] | tuple[int, int, str, str]] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(code)
        else:
            code.append(line)

    def distance(label: str, here: int) -> int:
        return labels[label] - here - 1 if label else 0

    def instruction(at: int, line: tuple[int, int] | tuple[int, str] | tuple[int, int, str, str]) -> Instruction:
        if len(line) == 4:
            return Instruction(line[0], distance(line[2], at), distance(line[3], at), line[1])
        operand = line[1]
        return Instruction(line[0], 0, 0, distance(operand, at) if isinstance(operand, str) else operand)

    return tuple(instruction(at, line) for at, line in enumerate(code))


def continuing(program: Sequence[Instruction]) -> tuple[Instruction, ...]:
    """The program with its accepting returns turned into jumps behind its end, where another one follows."""
    return tuple(
        Instruction(JA, 0, 0, len(program) - at - 1) if line.code == RET and line.k else line
        for at, line in enumerate(program)
    )


def attach(sock: socket, program: Sequence[Instruction]) -> None:
    """Let the kernel run `program` on each packet for `sock` and drop those it returns 0 for."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    sock.setsockopt(SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code)))


IP_LAYERS: tuple[Line, ...] = (
    (LDH, PROTOCOL),
    (JEQ, 0x0800, "ipv4", ""),
    (JEQ, 0x86DD, "ipv6", "drop"),
    "ipv4",
    (LDX_IHL, NET),
    (LDH, NET + IPV4.offset_of("fragment")),
    (JSET, 0x1FFF, "drop", ""),  # fragment offset
    (LDB, NET + IPV4.offset_of("protocol")),
    (JEQ, 6, "tcp", ""),
    (JEQ, 1, "", "drop"),
    (LDB_X, NET),
    (JEQ, 3, "pass", ""),  # unreachable, source quench, time exceeded, parameter problem (RFC 792)
    (JEQ, 4, "pass", ""),
    (JEQ, 11, "pass", ""),
    (JEQ, 12, "pass", "drop"),
    "ipv6",
    (LDX_IMM, IPV6.size),
    (LDB, NET + IPV6.offset_of("next_header")),
    (JEQ, 6, "tcp", ""),
    (JEQ, 58, "icmpv6", ""),
    (JEQ, 43, "pass", ""),  # extension headers (RFC 8200 §4.1)
    (JEQ, 44, "pass", ""),
    (JEQ, 60, "pass", ""),
    (JEQ, 0, "", "drop"),
    (LDB, NET + IPV6.size),
    (JEQ, 58, "drop", "pass"),  # hop-by-hop before ICMPv6: multicast listener discovery (RFC 2710 §3), no error
    "icmpv6",
    (LDB_X, NET),
    (JGE, 128, "drop", "pass"),  # RFC 4443 §2.1: errors have types below 128
)
"""Goes on at `tcp` with X at the TCP header, at `pass` with ICMP and ICMPv6 errors and with IPv6 packets that have
extension headers (unread), at `drop` with the rest, later IPv4 fragments among it."""


def tcp_port_filter(port: int, last: int | None = None) -> tuple[Instruction, ...]:
    """Pass TCP segments to or from `port` (or `port` … `last`) and every ICMP or ICMPv6 error; IPv4 and IPv6.

    IPv6 packets with extension headers pass unread, later IPv4 fragments do not.
    """
    return assemble((*IP_LAYERS, "tcp", *_ports(TCP, port, last or port)))


def udp_port_filter(port: int) -> tuple[Instruction, ...]:
    """Pass UDP datagrams to or from `port` and every ICMP or ICMPv6 error, as `tcp_port_filter` does for TCP."""
    layers = [(JEQ, 17, "udp", "") if line == (JEQ, 6, "tcp", "") else line for line in IP_LAYERS]
    return assemble((*layers, "udp", *_ports(UDP, port, port)))


def _ports(header: Layout, first: int, last: int) -> tuple[Line, ...]:
    """The end of a program: pass where either port of the header at X is within the range."""
    return (
        (LDH_X, NET + header.offset_of("src_port")),
        (JGE, first, "", "other port"),
        (JGE, last + 1, "other port", "pass"),
        "other port",
        (LDH_X, NET + header.offset_of("dst_port")),
        (JGE, first, "", "drop"),
        (JGE, last + 1, "drop", "pass"),
        "pass",
        (RET, WHOLE_PACKET),
        "drop",
        (RET, 0),
    )
