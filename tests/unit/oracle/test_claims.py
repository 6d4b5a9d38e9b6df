"""From tshark's fields to claims: as 4.0 writes them, as later versions do, and as nobody should."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from handshake.model.address import Endpoint
from handshake.model.claim import Claim
from handshake.model.options import EOL, MSS, NOP, TIMESTAMPS, WSCALE, Option
from handshake.model.packet import ACK, SYN, Datagram, IcmpError, Segment, Tag
from handshake.oracle.claims import Claims
from handshake.oracle.fields import ANALYSIS, FIELDS, questions

Fields = dict[str, list[str]]
SYN_FIELDS: Fields = {
    "frame_number": ["1"],
    "frame_time_epoch": ["1795449997.136766001"],
    "frame_len": ["74"],
    "frame_cap_len": ["74"],
    "frame_encap_type": ["1"],
    "frame_protocols": ["eth:ethertype:ip:tcp"],
    "ip_hdr_len": ["20"],
    "ip_len": ["60"],
    "ip_src": ["10.0.0.1"],
    "ip_dst": ["10.0.0.2"],
    "ip_ttl": ["64"],
    "ip_id": ["0xb6ca"],
    "ip_dsfield_ecn": ["2"],
    "ip_proto": ["6"],
    "tcp_srcport": ["40001"],
    "tcp_dstport": ["80"],
    "tcp_seq_raw": ["3836527020"],
    "tcp_ack_raw": ["0"],
    "tcp_hdr_len": ["40"],
    "tcp_flags": ["0x0ac2"],
    "tcp_window_size_value": ["64240"],
    "tcp_urgent_pointer": ["5"],
    "tcp_len": ["0"],
    "tcp_options": ["020405b40101080ad68882dd000000000303070000"],
    "tcp_option_kind": ["2", "1", "1", "8", "3", "0", "0"],
    "tcp_option_len": ["4", "10", "3"],
    "tcp_stream": ["4"],
    "tcp_completeness": ["31"],
    "tcp_analysis_initial_rtt": ["0.024862000"],
    "tcp_analysis_reused_ports": ["1"],
}


def claimed(*frames: Fields) -> Claim:
    """The claim of the last of these frames."""
    claims = Claims()
    made = [claims.of(fields) for fields in frames][-1]
    assert made is not None
    return made


def segment(fields: Fields) -> Segment:
    transport = claimed(fields).packet.transport
    assert isinstance(transport, Segment)
    return transport


def endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(ip_address(host).packed, port)


def test_every_field_of_a_segment() -> None:
    made = segment(SYN_FIELDS)
    assert (made.number, made.time_ns) == (1, 1_795_449_997_136_766_001)
    assert (made.src, made.dst) == (endpoint("10.0.0.1", 40001), endpoint("10.0.0.2", 80))
    assert (made.seq, made.ack_raw, made.wnd, made.urgent, made.payload_len) == (3836527020, 0, 64240, 5, 0)
    assert (made.flags, made.reserved) == (SYN | 0xC0, 5), "twelve bits: three reserved ones, nine flags"
    assert (made.ttl, made.ip_id, made.ecn) == (64, 0xB6CA, 2)
    assert made.options.items == (
        Option(MSS, b"\x05\xb4"),
        Option(NOP, b""),
        Option(NOP, b""),
        Option(TIMESTAMPS, bytes.fromhex("d68882dd00000000")),
        Option(WSCALE, b"\x07"),
        Option(EOL, b""),
    )
    assert not made.options.cut


def test_what_tshark_makes_of_it() -> None:
    made = claimed(SYN_FIELDS)
    assert (made.stream, made.completeness, made.initial_rtt_ns) == (4, 31, 24_862_000)
    assert made.analysis == {"reused_ports"}
    assert (made.cap_len, made.orig_len, made.whole) == (74, 74, True)
    assert (made.header_len, made.payload_by_ip) == (40, 0)
    assert made.protocols == ("eth", "ethertype", "ip", "tcp")


def test_as_later_versions_write_it() -> None:
    """4.2 and later: ISO 8601 in -T ek, colons between bytes, words for flags, numbers without quotes."""
    later: dict[str, Any] = SYN_FIELDS | {
        "frame_time_epoch": ["2026-11-23T16:06:37.136766001Z"],
        "tcp_options": ["02:04:05:b4:01:01:08:0a:d6:88:82:dd:00:00:00:00:03:03:07:00:00"],
        "ip_flags_mf": ["False"],
        "tcp_stream": [4],
    }
    assert claimed(later) == claimed(SYN_FIELDS)


def test_the_innermost_ip_header_counts_and_tunnels_are_tags() -> None:
    inside: Fields = SYN_FIELDS | {
        "frame_protocols": ["eth:ethertype:vlan:ethertype:ip:udp:vxlan:eth:ethertype:ipv6:tcp"],
        "vlan_id": ["7"],
        "vxlan_vni": ["99"],
        "ip_src": ["192.0.2.2"],
        "ip_dst": ["192.0.2.1"],
        "ipv6_src": ["2001:db8::1"],
        "ipv6_dst": ["2001:db8::2"],
        "ipv6_hlim": ["9"],
        "ipv6_tclass_ecn": ["1"],
        "ipv6_plen": ["45"],
        "udp_srcport": ["1"],
        "udp_dstport": ["4789"],
    }
    made = segment(inside)
    assert (made.src, made.dst) == (endpoint("2001:db8::1", 40001), endpoint("2001:db8::2", 80))
    assert (made.ttl, made.ecn, made.ip_id) == (9, 1, None)
    outer = (ip_address("192.0.2.1").packed, ip_address("192.0.2.2").packed)
    assert made.tags == (Tag("vlan", 7), Tag("vxlan", 99, outer))
    assert claimed(inside).payload_by_ip == 5


def test_the_second_of_two_headers_of_one_kind() -> None:
    nested: Fields = SYN_FIELDS | {
        "frame_protocols": ["raw:ip:ip:tcp"],
        "ip_src": ["192.0.2.1", "10.9.9.9"],
        "ip_dst": ["192.0.2.2", "10.0.0.2"],
        "ip_ttl": ["1", "33"],
        "ip_id": ["0x0001", "0x0002"],
    }
    made = segment(nested)
    assert (made.src.host, made.ttl, made.ip_id) == ("10.9.9.9", 33, 2)


ICMP: Fields = {
    "frame_number": ["9"],
    "frame_len": ["70"],
    "frame_cap_len": ["70"],
    "frame_encap_type": ["1"],
    "frame_protocols": ["eth:ethertype:ip:icmp:ip:tcp"],
    "ip_src": ["192.0.2.1", "10.0.0.1"],
    "ip_dst": ["10.0.0.1", "10.0.0.2"],
    "ip_proto": ["1", "6"],
    "icmp_type": ["3"],
    "icmp_code": ["1"],
    "tcp_srcport": ["40001"],
    "tcp_dstport": ["80"],
    "tcp_seq": ["3836527020"],
    "tcp_stream": ["4"],
    "tcp_completeness": ["31"],
}


def test_a_header_quoted_in_an_error_is_no_segment() -> None:
    made = claimed(ICMP)
    error = made.packet.transport
    assert isinstance(error, IcmpError)
    assert (error.reporter, error.version, error.type, error.code) == (ip_address("192.0.2.1").packed, 4, 3, 1)
    assert (error.src, error.dst, error.seq) == (endpoint("10.0.0.1", 40001), endpoint("10.0.0.2", 80), 3836527020)
    assert (error.protocol, error.meaning) == (6, "host unreachable")
    assert (made.stream, made.completeness) == (None, None)


def test_a_quoted_datagram_and_a_quoted_protocol_without_ports() -> None:
    udp: Fields = ICMP | {
        "frame_protocols": ["eth:ethertype:ip:icmp:ip:udp:dns"],
        "udp_srcport": ["53"],
        "udp_dstport": ["9"],
    }
    error = claimed(udp).packet.transport
    assert isinstance(error, IcmpError)
    assert (error.protocol, error.src.port, error.dst.port, error.seq) == (17, 53, 9, None)
    sctp: Fields = ICMP | {"frame_protocols": ["eth:ethertype:ip:icmp:ip:data"], "ip_proto": ["1", "132"]}
    error = claimed(sctp).packet.transport
    assert isinstance(error, IcmpError)
    assert (error.protocol, error.src.port) == (132, 0)


@pytest.mark.parametrize(
    "change", [{"icmp_type": ["8"]}, {"frame_protocols": ["eth:ethertype:ip:icmp"]}, {"icmp_code": []}]
)
def test_other_icmp_is_counted_only(change: Fields) -> None:
    made = claimed(ICMP | change)
    assert made.packet.transport is None
    assert made.packet.stop is not None


def test_datagram() -> None:
    udp = {"udp_srcport": ["5353"], "udp_dstport": ["53"], "udp_length": ["30"]}
    made = claimed(SYN_FIELDS | udp | {"frame_protocols": ["eth:ethertype:ip:udp:dns"]}).packet.transport
    assert isinstance(made, Datagram)
    assert (made.src.port, made.dst.port, made.payload_len) == (5353, 53, 22)


@pytest.mark.parametrize("missing", ["ip_src", "tcp_srcport", "tcp_seq_raw", "tcp_flags", "tcp_window_size_value"])
def test_half_a_header_is_no_segment(missing: str) -> None:
    made = claimed({name: values for name, values in SYN_FIELDS.items() if name != missing})
    assert made.packet.transport is None
    assert made.stream is None


def test_a_bogus_data_offset_is_told() -> None:
    made = claimed({name: v for name, v in SYN_FIELDS.items() if name != "tcp_flags"} | {"tcp_hdr_len": ["16"]})
    assert (made.packet.transport, made.header_len) == (None, 16)


def test_fragments() -> None:
    made = claimed(SYN_FIELDS | {"frame_number": ["8"], "ip_fragment": ["3", "8"], "ip_frag_offset": ["1480"]})
    assert made.fragmented
    assert made.fragments == (3 - 7, 1), "in our numbers: this is the first packet here"
    assert claimed(SYN_FIELDS | {"ip_flags_mf": ["0", "1"]}).fragmented
    assert claimed(SYN_FIELDS | {"ip_flags_mf": ["True"]}).fragmented
    assert not claimed(SYN_FIELDS | {"ip_flags_mf": ["0"], "ip_frag_offset": ["0"]}).fragmented


def test_records_that_are_no_packets_are_not_counted() -> None:
    custom = {"frame_number": ["1"], "frame_protocols": ["data"]}
    claims = Claims()
    assert claims.of(custom) is None
    made = claims.of(SYN_FIELDS | {"frame_number": ["2"]})
    assert made is not None
    assert made.number == 1


def test_without_a_time_it_is_that_of_the_frame_before() -> None:
    made = claimed(SYN_FIELDS, {name: v for name, v in SYN_FIELDS.items() if name != "frame_time_epoch"})
    assert made.time_ns is None
    assert made.packet.time_ns == 1_795_449_997_136_766_001


NONSENSE: list[Fields] = [
    {},
    {"frame_encap_type": ["1"]},
    {"frame_encap_type": ["1"], "frame_protocols": [""]},
    SYN_FIELDS | {"frame_protocols": ["tcp:tcp:icmp:ip"]},
    SYN_FIELDS | {"ip_src": ["10.0.0.1.2"], "tcp_options": ["zz"], "frame_time_epoch": ["9" * 40]},
    SYN_FIELDS | {"tcp_option_len": [], "tcp_option_kind": ["5"] * 40},
    SYN_FIELDS | {"tcp_option_len": ["999999999999"], "tcp_flags": ["0x" + "f" * 40]},
    SYN_FIELDS
    | {"frame_time_epoch": ["0000-00-00T99:00:00Z"], "tcp_analysis_initial_rtt": ["-"], "tcp_seq_raw": ["٣"]},
    ICMP | {"frame_protocols": ["ip:icmp:ip:tcp:ip:udp"], "ip_src": ["10.0.0.1"]},
]


@pytest.mark.parametrize("fields", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_never_an_exception(fields: Fields) -> None:
    Claims().of(fields)


@pytest.mark.parametrize("values", ["text", 7, None, {}, [["text"]], [None]])
def test_nor_are_other_shapes(values: Any) -> None:
    Claims().of(dict.fromkeys(SYN_FIELDS, values) | {"frame_encap_type": ["1"]})


def test_questions_are_asked_once_each() -> None:
    asked = [word for before, word in zip(questions(), questions()[1:], strict=False) if before == "-e"]
    assert len(asked) == len(set(asked)) == len(FIELDS) + len(ANALYSIS)
    assert "-2" in questions()


def test_ack_is_a_segment_like_any_other() -> None:
    made = segment(SYN_FIELDS | {"tcp_flags": ["0x0010"], "tcp_ack_raw": ["7"]})
    assert (made.flags, made.ack) == (ACK, 7)
