"""The byte streams of one connection: what was heard, put in order, and when to say again what was not.

`Inbound` is the receiver of RFC 9293 §3.10.7.4 (seventh and eighth: text and FIN), with early segments kept;
`Outbound` is the sender with its windows and the retransmission timer of RFC 6298. Both are plain
bookkeeping: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from handshake.model.seq import add, distance, within

SECOND_NS = 1_000_000_000
FIRST_RTO_NS = SECOND_NS
"""RFC 6298 §2.1: before any measurement."""
LEAST_RTO_NS = SECOND_NS // 5
"""Linux's minimum; RFC 6298 §2.4 would have one second, longer than the whole wait for the close."""
AFTER_LOST_SYN_RTO_NS = 3 * SECOND_NS
"""RFC 6298 §5.7: when the SYN had to be repeated."""

MOST_KEPT = 1 << 16
"""Bytes of a reply that are kept to be shown; the rest is acknowledged and counted."""
_MOST_EARLY = 256
"""Out-of-order segments kept."""


class Inbound:
    """What the server sends, in order."""

    def __init__(self, irs: int) -> None:
        self.rcv_nxt = add(irs, 1)
        self.kept = bytearray()
        """The first MOST_KEPT bytes of the stream."""
        self.length = 0
        """Bytes of the stream so far, in order."""
        self.finished = False
        """The server's FIN has come, and everything before it."""
        self._early: dict[int, tuple[bytes, bool]] = {}

    def take(self, seq: int, payload: bytes, fin: bool, window: int) -> bool:
        """Take a segment's text and FIN; True when RCV.NXT moved. `window` bytes are as much as we let come."""
        room = max(window - max(distance(self.rcv_nxt, seq), 0), 0)
        ahead = max(distance(seq, self.rcv_nxt), 0)
        if len(payload) > ahead + room:
            payload, fin = payload[: ahead + room], False
        if within(add(self.rcv_nxt, 1), seq, add(self.rcv_nxt, max(window, 1))):
            if len(self._early) < _MOST_EARLY:
                self._early[seq] = (payload, fin)
            return False
        before = self.rcv_nxt
        self._append(seq, payload, fin)
        while self._early and (ready := [seq for seq in self._early if distance(self.rcv_nxt, seq) <= 0]):
            for start in ready:
                self._append(start, *self._early.pop(start))
        return self.rcv_nxt != before

    def _append(self, seq: int, payload: bytes, fin: bool) -> None:
        """A segment that begins at or before RCV.NXT: what it brings beyond is new."""
        known = distance(seq, self.rcv_nxt)
        if self.finished or not 0 <= known <= len(payload):
            return
        fresh = payload[known:]
        self.kept += fresh[: max(MOST_KEPT - len(self.kept), 0)]
        self.length += len(fresh)
        self.rcv_nxt = add(self.rcv_nxt, len(fresh) + fin)
        self.finished = fin


