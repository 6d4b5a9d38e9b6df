"""A survey of many captures: the summary of them all, and one row a capture."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, TextIO

from handshake.model.handshake import Outcome
from handshake.render.csv import Cell, harmless
from handshake.render.document.survey import survey_summary_to_dict, survey_to_dict, surveyed_to_dict
from handshake.render.grid import Column, write_grid
from handshake.render.notes import FEW_PAGES, FEW_SOCKETS
from handshake.render.page import Page
from handshake.render.summary import Summary, write_summary
from handshake.render.words import damage_words

if TYPE_CHECKING:
    from handshake.model.survey import Survey, Surveyed
    from handshake.render.terminal import Terminal


def render_summary(survey: Survey, out: TextIO, terminal: Terminal) -> None:
    """The summary alone, as `replay --summary` of the same captures writes it."""
    wordy = terminal.verbosity > 0
    summary = Summary(
        sources=[each.source for each in survey.captures if each.source is not None],
        tally=survey.tally,
        totals=survey.totals,
        times={"setup_ns": survey.setup_ns, "irtt_ns": survey.irtt_ns},
        exchanges=sum(each.exchanges for each in survey.captures),
        silent=sum(each.silent for each in survey.captures),
        pages=survey.pages if wordy else survey.pages.cut(FEW_PAGES),
        sockets=survey.sockets if wordy else survey.sockets.cut(FEW_SOCKETS),
        crowds=survey.crowds,
    )
    write_summary(Page(out, terminal), summary)


def render_table(survey: Survey, out: TextIO, terminal: Terminal) -> None:
    """The summary (unless quiet), then the captures."""
    page = Page(out, terminal)
    if terminal.verbosity >= 0:
        render_summary(survey, out, terminal)
        page.line()
    captures = survey.captures
    if not captures:
        return
    write_grid(page, [
        Column("#", [f"{each.place.number:,}" for each in captures], right=True),
        Column("capture", _names(captures), middle=True),
        Column("format", [each.source.format if each.source else "" for each in captures], 6),
        Column("frames", [f"{each.tally.frames:,}" if each.source else "" for each in captures], 5, right=True),
        Column("handshakes", [f"{each.handshakes:,}" if each.source else "" for each in captures], 1, right=True),
        Column("outcomes", [_outcomes(each) for each in captures], 2),
        Column("UDP", [f"{each.exchanges:,}" if each.exchanges else "" for each in captures], 7, right=True),
        Column("findings", [_findings(each) for each in captures], 3, styles=["yellow"] * len(captures)),
        Column("trouble", [_trouble(each) for each in captures], 0, styles=["red"] * len(captures)),
    ])  # fmt: skip


def _names(captures: Sequence[Surveyed]) -> list[str]:
    """Their names without the directory that they share."""
    names = [each.place.name.split("/") for each in captures]
    columns = zip(*(name[:-1] for name in names), strict=False)
    shared = sum(1 for _ in takewhile(lambda parts: len(set(parts)) == 1, columns))
    return ["/".join(name[shared:]) for name in names]


def _outcomes(surveyed: Surveyed) -> str:
    """`40 established, 2 refused`, the most frequent first."""
    order = list(Outcome)
    counted = sorted(surveyed.outcomes.items(), key=lambda item: (-item[1], order.index(item[0])))
    return ", ".join(f"{number:,} {outcome.value}" for outcome, number in counted)


def _findings(surveyed: Surveyed) -> str:
    """`HS104 ×12 HS101`, the most frequent first."""
    counted = sorted(surveyed.findings.items(), key=lambda item: (-item[1], item[0]))
    return " ".join(code if number == 1 else f"{code} ×{number:,}" for code, number in counted)


def _trouble(surveyed: Surveyed) -> str:
    """In a word; why, and where it is damaged, is said above."""
    if surveyed.source is None:
        return "not read"
    return "damaged" if surveyed.source.damage else ""


def render_json(survey: Survey, out: TextIO, terminal: Terminal) -> None:
    """One document of type `survey`, indented, in ASCII."""
    json.dump(survey_to_dict(survey), out, indent=2)
    out.write("\n")


def render_jsonl(survey: Survey, out: TextIO, terminal: Terminal) -> None:
    """One document a line: every capture, then the summary."""
    for document in (*map(surveyed_to_dict, survey.captures), survey_summary_to_dict(survey)):
        out.write(json.dumps(document, separators=(",", ":")) + "\n")


def _ended(outcome: Outcome) -> Callable[[Surveyed], Cell]:
    return lambda each: each.outcomes[outcome]


COLUMNS: dict[str, Callable[[Surveyed], Cell]] = {
    "number": lambda each: each.place.number,
    "capture": lambda each: each.place.name,
    "format": lambda each: each.source.format if each.source else None,
    "frames": lambda each: each.tally.frames,
    "tcp": lambda each: each.tally.tcp,
    "udp": lambda each: each.tally.udp,
    "first_ns": lambda each: each.tally.first_ns,
    "last_ns": lambda each: each.tally.last_ns,
    "handshakes": lambda each: each.handshakes,
    **{outcome.value: _ended(outcome) for outcome in Outcome},
    "exchanges": lambda each: each.exchanges,
    "exchanges_without_reply": lambda each: each.silent,
    "findings": lambda each: " ".join(f"{code}:{number}" for code, number in sorted(each.findings.items())),
    "damage": lambda each: damage_words(each.source.damage) if each.source and each.source.damage else None,
    "failure": lambda each: each.failure,
}
"""Header and value of each column, in order."""


def render_csv(survey: Survey, out: TextIO, terminal: Terminal) -> None:
    """A header and one row a capture."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([harmless(value(each)) for value in COLUMNS.values()] for each in survey.captures)
