"""The sieve of a watch, run packet by packet in a small interpreter of classic BPF."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from handshake.model.packet import ACK, ECE, FIN, PSH, RST, SYN, Segment
from handshake.wire.bpf import PASS_ALL, Instruction, continuing
from handshake.wire.decode import decode
from handshake.wire.sieve import MOST_MUTED, handshakes, loopback_once, on_host, on_interfaces, on_port, run_key
from tests.packets import ICMP, ICMPV6, TCP, UDP, ethernet, frame, icmp_error, ip, tcp

V4, V6 = ("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")
PORTS = (40000, 80)
NET, AD = 0xFFF00000, 0xFFFFF000
TIMESTAMPS = b"\x01\x01\x08\x0a" + bytes(8)


def run(program: tuple[Instruction, ...], packet: bytes, **anc: int) -> int:
    """What the program returns for an IP packet; `anc` are hatype, pkttype, ifindex and random of the kernel."""
    protocol = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    ancillary = {AD: protocol, AD + 4: anc.get("pkttype", 0), AD + 8: anc.get("ifindex", 1)}
    ancillary |= {AD + 28: anc.get("hatype", 1), AD + 56: anc.get("random", 1 << 31)}
    a = x = at = 0
    cells = [0] * 16

    def load(offset: int, size: int) -> int:
        if offset in ancillary:
            return ancillary[offset]
        start = offset - NET
        if not 0 <= start <= len(packet) - size:
            raise IndexError  # the kernel drops the packet
        return int.from_bytes(packet[start : start + size])

    for _ in range(5000):
        code, jt, jf, k = program[at]
        at += 1
        match code:
            case 0x06:
                return k
            case 0x05:
                at += k
            case 0x20 | 0x28 | 0x30:
                a = load(k, {0x20: 4, 0x28: 2, 0x30: 1}[code])
            case 0x40 | 0x48 | 0x50:
                a = load(k + x, {0x40: 4, 0x48: 2, 0x50: 1}[code])
            case 0xB1:
                x = (load(k, 1) & 0xF) * 4
            case 0x01:
                x = k
            case 0x61:
                x = cells[k]
            case 0x02:
                cells[k] = a
            case 0x03:
                cells[k] = x
            case 0x1C:
                a = (a - x) % 2**32
            case 0xAC:
                a ^= x
            case 0x54:
                a &= k
            case 0x74:
                a >>= k
            case 0x15 | 0x35 | 0x45 | 0x1D:
                true = {0x15: a == k, 0x35: a >= k, 0x45: bool(a & k), 0x1D: a == x}[code]
                at += jt if true else jf
            case _:
                raise AssertionError(f"opcode {code:#x}")
    raise AssertionError("the program does not end")


def passes(program: tuple[Instruction, ...], packet: bytes, **anc: int) -> bool:
    """Whether a program, with everything passing behind it, passes the packet."""
    return bool(run((*program, *PASS_ALL), packet, **anc))


def segment(flags: int, payload: bytes = b"", options: bytes = b"", hosts: tuple[str, str] = V4, seq: int = 7) -> bytes:
    return ip(hosts, TCP, tcp(hosts, PORTS, seq=seq, ack=9, flags=flags, payload=payload, options=options))


def key_of(packet: bytes) -> int:
    decoded = decode(frame(1, 0, ethernet(packet))).transport
    assert isinstance(decoded, Segment)
    return run_key(decoded)


@pytest.mark.parametrize("hosts", [V4, V6])
@pytest.mark.parametrize("options", [b"", TIMESTAMPS])
def test_what_opens_and_closes_passes_and_data_does_not(hosts: tuple[str, str], options: bytes) -> None:
    for flags in (SYN, SYN | ACK, FIN | ACK, RST, RST | ACK, SYN | ECE, FIN | PSH | ACK):
        assert passes(handshakes(), segment(flags, options=options, hosts=hosts))
        assert passes(handshakes(), segment(flags, b"data", options=options, hosts=hosts))
    assert passes(handshakes(), segment(ACK, options=options, hosts=hosts))
    for payload in (b"x", bytes(1400)):
        assert not passes(handshakes(), segment(PSH | ACK, payload, options=options, hosts=hosts))


def test_ip_options_do_not_count_as_payload() -> None:
    plain = segment(ACK)
    length = (int.from_bytes(plain[2:4]) + 8).to_bytes(2)
    longer = bytes([0x47]) + plain[1:2] + length + plain[4:20] + b"\x01" * 8 + plain[20:]
    assert passes(handshakes(), longer)
    assert passes(handshakes(), longer + b"padding")  # of a short Ethernet frame
    data = segment(PSH | ACK, b"x")
    length = (int.from_bytes(data[2:4]) + 8).to_bytes(2)
    assert not passes(handshakes(), bytes([0x47]) + data[1:2] + length + data[4:20] + b"\x01" * 8 + data[20:])


def test_icmp_errors_pass_whatever_is_asked_for_and_other_protocols_do_not() -> None:
    quoted = segment(SYN)
    quoted6 = segment(SYN, hosts=V6)
    program = (*handshakes(), *on_port(443))
    assert passes(program, ip(V4, ICMP, icmp_error(3, 1, quoted)))
    assert passes(program, ip(V6, ICMPV6, icmp_error(1, 4, quoted6, version=6)))
    assert not passes(program, ip(V4, ICMP, icmp_error(8, 0, b"")))
    assert not passes(program, ip(V6, ICMPV6, icmp_error(128, 0, b"")))
    assert not passes(program, ip(V4, UDP, bytes(8)))
    fragment = segment(SYN)
    assert not passes(handshakes(), fragment[:6] + b"\x00\x10" + fragment[8:])


def test_extension_headers_pass_unread_but_not_those_of_multicast() -> None:
    rest = bytes([0]) + bytes(6)
    assert passes(handshakes(), ip(V6, 60, bytes([TCP]) + rest + bytes(20)))
    assert passes(handshakes(), ip(V6, 0, bytes([TCP]) + rest + bytes(20)))
    assert not passes(handshakes(), ip(V6, 0, bytes([ICMPV6]) + rest + bytes([143, 0, 0, 0])))


@pytest.mark.parametrize("hosts", [V4, V6])
def test_one_in_256_of_a_muted_run_passes_and_everything_else_as_before(hosts: tuple[str, str]) -> None:
    run_of_acks = segment(ACK, hosts=hosts)
    program = handshakes((1, key_of(run_of_acks), 2))
    assert not passes(program, run_of_acks, random=1 << 24)
    assert passes(program, run_of_acks, random=(1 << 24) - 1)
    assert passes(program, segment(ACK, hosts=hosts, seq=8))
    assert passes(program, segment(FIN | ACK, hosts=hosts))


def test_as_many_runs_as_it_says_can_be_muted() -> None:
    keys = (*range(MOST_MUTED - 1), key_of(segment(ACK)))
    assert not passes(handshakes(keys), segment(ACK))
    assert passes(handshakes(keys), segment(SYN))
    assert passes(handshakes(keys), segment(ACK, seq=8))


@pytest.mark.parametrize("hosts", [V4, V6])
def test_port(hosts: tuple[str, str]) -> None:
    syn = segment(SYN, hosts=hosts)
    assert passes(on_port(PORTS[0]), syn)
    assert passes(on_port(PORTS[1]), syn)
    assert not passes(on_port(443), syn)


@pytest.mark.parametrize(
    ("network", "v4", "v6"),
    [
        ("10.0.0.1", True, False), ("10.0.0.2", True, False), ("10.0.0.3", False, False), ("10.0.0.0/8", True, False),
        ("11.0.0.0/8", False, False), ("0.0.0.0/0", True, False), ("fd00::1", False, True), ("fd00::2", False, True),
        ("fd00::3", False, False), ("fd00::/61", False, True), ("fd01::/16", False, False),
    ],
)  # fmt: skip
def test_host(network: str, v4: bool, v6: bool) -> None:
    program = on_host(ip_network(network))
    assert passes(program, segment(SYN)) is v4
    assert passes(program, segment(SYN, hosts=V6)) is v6


def test_interfaces_and_loopback() -> None:
    syn = segment(SYN)
    assert passes(on_interfaces((3, 5)), syn, ifindex=5)
    assert not passes(on_interfaces((3, 5)), syn, ifindex=4)
    assert passes(loopback_once(), syn, hatype=772, pkttype=0)
    assert not passes(loopback_once(), syn, hatype=772, pkttype=4)
    assert passes(loopback_once(), syn, hatype=1, pkttype=4)


def test_a_program_continues_where_it_accepted() -> None:
    accept_early = (Instruction(0x15, 0, 1, 0), Instruction(0x06, 0, 0, 99), Instruction(0x06, 0, 0, 0))
    assert run((*continuing(accept_early), Instruction(0x06, 0, 0, 7)), segment(SYN)) == 7
    refused = (Instruction(0x01, 0, 0, 1), *accept_early[2:])
    assert run((*continuing(refused), Instruction(0x06, 0, 0, 7)), segment(SYN)) == 0
