"""A single crafted segment with flags of choice, sent to a port that knows no connection, and its answer.

Driven like `client.Client`. What would open a connection is answered with RST, so nothing stays behind.
"""

from __future__ import annotations

from dataclasses import replace

from handshake.model.address import Endpoint
from handshake.model.packet import ACK, RST, SYN, IcmpError, Segment
from handshake.probe.craft import Outgoing
from handshake.probe.stream import FIRST_RTO_NS


class OneShot:
    """Sends one segment and waits for one answer, no longer than a first retransmission would wait."""

    def __init__(self, endpoint: Endpoint, server: Endpoint, segment: Outgoing, timeout_ns: int) -> None:
        """The answer is waited for `timeout_ns`, at most 1 s. Without the ACK flag the acknowledgment field is 0."""
        self.endpoint = endpoint
        self.server = server
        self.done = False
        """The answer has come, or the time for it is over."""
        self.wake_ns = 0
        """When to call `tick`."""
        self._segment = segment if segment.flags & ACK else replace(segment, ack=0)
        self._wait_ns = min(timeout_ns, FIRST_RTO_NS)

    def open(self, now_ns: int) -> list[Outgoing]:
        """The segment."""
        self.wake_ns = now_ns + self._wait_ns
        return [self._segment]

    def receive(self, packet: Segment | IcmpError, _now_ns: int, _payload: bytes = b"") -> list[Outgoing]:
        """The answer: whatever the server, or ICMP about our segment, says first."""
        if self.done:
            return []
        if isinstance(packet, IcmpError):
            quoted = (packet.src, packet.dst, packet.seq)
            self.done = quoted == (self.endpoint, self.server, self._segment.seq) and packet.undeliverable
            return []
        self.done = (packet.src, packet.dst) == (self.server, self.endpoint)
        opens = self.done and packet.flags & (SYN | ACK | RST) == SYN | ACK
        return [Outgoing(RST, packet.ack_raw, wnd=0)] if opens else []

    def tick(self, now_ns: int) -> list[Outgoing]:
        """Time passes."""
        self.done = self.done or now_ns >= self.wake_ns
        return []

    def abort(self, _now_ns: int) -> list[Outgoing]:
        """Ask no longer; a server that took a SYN finds out by itself, as after any SYN that is given up."""
        self.done = True
        return []
