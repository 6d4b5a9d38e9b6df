"""What a watch lets out of the kernel: segments that open and close connections, and ICMP errors.

A classic BPF program has no memory, so it cannot tell the ACK that completes a handshake from any other.
It passes every segment *without payload*: they are few, except in a bulk transfer, whose receiver sends
a run of them that differ only in the acknowledgment number. Such a run is recognised outside
(`source.mute`) and its key handed to the next program, which passes one in 256 of it, so that the
numbers can still be followed.

Every program here drops with a return, or falls out at its end, where the next one follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from handshake.model.packet import FIN, RST, SYN, Segment
from handshake.wire.bpf import (
    AND,
    HARDWARE,
    INTERFACE,
    IP_LAYERS,
    JA,
    JEQ,
    JEQ_X,
    JGE,
    JSET,
    LD,
    LD_X,
    LDB_X,
    LDH,
    LDH_X,
    LDX_IHL,
    LDX_IMM,
    LDX_MEM,
    NET,
    PACKET_TYPE,
    PROTOCOL,
    RANDOM,
    RET,
    RSH,
    ST,
    STX,
    SUB_X,
    WHOLE_PACKET,
    XOR_X,
    Instruction,
    Line,
    assemble,
)  # fmt: skip
from handshake.wire.layout import IPV4, IPV6, TCP

MOST_MUTED = 200
"""Runs that one program can mute: a conditional jump reaches 255 instructions."""

_ONE_IN_256 = 1 << 24
_IPV4, _IPV6 = 0x0800, 0x86DD
_LOOPBACK, _OUTGOING = 772, 4
_LENGTH, _HEADER, _SEQ = 0, 1, 2
"""Cells of the program's memory."""


def run_key(segment: Segment) -> int:
    """What the segments of a run share: both ports and the sequence number, folded to 32 bits."""
    return (segment.src.port << 16 | segment.dst.port) ^ segment.seq


def handshakes(muted: Sequence[int] = ()) -> tuple[Instruction, ...]:
    """Pass SYN, FIN, RST, segments without payload, ICMP and ICMPv6 errors.

    `muted` are the keys of runs of which one segment in 256 passes, at most MOST_MUTED. ICMP errors (and what
    has IPv6 extension headers, unread) are accepted at once, TCP goes on behind the program.
    """
    return assemble(
        (
            *IP_LAYERS,
            "pass",
            (RET, WHOLE_PACKET),
            "drop",
            (RET, 0),
            "tcp",
            (LDB_X, NET + TCP.offset_of("offset_flags") + 1),
            (JSET, SYN | FIN | RST, "end", ""),
            (STX, _HEADER),
            (LDH, PROTOCOL),
            (JEQ, _IPV6, "ipv6 length", ""),
            (LDH, NET + IPV4.offset_of("total_length")),
            (SUB_X, 0),
            (JA, "length"),
            "ipv6 length",
            (LDH, NET + IPV6.offset_of("payload_length")),
            "length",
            (ST, _LENGTH),
            (LDB_X, NET + TCP.offset_of("offset_flags")),
            (AND, 0xF0),
            (RSH, 2),  # header length in bytes
            (LDX_MEM, _LENGTH),
            (JEQ_X, 0, "no payload", ""),
            (RET, 0),
            "no payload",
            (LDX_MEM, _HEADER),
            (LD_X, NET + TCP.offset_of("seq")),
            (ST, _SEQ),
            (LD_X, NET + TCP.offset_of("src_port")),  # and the other port
            (LDX_MEM, _SEQ),
            (XOR_X, 0),
            *((JEQ, key, "muted", "") for key in muted),
            (JA, "end"),
            "muted",
            (LD, RANDOM),
            (JGE, _ONE_IN_256, "", "end"),
            (RET, 0),
            "end",
        )
    )


def on_port(port: int) -> tuple[Instruction, ...]:
    """Only TCP segments from or to a port."""
    return assemble(
        (
            (LDX_IHL, NET),
            (LDH, PROTOCOL),
            (JEQ, _IPV4, "tcp", ""),
            (LDX_IMM, IPV6.size),
            "tcp",
            (LDH_X, NET + TCP.offset_of("src_port")),
            (JEQ, port, "end", ""),
            (LDH_X, NET + TCP.offset_of("dst_port")),
            (JEQ, port, "end", ""),
            (RET, 0),
            "end",
        )
    )


def on_host(network: IPv4Network | IPv6Network) -> tuple[Instruction, ...]:
    """Only packets from or to an address of the network."""
    version, layout = (_IPV4, IPV4) if network.version == 4 else (_IPV6, IPV6)
    lines: list[Line] = [(LDH, PROTOCOL), (JEQ, version, "src", "drop")]
    words = [
        (
            at,
            int.from_bytes(network.netmask.packed[at : at + 4]),
            int.from_bytes(network.network_address.packed[at:][:4]),
        )
        for at in range(0, network.max_prefixlen // 8, 4)
    ]
    for field, otherwise in (("src", "dst"), ("dst", "drop")):
        lines.append(field)
        for at, mask, value in words:
            lines += [(LD, NET + layout.offset_of(field) + at), (AND, mask), (JEQ, value, "", otherwise)]
        lines.append((JA, "end"))
    return assemble((*lines, "drop", (RET, 0), "end"))


def on_interfaces(indices: Sequence[int]) -> tuple[Instruction, ...]:
    """Only what passes one of these interfaces."""
    return assemble(((LD, INTERFACE), *((JEQ, index, "end", "") for index in indices), (RET, 0), "end"))


def loopback_once() -> tuple[Instruction, ...]:
    """Of loopback's packets, which pass on their way out and in, only the latter; of other interfaces all."""
    return assemble(
        (
            (LD, HARDWARE),
            (JEQ, _LOOPBACK, "", "end"),
            (LD, PACKET_TYPE),
            (JEQ, _OUTGOING, "", "end"),
            (RET, 0),
            "end",
        )
    )
