"""A watch on a terminal: a table that rewrites itself, or one line for each event."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self, TextIO

from handshake.model.event import Event, EventKind
from handshake.model.services import service_name
from handshake.render import Show, summary
from handshake.render.document import Document, event_to_dict, summary_to_dict
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.terminal import terminal_of
from handshake.render.units import maybe_duration
from handshake.render.words import OUTCOME_STYLE, close_brief, close_sentence, lasted, outcome_sentence, retransmits

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake
    from handshake.model.report import Report

KIND_STYLE = {EventKind.OPENED: "green", EventKind.FAILED: "red", EventKind.CLOSED: "dim", EventKind.LOST: "yellow"}

_KEPT = 500
"""Handshakes that the table remembers; more than a screen shows."""

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_BEGIN, _REST_BLANK, _END = "\x1b[?2026h\x1b[H", "\x1b[K", "\x1b[J\x1b[?2026l"


def clock(time_ns: int) -> str:
    """A moment given in ns since the epoch, as the wall clock here shows it, to the millisecond."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000):%H:%M:%S}.{time_ns // 1_000_000 % 1000:03}"


def write_event(event: Event, page: Page) -> None:
    """One line: `14:03:01.123 opened   10.0.0.1:40001 → 10.0.0.2:80 · established in 0.310 ms`."""
    handshake = event.handshake
    page.line(
        (clock(event.time_ns), "dim"),
        (f" {event.kind.value:7}", KIND_STYLE[event.kind]),
        f" {handshake.client.endpoint} → {handshake.server.endpoint} · {_sentence(event)}",
        (f" · {codes}" if (codes := _codes(handshake)) else "", "yellow"),
    )


def _sentence(event: Event) -> str:
    handshake = event.handshake
    if event.kind in (EventKind.OPENED, EventKind.FAILED):
        return outcome_sentence(handshake)
    after = lasted(handshake) or "an unknown time"
    if event.kind is EventKind.LOST:
        return f"followed no further, after {after}"
    return f"{close_sentence(handshake.teardown)} · after {after}"


def _columns(events: Sequence[Event]) -> list[Column]:
    shown = [event.handshake for event in events]
    return [
        Column("#", [str(h.number) for h in shown], right=True),
        Column("time", [clock(h.start_ns) for h in shown], expendable=3),
        Column("client", [str(h.client.endpoint) for h in shown], expendable=2, middle=True),
        Column("server", [str(h.server.endpoint) for h in shown], middle=True),
        Column("service", [service_name(h.server.endpoint.port) or "" for h in shown], expendable=5),
        Column("outcome", [h.outcome.value for h in shown], styles=[OUTCOME_STYLE[h.outcome] for h in shown]),
        Column("set-up", [maybe_duration(h.timing.setup_ns) for h in shown], expendable=1, right=True),
        Column("resent", [retransmits(h) for h in shown], expendable=4),
        Column("now", [_now(event) for event in events], styles=[KIND_STYLE[event.kind] for event in events]),
        Column("lasted", [_lasted(event) for event in events], expendable=6, right=True),
        Column("findings", [_codes(h) for h in shown], expendable=2, styles=["yellow"] * len(shown)),
    ]


def _now(event: Event) -> str:
    if event.kind is EventKind.CLOSED:
        return close_brief(event.handshake.teardown)
    return {EventKind.OPENED: "open", EventKind.FAILED: "failed", EventKind.LOST: "lost"}[event.kind]


def _lasted(event: Event) -> str:
    return lasted(event.handshake) if event.kind is EventKind.CLOSED else ""


def _codes(handshake: Handshake) -> str:
    return " ".join(sorted({finding.code for finding in handshake.findings}))


class Lines:
    """One line for each event, for people; the base of the other views, which are context managers.

    `show` takes every event, `refresh` the status now and then, `conclude` what was seen as a whole, after the end.
    """

    def __init__(self, out: TextIO, verbosity: int = 0) -> None:
        self._out = out
        self._page = Page(out, terminal_of(out, verbosity=verbosity))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: Event) -> None:
        """Write the line at once."""
        write_event(event, self._page)
        self._out.flush()

    def refresh(self, status: str) -> None:
        """Nothing: lines do not change."""

    def conclude(self, report: Report) -> None:
        """Write the summary, unless quiet."""
        if self._page.terminal.verbosity >= 0:
            self._page.line()
            summary.render(report, self._out, self._page.terminal)


class JsonLines(Lines):
    """One JSON document for each event, and one for the summary (docs/json.md)."""

    def show(self, event: Event) -> None:
        """Write the document at once."""
        self._put(event_to_dict(event))

    def conclude(self, report: Report) -> None:
        """Write the summary."""
        self._put(summary_to_dict(report))

    def _put(self, document: Document) -> None:
        self._out.write(json.dumps(document, separators=(",", ":")) + "\n")
        self._out.flush()


class Screen(Lines):
    """A table of the latest handshakes that takes the whole terminal and is rewritten in place.

    What it showed last stays in the terminal when it is over, above the summary.
    """

    def __init__(self, out: TextIO, verbosity: int = 0) -> None:
        super().__init__(out, verbosity)
        self._events: dict[int, Event] = {}
        self._drawn: object = None
        """What the screen shows: nothing is drawn twice."""

    def __enter__(self) -> Self:
        self._out.write(_ENTER)
        return self

    def __exit__(self, *_: object) -> None:
        self._out.write(_LEAVE)
        self._out.flush()

    def show(self, event: Event) -> None:
        """Show an event: in its handshake's row, or in a new one at the end."""
        self._drawn = None
        self._events[event.handshake.number] = event
        if len(self._events) > _KEPT:
            del self._events[next(iter(self._events))]

    def refresh(self, status: str) -> None:
        """Draw what changed, in one write, so that nothing flickers; the size is asked anew each time."""
        size = shutil.get_terminal_size()
        if self._drawn == (status, size):
            return
        self._drawn = status, size
        text = io.StringIO()
        page = Page(text, terminal_of(self._out))
        page.paragraph(status)
        page.line()
        self._table(page, size.lines - text.getvalue().count("\n") - 3)
        lines = text.getvalue().splitlines()[: size.lines - 1]
        self._out.write(_BEGIN + "".join(f"{line}{_REST_BLANK}\n" for line in lines) + _END)
        self._out.flush()

    def conclude(self, report: Report) -> None:
        """Leave the last screen's handshakes and the summary behind."""
        self._table(Page(self._out, terminal_of(self._out)), shutil.get_terminal_size().lines)
        super().conclude(report)

    def _table(self, page: Page, rows: int) -> None:
        events = list(self._events.values())[-rows:] if rows > 0 else []
        if events:
            write_grid(page, _columns(events))


VIEWS: dict[Show, type[Lines]] = {Show.TABLE: Screen, Show.LINES: Lines, Show.JSONL: JsonLines}
"""The view for each way to show a watch."""
