"""The registry of rules. A rule is a function over one finished handshake, with the text that explains it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache, reduce
from itertools import chain
from operator import itemgetter, or_
from typing import NamedTuple

from handshake.findings.sketch import Sketch, sketch
from handshake.model.crowd import Crowd
from handshake.model.finding import Finding, Severity
from handshake.model.handshake import CloseKind, Handshake, Mark, Outcome, Side, Step
from handshake.model.packet import ACK, RST, SYN, IcmpError, Segment
from handshake.model.record import dataclass, replace


class Match(NamedTuple):
    """What a rule saw: one sentence with the numbers, and the frames that show it."""

    detail: str
    frames: tuple[int, ...] = ()


_KIND = itemgetter(0)


class Sign(Enum):
    """What may be about a handshake, beside its outcome, its closing, and the marks and options of its segments."""

    ANSWER = "a SYN-ACK, or a SYN in its place"
    PAIR = "that, and the SYN before it"
    RST = "a segment with RST"
    ODD = "a segment whose header is cut, malformed, or says what it should not"
    ICMP = "an ICMP error"
    CAPTURE = "the capture has a packet twice or in another VLAN, or the flow table was full"

    __hash__ = object.__hash__


On = Sign | Mark | Outcome | CloseKind | int
"""A sign, any of them; a number is the kind of an option."""


class Facts:
    """A finished handshake with its timeline sorted once, for all rules."""

    __slots__ = (
        "_marked", "errors", "flag_sets", "flags", "handshake", "kinds", "late_kinds", "odd", "openings", "orders",
        "pair", "segments", "syns",
    )  # fmt: skip

    def __init__(self, handshake: Handshake) -> None:
        self.handshake = handshake
        self.segments: list[tuple[Step, Segment]] = []
        """Steps of the timeline that are segments, with the segment."""
        self.errors: list[tuple[Step, IcmpError]] = []
        """Steps that are ICMP errors, with the error."""
        client, server = handshake.client.opening, handshake.server.opening
        self.openings = [(name, opening) for name, opening in (("SYN", client), ("SYN-ACK", server)) if opening]
        """The SYN and the SYN-ACK that the handshake was built on, as far as they were captured."""
        self.pair = (client, server) if client and server else None
        """Both of them, or None."""
        self.syns: dict[Side, list[Segment]] = {Side.CLIENT: [], Side.SERVER: []}
        """Bare SYNs of each side, copies included."""
        self.flag_sets: set[int] = set()
        """Flags as they stand together in a segment."""
        self.orders: set[tuple[int, ...]] = set()
        """Kinds of options as they follow each other in a segment."""
        self.late_kinds: set[int] = set()
        """Options that any segment without SYN has."""
        self.odd = False
        """See `Sign.ODD`."""
        self._marked: dict[Mark, list[Segment]] = {}
        for step in handshake.steps:
            packet = step.packet
            if isinstance(packet, IcmpError):
                self.errors.append((step, packet))
                continue
            self.segments.append((step, packet))
            flags, options = packet.flags, packet.options
            self.flag_sets.add(flags)
            order = tuple(map(_KIND, options.items))
            self.orders.add(order)
            if not flags & SYN:
                self.late_kinds.update(order)
            elif not flags & ACK:
                self.syns[step.sender].append(packet)
            self.odd = self.odd or _odd(packet)
            for mark in step.marks:
                self._marked.setdefault(mark, []).append(packet)
        self.flags = reduce(or_, self.flag_sets, 0)
        """Flags that any segment has."""
        self.kinds = frozenset(chain.from_iterable(self.orders))
        """Options that any segment has."""

    def signs(self) -> frozenset[On]:
        """Everything that rules wait for."""
        found: list[On] = [self.handshake.outcome, self.handshake.teardown.kind, *self._marked, *self.kinds]
        for _, opening in self.openings:  # behind a very long timeline it is not in it
            found += map(_KIND, opening.options.items)
        if self.handshake.server.opening is not None:
            found.append(Sign.ANSWER)
            if self.pair:
                found.append(Sign.PAIR)
        if self.flags & RST:
            found.append(Sign.RST)
        if self.odd:
            found.append(Sign.ODD)
        if self.errors:
            found.append(Sign.ICMP)
        if self.handshake.evicted or self.handshake.other_ways or any(self.handshake.copies):
            found.append(Sign.CAPTURE)
        return frozenset(found)

    def marked(self, mark: Mark) -> list[Segment]:
        """Segments of the timeline that carry a mark."""
        return self._marked.get(mark, [])

    def sender(self, segment: Segment) -> Side:
        """The side that sent a segment of the timeline."""
        return next(step.sender for step, other in self.segments if other is segment)


def _odd(segment: Segment) -> bool:
    """See `Sign.ODD`."""
    options = segment.options
    if segment.checksum_ok is False or segment.faults or segment.reserved or options.cut or options.fault:
        return True
    return segment.ack_raw != 0 and not segment.flags & ACK


class Members(NamedTuple):
    """Many handshakes together."""

    numbers: Sequence[int]
    """Ascending."""
    start_ns: int
    end_ns: int

    @classmethod
    def of(cls, sketches: Sequence[Sketch]) -> Members:
        """These handshakes."""
        return cls(
            tuple(sorted(each.number for each in sketches)),
            min(each.start_ns for each in sketches),
            max(each.end_ns for each in sketches),
        )


class Group(NamedTuple):
    """What a rule about many handshakes saw: which, who does it, and one sentence with the numbers."""

    members: Members
    who: str
    detail: str
    alike: bool = False
    """Its handshakes that never opened need no list of their own."""


Detect = Callable[[Facts], Iterable[Match]]
Collect = Callable[[Sequence[Sketch]], Iterable[Group]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and its page in docs/findings.md."""

    code: str
    """Permanent, e.g. `HS101`; never given to another rule."""
    name: str
    severity: Severity
    what: str
    """What it says was seen."""
    why: str
    """Why that happens."""
    check: str
    """What to check next."""
    rfc: tuple[str, ...]
    """Sources, `RFC number §section`."""
    twin: str
    """The same thing in Wireshark or Zeek; empty where there is none."""
    detect: Detect | None
    """Looks at one handshake; None for a rule about many."""
    collect: Collect | None = None
    """Looks at all handshakes of one capture."""
    on: frozenset[On] = frozenset()
    """Without any of these it has nothing to say; empty for one that always looks."""

    def waits(self, signs: frozenset[On]) -> bool:
        """Whether it need not look at a handshake with these signs."""
        return bool(self.on) and self.on.isdisjoint(signs)


