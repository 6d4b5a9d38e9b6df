"""The crafted client of one connection: says what to send next, does no I/O and reads no clock.

The rules, RFC 9293 §3.10 unless told otherwise, with SND.UNA, SND.NXT, RCV.NXT as there:

SYN-SENT (§3.10.7.3)
    ACK that is not SND.NXT          → RST with SEQ = that ACK (none to a RST); keep waiting
    RST with the right ACK           → CLOSED, refused; a RST without ACK is dropped
    SYN,ACK                          → ESTABLISHED, send ACK
    SYN                              → SYN-RECEIVED, send SYN,ACK (simultaneous open)
    ICMP error quoting our SYN       → CLOSED (the one who asks wants to know; RFC 1122 §4.2.3.9
                                       would go on after the soft ones; RFC 5927 §4.1: check the quoted SEQ)
synchronised states (§3.10.7.4)
    RST with SEQ = RCV.NXT           → CLOSED; elsewhere in the window: challenge ACK (RFC 5961 §3)
    SYN, or ACK beyond SND.NXT       → challenge ACK (RFC 5961 §4, §5); this also answers a repeated SYN,ACK
    data and FIN                     → taken when next in sequence, acknowledged either way

Once established the client closes: FIN, then it waits a bounded time for the server's FIN and sends
RST when none comes, so that nothing stays half-open. SYN and FIN are repeated with the doubling
timeout of RFC 6298.
"""

from __future__ import annotations

from handshake.model.address import Endpoint
from handshake.model.handshake import State
from handshake.model.options import NO_OPTIONS, NOP, Option, Options
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment
from handshake.model.seq import add, distance, within
from handshake.probe.craft import WINDOW, WINDOW_SHIFT, Outgoing, syn_options, timestamps

SECOND_NS = 1_000_000_000
FIRST_RTO_NS = SECOND_NS
"""RFC 6298 §2.1: before any measurement."""
LEAST_RTO_NS = SECOND_NS // 5
"""Linux's minimum; RFC 6298 §2.4 would have one second, longer than the whole wait for the close."""

_FIN_UNACKNOWLEDGED = (State.FIN_WAIT_1, State.CLOSING)


