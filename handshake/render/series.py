"""Many probes: a line for each as it ends, statistics like ping's, a table of targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from handshake.model.handshake import Handshake, Outcome, Side
from handshake.model.packet import IcmpError, Segment
from handshake.model.record import dataclass
from handshake.render.document import SCHEMA_VERSION, Document, handshake_to_dict
from handshake.render.grid import Column, write_grid
from handshake.render.statistics import statistics_of
from handshake.render.units import count, duration, maybe_duration
from handshake.render.words import OUTCOME_STYLE, OUTCOME_WORDS, answer_ns, icmp_words, outcome_sentence, retransmits

if TYPE_CHECKING:
    from handshake.model.report import Probed
    from handshake.render.page import Page, Span

FAILED = "failed"
"""Stands where an outcome would: the probe could not be carried out."""

FEW = 12
"""In a long table, as many targets that are alike and not open are listed one by one."""
LONG = 30
"""Rows that a table may have before those that are alike are folded."""

_MEANING = {
    Outcome.ESTABLISHED: "open: a server accepts",
    Outcome.REFUSED: "closed: nothing listens there",
    Outcome.UNANSWERED: "silent: filtered, or no host",
}


@dataclass(slots=True)
class Totals:
    """What the probes of a series amount to so far."""

    probes: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    answered: int = 0
    """Probes with any answer of the server: SYN-ACK or RST."""
    syn_retransmits: int = 0
    synack_retransmits: int = 0
    times: dict[str, list[int]] = field(default_factory=lambda: {"syn_to_synack_ns": [], "syn_to_rst_ns": []})
    """Times to the first answer, ns; those that Karn's algorithm forbids are left out (RFC 6298 §3)."""

    def add(self, probed: Probed) -> None:
        """Count one more."""
        handshake = probed.handshake
        self.probes += 1
        self.outcomes[outcome_name(probed)] += 1
        if handshake is None:
            return
        self.opened += handshake.outcome.opened
        self.answered += any(s.sender is Side.SERVER and isinstance(s.packet, Segment) for s in handshake.steps)
        self.syn_retransmits += handshake.syn_retransmits
        self.synack_retransmits += handshake.synack_retransmits
        if handshake.timing.syn_to_synack_ns is not None:
            self.times["syn_to_synack_ns"].append(handshake.timing.syn_to_synack_ns)
        elif handshake.outcome is Outcome.REFUSED and not handshake.syn_retransmits:
            self.times["syn_to_rst_ns"].append(answer_ns(handshake))

    @property
    def lost_percent(self) -> float:
        """Share of the probes without an answer of the server."""
        return 100 * (self.probes - self.answered) / self.probes if self.probes else 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One target in the table."""

    target: str
    service: str
    outcome: str
    opened: bool
    time_ns: int | None
    meaning: str


def outcome_name(probed: Probed) -> str:
    """The outcome's value, or `failed`."""
    return FAILED if probed.handshake is None or probed.error else probed.handshake.outcome.value


def row_of(probed: Probed) -> Row:
    """What the table says of a probe."""
    handshake = probed.handshake
    target, service = str(probed.approach.server), probed.approach.target.service or ""
    if handshake is None or probed.error:
        return Row(target, service, FAILED, False, None, probed.error or "nothing was captured")
    icmp = next((step.packet for step in handshake.steps if isinstance(step.packet, IcmpError)), None)
    meaning = icmp_words(icmp) if icmp else _MEANING.get(handshake.outcome, OUTCOME_WORDS[handshake.outcome])
    answered = handshake.outcome is not Outcome.UNANSWERED
    return Row(
        target,
        service,
        handshake.outcome.value,
        handshake.outcome.opened,
        answer_ns(handshake) if answered else None,
        meaning,
    )


def probe_line(probed: Probed) -> tuple[Span, ...]:
    """One probe of a series on one line: `seq 3  established  syn→synack 0.047 ms`."""
    handshake = probed.handshake
    seq: Span = (f"seq {probed.number:<4}", "dim")
    if handshake is None or probed.error:
        return seq, (f"{FAILED:<12}", "red"), f" {probed.error}"
    spans: tuple[Span, ...] = (seq, (f"{handshake.outcome.value:<12}", OUTCOME_STYLE[handshake.outcome]))
    resent = retransmits(handshake)
    return (*spans, f" {_time(handshake)}", (f"  resent {resent}" if resent else "", "yellow"))