RULES: dict[str, Rule] = {}
"""All rules by code, in the order of their codes."""


def rule(
    code: str, name: str, severity: Severity, *, on: Iterable[On] = (), what: str, why: str, check: str,
    rfc: Iterable[str], twin: str = "",
) -> Callable[[Detect], Detect]:  # fmt: skip
    """Register the decorated function as the detector of a rule. Raises ValueError for a code already given."""

    def register(detect: Detect) -> Detect:
        _add(Rule(code, name, severity, what, why, check, tuple(rfc), twin, detect, on=frozenset(on)))
        return detect

    return register


def rule_of_many(
    code: str, name: str, severity: Severity, *, what: str, why: str, check: str, rfc: Iterable[str], twin: str = ""
) -> Callable[[Collect], Collect]:
    """As `rule`, for a rule that looks at all handshakes of one capture together."""

    def register(collect: Collect) -> Collect:
        _add(Rule(code, name, severity, what, why, check, tuple(rfc), twin, None, collect))
        return collect

    return register


def _add(new: Rule) -> None:
    if new.code in RULES:
        raise ValueError(f"{new.code} is already {RULES[new.code].name}")
    RULES[new.code] = new
    ordered = sorted(RULES.items())
    RULES.clear()
    RULES.update(ordered)


def examine(handshake: Handshake) -> Handshake:
    """The same handshake with its findings, in the order of their codes."""
    facts = Facts(handshake)
    findings = tuple(
        Finding(rule.code, rule.name, rule.severity, match.detail, match.frames)
        for rule, detect in _looking(facts.signs())
        for match in detect(facts)
    )
    return replace(handshake, findings=findings) if findings else handshake


@lru_cache(maxsize=4096)
def _looking(signs: frozenset[On]) -> tuple[tuple[Rule, Detect], ...]:
    """The rules that may have something to say, in the order of their codes."""
    return tuple((rule, rule.detect) for rule in RULES.values() if rule.detect and not rule.waits(signs))


def crowds_of(handshakes: Iterable[Handshake]) -> tuple[Crowd, ...]:
    """What the handshakes of each capture amount to together, in the order of the codes."""
    captures: dict[str, list[Sketch]] = {}
    for handshake in handshakes:
        captures.setdefault(handshake.source, []).append(sketch(handshake))
    return tuple(
        crowd_of(rule, source, group)
        for rule in RULES.values()
        if rule.collect is not None
        for source, own in captures.items()
        for group in rule.collect(own)
    )


def crowd_of(rule: Rule, source: str, group: Group) -> Crowd:
    """What a rule about many handshakes saw in a capture."""
    return Crowd(
        code=rule.code,
        name=rule.name,
        severity=rule.severity,
        who=group.who,
        detail=group.detail,
        members=group.members.numbers,
        start_ns=group.members.start_ns,
        end_ns=group.members.end_ns,
        alike=group.alike,
        source=source,
    )


def numbers(found: Iterable[Segment]) -> tuple[int, ...]:
    """Frame numbers of segments."""
    return tuple(segment.number for segment in found)


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def milliseconds(ns: int) -> str:
    """A duration for a sentence."""
    return f"{ns / 1e9:.3g} s" if ns >= 10**9 else f"{ns / 1e6:.3g} ms"
