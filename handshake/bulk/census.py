"""One line for each handshake of a capture, in arrays: what counts, percentiles and rules about many need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from handshake.bulk.names import Names
from handshake.bulk.pages import paged
from handshake.bulk.slots import Slots
from handshake.bulk.verdicts import Verdict, with_own_findings
from handshake.findings.opening import SLOW_NS
from handshake.findings.sketch import is_probing
from handshake.model.finding import Finding
from handshake.model.handshake import Handshake, Outcome
from handshake.model.packet import ACK, RST, SYN, Segment, Tags
from handshake.model.totals import LATEST, Totals
from handshake.wire.columns.arrays import Bools, Ints
from handshake.wire.columns.links import tags_of

OUTCOMES = tuple(Outcome)
_CODE = {outcome: index for index, outcome in enumerate(OUTCOMES)}

LINE = np.dtype(
    [
        ("number", "i8"), ("client_host", "u8"), ("server_host", "u8"), ("ports", "u4"), ("way", "u4"),
        ("outcome", "i1"), ("start", "i8"), ("end", "i8"), ("setup", "i8"), ("irtt", "i8"), ("found", "u2"),
        ("probing", "?"), ("unasked", "?"), ("by_client", "?"), ("client_iss", "i8"), ("server_iss", "i8"),
    ],
    align=True,
)  # fmt: skip
"""A handshake: number of its first frame, ends, VLANs and tunnels, times (-1: none), which findings, whether a scan is
made of such, whether it is an answer that nobody asked for, whether the client sent its first packet, and initial
numbers where their SYN was captured (or -1)."""


MOST_LINES = 100_000
"""Handshakes that rules about many, listening sockets and percentiles look at: of more, the latest."""


class Census:
    """Grows by one line for each handshake; `lines` has them in order of appearance."""

    wants_talks = True
    """What is said over HTTP is to be followed."""

    def __init__(self, source: str, names: Names) -> None:
        self.source = source
        self.names = names
        self._parts = [np.zeros(0, LINE)]
        self._held = 0
        """Lines in these parts."""
        self.forgotten = 0
        """Handshakes that are counted and no longer known."""
        self._outcomes = np.zeros(len(OUTCOMES), np.int64)
        """Of those, how many had which outcome."""
        self._counts: Counter[int] = Counter()
        """And which findings."""
        self._single: list[tuple[int | bool, ...]] = []
        self._found: dict[tuple[str, ...], int] = {}
        self._examples: dict[str, Finding] = {}
        self._ways: dict[Tags, int] = {(): 0}
        self.talks: list[Handshake] = []
        """Those over which HTTP was spoken."""

    def add(self, handshake: Handshake) -> None:
        """Add a handshake that was judged alone."""
        client, server = handshake.client, handshake.server
        hosts = [self.names.note(peer.endpoint) for peer in (client, server)]
        first = handshake.steps[0].packet
        answers = isinstance(first, Segment) and (first.flags & (SYN | ACK) == SYN | ACK or first.flags & RST)
        unasked = bool(answers) and not (client.segments and server.segments)
        isns = (
            peer.iss if peer.opening is not None and peer.iss == peer.opening.seq else None for peer in (client, server)
        )
        timing = handshake.timing
        opened = handshake.outcome.opened
        self._single.append(
            (
                first.number, *hosts, client.endpoint.port << 16 | server.endpoint.port,
                self._ways.setdefault(handshake.tags, len(self._ways)), _CODE[handshake.outcome], handshake.start_ns,
                handshake.end_ns, -1 if timing.setup_ns is None else timing.setup_ns,
                -1 if timing.irtt_ns is None or not opened else timing.irtt_ns, self._finding(handshake.findings),
                is_probing(handshake), unasked, first.src == client.endpoint,
                *(-1 if isn is None else isn for isn in isns),
            )
        )  # fmt: skip
        if handshake.application and handshake.application.http:
            self.talks.append(handshake)
        if len(self._single) >= 4096:
            self._flush()

    def add_alike(
        self, slots: Slots, chosen: Ints, verdicts: Sequence[Verdict], which: Ints, evicted: Bools | None = None
    ) -> None:
        """Add connections by the verdicts on those that went like them; `which` says on whom each is."""
        outcome = np.array([_CODE[verdict.outcome] for verdict in verdicts])[which]
        opened = np.array([verdict.outcome.opened for verdict in verdicts])[which]
        states, sides = slots.records(chosen)
        start, _, third = slots.times[:, chosen]
        took = np.where(opened, third - start, -1)
        lines = paged(LINE, len(chosen))
        lines["number"], lines["ports"] = slots.first[chosen], states["ports"]
        lines["client_host"], lines["server_host"] = states["client_host"], states["server_host"]
        lines["start"], lines["end"], lines["setup"], lines["irtt"] = start, states["last_ns"], took, took
        lines["outcome"], lines["way"], lines["by_client"] = outcome, self._ways_of(states["way"]), True
        lines["found"] = with_own_findings(self._found_in, verdicts, which, took >= SLOW_NS, evicted)
        lines["probing"] = np.array([verdict.probing for verdict in verdicts])[which]
        for side, name in enumerate(("client_iss", "server_iss")):
            there = np.array([verdict.openings[side] for verdict in verdicts])[which]
            lines[name] = np.where(there, sides["iss"][side::2].astype(np.int64), -1)
        self._append(lines)

    def _ways_of(self, ways: Ints) -> Ints:
        """The numbers of these VLANs among all ways."""
        known = np.unique(ways)
        numbers = np.array([self._ways.setdefault(tags_of(way), len(self._ways)) for way in known.tolist()])
        return numbers[np.searchsorted(known, ways)]

    def _found_in(self, _: Verdict, findings: tuple[Finding, ...]) -> int:
        return self._finding(findings)

    def _finding(self, findings: Sequence[Finding]) -> int:
        examples = {finding.code: finding for finding in findings}
        self._examples |= examples
        return self._found.setdefault(tuple(sorted(examples)), len(self._found))

    def merge(self, other: Census) -> None:
        """Take over the lines of another share of the same capture."""
        found = np.array([self._found.setdefault(codes, len(self._found)) for codes in other._found], np.uint16)
        ways = np.array([self._ways.setdefault(tags, len(self._ways)) for tags in other._ways], np.uint32)
        lines = other.lines()
        lines["found"], lines["way"] = found[lines["found"]] if len(found) else 0, ways[lines["way"]]
        self.forgotten += other.forgotten
        self._outcomes += other._outcomes
        self._counts.update({int(found[key]): number for key, number in other._counts.items()})
        self.names.merge(other.names)
        self._examples |= other._examples
        self.talks += other.talks
        self._append(lines)

    def _flush(self) -> None:
        single, self._single = self._single, []
        if single:
            self._append(np.array(single, LINE))

    def _append(self, lines: np.ndarray) -> None:
        self._parts.append(lines)
        self._held += len(lines)
        if self._held > MOST_LINES + MOST_LINES // 8:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Of more than enough lines, count the oldest and let them go."""
        number = np.concatenate([part["number"] for part in self._parts])
        older = len(number) - MOST_LINES
        oldest = np.partition(number, older)[older]
        for index, part in enumerate(self._parts):
            late = part["number"] >= oldest
            if not late.all():
                self._outcomes += np.bincount(part["outcome"][~late], minlength=len(OUTCOMES))
                self._counts.update(dict(enumerate(np.bincount(part["found"][~late]).tolist())))
                self._parts[index] = paged(LINE, int(late.sum()))
                self._parts[index][:] = part[late]
        self._parts = [part for part in self._parts if len(part)]
        self.forgotten += self._held
        self._held = sum(map(len, self._parts))
        self.forgotten -= self._held

    def lines(self) -> np.ndarray:
        """The latest lines, in order of appearance; older ones are counted and let go."""
        self._flush()
        if self._held > MOST_LINES:
            self._forget_oldest()
        number = np.concatenate([part["number"] for part in self._parts])
        place = np.empty(len(number), np.int64)
        place[np.argsort(number, kind="stable")] = np.arange(len(number))
        lines, end = paged(LINE, len(number)), len(number)
        while self._parts:  # each is let go as soon as it is copied
            part = self._parts.pop()
            begin = end - len(part)
            lines[place[begin:end]] = part
            end = begin
        self._parts.append(lines)
        return lines

    def totals(self, lines: np.ndarray) -> Totals:
        """What the lines amount to, with what was forgotten."""
        totals = Totals()
        totals.handshakes = self.forgotten + len(lines)
        counted = self._outcomes + np.bincount(lines["outcome"], minlength=len(OUTCOMES))
        totals.outcomes = Counter(
            {outcome: number for outcome, number in zip(OUTCOMES, counted.tolist(), strict=True) if number}
        )
        found = np.bincount(lines["found"], minlength=len(self._found)).tolist()
        for key, (codes, number) in enumerate(zip(self._found, found, strict=True)):
            for code in codes:
                totals.findings[code] += number + self._counts[key]
        totals.findings = +totals.findings
        totals.examples = self._examples
        opened = np.array([outcome.opened for outcome in OUTCOMES])[lines["outcome"]]
        for name, kept in (("setup", totals.setup_ns), ("irtt", totals.irtt_ns)):
            values = lines[name][opened & (lines[name] >= 0)]
            kept.extend(values[-LATEST:].tolist())
        return totals

    def codes(self) -> list[tuple[str, ...]]:
        """Codes of findings by their number in the lines."""
        return list(self._found)
