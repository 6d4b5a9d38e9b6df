"""A session, ready to be drawn: one handshake, what it came from and what belongs to it, as arrows between lanes.

The ladder, mermaid and svg draw this one model. What came before the first packet (the question to a name server, the
line of an FTP control connection) stands in `before`; the rest in `events`, in the order of the timeline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from heapq import merge

from handshake.model.address import Endpoint
from handshake.model.application import FtpData, Line
from handshake.model.dns import Lookup
from handshake.model.handshake import Exchange, Fold, Handshake, Mark, Named, Side, Step
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment, flag_names
from handshake.model.report import Report
from handshake.render.story import story
from handshake.render.units import count, duration, size
from handshake.render.words import (
    close_brief,
    close_sentence,
    icmp_words,
    is_wrong,
    mark_words,
    option_words,
    outcome_sentence,
    reporter_words,
    timing_sentence,
)

_LONG_NS = 10**10
"""From here on times are told in seconds."""


class Lane(Enum):
    """Who takes part."""

    CLIENT = "client"
    RESOLVER = "name server"
    SERVER = "server"


class Kind(Enum):
    """What an event is; a drawing gives each its own look."""

    QUESTION = "question"
    ANSWER = "answer"
    SYN = "syn"
    SYN_ACK = "syn-ack"
    ACK = "ack"
    DATA = "data"
    FIN = "fin"
    RST = "rst"
    ICMP = "icmp"
    FOLD = "fold"
    """Ordinary segments, both ways, counted."""
    SAID = "said"
    """A line of the dialogue."""
    NOTE = "note"
    """What happened elsewhere."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one lane sends to another, or learns of."""

    time_ns: int
    kind: Kind
    sender: Lane
    receiver: Lane
    label: str
    announced: str = ""
    """The options that a SYN offers or a SYN-ACK accepts; who reported an ICMP error."""
    marks: tuple[Mark, ...] = ()
    note: str = ""
    """What it means, in words."""
    faults: tuple[str, ...] = ()
    states: tuple[tuple[Lane, str], ...] = ()
    """The state that each lane goes to, if it goes to another one."""
    beneath: bool = False
    """It belongs to the packet before it and shares its time."""
    origin: Step | Fold | None = None
    """The row of the timeline that it was made from."""

    @property
    def from_client(self) -> bool:
        """Which way the arrow points."""
        return self.sender is Lane.CLIENT

    @property
    def wrong(self) -> bool:
        """Something about it should not be."""
        return bool(self.faults) or any(map(is_wrong, self.marks))

    def remarks(self, *, brief: bool = False) -> tuple[str, ...]:
        """What a drawing says beside the arrow, line by line; brief: not what is normal and only explained."""
        said = [mark_words(mark)[0] for mark in self.marks] + [self.note] * bool(self.note and not brief)
        return tuple(filter(None, (self.announced, " · ".join(said), *(f"✗ {fault}" for fault in self.faults))))


@dataclass(frozen=True, slots=True)
class Session:
    """One handshake with its story, as lanes and events."""

    handshake: Handshake
    lanes: tuple[tuple[Lane, Endpoint], ...]
    """From left to right."""
    before: tuple[Event, ...]
    """What led to it, before its first packet."""
    events: tuple[Event, ...]

    def clock(self, time_ns: int) -> str:
        """Time since the first packet: ms, or s in a handshake that lasted 10 s and more; negative before it."""
        offset = time_ns - self.handshake.start_ns
        if offset <= -_LONG_NS:
            return duration(offset)
        if self.handshake.end_ns - self.handshake.start_ns < _LONG_NS or offset < 0:
            return f"{offset / 1e6:.3f} ms"
        return f"{offset / 1e9:.6f} s"

    @property
    def result(self) -> tuple[str, ...]:
        """What it amounts to, in sentences: outcome, time, closing, story."""
        handshake = self.handshake
        words = (outcome_sentence(handshake), timing_sentence(handshake))
        closed = [close_sentence(handshake.teardown)] if handshake.outcome.opened else []
        return (" · ".join(filter(None, words)), *closed, *story(handshake))

    @property
    def found(self) -> tuple[str, ...]:
        """Its findings, one sentence each."""
        return tuple(f"{each.code} {each.name}: {each.detail}" for each in self.handshake.findings)

    def shortened(self, most: int) -> Session:
        """The same with at most so many events: of a longer one the middle is left out, and said to be."""
        if len(self.events) <= most:
            return self
        head, tail = most * 2 // 3, most - most * 2 // 3 - 1
        left_out = self.events[head : len(self.events) - tail]
        gap = Event(
            left_out[0].time_ns, Kind.NOTE, Lane.CLIENT, Lane.SERVER, f"… {count(len(left_out), 'row')} not drawn"
        )
        return replace(self, events=(*self.events[:head], gap, *self.events[len(self.events) - tail :]))


