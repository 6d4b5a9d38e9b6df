"""ICMP and ICMPv6 errors are tied to the packet that they quote, however little of it they quote."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from handshake.model.address import Endpoint
from handshake.wire.icmp import MEANINGS_V4, MEANINGS_V6
from tests.unit.wire.wire_bytes import (
    CLIENT,
    CLIENT6,
    ETHERNET,
    ICMP,
    ICMPV6,
    SERVER,
    SERVER6,
    TCP,
    UDP,
    decoded,
    error_of,
    ethernet,
    extension,
    fragment,
    icmp,
    ipv4,
    ipv6,
    stop_of,
    tcp,
    udp,
)

ROUTER, ROUTER6 = ip_address("10.0.0.254").packed, ip_address("fd00::fe").packed
SYN = tcp(b"\2\4\5\xb4", seq=0xFFFFFFFF)
QUOTE4, QUOTE6 = ipv4(SYN), ipv6(SYN)
FRAGMENT = 44


def v4(kind: int, code: int, quote: bytes = QUOTE4, rest: int = 0) -> bytes:
    return ipv4(icmp(kind, code, quote, rest), protocol=ICMP, ends=(ROUTER, CLIENT))


def v6(kind: int, code: int, quote: bytes = QUOTE6, rest: int = 0) -> bytes:
    return ipv6(icmp(kind, code, quote, rest), following=ICMPV6, ends=(ROUTER6, CLIENT6))


@pytest.mark.parametrize("quoted", [len(QUOTE4), 28, 31], ids=["full", "8 bytes", "11 bytes"])
def test_v4_error_names_the_quoted_segment(quoted: int) -> None:
    packet = decoded(v4(3, 3, QUOTE4[:quoted]))
    error = error_of(packet)
    assert packet.layers == ("ipv4", "icmp")
    assert packet.stop is None
    assert (error.src, error.dst, error.seq) == (Endpoint(CLIENT, 40000), Endpoint(SERVER, 80), 0xFFFFFFFF)
    assert (error.reporter, error.version, error.protocol) == (ROUTER, 4, TCP)
    assert (error.type, error.code, error.meaning, error.mtu) == (3, 3, "port unreachable", None)


@pytest.mark.parametrize("quoted", [len(QUOTE6), 48, 51], ids=["full", "8 bytes", "11 bytes"])
def test_v6_error_names_the_quoted_segment(quoted: int) -> None:
    packet = decoded(v6(1, 4, QUOTE6[:quoted]))
    error = error_of(packet)
    assert packet.layers == ("ipv6", "icmpv6")
    assert (error.src, error.dst, error.seq) == (Endpoint(CLIENT6, 40000), Endpoint(SERVER6, 80), 0xFFFFFFFF)
    assert (error.reporter, error.version, error.protocol, error.meaning) == (ROUTER6, 6, TCP, "port unreachable")


def test_quoted_datagram_has_ports_and_no_sequence_number() -> None:
    error = error_of(decoded(v4(3, 3, ipv4(udp(b"?"), protocol=UDP))))
    assert (error.protocol, error.dst.port, error.seq) == (UDP, 53, None)


def test_quoted_packet_of_another_protocol_has_no_ports() -> None:
    error = error_of(decoded(v4(3, 2, ipv4(b"", protocol=47))))
    assert (error.protocol, error.src, error.dst, error.seq) == (47, Endpoint(CLIENT, 0), Endpoint(SERVER, 0), None)


@pytest.mark.parametrize(("kind", "code"), MEANINGS_V4)
def test_every_v4_meaning(kind: int, code: int) -> None:
    assert error_of(decoded(v4(kind, code))).meaning == MEANINGS_V4[kind, code]


@pytest.mark.parametrize(("kind", "code"), MEANINGS_V6)
def test_every_v6_meaning(kind: int, code: int) -> None:
    assert error_of(decoded(v6(kind, code))).meaning == MEANINGS_V6[kind, code]


def test_meanings_cover_the_codes_of_the_rfcs() -> None:
    def codes(table: dict[tuple[int, int], str], kind: int) -> list[int]:
        return [code for each, code in table if each == kind]

    assert {kind: codes(MEANINGS_V4, kind) for kind, _ in MEANINGS_V4} == {
        3: list(range(16)), 4: [0], 11: [0, 1], 12: [0, 1, 2],
    }  # fmt: skip
    assert {kind: codes(MEANINGS_V6, kind) for kind, _ in MEANINGS_V6} == {
        1: list(range(7)), 2: [0], 3: [0, 1], 4: [0, 1, 2],
    }  # fmt: skip
    assert (MEANINGS_V4[3, 1], MEANINGS_V4[3, 13]) == ("host unreachable", "communication administratively prohibited")
    assert (MEANINGS_V6[1, 1], MEANINGS_V6[1, 3]) == (
        "communication administratively prohibited",
        "address unreachable",
    )


def test_unknown_code_is_told_by_number() -> None:
    assert error_of(decoded(v4(3, 200))).meaning == "type 3 code 200"
    assert error_of(decoded(v6(1, 99))).meaning == "type 1 code 99"


def test_next_hop_mtu() -> None:
    assert error_of(decoded(v4(3, 4, rest=0xABCD << 16 | 1400))).mtu == 1400
    assert error_of(decoded(v6(2, 0, rest=70000))).mtu == 70000
    assert error_of(decoded(v4(3, 3, rest=1400))).mtu is None


@pytest.mark.parametrize("kind", [0, 5, 8, 13, 255])
def test_other_v4_messages_are_no_errors(kind: int) -> None:
    assert stop_of(decoded(v4(kind, 0))) == ("icmp", 20, "ICMP that is no error", False)


@pytest.mark.parametrize("kind", [0, 128, 133, 135, 255])
def test_other_v6_messages_are_no_errors(kind: int) -> None:
    assert stop_of(decoded(v6(kind, 0))) == ("icmpv6", 40, "ICMPv6 that is no error", False)


@pytest.mark.parametrize("quoted", range(28))
def test_quote_cut_before_the_sequence_number(quoted: int) -> None:
    packet = decoded(ethernet(v4(3, 1, QUOTE4[:quoted])).ljust(60, b"\0"), ETHERNET)
    where = 42 if quoted < 20 else 62
    assert stop_of(packet) == ("icmp", where, "ICMP error whose quoted packet is cut", True)
    assert (packet.transport, packet.layers) == (None, ("ethernet", "ipv4", "icmp"))


@pytest.mark.parametrize("quoted", range(48))
def test_v6_quote_cut_before_the_sequence_number(quoted: int) -> None:
    where = 48 if quoted < 40 else 88
    stop = stop_of(decoded(v6(1, 0, QUOTE6[:quoted])))
    assert stop == ("icmpv6", where, "ICMPv6 error whose quoted packet is cut", True)


def test_quoted_ip_options_and_extension_headers_are_skipped() -> None:
    assert error_of(decoded(v4(11, 0, ipv4(SYN, options=bytes(40))))).dst.port == 80
    chain = extension(43) + extension(FRAGMENT, bytes(14)) + fragment(60, more=1) + extension(TCP)
    error = error_of(decoded(v6(3, 0, ipv6(chain + SYN, following=0))))
    assert (error.protocol, error.dst.port, error.seq) == (TCP, 80, 0xFFFFFFFF)


def test_chain_of_quoted_extension_headers_is_bounded() -> None:
    error = error_of(decoded(v6(3, 0, ipv6(extension(0) * 9 + SYN, following=0))))
    assert (error.protocol, error.seq) == (0, None)


@pytest.mark.parametrize(
    ("data", "stop"),
    [
        (v4(3, 1, ipv4(SYN, fragment=185)), ("icmp", 28, "ICMP error quoting a later fragment", False)),
        (v4(3, 1, QUOTE6), ("icmp", 28, "ICMP error quoting no IPv4 packet", True)),
        (v4(3, 1, ipv4(SYN, ihl=4)), ("icmp", 28, "ICMP error quoting no IPv4 packet", True)),
        (v6(1, 0, QUOTE4), ("icmpv6", 48, "ICMPv6 error quoting no IPv6 packet", True)),
        (
            v6(1, 0, ipv6(fragment(TCP, offset=8) + SYN, following=FRAGMENT)),
            ("icmpv6", 88, "ICMPv6 error quoting a later fragment", False),
        ),
        (v4(3, 1)[:25], ("icmp", 20, "icmp header cut short: 5 of 8 header bytes", True)),
    ],
)
def test_quotes_that_tell_nothing(data: bytes, stop: tuple[str, int, str, bool]) -> None:
    assert stop_of(decoded(data)) == stop
