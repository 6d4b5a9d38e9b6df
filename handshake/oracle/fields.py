"""The fields asked of tshark, and how its versions spell them. No other module knows a field's name.

Checked against tshark 4.0. Since 3.6, the oldest taken, none of these was renamed; what did change is how values are
written: absolute times of `-T ek` are ISO 8601 from 4.2 on, and flags `True` instead of `1`. `claims` reads both.
`tcp.completeness` exists from 3.6 on. Its parts (`tcp.completeness.syn` …, 4.2) are not needed: it is a bit mask.
"""

from __future__ import annotations

OLDEST = (3, 6)
"""The oldest version taken: the first with `tcp.completeness`."""

FIELDS = {
    "number": "frame.number",
    "time": "frame.time_epoch",
    "length": "frame.len",
    "captured": "frame.cap_len",
    "link": "frame.encap_type",
    "protocols": "frame.protocols",
    "ip.header": "ip.hdr_len",
    "ip.length": "ip.len",
    "ip.src": "ip.src",
    "ip.dst": "ip.dst",
    "ip.ttl": "ip.ttl",
    "ip.id": "ip.id",
    "ip.ecn": "ip.dsfield.ecn",
    "ip.protocol": "ip.proto",
    "ip.more": "ip.flags.mf",
    "ip.offset": "ip.frag_offset",
    "ip.fragments": "ip.fragment",
    "ipv6.length": "ipv6.plen",
    "ipv6.src": "ipv6.src",
    "ipv6.dst": "ipv6.dst",
    "ipv6.ttl": "ipv6.hlim",
    "ipv6.ecn": "ipv6.tclass.ecn",
    "ipv6.protocol": "ipv6.nxt",
    "ipv6.more": "ipv6.fraghdr.more",
    "ipv6.offset": "ipv6.fraghdr.offset",
    "ipv6.fragments": "ipv6.fragment",
    "tcp.src": "tcp.srcport",
    "tcp.dst": "tcp.dstport",
    "tcp.seq": "tcp.seq_raw",
    "tcp.ack": "tcp.ack_raw",
    "tcp.header": "tcp.hdr_len",
    "tcp.flags": "tcp.flags",
    "tcp.window": "tcp.window_size_value",
    "tcp.urgent": "tcp.urgent_pointer",
    "tcp.payload": "tcp.len",
    "tcp.options": "tcp.options",
    "tcp.kinds": "tcp.option_kind",
    "tcp.lengths": "tcp.option_len",
    "tcp.stream": "tcp.stream",
    "tcp.completeness": "tcp.completeness",
    "tcp.rtt": "tcp.analysis.initial_rtt",
    "quoted.seq": "tcp.seq",
    "icmp.type": "icmp.type",
    "icmp.code": "icmp.code",
    "icmp.mtu": "icmp.mtu",
    "icmpv6.type": "icmpv6.type",
    "icmpv6.code": "icmpv6.code",
    "icmpv6.mtu": "icmpv6.mtu",
    "udp.src": "udp.srcport",
    "udp.dst": "udp.dstport",
    "udp.length": "udp.length",
    "vlan": "vlan.id",
    "mpls": "mpls.label",
    "pppoe": "pppoe.session_id",
    "gre": "gre.key",
    "vxlan": "vxlan.vni",
    "geneve": "geneve.vni",
    "gtp": "gtp.teid",
}
"""Our word for a field, and tshark's. Raw numbers only; `tcp.seq` is raw, too, where relative numbers are off."""

ANALYSIS = ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order", "reused_ports")
"""Flags of `tcp.analysis` that are asked for."""

PREFERENCES = {
    "tcp.desegment_tcp_streams": "FALSE",
    "tcp.relative_sequence_numbers": "FALSE",
    "tcp.analyze_sequence_numbers": "TRUE",
    "tcp.check_checksum": "FALSE",
    "ip.defragment": "TRUE",
    "ipv6.defragment": "TRUE",
}
"""What is taken apart and what is not; whatever the user prefers elsewhere."""


def questions() -> list[str]:
    """The arguments of tshark that ask for the fields.

    Two passes: in one, `tcp.completeness` is its value before the packet. Application data is not dissected (`-d`):
    nobody asks for it, and a hostile capture meets that many fewer dissectors.
    """
    names = [*FIELDS.values(), *(f"tcp.analysis.{flag}" for flag in ANALYSIS)]
    return ["-2", "-d", "tcp.port==0-65535,data", *(word for name in names for word in ("-e", name))]


def spelled(name: str) -> str:
    """A field's name as `-T ek` writes it."""
    return name.replace(".", "_")
