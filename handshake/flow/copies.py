"""Recognises packets that were captured more than once: at several interfaces, or twice at one place.

Several interfaces: a bridge and its port, both ends of a link. One place: a mirror port that copies a packet on its
way in and on its way out, or a sniffer on loopback that sees both. A retransmission is no copy: it comes later, and
with another IP identification where the sender counts those; where it does not, only what opens or closes a connection
can be told from honest repetition, and only within a time in which no retransmission timer runs out.
"""

from __future__ import annotations

from handshake.model.options import TIMESTAMPS
from handshake.model.packet import FIN, RST, SYN, IcmpError, Segment

WITHIN_NS = 100_000_000
"""Longest way between two interfaces of one host; a SYN is repeated after 1 s (RFC 6298 §2.1)."""
AT_ONCE_NS = 10_000_000
"""Longest time between two copies without identification at one place."""

REMEMBERED = 4096
"""Packets after which those before the last so many are forgotten."""


class Copies:
    """Remembers what was seen last, and where. Bounded."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, str]] = {}
        self._before: dict[int, tuple[int, str]] = {}
        """What was remembered before the last turn."""
        self._noted = 0

    def seen_at(self, packet: Segment | IcmpError, interface: str) -> str | None:
        """The interface where this very packet was just seen; None for a new one, which is remembered."""
        if self._noted % REMEMBERED == 0:
            self._seen, self._before = {}, self._seen
        self._noted += 1
        key = fingerprint(packet)
        seen = self._seen.get(key) or self._before.get(key)
        if seen is not None:
            time_ns, where = seen
            within_ns = WITHIN_NS if where != interface else here_within_ns(packet)
            if 0 <= packet.time_ns - time_ns < within_ns:
                return where
        self._seen[key] = packet.time_ns, interface
        return None


def here_within_ns(packet: Segment | IcmpError) -> int:
    """How soon the same packet at the same place has to come to be a copy, ns; 0 when that cannot be told."""
    if isinstance(packet, IcmpError):
        return 0
    if packet.ip_id:
        return WITHIN_NS
    return AT_ONCE_NS if packet.flags & (SYN | FIN) and not packet.flags & RST else 0


def fingerprint(packet: Segment | IcmpError) -> int:
    """What a packet keeps while it is forwarded. With other tags it is of another flow (`FlowTable`), so no copy."""
    if isinstance(packet, IcmpError):
        return hash((packet.src, packet.dst, packet.tags, packet.reporter, packet.type, packet.code, packet.seq))
    stamp = packet.options.body(TIMESTAMPS, 8)
    return hash((
        packet.src, packet.dst, packet.tags, packet.seq, packet.ack_raw, packet.flags, packet.wnd, packet.payload_len,
        packet.ip_id, stamp and stamp[:4],
    ))  # fmt: skip
