"""The name that a connection came from: questions to a name server and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handshake.model.dns import DnsAnswer, Lookup
from handshake.model.handshake import Exchange, Handshake, Named
from handshake.render.session.model import Event, Kind, Lane
from handshake.render.units import count

KnownLookups = dict[tuple[str, bytes, str, int], Lookup]
"""By capture, client, name and time of the answer."""


def lookups_of(shown: Iterable[Handshake | Exchange]) -> KnownLookups:
    """Every question that was answered in these."""
    found: KnownLookups = {}
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


def question_of(handshake: Handshake, named: Named, lookups: KnownLookups) -> Lookup:
    """Question and answer; only when and what was answered where the rest is not at hand."""
    key = (handshake.source, handshake.client.endpoint.address, named.name, named.answered_ns)
    return lookups.get(key) or Lookup(named.server, named.name, 0, (), named.answered_ns)


def asked(lookups: Iterable[Lookup]) -> Iterator[Event]:
    """Each question and its answer, in the order of time."""
    events = []
    for lookup in lookups:
        question = f"DNS {lookup.kind_name} {lookup.name}?"
        for copy, sent_ns in enumerate(lookup.sent_ns):
            again = "asked again" if copy else ""
            events.append(Event(sent_ns, Kind.QUESTION, Lane.CLIENT, Lane.RESOLVER, question, note=again))
        if lookup.answered_ns is not None:
            label, notes = answer_words(lookup.answer) if lookup.answer else (f"DNS answer for {lookup.name}", [])
            notes += [f"{count(lookup.ignored, 'datagram')} that did not fit ignored"] * bool(lookup.ignored)
            note = " · ".join(notes)
            events.append(Event(lookup.answered_ns, Kind.ANSWER, Lane.RESOLVER, Lane.CLIENT, label, note=note))
    return iter(sorted(events, key=lambda event: event.time_ns))


def answer_words(answer: DnsAnswer) -> tuple[str, list[str]]:
    """What the name server said, and what else there is to say of it."""
    words = [f"{record.kind_name} {record.value}" for record in answer.records]
    if answer.rcode or not words:
        words.insert(0, answer.rcode_name if answer.rcode else "no record")
    notes = [f"TTL {min(record.ttl_s for record in answer.records)} s"] if answer.records else []
    notes += ["truncated: the rest is to be had over TCP (RFC 7766)"] * answer.truncated
    notes += [answer.fault] if answer.fault else []
    return f"DNS {', '.join(words[:3])}{', …' if len(words) > 3 else ''}", notes
