"""Everything that is compared, in words: the points of a crosscheck."""

from __future__ import annotations

from handshake.model.crosscheck import Level

POINTS: dict[str, tuple[Level, str]] = {
    "frames": (Level.FILE, "how many frames there are; they are compared as far as both go"),
    "time": (Level.FRAME, "capture time, to the nanosecond"),
    "length": (Level.FRAME, "bytes captured, and bytes on the wire"),
    "tcp": (Level.FRAME, "whether the frame carries a TCP header, all of it; those quoted in ICMP errors do not count"),
    "source": (Level.FRAME, "address and port"),
    "destination": (Level.FRAME, "address and port"),
    "seq": (Level.FRAME, "raw sequence number"),
    "ack": (Level.FRAME, "the acknowledgment field as it stands"),
    "flags": (Level.FRAME, "all nine"),
    "window": (Level.FRAME, "unscaled"),
    "urgent": (Level.FRAME, "urgent pointer"),
    "reserved": (Level.FRAME, "the three reserved bits"),
    "payload": (Level.FRAME, "bytes of payload"),
    "ttl": (Level.FRAME, "TTL or hop limit of the innermost IP header"),
    "ecn": (Level.FRAME, "its ECN field"),
    "ip-id": (Level.FRAME, "its identification"),
    "options": (Level.FRAME, "kinds and bodies in wire order; of cut options as far as both go"),
    "missing": (Level.STREAM, "tshark has a stream, we have nothing"),
    "invented": (Level.STREAM, "we have a handshake, tshark has nothing"),
    "apart": (Level.STREAM, "a handshake of its own for us, part of another stream for tshark"),
    "joined": (Level.STREAM, "one handshake for us, several streams for tshark"),
    "outcome": (Level.STREAM, "how the opening ended, derived from the numbers that tshark dissected"),
    "syn_retransmits": (Level.STREAM, "repeated SYNs"),
    "synack_retransmits": (Level.STREAM, "repeated SYN-ACKs"),
    "irtt_ns": (Level.STREAM, "round trip of the opening, where both have one: `tcp.analysis.initial_rtt`"),
    "segments": (Level.STREAM, "how many segments belong to it"),
    "complete": (
        Level.STREAM,
        "whether all of the handshake was seen: our state machine, the bits of `tcp.completeness`",
    ),
    "syn_options": (Level.STREAM, "kinds of the SYN's options, of the copy that we show"),
    "synack_options": (Level.STREAM, "kinds of the SYN-ACK's"),
}
"""Name, level, and meaning of each point."""
