"""One conversation on one 4-tuple: judges each segment and keeps the timeline.

A segment is first recognised (new, copy, or with numbers that fit nothing), then turned into events
for the state table. Recognition follows RFC 9293 §3.10.7, RFC 5961 (challenge ACKs) and RFC 6298
(retransmissions); copies and misfits are marked and move no state.
"""

from __future__ import annotations

from handshake.flow.endpoint import End
from handshake.flow.state import Event, Role, transition
from handshake.flow.timeline import Timeline
from handshake.model import seq
from handshake.model.address import Endpoint
from handshake.model.handshake import Change, Mark, Observed, Side, State, Step
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment


class Conversation:
    """The packets of one connection attempt, judged as they come."""

    __slots__ = (
        "_on_first_step",
        "challenged",
        "client",
        "closed_ns",
        "completed_by",
        "evicted",
        "fins_crossed",
        "first_close",
        "number",
        "reset_by",
        "role_inferred",
        "server",
        "strayed",
        "syn_ack",
        "syn_ack_retransmits",
        "syn_retransmits",
        "tags",
        "timeline",
        "undeliverable",
    )

    def __init__(self, number: int, first: Segment, reuse: Mark | None = None) -> None:
        src_is_client, inferred = _who_opens(first)
        client, server = (first.src, first.dst) if src_is_client else (first.dst, first.src)
        state = State.CLOSED if _opens(first) else Observed.UNSEEN
        self.number = number
        self.client = End(client, state)
        self.server = End(server)
        self.role_inferred = inferred
        self.tags = first.tags
        self.timeline = Timeline()
        self.syn_ack: Segment | None = None
        """The first acceptable SYN-ACK."""
        self.completed_by: Segment | None = None
        """The segment that completed the handshake."""
        self.syn_retransmits = 0
        self.syn_ack_retransmits = 0
        self.undeliverable = False
        """An ICMP error said that a packet did not arrive."""
        self._on_first_step = reuse
        self.first_close: Side | None = None
        """The side that sent the first FIN or accepted RST."""
        self.fins_crossed = False
        self.reset_by: Side | None = None
        """The side whose RST closed the connection."""
        self.strayed = False
        """The last answer to the client's SYN did not fit it."""
        self.challenged: Side | None = None
        """The side that was just given reason for a challenge ACK."""
        self.closed_ns: int | None = None
        """When both directions were closed or the connection was reset."""
        self.evicted = False
        if state is Observed.UNSEEN and not first.flags & (SYN | RST):
            self.client.state = self.server.state = Observed.PARTIAL

    @property
    def key(self) -> tuple[Endpoint, Endpoint, tuple[tuple[str, int], ...]]:
        """(client, server, tags)."""
        return self.client.endpoint, self.server.endpoint, self.tags

    def starts_anew(self, segment: Segment) -> bool:
        """Whether a segment on this 4-tuple is not of this connection: a bare SYN that fits nothing here."""
        if not _opens(segment):
            return False
        sender, receiver = self._ends(segment)
        if sender.syns or sender.iss is not None:
            return segment.seq != sender.iss and segment.src != segment.dst
        if sender.segments or self.closed_ns is not None:
            return True
        if receiver.syns:
            return False  # simultaneous open or split handshake
        return not (self.server.syn_acks and self.server.syn_acks[0].ack_raw == seq.add(segment.seq, 1))

    def feed(self, segment: Segment) -> None:
        """Judge one segment of this conversation."""
        sender, receiver = self._ends(segment)
        if segment.flags & RST:
            self._reset(segment, sender, receiver)
        elif segment.flags & SYN and segment.flags & ACK:
            self._syn_ack(segment, sender, receiver)
        elif segment.flags & SYN:
            self._syn(segment, sender, receiver)
        else:
            self._ordinary(segment, sender, receiver)

    def feed_icmp(self, error: IcmpError) -> None:
        """Note an ICMP error that quotes a segment of this conversation."""
        blamed = Side.SERVER if error.dst == self.server.endpoint else Side.CLIENT
        self.undeliverable = self.undeliverable or error.undeliverable
        client, server = self.client.state, self.server.state
        self.timeline.add(Step(error, blamed, Change(client, client), Change(server, server), error.meaning))

    # -- recognition -------------------------------------------------------------------------------------

    def _syn(self, segment: Segment, sender: End, receiver: End) -> None:
        marks = [Mark.DATA_IN_SYN] if segment.payload_len else []
        if sender.syns:
            self.syn_retransmits += 1
            marks.append(Mark.SYN_RETRANSMITTED)
            sender.keep(sender.syns, segment)
            if self.reset_by is not None and self.completed_by is None:  # a new try after a refusal
                self.reset_by, self.closed_ns, receiver.state = None, None, Observed.UNSEEN
                self._step(segment, sender, receiver, Event.SYN, marks=marks)
            else:
                self._step(segment, sender, receiver, marks=marks, note="asks again: the same SYN")
            return
        sender.keep(sender.syns, segment)
        if receiver.syns and receiver.state in (State.SYN_SENT, State.SYN_RECEIVED):
            sender.adopt(segment)
            self._step(segment, sender, receiver, Event.SYN_CROSSED, marks=marks)
        elif self.server.syn_acks and sender is self.client:
            sender.adopt(segment)  # captured out of order, behind the answer
            sender.state = State.ESTABLISHED
            self.syn_ack = self.server.syn_acks[0]
            self.server.adopt(self.syn_ack)
            self._step(segment, sender, receiver, marks=marks, note="asks to open (captured after the answer)")
        else:
            sender.adopt(segment)
            self._step(segment, sender, receiver, Event.SYN, marks=marks)

    def _syn_ack(self, segment: Segment, sender: End, receiver: End) -> None:
        marks = [Mark.DATA_IN_SYN_ACK] if segment.payload_len else []
        previous = sender.syn_acks[-1] if sender.syn_acks else None
        sender.keep(sender.syn_acks, segment)
        if previous is not None and previous.seq == segment.seq:
            self.syn_ack_retransmits += 1
            after = self.completed_by is not None
            marks.append(Mark.SYN_ACK_AFTER_ACK if after else Mark.SYN_ACK_RETRANSMITTED)
            self._step(segment, sender, receiver, marks=marks, note="answers again: the same SYN-ACK")
            return
        if previous is not None:
            marks.append(Mark.SYN_ACK_NEW_ISN)
        if receiver.iss is not None and not receiver.acknowledged_by(segment.ack_raw):
            marks.append(Mark.BAD_ACK)
            self.strayed = True
            self._step(segment, sender, receiver, marks=marks, note="answers with a wrong acknowledgment number")
            return
        if self.syn_ack is not None and previous is not None:
            self._step(segment, sender, receiver, marks=marks, note="answers again with another initial number")
            return
        if not sender.syns or sender.iss is None:
            sender.adopt(segment)
        if self.syn_ack is None:
            self.syn_ack = segment
            sender.opening = sender.opening or segment
            self._settle_server(State.LISTEN, segment)
        if receiver.syns and sender.syns and self.completed_by is None and receiver.state is State.SYN_RECEIVED:
            self.completed_by = segment
            marks.append(Mark.HANDSHAKE_COMPLETE)
        self._step(segment, sender, receiver, Event.SYN_ACK, marks=marks)

    def _ordinary(self, segment: Segment, sender: End, receiver: End) -> None:
        marks: list[Mark] = []
        events: list[Event] = []
        note = None
        ack = segment.ack
        if self.reset_by is not None:
            self._step(segment, sender, receiver, marks=[Mark.AFTER_RST], note="arrives after the reset")
            return
        challenged = self.challenged is self._side(sender) and receiver.state is not State.SYN_RECEIVED
        if challenged and ack is not None and not segment.seg_len:
            marks.append(Mark.CHALLENGE_ACK)
            note = "challenges: asks the other side to prove itself"
        elif receiver.state is State.SYN_SENT and ack is not None and not segment.seg_len and not sender.syn_acks:
            self.strayed = True
            marks.append(Mark.STRAY_ACK)
            note = "answers the SYN with a bare ACK"
        elif ack is not None:
            self._acknowledges(ack, sender, receiver, events, marks)
        if segment.payload_len:
            self._data(segment, sender, receiver, events, marks)
        if segment.flags & FIN:
            self._fin(segment, sender, receiver, events, marks)
        self._step(segment, sender, receiver, *events, marks=marks, note=note)

    def _acknowledges(self, ack: int, sender: End, receiver: End, events: list[Event], marks: list[Mark]) -> None:
        opening = receiver.state is State.SYN_RECEIVED or (
            sender.state in (State.SYN_SENT, Observed.UNSEEN) and not receiver.segments
        )
        if opening and receiver.iss is not None and not receiver.acknowledged_by(ack):
            marks.append(Mark.BAD_ACK)
        elif opening:
            events.append(Event.ACK)
        if receiver.fin_end is not None and not receiver.fin_acked and seq.less_equal(receiver.fin_end, ack):
            receiver.fin_acked = True
            events.append(Event.ACK_OF_FIN)

    def _data(self, segment: Segment, sender: End, receiver: End, events: list[Event], marks: list[Mark]) -> None:
        end = seq.add(segment.seq, segment.payload_len)
        copy = sender.snd_nxt is not None and seq.less_equal(end, sender.snd_nxt) and sender.segments > 0
        if sender.fin_end is not None and not seq.less_equal(end, sender.fin_end):
            marks.append(Mark.DATA_AFTER_CLOSE)
        elif copy and segment.payload_len == 1 and sender.snd_nxt == end:
            marks.append(Mark.KEEP_ALIVE)
        elif not copy:
            if sender is self.server and sender.state is State.SYN_RECEIVED:
                marks.append(Mark.DATA_BEFORE_ACK)
            events.append(Event.DATA)

    def _fin(self, segment: Segment, sender: End, receiver: End, events: list[Event], marks: list[Mark]) -> None:
        end = seq.add(segment.seq, segment.seg_len)
        if sender.fin_end is not None:
            marks.append(Mark.FIN_RETRANSMITTED)
            return
        sender.fin_end = end
        crossed = receiver.fin_end is not None and not receiver.fin_acked
        self.fins_crossed = self.fins_crossed or crossed
        self.first_close = self.first_close or self._side(sender)
        events.append(Event.FIN_CROSSED if crossed else Event.FIN)

    def _reset(self, segment: Segment, sender: End, receiver: End) -> None:
        marks: list[Mark] = []
        sender.resets += 1
        if self.reset_by is not None:
            self._step(segment, sender, receiver, marks=[Mark.AFTER_RST], note="resets again")
            return
        if sender.state is State.SYN_SENT and self.strayed:  # RFC 9293 §3.5.1: stays in SYN-SENT and asks again
            self.strayed = False
            self._step(segment, sender, receiver, marks=marks, note="rejects an answer that is not meant for its SYN")
            return
        if not self._reset_acceptable(segment, sender, receiver):
            marks.append(Mark.RST_UNACCEPTABLE)
            self._step(segment, sender, receiver, marks=marks, note="resets, but with a number that should not count")
            self.challenged = self._side(receiver)
            return
        embryo = receiver is self.server and receiver.state is State.SYN_RECEIVED and not receiver.syns
        if sender is self.server and self.syn_ack is None:
            self._settle_server(State.CLOSED, segment)
        self.reset_by = self._side(sender)
        self.first_close = self.first_close or self.reset_by
        self._step(segment, sender, receiver, Event.RST_EMBRYO if embryo else Event.RST, marks=marks)

    def _reset_acceptable(self, segment: Segment, sender: End, receiver: End) -> bool:
        """RFC 9293 §3.10.7.3 and §3.10.7.4, with what an observer can know of RCV.NXT."""
        if receiver.state is State.SYN_SENT:
            return segment.ack is not None and receiver.acknowledged_by(segment.ack)
        if sender.snd_nxt is None or segment.seq in (sender.snd_nxt, receiver.last_ack):
            return True
        acked = receiver.rcv_acked
        return acked is not None and seq.less_equal(acked, segment.seq) and seq.less_equal(segment.seq, sender.snd_nxt)

    # -- bookkeeping -------------------------------------------------------------------------------------

    def _step(
        self,
        segment: Segment,
        sender: End,
        receiver: End,
        *events: Event,
        marks: list[Mark],
        note: str | None = None,
    ) -> None:
        before = self.client.state, self.server.state
        notes = [note] if note else []
        for event in events:
            receiving = Event.RST if event is Event.RST_EMBRYO else event
            sent = transition(Role.SENDS, sender.state, receiving)
            received = transition(Role.RECEIVES, receiver.state, event)
            sender.state, receiver.state = sent.state, received.state
            notes.append(sent.note)
            if not (sent.expected and received.expected) and Mark.UNEXPECTED not in marks:
                marks.append(Mark.UNEXPECTED)
        if Event.ACK in events and self.syn_ack is not None and self.completed_by is None:
            self.completed_by = segment
            marks.append(Mark.HANDSHAKE_COMPLETE)
            if segment.payload_len:
                marks.append(Mark.DATA_IN_THIRD_SEGMENT)
        self.challenged = None
        if self._on_first_step is not None:
            marks.append(self._on_first_step)
            self._on_first_step = None
        sender.sent(segment)
        if receiver.first_seq is None and segment.ack is not None:
            receiver.first_seq = segment.ack_raw
        self._note_closed(segment)
        self.timeline.segment(
            Step(
                segment,
                self._side(sender),
                Change(before[0], self.client.state),
                Change(before[1], self.server.state),
                "; ".join(notes) or "acknowledges",
                tuple(marks),
                (segment.seq - sender.base) % seq.MODULUS,
                None if segment.ack is None else (segment.ack_raw - receiver.base) % seq.MODULUS,
            ),
            segment,
        )

    def _note_closed(self, segment: Segment) -> None:
        done = (State.CLOSED, State.TIME_WAIT, State.LISTEN)
        if self.closed_ns is None and self.client.state in done and self.server.state in done:
            self.closed_ns = segment.time_ns

    def _settle_server(self, initial: State, answer: Segment) -> None:
        """The server's first answer tells in which state the SYNs found it."""
        if self.server.state is Observed.UNSEEN and not self.server.syns:
            asked = transition(Role.RECEIVES, initial, Event.SYN).state
            self.timeline.settle_server(initial, asked, answered=self._answered_syn(answer))
            self.server.state = asked if self.client.syns else Observed.UNSEEN

    def _answered_syn(self, answer: Segment) -> Segment | None:
        syns = self.client.syns
        echoed = answer.options.tsecr
        matching = [syn for syn in syns if echoed and syn.options.tsval == echoed] or syns
        return matching[-1] if matching else None

    def _ends(self, segment: Segment) -> tuple[End, End]:
        if segment.src == self.client.endpoint:
            if segment.src == segment.dst and self.client.syns and segment.flags & SYN:
                return self.server, self.client  # self-connect: one stream of packets is both sides
            return self.client, self.server
        return self.server, self.client

    def _side(self, end: End) -> Side:
        return Side.CLIENT if end is self.client else Side.SERVER


def _opens(segment: Segment) -> bool:
    """A bare SYN: SYN without ACK and RST."""
    return segment.flags & (SYN | ACK | RST) == SYN


def _who_opens(first: Segment) -> tuple[bool, bool]:
    """Whether the sender of a conversation's first captured segment is the client, and whether that is a guess."""
    if first.flags & SYN:
        return not first.flags & ACK, False
    if first.flags & RST and not first.flags & ACK:
        return first.src.port >= first.dst.port, True
    return first.src.port > first.dst.port, True
