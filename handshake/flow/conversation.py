"""One conversation on one 4-tuple: judges each segment and keeps the timeline.

A segment is first recognised (new, copy, or with numbers that fit nothing), then turned into events
for the state table. Recognition follows RFC 9293 §3.10.7, RFC 5961 (challenge ACKs) and RFC 6298
(retransmissions); copies and misfits are marked and move no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.app.talk import Talk
from handshake.flow.acceptance import (
    IDLE_NS,
    asks_again,
    confirms,
    end_of,
    newer,
    opens,
    reset_acceptable,
    who_opens,
)
from handshake.flow.endpoint import End, Passed, far, near
from handshake.flow.habits import agreed
from handshake.flow.state import SYNCHRONISED, Event, Role, transition
from handshake.flow.timeline import Timeline
from handshake.model import seq
from handshake.model.handshake import Change, Mark, Observed, Side, State, Step
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment, Tags

if TYPE_CHECKING:
    from handshake.model.address import Endpoint

_ODD_ACKS = {
    Mark.CHALLENGE_ACK: "challenges: asks the other side to prove itself",
    Mark.STRAY_ACK: "answers the SYN with a bare ACK",
    Mark.BAD_ACK: "acknowledges what was never sent; the receiver drops it",
}
_MISFITS = frozenset(
    {Mark.NO_ACK, Mark.BAD_ACK, Mark.STRAY_ACK, Mark.RST_UNACCEPTABLE, Mark.SYN_ACK_NEW_ISN, Mark.AFTER_RST}
)
"""Marks of segments whose numbers tell nothing about the connection."""

_EARLY = (State.ESTABLISHED, Observed.PARTIAL)
"""Client and server after an ACK whose SYN-ACK was not captured (yet)."""

_DONE = (State.CLOSED, State.TIME_WAIT, State.LISTEN)


class Conversation:
    """The packets of one connection attempt, judged as they come."""

    __slots__ = (
        "_early_ack",
        "_last_ns",
        "_on_first_step",
        "_payload",
        "_ran_back",
        "challenged",
        "client",
        "closed_ns",
        "closed_number",
        "completed_by",
        "copies",
        "evicted",
        "fins_crossed",
        "first_close",
        "first_data",
        "first_number",
        "last_number",
        "number",
        "other_ways",
        "reset_by",
        "role_inferred",
        "server",
        "strayed",
        "syn_ack",
        "syn_ack_retransmits",
        "syn_retransmits",
        "tags",
        "talk",
        "timeline",
        "undeliverable",
    )

    def __init__(self, number: int, first: Segment, reuse: Mark | None = None, *, secrets: bool = False) -> None:
        src_is_client, inferred = who_opens(first)
        client, server = (first.src, first.dst) if src_is_client else (first.dst, first.src)
        state = State.CLOSED if opens(first) else Observed.UNSEEN
        self.number = number
        self.client = End(Side.CLIENT, client, state)
        self.server = End(Side.SERVER, server)
        self.role_inferred = inferred
        self.tags = first.tags
        self.other_ways: list[tuple[Endpoint, Endpoint, Tags]] = []
        """(source, destination, tags) of segments that came in another VLAN or tunnel than the first one."""
        self.copies = [0, 0, 0]
        """SYNs, SYN-ACKs and other packets that were captured more than once and judged once."""
        self.timeline = Timeline()
        self.talk = Talk(secrets=secrets)
        self.first_data: dict[Side, Segment] = {}
        """When each side first sent data."""
        self.syn_ack: Segment | None = None
        """The SYN-ACK that the handshake is built on: the first acceptable one, or the one the client confirms."""
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
        self.closed_number: int | None = None
        """The frame that did it."""
        self.first_number = self.last_number = first.number
        """Frames of its first and latest segments."""
        self.evicted = False
        self._early_ack: Segment | None = None
        """A client's ACK that was captured before any SYN-ACK."""
        self._last_ns = first.time_ns
        self._ran_back = False
        """A segment was captured at an earlier time than the one before."""
        if first.flags & (SYN | RST | ACK) == ACK:
            self.client.state = self.server.state = Observed.PARTIAL

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """(client, server)."""
        return self.client.endpoint, self.server.endpoint

    @property
    def key(self) -> tuple[Endpoint, Endpoint, Tags]:
        """(client, server, tags)."""
        return self.client.endpoint, self.server.endpoint, self.tags

    def starts_anew(self, segment: Segment) -> bool:
        """Whether a segment on this 4-tuple is not of this connection: a bare SYN that fits nothing here."""
        if not opens(segment):
            return False
        sender, receiver = self._ends(segment)
        if sender.syns or sender.iss is not None:
            return segment.seq != sender.iss and segment.src != segment.dst
        if receiver.state is State.SYN_SENT:
            return False  # simultaneous open or split handshake
        if sender.segments or self.closed_ns is not None:
            return True
        answers = self.server.syn_acks  # the SYN may have been captured behind its answer
        return not (answers and seq.within(seq.add(segment.seq, 1), answers[0].ack_raw, end_of(segment)))

    def continued_by(self, segment: Segment) -> bool:
        """Whether a segment is of this conversation by its numbers alone, though it came another way."""
        if opens(segment) or self.closed_ns is not None:
            return False
        sender, receiver = self._ends(segment)
        if sender.snd_nxt is not None and not near(sender.snd_nxt, segment.seq):
            return False
        if segment.ack is None:
            return sender.snd_nxt is not None
        if receiver.iss is not None and not receiver.syn_acked:
            return receiver.acknowledged_by(segment.ack)
        return receiver.snd_nxt is not None and near(receiver.snd_nxt, segment.ack)

    def feed(self, segment: Segment, payload: bytes = b"") -> None:
        """Judge one segment of this conversation, with what was captured of its payload."""
        self._payload = payload
        sender, receiver = self._ends(segment)
        if segment.flags & RST:
            self._reset(segment, sender, receiver)
        elif segment.flags & SYN and segment.flags & ACK:
            self._syn_ack(segment, sender, receiver)
        elif segment.flags & SYN:
            self._syn(segment, sender, receiver)
        else:
            self._ordinary(segment, sender, receiver)

    def catch_up(self, last_ns: int, client: Passed, server: Passed) -> None:
        """Go on as if the ordinary segments had been fed that were passed over, up to that time (`handshake.bulk`)."""
        for end, passed in ((self.client, client), (self.server, server)):
            end.catch_up(passed)
        self._last_ns = last_ns
        self.timeline.passed_over(last_ns)

    def in_order(self, segment: Segment) -> None:
        """The next segment is known to be in order; those before it were passed over."""
        sender, _ = self._ends(segment)
        sender.snd_nxt = segment.seq

    def copied(self, packet: Segment | IcmpError) -> None:
        """Count a copy of a packet of this conversation."""
        flags = packet.flags & (SYN | ACK) if isinstance(packet, Segment) else 0
        self.copies[(SYN, SYN | ACK).index(flags) if flags & SYN else 2] += 1

    def feed_icmp(self, error: IcmpError) -> None:
        """Note an ICMP error that quotes a segment of this conversation.

        It counts only if it quotes a number that was sent (RFC 5927 §4.1).
        """
        blamed = Side.SERVER if error.dst == self.server.endpoint else Side.CLIENT
        quoted = self.client if blamed is Side.SERVER else self.server
        fits = error.seq is None or quoted.may_have_sent(error.seq)
        self.undeliverable = self.undeliverable or (fits and error.undeliverable)
        client, server = (Change(end.state, end.state) for end in (self.client, self.server))
        marks = () if fits else (Mark.QUOTE_MISMATCH,)
        self.timeline.add(Step(error, blamed, client, server, error.meaning, marks))

    def reused_by(self, syn: Segment) -> Mark:
        """What the first segment of the next connection on this 4-tuple is to be marked with."""
        sender, _ = self._ends(syn)
        if None not in (self.client.fin_end, self.server.fin_end) and self.reset_by is None:
            return Mark.TIME_WAIT_REUSED if newer(syn, sender) else Mark.TIME_WAIT_NOT_NEWER
        return Mark.PORT_REUSED if self.closed_ns is not None or self.syn_ack is None else Mark.SYN_IN_CONNECTION

    # -- recognition -------------------------------------------------------------------------------------

    def _syn(self, segment: Segment, sender: End, receiver: End) -> None:
        marks = [Mark.DATA_IN_SYN] if segment.payload_len else []
        copy = bool(sender.syns)
        sender.keep(sender.syns, segment)
        if copy:
            self.syn_retransmits += 1
            marks.append(Mark.SYN_RETRANSMITTED)
            if self.reset_by is None or self.completed_by is not None:
                self._step(segment, sender, receiver, marks=marks, note="asks again: the same SYN", provokes=True)
                return
            self._begin_again()
        sender.adopt(segment)
        if self.server.syn_acks and sender is self.client:
            event = Event.SYN_LATE
        else:
            event = Event.SYN_CROSSED if receiver.state is State.SYN_SENT else Event.SYN
        self._step(segment, sender, receiver, event, marks=marks)

    def _begin_again(self) -> None:
        """A new try with the same SYN after a refusal."""
        self.client.begin(State.CLOSED)
        self.server.begin(Observed.UNSEEN)
        self.syn_ack = self.reset_by = self.first_close = self.closed_ns = None

    def _syn_ack(self, segment: Segment, sender: End, receiver: End) -> None:
        marks = [Mark.DATA_IN_SYN_ACK] if segment.payload_len else []
        previous = sender.syn_acks[-1] if sender.syn_acks else None
        sender.keep(sender.syn_acks, segment)
        if previous is not None and previous.seq != segment.seq:
            marks.append(Mark.SYN_ACK_NEW_ISN)
        elif previous is not None and (segment.seq == sender.iss or segment.ack_raw == previous.ack_raw):
            self.syn_ack_retransmits += 1
            after = self.completed_by is not None
            marks.append(Mark.SYN_ACK_AFTER_ACK if after else Mark.SYN_ACK_RETRANSMITTED)
            self._step(segment, sender, receiver, marks=marks, note="answers again: the same SYN-ACK")
            return
        if self.reset_by is not None:
            self._step(segment, sender, receiver, marks=[*marks, Mark.AFTER_RST], note="arrives after the reset")
            return
        if receiver.iss is not None and not receiver.acknowledged_by(segment.ack_raw):
            marks.append(Mark.BAD_ACK)
            self.strayed = True
            self._step(segment, sender, receiver, marks=marks, note="answers with a wrong acknowledgment number")
            return
        if sender.iss is not None and not sender.syns:
            note = "answers again with another initial number"
            self._step(segment, sender, receiver, marks=marks, note=note, provokes=True)
            return
        self._accept(segment, sender)
        receiver.syn_acked = receiver.iss is not None or receiver is self.client  # its SYN may come later, or never
        early = self._early_ack
        if early and early.ack_raw == end_of(segment) and (receiver.state, sender.state) == _EARLY:
            sender.syn_acked = True
            self._complete(early, marks)
            self._step(segment, sender, receiver, Event.SYN_ACK_LATE, marks=marks)
        else:
            self._step(segment, sender, receiver, Event.SYN_ACK, marks=marks)

    def _accept(self, syn_ack: Segment, sender: End) -> None:
        """Build the handshake on this SYN-ACK."""
        if sender is self.server or sender.iss is None:
            sender.adopt(syn_ack)
        if sender is self.server:
            self.syn_ack = syn_ack
            self.client.opening = self._answered_syn(syn_ack)
            self._settle_server(State.LISTEN, syn_ack)

    def _ordinary(self, segment: Segment, sender: End, receiver: End) -> None:
        if self.reset_by is not None:
            self._step(segment, sender, receiver, marks=[Mark.AFTER_RST], note="arrives after the reset")
            return
        marks: list[Mark] = []
        events: list[Event] = []
        if not segment.flags & ACK:
            self._step(segment, sender, receiver, marks=[Mark.NO_ACK], note="carries no ACK: no connection takes it")
            return
        ack = segment.ack_raw
        odd = self._odd_ack(segment, ack, sender, receiver)
        if odd is not None:
            provokes = odd is Mark.BAD_ACK
            self._step(segment, sender, receiver, marks=[odd], note=_ODD_ACKS[odd], provokes=provokes)
            return
        self._acknowledges(segment, ack, sender, receiver, events)
        sender.spoke = True
        unusual = segment.seq != sender.snd_nxt or receiver.habits.wnd == 0
        if unusual and segment.payload_len <= 1 and sender.fin_end is None:
            asks = asks_again(segment, sender, receiver, segment.time_ns - self._last_ns)
            marks += [Mark.THIRD_LATE] if self._is_third(segment) else [asks] if asks else []
        if segment.payload_len:
            self._data(segment, sender, receiver, events, marks)
        if segment.flags & FIN:
            self._fin(segment, sender, receiver, events, marks)
        self._step(segment, sender, receiver, *events, marks=marks)

    def _odd_ack(self, segment: Segment, ack: int, sender: End, receiver: End) -> Mark | None:
        """What is wrong with an acknowledgment, None if it fits: it then counts, and text and FIN with it."""
        if (self.challenged is not None or receiver.state is State.SYN_SENT) and not segment.seg_len:
            if self.challenged is sender.side and receiver.state is not State.SYN_RECEIVED:
                return Mark.CHALLENGE_ACK
            if receiver.state is State.SYN_SENT and not sender.syn_acks:
                self.strayed = not receiver.acknowledged_by(ack)
                return Mark.STRAY_ACK
        if receiver.syn_acked:
            if ack == receiver.snd_nxt:  # nearly always
                return None
            known = sender.rcv_acked  # how far the receiver has come, where its own segments were not captured
            return Mark.BAD_ACK if receiver.far_from(ack) and (known is None or far(known, ack)) else None
        if receiver.state is State.SYN_RECEIVED and not confirms(segment, ack, sender, receiver):
            other = next((copy for copy in receiver.syn_acks if end_of(copy) == ack), None)
            if other is None:
                return Mark.BAD_ACK
            self._accept(other, receiver)
        return None

    def _acknowledges(self, segment: Segment, ack: int, sender: End, receiver: End, events: list[Event]) -> None:
        if receiver.syn_acked:
            pass
        elif confirms(segment, ack, sender, receiver):
            receiver.syn_acked = True
            if receiver.state is State.SYN_RECEIVED:
                events.append(Event.ACK)
        elif sender.state is State.SYN_SENT and receiver.iss is None:
            self._early_ack = segment
            events.append(Event.ACK)
        if receiver.fin_end is not None and not receiver.fin_acked and seq.less_equal(receiver.fin_end, ack):
            receiver.fin_acked = True
            events.append(Event.ACK_OF_FIN)

    def _is_third(self, segment: Segment) -> bool:
        """The bare third segment, captured behind the data that has completed the handshake."""
        data = self.completed_by
        if data is None or not data.payload_len or segment.payload_len:
            return False
        return (segment.seq, segment.ack_raw) == (data.seq, data.ack_raw) and segment.time_ns - data.time_ns < IDLE_NS

    def _data(self, segment: Segment, sender: End, receiver: End, events: list[Event], marks: list[Mark]) -> None:
        end = seq.add(segment.seq, segment.payload_len)
        copy = sender.snd_nxt is not None and seq.less_equal(end, sender.snd_nxt) and sender.segments > 0
        if sender.fin_end is not None and not seq.less_equal(end, sender.fin_end):
            marks.append(Mark.DATA_AFTER_CLOSE)
        elif not copy:
            if sender is self.server and sender.state is State.SYN_RECEIVED:
                marks.append(Mark.DATA_BEFORE_ACK)
            events.append(Event.DATA)

    def _fin(self, segment: Segment, sender: End, receiver: End, events: list[Event], marks: list[Mark]) -> None:
        end = end_of(segment)
        if sender.fin_end is not None:
            marks.append(Mark.FIN_RETRANSMITTED)
            return
        sender.fin_end = end
        crossed = receiver.fin_end is not None and not receiver.fin_acked
        self.fins_crossed = self.fins_crossed or crossed
        self.first_close = self.first_close or sender.side
        events.append(Event.FIN_CROSSED if crossed else Event.FIN)

    def _reset(self, segment: Segment, sender: End, receiver: End) -> None:
        if self.reset_by is not None:
            self._step(segment, sender, receiver, marks=[Mark.AFTER_RST], note="resets again")
            return
        if sender.state is State.SYN_SENT and self.strayed:  # RFC 9293 §3.5.1: stays in SYN-SENT and asks again
            self.strayed = False
            self._step(segment, sender, receiver, marks=[], note="rejects an answer that is not meant for its SYN")
            return
        sender.resets += 1
        if not reset_acceptable(segment, sender, receiver):
            note = "resets, but with a number that should not count"
            self._step(segment, sender, receiver, marks=[Mark.RST_UNACCEPTABLE], note=note, provokes=True)
            return
        embryo = receiver is self.server and receiver.state is State.SYN_RECEIVED and not receiver.syns
        if sender is self.server and self.syn_ack is None:
            self._settle_server(State.CLOSED, segment)
        self.reset_by = sender.side
        self.first_close = self.first_close or self.reset_by
        self._step(segment, sender, receiver, Event.RST_EMBRYO if embryo else Event.RST, marks=[])

    # -- bookkeeping -------------------------------------------------------------------------------------

    def _step(
        self,
        segment: Segment,
        sender: End,
        receiver: End,
        *events: Event,
        marks: list[Mark],
        note: str | None = None,
        provokes: bool = False,
    ) -> None:
        """Move both ends, count, and add the step. `provokes`: a synchronised receiver answers with a challenge ACK."""
        client, server, side = self.client, self.server, sender.side
        client_before, server_before, receiver_before = client.state, server.state, receiver.state
        notes = [note] if note else []
        for event in events:
            receiving = Event.RST if event is Event.RST_EMBRYO else event
            sent = transition(Role.SENDS, sender.state, receiving)
            received = transition(Role.RECEIVES, receiver.state, event)
            sender.state, receiver.state = sent.state, received.state
            notes.append(sent.note)
            if not (sent.expected and received.expected) and Mark.UNEXPECTED not in marks:
                marks.append(Mark.UNEXPECTED)
        if self.completed_by is None and client.syn_acked and server.syn_acked:
            self._complete(segment, marks)
            if segment.payload_len and self.syn_ack is not None and segment.seq == self.syn_ack.ack_raw:
                marks.append(Mark.DATA_IN_THIRD_SEGMENT)
        self.challenged = receiver.side if provokes and receiver_before in SYNCHRONISED else None
        if self._on_first_step is not None:
            marks.append(self._on_first_step)
            self._on_first_step = None
        fits = not marks or _MISFITS.isdisjoint(marks)
        marks += sender.habits.changes(segment, sender.snd_nxt, fits)
        if segment.time_ns < self._last_ns and not self._ran_back:
            self._ran_back = True
            marks.append(Mark.TIME_BACK)
        self._last_ns = segment.time_ns
        self.last_number = segment.number
        sender.sent(segment)
        if fits:
            sender.advance(segment)
            if segment.payload_len and side not in self.first_data:
                self.first_data[side] = segment
            if not self.talk.done and segment.seg_len:
                self.talk.hear(side, segment, self._payload)
        if receiver.first_seq is None and segment.flags & ACK:
            receiver.first_seq = segment.ack_raw
        if self.closed_ns is None:
            self._note_closed(segment)
        moved = client.state is not client_before or server.state is not server_before
        if not (moved or marks) and self.timeline.folds(segment, side):
            return
        step = Step(
            segment,
            side,
            Change(client_before, client.state),
            Change(server_before, server.state),
            "; ".join(notes) or "acknowledges",
            tuple(marks),
            (segment.seq - sender.base) % seq.MODULUS,
            (segment.ack_raw - receiver.base) % seq.MODULUS if segment.flags & ACK else None,
        )
        self.timeline.segment(step, segment)

    def _complete(self, by: Segment, marks: list[Mark]) -> None:
        self.completed_by = by
        marks.append(Mark.HANDSHAKE_COMPLETE)
        self.client.habits.agreed = self.server.habits.agreed = agreed(self.client.opening, self.server.opening)

    def _note_closed(self, segment: Segment) -> None:
        done = self.client.state in _DONE and self.server.state in _DONE
        if done or self.reset_by is not None:
            self.closed_ns, self.closed_number = segment.time_ns, segment.number

    def _settle_server(self, initial: State, answer: Segment) -> None:
        """The server's first answer tells in which state the SYNs found it."""
        if self.client.syns and self.server.state is Observed.UNSEEN and not self.server.syns:
            self.server.state = transition(Role.RECEIVES, initial, Event.SYN).state
            self.timeline.settle_server(initial, self.server.state, answered=self._answered_syn(answer))

    def _answered_syn(self, answer: Segment) -> Segment | None:
        syns = self.client.syns
        echoed = answer.options.tsecr
        matching = [syn for syn in syns if echoed and syn.options.tsval == echoed] or syns
        return matching[-1] if matching else None

    def _ends(self, segment: Segment) -> tuple[End, End]:
        if segment.src == self.client.endpoint:
            if segment.src == segment.dst and self.client.syns and segment.flags & SYN and segment.flags & ACK:
                return self.server, self.client  # self-connect: one stream of packets is both sides
            return self.client, self.server
        return self.server, self.client
