"""DNS (RFC 1035): questions and the answers to them, over UDP and over TCP (RFC 7766)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from handshake.app.dialogue import Dialogue
from handshake.model.address import Endpoint
from handshake.model.dns import DnsAnswer, Lookup
from handshake.model.handshake import Side
from handshake.wire.dns import read_answer, read_query

if TYPE_CHECKING:
    from handshake.model.application import Application

_MOST = 1000


class Lookups:
    """Questions to one name server by id and name, and the answers to them. Bounded."""

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._asked: dict[tuple[int, str, int], Lookup] = {}

    def question(self, data: bytes, time_ns: int) -> Lookup | None:
        """Take a query; None for bytes that are none."""
        query = read_query(data)
        if query is None or len(self._asked) >= _MOST:
            return None
        known = self._asked.get(query)
        _, name, kind = query
        lookup = known or Lookup(self._server, name, kind, ())
        lookup = replace(lookup, sent_ns=(*lookup.sent_ns, time_ns))
        if len(lookup.sent_ns) <= 20:
            self._asked[query] = lookup
        return lookup

    def answer(self, data: bytes, time_ns: int) -> tuple[Lookup, DnsAnswer] | None:
        """Take a response; None for bytes that are none, or answer no question that was seen."""
        answer = read_answer(data)
        if answer is None:
            return None
        key = self._question_of(answer)
        lookup = self._asked.get(key) if key else None
        if key is None or lookup is None:
            return None
        answer = replace(answer, name=lookup.name, kind=lookup.kind)
        if lookup.answer is None:
            lookup = self._asked[key] = replace(lookup, answered_ns=time_ns, answer=answer)
        return lookup, answer

    def _question_of(self, answer: DnsAnswer) -> tuple[int, str, int] | None:
        """What it answers; without a question in it that is the open one with the same id, if there is but one."""
        if answer.name:
            return answer.id, answer.name, answer.kind
        same = [key for key, lookup in self._asked.items() if key[0] == answer.id and lookup.answer is None]
        return same[0] if len(same) == 1 else None

    def all(self) -> tuple[Lookup, ...]:
        """In the order of the questions."""
        return tuple(self._asked.values())


class Dns(Dialogue):
    """Questions and answers of one TCP connection, each behind its length in two bytes."""

    protocol = "DNS"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._buffers = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self.lookups = Lookups(Endpoint(b"", 0))

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        self._buffers[sender] += data
        for message in self._messages(self._buffers[sender]):
            if sender is Side.CLIENT:
                asked = self.lookups.question(message, time_ns)
                if asked is not None:
                    self.say(sender, f"{asked.kind_name} {asked.name}?", time_ns, "asks")
            elif (answered := self.lookups.answer(message, time_ns)) is not None:
                self.say(sender, answer_words(answered[1]), time_ns, "answers")

    def application(self) -> Application:
        """As `Dialogue.application`."""
        return replace(super().application(), lookups=self.lookups.all())

    @staticmethod
    def _messages(buffer: bytearray) -> Iterator[bytes]:
        while len(buffer) >= 2 and len(buffer) >= 2 + (size := int.from_bytes(buffer[:2])):
            yield bytes(buffer[2 : 2 + size])
            del buffer[: 2 + size]


def answer_words(answer: DnsAnswer) -> str:
    """`www.example A 10.0.0.2 (TTL 300 s)`, or why there is none."""
    if answer.truncated:
        return f"{answer.name}: truncated, to be asked again over TCP"
    values = [record.value for record in answer.records if record.kind == answer.kind]
    if answer.rcode or not values:
        return f"{answer.name}: {answer.rcode_name if answer.rcode else 'no such record'}"
    ttl = min(record.ttl_s for record in answer.records)
    return f"{answer.name} → {', '.join(values[:4])}{', …' if len(values) > 4 else ''} (TTL {ttl} s)"
