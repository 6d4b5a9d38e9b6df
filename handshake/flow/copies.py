"""Recognises copies of a packet that crossed several captured interfaces: a bridge and its port, both ends of a link.

A retransmission is no copy: it shows up at the interface where its original was seen first.
"""

from __future__ import annotations

from handshake.model.packet import IcmpError, Segment

WITHIN_NS = 100_000_000
"""Longest way between two interfaces of one host; a SYN is repeated after 1 s (RFC 6298 §2.1)."""

_REMEMBERED = 4096


class Copies:
    """Remembers what was seen last, and where. Bounded."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, str]] = {}
        self._before: dict[int, tuple[int, str]] = {}
        """What was remembered before the last _REMEMBERED packets."""

    def is_copy(self, packet: Segment | IcmpError, interface: str) -> bool:
        """Whether this very packet was just seen at another interface; if not, remember it."""
        key = _fingerprint(packet)
        time_ns, where = self._seen.get(key) or self._before.get(key) or (0, interface)
        if where != interface and 0 <= packet.time_ns - time_ns <= WITHIN_NS:
            return True
        if len(self._seen) >= _REMEMBERED:
            self._seen, self._before = {}, self._seen
        self._seen[key] = packet.time_ns, interface
        return False


def _fingerprint(packet: Segment | IcmpError) -> int:
    """What a packet keeps while it is forwarded. With other tags it is of another flow (`FlowTable`), so no copy."""
    ends = packet.src.address, packet.dst.address, packet.src.port, packet.dst.port, packet.tags
    if isinstance(packet, IcmpError):
        return hash((ends, packet.reporter, packet.type, packet.code, packet.seq))
    numbers = packet.seq, packet.ack_raw, packet.flags, packet.wnd, packet.payload_len, packet.ip_id
    return hash((ends, numbers, packet.options.tsval))
