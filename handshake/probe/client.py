"""The crafted client of one connection: says what to send next, does no I/O and reads no clock.

The rules, RFC 9293 §3.10 unless told otherwise, with SND.UNA, SND.NXT, RCV.NXT as there:

SYN-SENT (§3.10.7.3)
    (with `simultaneous` a RST means that the other side has not begun: wait for its SYN)
    ACK of nothing that was sent     → RST with SEQ = that ACK (none to a RST); keep waiting
    RST with the right ACK           → CLOSED, refused; a RST without ACK is dropped
    SYN,ACK                          → ESTABLISHED, send ACK (half-open: CLOSED, send RST)
    SYN                              → SYN-RECEIVED, send SYN,ACK (simultaneous open)
    ICMP error quoting our SYN       → CLOSED (the one who asks wants to know; RFC 1122 §4.2.3.9
                                       would go on after the soft ones; RFC 5927 §4.1: check the quoted SEQ)
synchronised states (§3.10.7.4)
    RST with SEQ = RCV.NXT           → CLOSED; elsewhere in the window: challenge ACK (RFC 5961 §3)
    SYN, or ACK beyond SND.NXT       → challenge ACK (RFC 5961 §4, §5); this also answers a repeated SYN,ACK
    data and FIN                     → taken in sequence, kept when early, acknowledged either way

Data goes out in segments of the MSS within the server's window and the congestion window (RFC 5681 §3.1).
What is not acknowledged is sent again, from SND.UNA on, with the doubling timeout of RFC 6298; so are SYN
and FIN. A closed window is probed with one byte (§3.8.6.1). A SYN with Fast Open data is repeated without
either (RFC 7413 §4.1.3). None of our packets is ECN-capable, so none can be marked; marks of the
server's packets are echoed (RFC 3168 §6.1.3, RFC 9768 §3.2.2).

Once there is nothing more to say, and after data no reply or an end of it, the client closes: FIN, then
it waits a bounded time for the server's FIN and sends RST when none comes, so that nothing stays half-open.
"""

from __future__ import annotations

from handshake.model.address import Endpoint
from handshake.model.handshake import State
from handshake.model.options import NO_OPTIONS, NOP, Option, Options
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, IcmpError, Segment
from handshake.model.seq import add, distance, within
from handshake.probe.behaviour import MOST_OPTION_BYTES, Behaviour, Close
from handshake.probe.craft import Outgoing, timestamps
from handshake.probe.ecn import FLAGS as ECN_FLAGS
from handshake.probe.ecn import Echo
from handshake.probe.stream import Inbound, Outbound

