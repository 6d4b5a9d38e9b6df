"""What a second dissector says of one frame, in our own words, so that it can be held against what we say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.packet import Packet


@dataclass(frozen=True, slots=True)
class Claim:
    """tshark on one frame. What it says about a TCP header quoted in an ICMP error is not in here."""

    number: int
    """Position among the packets of its capture, from 1; tshark also numbers records that are no packets."""
    time_ns: int | None
    """None where the capture has no time for it."""
    cap_len: int
    orig_len: int
    protocols: tuple[str, ...]
    """tshark's `frame.protocols`, outermost first."""
    packet: Packet
    """The frame built from tshark's fields; its transport is None unless all of the header was dissected."""
    stream: int | None = None
    """`tcp.stream`."""
    completeness: int | None = None
    """`tcp.completeness` of the whole stream."""
    initial_rtt_ns: int | None = None
    """`tcp.analysis.initial_rtt`."""
    analysis: frozenset[str] = frozenset()
    """Names of the `tcp.analysis` flags that are set."""
    fragmented: bool = False
    """One of its IP headers is that of a fragment."""
    fragments: tuple[int, ...] = ()
    """Numbers of the frames that it was put together from, if any."""
    header_len: int | None = None
    """`tcp.hdr_len`, which is also told of a header that is not dissected any further."""
    payload_by_ip: int | None = None
    """TCP payload, bytes, by the length in tshark's IP header, which may reach past the frame."""

    @property
    def whole(self) -> bool:
        """All bytes of the frame were captured."""
        return self.cap_len >= self.orig_len
