"""What is read (Frame) and what decoding makes of it (Packet with a Segment, Datagram or IcmpError).

Times are integer nanoseconds since the epoch, lengths are bytes, addresses and ports are
`Endpoint`s, sequence numbers are raw 32-bit values as they stood on the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from handshake.model.address import Endpoint, format_address
from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.options import Options

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))
"""TCP flags (RFC 9293 §3.1; ECE and CWR RFC 3168; AE RFC 9768), as bits of the 9-bit flag field."""

FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")


def flag_names(flags: int) -> tuple[str, ...]:
    """Names of the flags that are set, SYN first where present, as people say them: `SYN,ACK`."""
    names = [name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1]
    if "SYN" in names:
        names.remove("SYN")
        names.insert(0, "SYN")
    return tuple(names)


class Tag(NamedTuple):
    """One VLAN or tunnel around a packet. `str()` gives `vlan 100` or `vxlan 7 (10.0.0.1 ↔ 10.0.0.2)`."""

    kind: str
    """`vlan`, `mpls`, `pppoe`, `gre`, `vxlan` …"""
    number: int | None = None
    """VLAN, label, session, key, VNI, TEID; None where the protocol has none or this packet lacks it."""
    ends: tuple[bytes, bytes] | None = None
    """Addresses of the tunnel's two ends, the lower first, so that both directions agree; None below IP."""

    def __str__(self) -> str:
        words = self.kind if self.number is None else f"{self.kind} {self.number}"
        return f"{words} ({' ↔ '.join(map(format_address, self.ends))})" if self.ends else words


Tags = tuple[Tag, ...]
"""VLANs and tunnels around a packet, outermost first."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame of raw bytes, as a source yields it."""

    number: int
    """Position in its source, from 1."""
    time_ns: int
    """Capture time, ns since the epoch."""
    linktype: int
    """LINKTYPE_ number of the link-layer header (1 Ethernet, 101 raw IP, …)."""
    data: bytes
    """The captured bytes; fewer than `orig_len` when the snapshot length cut the frame."""
    orig_len: int
    """Length on the wire, bytes."""
    interface: str = ""
    """Name of the capturing interface where the source tells it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where and why decoding of a frame ended before a transport header was read in full."""

    layer: str
    """The layer that could not be read: `ethernet`, `ipv4`, `tcp` …"""
    offset: int
    """Bytes from the start of the frame."""
    reason: str
    fault: bool
    """True when the bytes are wrong or cut; False when the protocol is merely not one decoded here."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment (RFC 9293 §3.1), with the few IP fields that matter to a handshake."""

    number: int
    """Frame number in its source, from 1."""
    time_ns: int
    src: Endpoint
    dst: Endpoint
    seq: int
    ack_raw: int
    """The acknowledgment field as it stood, whether or not ACK is set; `ack` is the checked one."""
    flags: int
    wnd: int
    """The window field as it stood, unscaled."""
    payload_len: int
    """Payload bytes by the IP header's count (Wireshark `tcp.len`), even if the capture cut them."""
    options: Options
    ttl: int
    """IPv4 TTL or IPv6 hop limit at the capture point."""
    ecn: int = 0
    """IP ECN codepoint (RFC 3168): 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE."""
    ip_id: int | None = None
    """IPv4 identification; None for IPv6."""
    urgent: int = 0
    reserved: int = 0
    """The three reserved header bits, right-aligned."""
    checksum_ok: bool | None = None
    """None when it could not be checked (cut frame, fragment, offloaded to the network card)."""
    faults: tuple[str, ...] = ()
    """What is wrong with the header, in words; the fields above hold what could be read."""
    tags: Tags = ()
    """VLANs and tunnels around it, outermost first; flows with different tags are different flows."""
    dscp: int = 0
    """Differentiated services codepoint of the IP header (RFC 2474)."""

    @property
    def ack(self) -> int | None:
        """The acknowledgment number, None without the ACK flag."""
        return self.ack_raw if self.flags & ACK else None

    @property
    def seg_len(self) -> int:
        """Sequence space the segment takes: payload plus one each for SYN and FIN (RFC 9293 §3.4)."""
        return self.payload_len + (self.flags & FIN) + (self.flags >> 1 & 1)


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram (RFC 768)."""

    number: int
    time_ns: int
    src: Endpoint
    dst: Endpoint
    payload_len: int
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP (RFC 792) or ICMPv6 (RFC 4443) error, tied to the packet that it quotes."""

    number: int
    time_ns: int
    reporter: bytes
    """Address of the host or router that sent the error."""
    version: int
    """4 or 6."""
    type: int
    code: int
    mtu: int | None
    """Next-hop MTU of 3/4 (RFC 1191) or ICMPv6 type 2 (RFC 8201)."""
    protocol: int
    """IP protocol number of the quoted packet: 6 TCP, 17 UDP."""
    src: Endpoint
    """Source of the quoted packet, that is, the host being told."""
    dst: Endpoint
    seq: int | None
    """Sequence number of the quoted TCP header, where the quote reaches that far."""
    meaning: str
    """The error in words, e.g. `port unreachable`."""
    tags: Tags = ()

    @property
    def undeliverable(self) -> bool:
        """The quoted packet did not arrive: every error but those that only ask for smaller packets.

        Destination unreachable, time exceeded, parameter problem (RFC 792, RFC 4443 §3); not 3/4 of
        RFC 1191, packet too big, source quench.
        """
        if self.version == 4:
            return self.type in (3, 11, 12) and (self.type, self.code) != (3, 4)
        return self.type in (1, 3, 4)

    @property
    def reporter_text(self) -> str:
        """The reporter's address as text."""
        return format_address(self.reporter)


@dataclass(frozen=True, slots=True)
class Packet:
    """A decoded frame: every layer that was good, and where decoding stopped if it did."""

    number: int
    time_ns: int
    layers: tuple[str, ...]
    """Names of the good layers, outermost first, e.g. `("ethernet", "ipv4", "tcp")`."""
    transport: Segment | Datagram | IcmpError | None
    payload: bytes
    """Captured payload bytes of the transport layer."""
    stop: Stop | None