_DEFAULT_MSS = {4: 536, 16: 1220}
"""RFC 9293 §3.7.1, when the other side announces none."""
_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)
_TALKING = (State.ESTABLISHED, State.CLOSE_WAIT)
_AFTER_ACK_OF_FIN = {
    State.FIN_WAIT_1: State.FIN_WAIT_2,
    State.CLOSING: State.TIME_WAIT,
    State.LAST_ACK: State.CLOSED,
}
_AFTER_FIN = {
    State.ESTABLISHED: State.CLOSE_WAIT,
    State.FIN_WAIT_1: State.CLOSING,
    State.FIN_WAIT_2: State.TIME_WAIT,
}


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
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
    ) -> None:
        """Times in ns. `retries` is how often the SYN is repeated within `timeout_ns` from its first copy.

        `mss` is what fits the path, bytes. `clock_offset_ms` is added to the time for TSval (RFC 7323 §5.4).
        A reply is waited for as long as `timeout_ns`, and when it has begun, until for `close_wait_ns` neither side
        has said anything; as long again the server may take to close its side. All `now_ns` must come from one
        clock that does not go back.
        """
        self.endpoint = endpoint
        self.server = server
        self.state = State.CLOSED
        self.iss = iss
        self._in = Inbound(0)
        self.cookie: bytes | None = None
        """The Fast Open cookie that the server gave (RFC 7413 §4.1.1)."""
        self._out = Outbound(iss, behaviour.data)
        self._behaviour = behaviour
        self._mss = mss
        self._clock_offset_ms = clock_offset_ms
        self._retries_left = retries
        self._timeout_ns = timeout_ns
        self._close_wait_ns = close_wait_ns
        self._give_up_ns = self._quiet_at_ns = 0
        self._refused = self._lost = False  # simultaneous: our SYN met nobody; it was repeated
        self._tsecr: int | None = None
        self._shift = self._peer_shift = 0
        self._echo = Echo(behaviour.ecn)
        self._left_open = False

    @property
    def done(self) -> bool:
        """Nothing is left to be sent or waited for (TIME-WAIT is not sat out)."""
        return self._left_open or self.state in (State.CLOSED, State.TIME_WAIT)

    @property
    def inbound(self) -> Inbound | None:
        """What the server has sent, None before its SYN has come."""
        return self._in if self._out.mss else None

    @property
    def rcv_nxt(self) -> int:
        """The next number expected from the server."""
        return self._in.rcv_nxt

    @property
    def wake_ns(self) -> int:
        """When to call `tick`."""
        wake_ns = self._give_up_ns
        if (self.state in _OPENING or self._out.waiting) and not self._refused:
            wake_ns = min(wake_ns, self._out.rto_at_ns)
        if self.state in _TALKING and self._out.said_all:
            wake_ns = min(wake_ns, self._quiet_at_ns)
        return wake_ns

    def open(self, now_ns: int) -> list[Outgoing]:
        """Begin: the SYN."""
        self.state = State.SYN_SENT
        self._give_up_ns = now_ns + self._timeout_ns
        syn = self._syn(now_ns)
        self._out.opened(len(syn.payload), now_ns)
        return [syn]

    def receive(self, packet: Segment | IcmpError, now_ns: int, payload: bytes = b"") -> list[Outgoing]:
        """React to one packet of the wire; those of other connections, and our own, change nothing."""
        if isinstance(packet, IcmpError):
            return self._on_icmp(packet)
        if (packet.src, packet.dst) != (self.server, self.endpoint) or self.done or packet.checksum_ok is False:
            return []
        if self.state is State.SYN_SENT:
            return self._in_syn_sent(packet, payload, now_ns)
        return self._synchronised(packet, payload, now_ns)

    def tick(self, now_ns: int) -> list[Outgoing]:
        """React to the passing of time: send again, close, or give up."""
        if self.done:
            return []
        if now_ns >= self._give_up_ns:
            return self._finish(now_ns) if self.state in _TALKING else self._give_up(now_ns)
        if self.state in _TALKING and self._out.said_all and now_ns >= self._quiet_at_ns:
            return self._finish(now_ns)
        if self._refused or now_ns < self._out.rto_at_ns:
            return []
        if self.state in _OPENING:
            return self._open_again(now_ns)
        if not self._out.waiting:
            return []
        self._out.timed_out(now_ns)
        return self._say(now_ns, at_least=1)

    def abort(self, now_ns: int) -> list[Outgoing]:
        """End at once, with a RST when the server holds, or may hold, an open or half-open connection (§3.10.5).

        Also from SYN-SENT, where the RFC sends none: the answer may be on its way, and a RST with
        SEQ = ISS + 1 is what the server in SYN-RECEIVED accepts. A connection meant to be left open is.
        """
        if self.done:
            return []
        before, self.state = self.state, State.CLOSED
        if before is State.SYN_SENT:
            return [Outgoing(RST, add(self.iss, 1), wnd=0)]
        return [self._segment(RST | ACK, now_ns)]

    def _give_up(self, now_ns: int) -> list[Outgoing]:
        """Time is up: a silent target is left in peace, any other connection aborted."""
        if self.state is State.SYN_SENT:
            self.state = State.CLOSED
        return self.abort(now_ns)

    def _open_again(self, now_ns: int) -> list[Outgoing]:
        """Repeat the SYN or SYN,ACK."""
        if not self._behaviour.simultaneous:
            if not self._retries_left:
                return self._give_up(now_ns)
            self._retries_left -= 1
        self._lost = True
        self._behaviour = self._behaviour.without_fast_open()
        self._out.syn_again(now_ns, double=not self._behaviour.simultaneous)
        return [self._syn(now_ns, acknowledging=self.state is State.SYN_RECEIVED)]

    def _in_syn_sent(self, segment: Segment, payload: bytes, now_ns: int) -> list[Outgoing]:
        if segment.ack is not None and not within(add(self.iss, 1), segment.ack, self._out.nxt):
            return [] if segment.flags & RST else [Outgoing(RST, segment.ack, wnd=0)]
        if segment.flags & RST:
            if segment.ack is not None:
                self._refused = self._behaviour.simultaneous
                self.state = State.SYN_SENT if self._refused else State.CLOSED
            return []
        if not segment.flags & SYN:
            return []
        if self._behaviour.half_open:
            self.state = State.CLOSED
            return [Outgoing(RST, add(self.iss, 1) if segment.ack is None else segment.ack, wnd=0)]
        self._negotiate(segment)
        self._in.take(add(segment.seq, 1), payload, bool(segment.flags & FIN), self._behaviour.window)
        if segment.ack is not None:
            return self._established(segment, now_ns)
        self.state = State.SYN_RECEIVED
        answer = self._syn(now_ns, acknowledging=True)
        again = self._behaviour.simultaneous and (self._refused or self._lost)  # so that the SYNs do cross
        self._refused = False
        self._out.syn_again(now_ns, double=False)
        return [self._syn(now_ns), answer] if again else [answer]

    def _established(self, segment: Segment, now_ns: int) -> list[Outgoing]:
        """The third segment, then what there is to say; a probe with nothing to say closes at once."""
        assert segment.ack is not None
        self._out.established(segment.ack, now_ns)
        self.state = State.ESTABLISHED
        third = self._segment(ACK | self._echo.agree(segment), now_ns)
        self._give_up_ns = now_ns + self._timeout_ns
        self._quiet_at_ns = self._give_up_ns if self._behaviour.data else now_ns
        self._server_closes()
        return [third, *self._go_on(now_ns)]

    def _go_on(self, now_ns: int) -> list[Outgoing]:
        """Say what may be said now; with all said, and the server done too, close."""
        if self._out.said_all and (self._in.finished or now_ns >= self._quiet_at_ns):
            return self._finish(now_ns)
        return self._say(now_ns)

    def _finish(self, now_ns: int) -> list[Outgoing]:
        """Leave the open connection as the behaviour has it; RST also when not everything could be said."""
        if self._behaviour.close is Close.NONE:
            self._left_open = True
            return []
        if self._behaviour.close is Close.RST or not self._out.said_all:
            return self.abort(now_ns)
        self.state = State.LAST_ACK if self.state is State.CLOSE_WAIT else State.FIN_WAIT_1
        self._give_up_ns = now_ns + self._close_wait_ns
        return self._say(now_ns)

    def _say(self, now_ns: int, at_least: int = 0) -> list[Outgoing]:
        """What may go out now: data, of which `at_least` bytes whatever the windows are; then the FIN."""
        segments = [
            self._segment(ACK | (PSH if last else 0), now_ns, seq, piece)
            for seq, piece, last in self._out.pieces(now_ns, at_least)
        ]
        if self.state not in _TALKING and self._out.take_fin(now_ns):
            segments.append(self._segment(FIN | ACK, now_ns, self._out.fin))
        return segments

    def _synchronised(self, segment: Segment, payload: bytes, now_ns: int) -> list[Outgoing]:
        """The order of the checks is that of §3.10.7.4."""
        if segment.flags & RST:
            if segment.seq == self.rcv_nxt:
                self.state = State.CLOSED
                return []
            in_window = within(self.rcv_nxt, segment.seq, add(self.rcv_nxt, self._behaviour.window))
            return [self._segment(ACK, now_ns)] if in_window else []
        if segment.ack is None:
            crossed = self.state is State.SYN_RECEIVED and self._behaviour.simultaneous
            return [self._segment(ACK, now_ns)] if segment.flags & SYN and not crossed else []
        if distance(segment.ack, self._out.nxt) < 0:
            return [self._segment(ACK, now_ns)]
        self._echo.note(segment)
        if self.state is State.SYN_RECEIVED:
            if segment.ack != self._out.nxt:
                return []
            self._out.wnd = self._window_of(segment)
            replies = self._established(segment, now_ns)
            return replies if segment.flags & SYN else [*replies, *self._take(segment, payload, now_ns)]
        self._acknowledged(segment, now_ns)
        if segment.flags & SYN:
            return [self._segment(ACK, now_ns)]
        acks = self._take(segment, payload, now_ns)
        if self.state not in _TALKING:
            return acks
        return [*acks, *self._go_on(now_ns)]

    def _acknowledged(self, segment: Segment, now_ns: int) -> None:
        """SND.UNA and the window move on; our FIN acknowledged means a step further to the end."""
        assert segment.ack is not None
        if self._out.acknowledged(segment.ack, self._window_of(segment), now_ns) and self._in.length:
            self._quiet_at_ns = now_ns + self._close_wait_ns
        if self._out.fin_acknowledged:
            self.state = _AFTER_ACK_OF_FIN.get(self.state, self.state)

    def _take(self, segment: Segment, payload: bytes, now_ns: int) -> list[Outgoing]:
        """Payload and FIN: RCV.NXT moves over what is next in sequence; acknowledge in any case."""
        if not segment.seg_len:
            return []
        if self._tsecr is not None and distance(segment.seq, self.rcv_nxt) >= 0:  # RFC 7323 §4.3
            self._tsecr = self._their_clock(segment.options)
        if self._in.take(segment.seq, payload, bool(segment.flags & FIN), self._behaviour.window):
            self._quiet_at_ns = now_ns + self._close_wait_ns
            self._server_closes()
        return [self._segment(ACK, now_ns)]

    def _server_closes(self) -> None:
        """The state after the server's FIN, if everything before it has come."""
        if self._in.finished:
            self.state = _AFTER_FIN.get(self.state, self.state)

    def _on_icmp(self, error: IcmpError) -> list[Outgoing]:
        ours = (error.src, error.dst, error.seq) == (self.endpoint, self.server, self.iss)
        if ours and self.state is State.SYN_SENT and error.undeliverable:
            self.state = State.CLOSED
        return []

    def _negotiate(self, segment: Segment) -> None:
        """What the server's SYN announces; options are in effect when both sides sent them (RFC 7323 §1.3)."""
        self._in = Inbound(segment.seq)
        self.cookie = segment.options.tfo_cookie
        offered, accepted = self._behaviour.syn_options(self._mss, 0), segment.options
        self._tsecr = self._their_clock(accepted) if offered.tsval is not None else None
        if self._behaviour.shift is not None and accepted.wscale_shift is not None:
            self._shift, self._peer_shift = self._behaviour.shift, min(accepted.wscale_shift, 14)
        announced = accepted.mss or _DEFAULT_MSS[len(self.server.address)]
        header = 12 if self._tsecr is not None else 0  # RFC 9293 §3.7.1: options come out of the MSS
        self._out.mss = max(min(announced, self._mss) - header, 1)
        self._out.cwnd = 10 * self._out.mss  # RFC 6928 §2
        self._out.wnd = segment.wnd  # RFC 7323 §2.2: a SYN's window is not scaled

    def _window_of(self, segment: Segment) -> int:
        return segment.wnd if segment.flags & SYN else segment.wnd << self._peer_shift

    def _their_clock(self, options: Options) -> int | None:
        return self._tsecr if options.tsval is None else options.tsval

    def _tsval(self, now_ns: int) -> int:
        return add(self._clock_offset_ms, now_ns // 1_000_000)

    def _syn(self, now_ns: int, *, acknowledging: bool = False) -> Outgoing:
        behaviour = self._behaviour
        options = behaviour.syn_options(self._mss, self._tsval(now_ns), self._tsecr or 0)
        if acknowledging:
            return Outgoing(SYN | ACK, self.iss, self.rcv_nxt, behaviour.window, options)
        early = behaviour.data[: self._mss - MOST_OPTION_BYTES] if options.tfo_cookie else b""
        return Outgoing(SYN | behaviour.ecn, self.iss, 0, behaviour.window, options, early)

    def _segment(self, flags: int, now_ns: int, seq: int | None = None, payload: bytes = b"") -> Outgoing:
        options = NO_OPTIONS
        if self._tsecr is not None:
            nop = Option(NOP, b"")
            options = Options((nop, nop, timestamps(self._tsval(now_ns), self._tsecr)))
        ecn = 0 if flags & (RST | ECN_FLAGS) else self._echo.flags
        window = self._behaviour.window >> self._shift
        return Outgoing(flags | ecn, self._out.nxt if seq is None else seq, self.rcv_nxt, window, options, payload)