class Outbound:
    """What we send: SYN, data and FIN as one row of numbers, the windows, and the retransmission timer.

    Names as in RFC 9293 §3.3.1. What is unacknowledged is sent again from SND.UNA on.
    """

    def __init__(self, iss: int, data: bytes) -> None:
        self.una = self.nxt = self._next = iss  # _next: what goes out next, less than nxt while sending again
        self.fin = add(iss, 1 + len(data))
        """The number of the FIN."""
        self.mss = self.cwnd = self.wnd = 0
        """Most bytes of data in a segment; congestion window (RFC 5681); the server's window."""
        self.rto_at_ns = 0
        """When the timer runs out."""
        self._data = data
        self._rto_ns = FIRST_RTO_NS
        self._srtt_ns: int | None = None
        self._rttvar_ns = 0
        self._timed: tuple[int, int] | None = None  # a number, and when its only copy was sent (Karn, RFC 6298 §3)

    @property
    def said_all(self) -> bool:
        """All data has been acknowledged."""
        return distance(self.fin, self.una) >= 0

    @property
    def fin_acknowledged(self) -> bool:
        """Our FIN has been acknowledged."""
        return distance(self.fin, self.una) > 0

    @property
    def waiting(self) -> bool:
        """The timer means something: for an acknowledgment, or for a window to open."""
        return self.una != self.nxt or not self.said_all

    def opened(self, early: int, now_ns: int) -> None:
        """The SYN goes out, with so many bytes of data."""
        self._next = self.nxt = add(self.una, 1 + early)
        self._timed = (self.nxt, now_ns)
        self.rto_at_ns = now_ns + self._rto_ns

    def syn_again(self, now_ns: int, *, double: bool) -> None:
        """The SYN is repeated: its round trip is not known any more."""
        self._timed = None
        if double:
            self._rto_ns *= 2
        self.rto_at_ns = now_ns + self._rto_ns

    def established(self, ack: int, now_ns: int) -> None:
        """The SYN, and maybe data in it, is acknowledged; the rest is sent (again)."""
        if self._timed:
            self._measured(now_ns - self._timed[1])
        else:
            self._rto_ns = AFTER_LOST_SYN_RTO_NS
        self._timed = None
        self.una = self.nxt = self._next = ack  # data of the SYN that was not taken has never been sent
        self.rto_at_ns = now_ns + self._rto_ns

    def acknowledged(self, ack: int, wnd: int, now_ns: int) -> bool:
        """Take an acknowledgment of something sent, and the window; True when it is of something new."""
        fresh = distance(self.una, ack)
        if fresh < 0:
            return False
        self.wnd = wnd
        if not fresh:
            return False
        self.una = ack
        if distance(self._next, ack) > 0:
            self._next = ack
        self.cwnd += fresh  # RFC 5681 §3.1: slow start
        if self._timed and distance(self._timed[0], ack) >= 0:
            self._measured(now_ns - self._timed[1])
            self._timed = None
        self.rto_at_ns = now_ns + self._rto_ns  # RFC 6298 §5.3
        return True

    def timed_out(self, now_ns: int) -> None:
        """No acknowledgment in time: back to SND.UNA with a small window (RFC 6298 §5.4-5.6, RFC 5681 §3.1)."""
        self._timed = None
        self._rto_ns *= 2
        self.rto_at_ns = now_ns + self._rto_ns
        self.cwnd = self.mss
        self._next = self.una

    def pieces(self, now_ns: int, at_least: int) -> Iterator[tuple[int, bytes, bool]]:
        """The data that may go out now, cut to the MSS: number, bytes, whether they are the last.

        `at_least` bytes go out whatever the windows are (§3.8.6.1, the probe of a closed window).
        """
        limit = max(min(self.wnd, self.cwnd), at_least)
        while (unsaid := distance(self._next, self.fin)) > 0:
            room = min(self.mss, limit - distance(self.una, self._next))
            start = len(self._data) - unsaid
            piece = self._data[start : start + max(room, 0)]
            # §3.8.6.2.1: no small segment while something is under way, unless it is the last one
            if not piece or (len(piece) < min(self.mss, unsaid) and self._next != self.una):
                return
            seq = self._next
            self._advance(len(piece), now_ns)
            yield seq, piece, len(piece) == unsaid

    def take_fin(self, now_ns: int) -> bool:
        """Whether it is the FIN's turn to be sent."""
        if self._next != self.fin:
            return False
        self._advance(1, now_ns)
        return True

    def _advance(self, count: int, now_ns: int) -> None:
        if self.una == self.nxt:
            self.rto_at_ns = now_ns + self._rto_ns  # RFC 6298 §5.1
        self._next = add(self._next, count)
        if distance(self.nxt, self._next) > 0:
            self.nxt = self._next
            self._timed = self._timed or (self._next, now_ns)

    def _measured(self, round_trip_ns: int) -> None:
        """RFC 6298 §2.2, §2.3."""
        if self._srtt_ns is None:
            self._srtt_ns, self._rttvar_ns = round_trip_ns, round_trip_ns // 2
        else:
            self._rttvar_ns = (3 * self._rttvar_ns + abs(self._srtt_ns - round_trip_ns)) // 4
            self._srtt_ns = (7 * self._srtt_ns + round_trip_ns) // 8
        self._rto_ns = max(LEAST_RTO_NS, self._srtt_ns + 4 * self._rttvar_ns)