def _time(handshake: Handshake) -> str:
    timing = handshake.timing
    if timing.syn_to_synack_ns is not None:
        return f"syn→synack {duration(timing.syn_to_synack_ns)}"
    if handshake.outcome is Outcome.REFUSED:
        return f"syn→rst {duration(answer_ns(handshake))}"
    if handshake.outcome is Outcome.UNANSWERED:
        return f"no answer to {count(handshake.syn_retransmits + 1, 'SYN')}"
    return outcome_sentence(handshake).removeprefix(handshake.outcome.value).strip()


def write_totals(page: Page, totals: Totals, drops: int) -> None:
    """The statistics at the end of a series."""
    words = ", ".join(f"{number:,} {name}" for name, number in totals.outcomes.most_common())
    again = [
        count(number, f"{segment} retransmission")
        for segment, number in (("SYN", totals.syn_retransmits), ("SYN-ACK", totals.synack_retransmits))
        if number
    ]
    parts = (words or "nothing was probed", f"{totals.lost_percent:.3g} % loss", *(again or ["no retransmission"]))
    page.paragraph(" · ".join(parts))
    for name, label in (("syn_to_synack_ns", "syn→synack"), ("syn_to_rst_ns", "syn→rst")):
        if totals.times[name]:
            for line in _statistics_lines(label, totals.times[name]):
                page.line(line)
    if drops:
        page.paragraph((f"{count(drops, 'frame')} lost by the capture: some of this may be wrong", "yellow"))


def _statistics_lines(label: str, times: Sequence[int]) -> Iterator[str]:
    figures = statistics_of(times)
    for names in (("min", "avg", "max", "mdev"), ("p50", "p95", "p99")):
        yield f"{label:<12}{'/'.join(names)} = {'/'.join(f'{figures[name] / 1e6:.3f}' for name in names)} ms"
        label = ""


def write_rows(page: Page, rows: Sequence[Row]) -> None:
    """The table of targets; in a long one those alike and not open are only counted, unless everything is wanted."""
    folded: Counter[tuple[str, str]] = Counter()
    shown = rows
    if len(rows) > LONG and page.terminal.verbosity < 1:
        kinds = Counter((row.outcome, row.meaning) for row in rows if not row.opened)
        folded = Counter({kind: number for kind, number in kinds.items() if number > FEW})
        shown = [row for row in rows if (row.outcome, row.meaning) not in folded]
    if shown:
        write_grid(page, _columns(shown))
    for (outcome, meaning), number in folded.most_common():
        total = f"{'and ' if shown else ''}{number:,} {outcome}"
        page.paragraph((total, "bold"), f"· {meaning}", ("(-v: all)", "dim"))


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [
        Column("target", [row.target for row in rows], middle=True),
        Column("service", [row.service for row in rows], expendable=1),
        Column("outcome", [row.outcome for row in rows], styles=["green" if row.opened else "red" for row in rows]),
        Column("time", [maybe_duration(row.time_ns) for row in rows], right=True),
        Column("what it means", [row.meaning for row in rows], expendable=2),
    ]


def probed_to_dict(probed: Probed) -> Document:
    """A line of jsonl: the handshake, numbered as the probes are, or a document of type `failure`."""
    if probed.handshake is not None and not probed.error:
        return handshake_to_dict(probed.handshake)
    return {
        "type": "failure",
        "schema_version": SCHEMA_VERSION,
        "number": probed.number,
        "target": str(probed.approach.server),
        "reason": probed.error or "nothing was captured",
    }


def totals_to_dict(totals: Totals, drops: int) -> Document:
    """The last line of jsonl: the statistics, a document of type `series`."""
    return {
        "type": "series",
        "schema_version": SCHEMA_VERSION,
        "probes": totals.probes,
        "outcomes": dict(totals.outcomes),
        "answered": totals.answered,
        "syn_retransmits": totals.syn_retransmits,
        "synack_retransmits": totals.synack_retransmits,
        "times": {name: statistics_of(times) if times else None for name, times in totals.times.items()},
        "drops": drops,
    }


def handshakes_of(probes: Iterable[Probed]) -> list[Handshake]:
    """The handshakes of those probes that have one."""
    return [probed.handshake for probed in probes if probed.handshake is not None]
