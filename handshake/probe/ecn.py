"""Echo of congestion marks. Our own packets are not ECN-capable, so there are none of ours to react to."""

from __future__ import annotations

from handshake.model.packet import AE, CWR, ECE, Segment

FLAGS = AE | CWR | ECE
_CE = 3
_CLASSIC = (0b001, 0b101)
_ARRIVED = (0b010, 0b011, 0b100, 0b110)
"""AE,CWR,ECE as a number, for a packet that arrived Not-ECT, ECT(1), ECT(0), CE (RFC 9768 §3.1.2, §3.2.2.1)."""


class Echo:
    """What the ECN flags of our segments say after the opening."""

    def __init__(self, offered: int) -> None:
        """`offered`: the ECN flags of our SYN."""
        self.flags = 0
        """For every segment but SYN and RST: ECE (RFC 3168 §6.1.3) or the ACE counter (RFC 9768 §3.2)."""
        self._offered = offered
        self._accurate = self._classic = False

    def agree(self, syn_ack: Segment) -> int:
        """Learn from the SYN-ACK what is in effect; the ECN flags of the third segment."""
        answer = (syn_ack.flags & FLAGS) // ECE
        self._accurate = self._offered == FLAGS and answer in _ARRIVED
        self._classic = bool(self._offered) and answer in _CLASSIC
        if not self._accurate:
            return 0
        self.flags = 5 * ECE  # RFC 9768 §3.2.1: the counter starts at 5
        return _ARRIVED[syn_ack.ecn] * ECE

    def note(self, segment: Segment) -> None:
        """Take account of a segment after the opening."""
        if self._accurate:
            self.flags = (self.flags // ECE + (segment.ecn == _CE)) % 8 * ECE
        elif self._classic:
            if segment.flags & CWR:
                self.flags = 0
            if segment.ecn == _CE:
                self.flags = ECE
