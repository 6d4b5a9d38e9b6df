"""One handshake as a session: its timeline, what was said, what led to it and what belongs to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import merge
from typing import TYPE_CHECKING

from handshake.model.handshake import Fold, Handshake, Step
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment, flag_names
from handshake.render.session.ftp import announcement, lane_of, opened_and_closed
from handshake.render.session.lookups import asked
from handshake.render.session.model import Event, Kind, Lane, Session
from handshake.render.story import story
from handshake.render.units import count, size
from handshake.render.words import (
    close_sentence,
    icmp_words,
    option_words,
    outcome_sentence,
    reporter_words,
    timing_sentence,
)

if TYPE_CHECKING:
    from handshake.model.application import Line
    from handshake.model.dns import Lookup


def handshake_session(
    handshake: Handshake,
    lookups: Iterable[Lookup] = (),
    control: Handshake | None = None,
    data: Iterable[Handshake] = (),
) -> Session:
    """A handshake with the questions that led to it, its FTP control connection or its FTP data connections."""
    lookups = tuple(lookups)
    resolver = [(Lane.RESOLVER, lookups[0].server)] if lookups else []
    said = handshake.application.lines if handshake.application else ()
    asides = sorted((event for each in data for event in opened_and_closed(handshake, each)), key=_time)
    return Session(
        f"#{handshake.number} {handshake.outcome.value}",
        handshake.start_ns,
        handshake.end_ns,
        ((Lane.CLIENT, handshake.client.endpoint), *resolver, (Lane.SERVER, handshake.server.endpoint)),
        tuple(merge(asked(lookups), announcement(handshake, control), key=_time)),
        tuple(_in_order(handshake, deque(merge(map(_line, said), asides, key=_time)))),
        tuple(_result(handshake)),
        tuple(f"{each.code} {each.name}: {each.detail}" for each in handshake.findings),
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


def _result(handshake: Handshake) -> Iterator[str]:
    yield " · ".join(filter(None, (outcome_sentence(handshake), timing_sentence(handshake))))
    if handshake.outcome.opened:
        yield close_sentence(handshake.teardown)
    yield from story(handshake)


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
    sender = lane_of(step.sender)
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
        sender.across,
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
    sender = lane_of(line.sender)
    return Event(line.time_ns, Kind.SAID, sender, sender.across, line.text, note=line.note)
