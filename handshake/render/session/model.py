"""What is drawn: who takes part, and what each sends to the other, in the order of time."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from handshake.model.record import dataclass
from handshake.render.units import count, duration
from handshake.render.words import is_wrong, mark_words

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.handshake import Fold, Mark, Step

_LONG_NS = 10**10
"""From here on times are told in seconds."""


class Lane(Enum):
    """Who takes part."""

    CLIENT = "client"
    RESOLVER = "name server"
    SERVER = "server"

    @property
    def across(self) -> Lane:
        """The server for the client, the client for everybody else."""
        return Lane.SERVER if self is Lane.CLIENT else Lane.CLIENT


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
    DATAGRAM = "datagram"
    FOLD = "fold"
    """Ordinary segments or datagrams, counted."""
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
    """One handshake or UDP exchange with its story, as lanes and events; of a `connect()` what came before it."""

    title: str
    """`#3 established`, `UDP #1 open`."""
    start_ns: int
    """Its first packet (of an ordinary `connect()`: the call), ns since the epoch."""
    end_ns: int
    """Its last packet, ns since the epoch."""
    lanes: tuple[tuple[Lane, Endpoint], ...]
    """From left to right."""
    before: tuple[Event, ...] = ()
    """What led to it, before its first packet."""
    events: tuple[Event, ...] = ()
    result: tuple[str, ...] = ()
    """What it amounts to, in sentences: outcome, time, closing, story."""
    found: tuple[str, ...] = ()
    """Its findings, one sentence each."""

    @property
    def ends(self) -> dict[Lane, Endpoint]:
        """Who is where."""
        return dict(self.lanes)

    def clock(self, time_ns: int) -> str:
        """Time since the first packet: ms, or s in what lasted 10 s and more; negative before it."""
        offset = time_ns - self.start_ns
        if offset <= -_LONG_NS:
            return duration(offset)
        if self.end_ns - self.start_ns < _LONG_NS or offset < 0:
            return f"{offset / 1e6:.3f} ms"
        return f"{offset / 1e9:.6f} s"

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