def sessions(report: Report) -> Iterator[Session]:
    """A session for each handshake of the report, in its order."""
    shown: list[Handshake | Exchange] = [*report.handshakes, *report.exchanges, *report.unchosen]
    lookups = _lookups(shown)
    handshakes = [each for each in shown if isinstance(each, Handshake)]
    controls = {(each.source, each.number): each for each in handshakes if each.application and each.application.ftp}
    announced: dict[tuple[str, int], list[Handshake]] = {}
    for each in handshakes:
        if each.announced_by is not None:
            announced.setdefault((each.source, each.announced_by), []).append(each)
    asked = report.approach.resolution.lookups if report.approach else ()
    for handshake in report.handshakes:
        control = None if handshake.announced_by is None else controls.get((handshake.source, handshake.announced_by))
        questions = (_question(handshake, handshake.named, lookups),) if handshake.named else asked
        data = announced.get((handshake.source, handshake.number), ())
        yield session(handshake, questions, control, sorted(data, key=lambda each: each.start_ns))


def session(
    handshake: Handshake,
    lookups: Iterable[Lookup] = (),
    control: Handshake | None = None,
    data: Iterable[Handshake] = (),
) -> Session:
    """A handshake with the questions that led to it, its FTP control connection or its FTP data connections."""
    lookups = tuple(lookups)
    client, server = handshake.client.endpoint, handshake.server.endpoint
    resolver = [(Lane.RESOLVER, lookups[0].server)] if lookups else []
    said = handshake.application.lines if handshake.application else ()
    asides = sorted((event for each in data for event in _opened_and_closed(handshake, each)), key=_time)
    return Session(
        handshake,
        ((Lane.CLIENT, client), *resolver, (Lane.SERVER, server)),
        tuple(merge(_asked(lookups), _announcement(handshake, control), key=_time)),
        tuple(_in_order(handshake, deque(merge(map(_line, said), asides, key=_time)))),
    )


def arrow_words(step: Step, room: int = 200) -> str:
    """Flags and numbers, as many as fit: first the acknowledgment number goes, then the sequence number."""
    if isinstance(step.packet, IcmpError):
        return icmp_words(step.packet)
    flags = ",".join(flag_names(step.packet.flags)) or "no flags"
    payload = [f"len={step.packet.payload_len}"] if step.packet.payload_len else []
    seq = f"seq={step.rel_seq}"
    ack = [] if step.rel_ack is None else [f"ack={step.rel_ack}"]
    for words in ([flags, seq, *ack, *payload], [flags, seq, *payload]):
        label = " ".join(words)
        if len(label) <= room:
            return label
    return " ".join([flags, *payload])


def _time(event: Event) -> int:
    return event.time_ns


def _in_order(handshake: Handshake, others: deque[Event]) -> Iterator[Event]:
    """The rows of the timeline, and between them what was said until then."""
    announced: dict[Lane, str] = {}
    for item in handshake.timeline:
        while others and others[0].time_ns < item.time_ns:
            yield others.popleft()
        if isinstance(item, Fold):
            yield _fold(item)
            continue
        event = _step(item)
        if event.announced and event.kind is not Kind.ICMP:
            if announced.get(event.sender) == event.announced:
                event = replace(event, announced="")
            else:
                announced[event.sender] = event.announced
        yield event
        while others and others[0].time_ns == item.time_ns:
            yield replace(others.popleft(), beneath=True)
    yield from others


def _step(step: Step) -> Event:
    packet = step.packet
    sender = _lane(step.sender)
    moves = ((Lane.CLIENT, step.client), (Lane.SERVER, step.server))
    faults: list[str] = []
    if isinstance(packet, IcmpError):
        announced = reporter_words(packet)
        note = "" if step.note == packet.meaning else step.note
    else:
        announced = _options(packet) if packet.flags & SYN else ""
        faults = [fault for fault in (*packet.faults, packet.options.fault) if fault]
        note = f"{step.sender.value} {step.note}"
    return Event(
        step.time_ns,
        _kind(packet),
        sender,
        _other(sender),
        arrow_words(step),
        announced=announced,
        marks=step.marks,
        note=note,
        faults=tuple(faults),
        states=tuple((lane, change.after.value) for lane, change in moves if change.moved),
        origin=step,
    )


def _kind(packet: Segment | IcmpError) -> Kind:
    if isinstance(packet, IcmpError):
        return Kind.ICMP
    flags = packet.flags
    if flags & RST:
        return Kind.RST
    if flags & SYN:
        return Kind.SYN_ACK if flags & ACK else Kind.SYN
    if flags & FIN:
        return Kind.FIN
    return Kind.DATA if packet.payload_len else Kind.ACK


def _options(segment: Segment) -> str:
    return f"{'accepts' if segment.flags & ACK else 'offers'} {option_words(segment) or 'no options'}"


def _fold(fold: Fold) -> Event:
    arrows = [
        f"{count(segments, 'segment')}{f', {size(payload)}' if payload else ''} {arrow}"
        for segments, payload, arrow in (
            (fold.client_segments, fold.client_bytes, "▶"),
            (fold.server_segments, fold.server_bytes, "◀"),
        )
        if segments
    ]
    return Event(fold.time_ns, Kind.FOLD, Lane.CLIENT, Lane.SERVER, f"… {' · '.join(arrows)}", origin=fold)