class Client:
    """One active open and close. Feed it packets and the time; send what it returns; stop when `done`."""

    def __init__(
        self,
        endpoint: Endpoint,
        server: Endpoint,
        *,
        mss: int,
        iss: int,
        clock_offset_ms: int,
        retries: int,
        timeout_ns: int,
        close_wait_ns: int,
    ) -> None:
        """Times in ns. `retries` is how often the SYN is repeated within `timeout_ns` from its first copy.

        `clock_offset_ms` is added to the time for TSval (RFC 7323 §5.4). All `now_ns` must come
        from one clock that does not go back.
        """
        self.endpoint = endpoint
        self.server = server
        self.state = State.CLOSED
        self.iss = self.snd_una = self.snd_nxt = iss
        self.rcv_nxt = 0
        self.wake_ns = 0
        """When to call `tick`."""
        self._mss = mss
        self._clock_offset_ms = clock_offset_ms
        self._retries_left = retries
        self._timeout_ns = timeout_ns
        self._close_wait_ns = close_wait_ns
        self._rto_ns = FIRST_RTO_NS
        self._rto_at_ns = self._give_up_ns = self._sent_ns = 0
        self._tsecr: int | None = None
        self._wnd = WINDOW

    @property
    def done(self) -> bool:
        """Nothing is left to be sent or waited for (TIME-WAIT is not sat out)."""
        return self.state in (State.CLOSED, State.TIME_WAIT)

    def open(self, now_ns: int) -> list[Outgoing]:
        """Begin: the SYN."""
        self.state = State.SYN_SENT
        self.snd_nxt = add(self.iss, 1)
        self._give_up_ns = now_ns + self._timeout_ns
        self._sent_ns = now_ns
        self._arm(now_ns)
        return [self._syn(now_ns)]

    def receive(self, packet: Segment | IcmpError, now_ns: int) -> list[Outgoing]:
        """React to one packet of the wire; those of other connections, and our own, change nothing."""
        if isinstance(packet, IcmpError):
            return self._on_icmp(packet)
        if (packet.src, packet.dst) != (self.server, self.endpoint) or self.done or packet.checksum_ok is False:
            return []
        if self.state is State.SYN_SENT:
            return self._in_syn_sent(packet, now_ns)
        return self._synchronised(packet, now_ns)

    def tick(self, now_ns: int) -> list[Outgoing]:
        """React to the passing of time: repeat the SYN or FIN, or give up."""
        if self.done:
            return []
        if now_ns >= self._give_up_ns:
            return self._give_up(now_ns)
        if now_ns < self._rto_at_ns:
            return []
        if self.state in (State.SYN_SENT, State.SYN_RECEIVED):
            if not self._retries_left:
                return self._give_up(now_ns)
            self._retries_left -= 1
        self._rto_ns *= 2  # RFC 6298 §5.5
        self._arm(now_ns)
        if self.state is State.SYN_SENT:
            return [self._syn(now_ns)]
        if self.state is State.SYN_RECEIVED:
            return [self._syn(now_ns, acknowledging=True)]
        return [self._segment(FIN | ACK, now_ns, seq=self.snd_una)] if self.state in _FIN_UNACKNOWLEDGED else []

    def abort(self, now_ns: int) -> list[Outgoing]:
        """End at once, with a RST when the server holds, or may hold, an open or half-open connection (§3.10.5).

        Also from SYN-SENT, where the RFC sends none: the answer may be on its way, and a RST with
        SEQ = ISS + 1 is what the server in SYN-RECEIVED accepts.
        """
        before, self.state = self.state, State.CLOSED
        if before in (State.CLOSED, State.TIME_WAIT):
            return []
        return [Outgoing(RST, self.snd_nxt, wnd=0) if before is State.SYN_SENT else self._segment(RST | ACK, now_ns)]

    def _give_up(self, now_ns: int) -> list[Outgoing]:
        """Time is up: a silent target is left in peace, any other connection aborted."""
        if self.state is State.SYN_SENT:
            self.state = State.CLOSED
        return self.abort(now_ns)

    def _in_syn_sent(self, segment: Segment, now_ns: int) -> list[Outgoing]:
        if segment.ack is not None and segment.ack != self.snd_nxt:
            return [] if segment.flags & RST else [Outgoing(RST, segment.ack, wnd=0)]
        if segment.flags & RST:
            if segment.ack is not None:
                self.state = State.CLOSED
            return []
        if not segment.flags & SYN:
            return []
        self.rcv_nxt = add(segment.seq, segment.seg_len)
        self._negotiate(segment)
        if segment.ack is None:
            self.state = State.SYN_RECEIVED
            return [self._syn(now_ns, acknowledging=True)]
        return self._established(segment.ack, now_ns)

    def _established(self, ack: int, now_ns: int) -> list[Outgoing]:
        """The third segment, and at once the FIN: a probe has nothing else to say."""
        self.snd_una = ack
        self.state = State.ESTABLISHED
        replies = [self._segment(ACK, now_ns), self._segment(FIN | ACK, now_ns)]
        self.state = State.FIN_WAIT_1
        self.snd_nxt = add(self.snd_nxt, 1)
        self._rto_ns = max(LEAST_RTO_NS, 3 * (now_ns - self._sent_ns))  # RFC 6298 §2.2: R + 4·R/2
        self._give_up_ns = now_ns + self._close_wait_ns
        self._arm(now_ns)
        return replies

    def _synchronised(self, segment: Segment, now_ns: int) -> list[Outgoing]:
        """The order of the checks is that of §3.10.7.4."""
        if segment.flags & RST:
            if segment.seq == self.rcv_nxt:
                self.state = State.CLOSED
                return []
            in_window = within(self.rcv_nxt, segment.seq, add(self.rcv_nxt, WINDOW))
            return [self._segment(ACK, now_ns)] if in_window else []
        if segment.ack is None:
            return [self._segment(ACK, now_ns)] if segment.flags & SYN else []
        if distance(segment.ack, self.snd_nxt) < 0:
            return [self._segment(ACK, now_ns)]
        opening = self.state is State.SYN_RECEIVED and segment.ack == self.snd_nxt
        replies = self._established(segment.ack, now_ns) if opening else []
        self._acknowledged(segment.ack)
        if segment.flags & SYN:
            return replies or [self._segment(ACK, now_ns)]
        return replies + self._take(segment, now_ns)

    def _acknowledged(self, ack: int) -> None:
        """SND.UNA moves on; our FIN acknowledged means a step further to the end."""
        if distance(self.snd_una, ack) > 0:
            self.snd_una = ack
        if self.snd_una == self.snd_nxt:
            after = {State.FIN_WAIT_1: State.FIN_WAIT_2, State.CLOSING: State.TIME_WAIT}
            self.state = after.get(self.state, self.state)

    def _take(self, segment: Segment, now_ns: int) -> list[Outgoing]:
        """Payload and FIN: move RCV.NXT when they are next in sequence, acknowledge in any case."""
        if not segment.seg_len:
            return []
        begin, end = distance(self.rcv_nxt, segment.seq), distance(self.rcv_nxt, add(segment.seq, segment.seg_len))
        if begin <= 0 < end:
            self.rcv_nxt = add(self.rcv_nxt, end)
            if self._tsecr is not None:
                self._tsecr = self._echo(segment.options)
            if segment.flags & FIN:
                after = {State.FIN_WAIT_1: State.CLOSING, State.FIN_WAIT_2: State.TIME_WAIT}
                self.state = after.get(self.state, self.state)
        return [self._segment(ACK, now_ns)]

    def _on_icmp(self, error: IcmpError) -> list[Outgoing]:
        ours = (error.src, error.dst, error.seq) == (self.endpoint, self.server, self.iss)
        if ours and self.state is State.SYN_SENT and error.undeliverable:
            self.state = State.CLOSED
        return []

    def _negotiate(self, segment: Segment) -> None:
        """Timestamps and window scale are in effect when both sides sent them (RFC 7323 §1.3)."""
        self._tsecr = self._echo(segment.options)
        if segment.options.wscale_shift is not None:
            self._wnd = WINDOW >> WINDOW_SHIFT

    def _echo(self, options: Options) -> int | None:
        return self._tsecr if options.tsval is None else options.tsval

    def _tsval(self, now_ns: int) -> int:
        return add(self._clock_offset_ms, now_ns // 1_000_000)

    def _syn(self, now_ns: int, *, acknowledging: bool = False) -> Outgoing:
        options = syn_options(self._mss, self._tsval(now_ns), self._tsecr or 0)
        flags, ack = (SYN | ACK, self.rcv_nxt) if acknowledging else (SYN, 0)
        return Outgoing(flags, self.iss, ack, WINDOW, options)  # RFC 7323 §2.2: a SYN's window is not scaled

    def _segment(self, flags: int, now_ns: int, seq: int | None = None) -> Outgoing:
        options = NO_OPTIONS
        if self._tsecr is not None:
            nop = Option(NOP, b"")
            options = Options((nop, nop, timestamps(self._tsval(now_ns), self._tsecr)))
        return Outgoing(flags, self.snd_nxt if seq is None else seq, self.rcv_nxt, self._wnd, options)

    def _arm(self, now_ns: int) -> None:
        self._rto_at_ns = now_ns + self._rto_ns
        self.wake_ns = min(self._rto_at_ns, self._give_up_ns)
