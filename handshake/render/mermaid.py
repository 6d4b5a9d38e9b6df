"""Sequence diagrams in mermaid, one for each handshake and UDP exchange, in fenced blocks as GitHub and GitLab draw.

What comes from packets is untrusted, and mermaid has its own ideas of `;`, `#`, `%%`, `{`, tags and a few words, even
within text: all but plain characters go out as `#number;`, which it makes characters of when it has parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from handshake.render.session import Event, Kind, Lane, Session, all_sessions
from handshake.render.terminal import Terminal, escape, wrapped
from handshake.render.units import count

if TYPE_CHECKING:
    from handshake.model.report import Report

MOST = 50
"""Diagrams of one run."""
MOST_EVENTS = 120
"""Events of one diagram; mermaid refuses more than 50,000 characters."""
MOST_CHARACTERS = 45_000

_COLUMNS, _LINES = 64, 3
"""Most columns of a line, most lines of one text."""

_IDS = {Lane.CLIENT: "C", Lane.RESOLVER: "N", Lane.SERVER: "S"}
_ORDER = (Lane.RESOLVER, Lane.CLIENT, Lane.SERVER)
"""From left to right: no life line crosses the words between client and server."""
_ARROWS = {Kind.RST: "-x", Kind.ICMP: "--x", Kind.ANSWER: "-->>", Kind.SAID: "-)"}
_BOTH = "Note over C,S:"
_UNSAFE = re.compile(r"[^\w \-.,()/=+*!?:'→▶◀…·×✓✗↻•]")
_WORD = re.compile(r"(?i)\b(?=(?:style|classdef|end|wrap|nowrap)\b)\w")
"""The first letter of what mermaid looks for within text."""


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write Markdown that holds the diagrams, the first `MOST` of them."""
    drawn = list(all_sessions(report))
    for position, session in enumerate(drawn[:MOST]):
        out.write("\n" * bool(position) + f"```mermaid\n{diagram(session, terminal)}\n```\n")
    if len(drawn) > MOST:
        out.write(f"\n{count(len(drawn) - MOST, 'more session')}, not drawn; choose with `--flow N`\n")
    if not drawn:
        out.write("nothing to draw: no TCP handshake, no UDP exchange\n")


def diagram(session: Session, terminal: Terminal) -> str:
    """One diagram, without the fence; smaller until mermaid takes it."""
    most = MOST_EVENTS
    while (
        len(text := "\n    ".join(_Diagram(session.shortened(most), terminal).lines())) > MOST_CHARACTERS and most > 3
    ):
        most //= 2
    return text


class _Diagram:
    def __init__(self, session: Session, terminal: Terminal) -> None:
        self._session = session
        self._unicode = terminal.unicode
        self._brief = terminal.verbosity < 0

    def lines(self) -> Iterator[str]:
        """The lines of the diagram."""
        yield "sequenceDiagram"
        yield f"title {self._text([self._session.title])}"
        for lane, endpoint in sorted(self._session.lanes, key=lambda each: _ORDER.index(each[0])):
            yield f"participant {_IDS[lane]} as {lane.value}<br/>{self._text([str(endpoint)])}"
        events = [*self._session.before, *self._session.events]
        while events:
            event = events.pop(0)
            beneath = []
            while events and events[0].beneath and events[0].sender is event.sender and event.kind is not Kind.NOTE:
                beneath.append(events.pop(0))
            yield from self._event(event, beneath)
        yield f"{_BOTH} {self._text(self._session.result[: 1 if self._brief else None])}"
        for finding in self._session.found:
            yield f"{_BOTH} {self._text([finding])}"

    def _event(self, event: Event, beneath: Sequence[Event]) -> Iterator[str]:
        """An arrow with what is said beneath it, and the states that it leads to; or a note."""
        head = f"{self._session.clock(event.time_ns)} · {event.label}"
        if event.kind in (Kind.FOLD, Kind.NOTE):
            yield f"{_BOTH} {self._text([head])}"
            return
        said = [each.label if self._brief or not each.note else f"{each.label} · {each.note}" for each in beneath]
        arrow = f"{_IDS[event.sender]}{_ARROWS.get(event.kind, '->>')}{_IDS[event.receiver]}"
        yield f"{arrow}: {self._text([head, *said, *event.remarks(brief=self._brief)])}"
        if len(event.states) == 1:
            ((lane, state),) = event.states
            yield f"Note over {_IDS[lane]}: {self._text([state])}"
        elif event.states:
            yield f"{_BOTH} {self._text([', '.join(f'{lane.value} {state}' for lane, state in event.states)])}"

    def _text(self, texts: Sequence[str]) -> str:
        lines = [line for text in texts for line in wrapped(text, _COLUMNS, _LINES)]
        return "<br/>".join(encoded(line, unicode=self._unicode) for line in lines) or "-"


def encoded(text: str, *, unicode: bool = True) -> str:
    """Text that mermaid takes for nothing but text.

    >>> print(encoded("a;b#c<d>"))
    a#59;b#35;c#60;d#62;
    """
    safe = _WORD.sub(_entity, _UNSAFE.sub(_entity, escape(text)))
    return safe if unicode else "".join(char if char.isascii() else f"#{ord(char)};" for char in safe)


def _entity(match: re.Match[str]) -> str:
    return f"#{ord(match[0])};"