def _line(line: Line) -> Event:
    sender = _lane(line.sender)
    return Event(line.time_ns, Kind.SAID, sender, _other(sender), line.text, note=line.note)


def _lane(side: Side) -> Lane:
    return Lane.CLIENT if side is Side.CLIENT else Lane.SERVER


def _other(lane: Lane) -> Lane:
    return Lane.SERVER if lane is Lane.CLIENT else Lane.CLIENT


# the name that it came from

_Lookups = dict[tuple[str, bytes, str, int], Lookup]
"""By capture, client, name and time of the answer."""


def _lookups(shown: Iterable[Handshake | Exchange]) -> _Lookups:
    found: _Lookups = {}
    for each in shown:
        if isinstance(each, Exchange):
            client, lookups = each.client, each.lookups
        else:
            client = each.client.endpoint
            lookups = each.application.lookups if each.application else ()
        for lookup in lookups:
            if lookup.answered_ns is not None:
                found[each.source, client.address, lookup.name, lookup.answered_ns] = lookup
    return found


def _question(handshake: Handshake, named: Named, lookups: _Lookups) -> Lookup:
    """Question and answer; only when and what was answered where the rest is not at hand."""
    key = (handshake.source, handshake.client.endpoint.address, named.name, named.answered_ns)
    return lookups.get(key) or Lookup(named.server, named.name, 0, (), named.answered_ns)


def _asked(lookups: Iterable[Lookup]) -> Iterator[Event]:
    """Each question and its answer, in the order of time."""
    events = []
    for lookup in lookups:
        question = f"DNS {lookup.kind_name} {lookup.name}?"
        for copy, sent_ns in enumerate(lookup.sent_ns):
            again = "asked again" if copy else ""
            events.append(Event(sent_ns, Kind.QUESTION, Lane.CLIENT, Lane.RESOLVER, question, note=again))
        if lookup.answered_ns is not None:
            label, note = _answered(lookup)
            events.append(Event(lookup.answered_ns, Kind.ANSWER, Lane.RESOLVER, Lane.CLIENT, label, note=note))
    return iter(sorted(events, key=_time))


def _answered(lookup: Lookup) -> tuple[str, str]:
    """What the name server said, and what else there is to say of it."""
    answer = lookup.answer
    if answer is None:
        return f"DNS answer for {lookup.name}", ""
    words = [f"{record.kind_name} {record.value}" for record in answer.records]
    if answer.rcode or not words:
        words.insert(0, answer.rcode_name if answer.rcode else "no record")
    notes = [f"TTL {min(record.ttl_s for record in answer.records)} s"] if answer.records else []
    notes += ["truncated: the rest is to be had over TCP"] * answer.truncated + ([answer.fault] if answer.fault else [])
    return f"DNS {', '.join(words[:3])}{', …' if len(words) > 3 else ''}", " · ".join(notes)


# FTP: one session of a control connection and its data connections


def _announcement(handshake: Handshake, control: Handshake | None) -> Iterator[Event]:
    """The line of the control connection that announced this data connection."""
    application = control.application if control else None
    if control is None or application is None:
        return
    ends = {Side.CLIENT: control.client.endpoint.address, Side.SERVER: control.server.endpoint.address}
    own = handshake.server.endpoint

    def fits(data: FtpData) -> bool:
        there = data.address or ends[data.listener]
        return (there, data.port) == own and data.time_ns <= handshake.start_ns

    found = [data for data in application.ftp if fits(data)]
    if not found:
        return
    data = found[-1]
    spoke = next((line for line in application.lines if line.time_ns == data.time_ns and line.note), None)
    who = spoke.sender if spoke else data.listener
    sender = _lane(who if handshake.client.endpoint.address == control.client.endpoint.address else who.other)
    said = f": {spoke.text}" if spoke else ""
    label = f"{data.command} on FTP control connection #{control.number}, {who.value}{said}"
    yield Event(data.time_ns, Kind.NOTE, sender, _other(sender), label)


def _opened_and_closed(control: Handshake, data: Handshake) -> Iterator[Event]:
    """Where a data connection began and where it ended."""
    same = data.client.endpoint.address == control.client.endpoint.address
    sender = Lane.CLIENT if same else Lane.SERVER
    place = f"{data.client.endpoint} → {data.server.endpoint}"
    opens = f"data connection #{data.number} begins: {place}, {data.outcome.value}"
    yield Event(data.start_ns, Kind.NOTE, sender, _other(sender), opens)
    moved = data.client.payload_bytes + data.server.payload_bytes
    ends = f"data connection #{data.number} ends: {size(moved)}, {close_brief(data.teardown) or 'not closed'}"
    yield Event(data.end_ns, Kind.NOTE, sender, _other(sender), ends)
