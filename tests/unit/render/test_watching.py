"""A watch in lines, as JSON, and as a table that fits the terminal."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace

import pytest

from handshake.model.event import Event, EventKind
from handshake.model.handshake import Handshake
from handshake.model.report import Report, SourceInfo, Tally
from handshake.model.totals import Totals
from handshake.render import Show
from handshake.render.watching import VIEWS, JsonLines, Lines, Screen
from tests.unit.render import samples


def event(kind: EventKind, handshake: Handshake) -> Event:
    return Event(kind, samples.T0, handshake)


def size(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
    """Make the terminal this large."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((columns, lines)))


class Utf8(io.StringIO):
    """A stream that takes every symbol."""

    encoding = "utf-8"


def test_each_way_to_show_has_its_view() -> None:
    assert set(VIEWS) == set(Show)


@pytest.mark.parametrize(
    ("kind", "handshake", "says"),
    [
        (EventKind.OPENED, samples.established(), "established in 0.310 ms"),
        (EventKind.FAILED, samples.refused(), "refused after "),
        (EventKind.CLOSED, samples.established(), " · after "),
        (EventKind.LOST, samples.established(), "followed no further, after "),
    ],
)
def test_an_event_is_a_line(kind: EventKind, handshake: Handshake, says: str) -> None:
    out = Utf8()
    Lines(out).show(event(kind, handshake))
    line = out.getvalue()
    assert line.count("\n") == 1
    assert f" {kind.value:7} {handshake.client.endpoint} → {handshake.server.endpoint} · " in line
    assert says in line


def test_lines_end_with_the_summary_unless_quiet() -> None:
    totals = Totals.of([samples.established(), samples.refused()])
    report = Report((SourceInfo("lo", "live", 9, dropped=3),), Tally(frames=9, copies=2), (), totals=totals)
    out, quiet = Utf8(), Utf8()
    Lines(out).conclude(report)
    Lines(quiet, verbosity=-1).conclude(report)
    assert "opened    2 handshakes: 1 established, 1 refused" in out.getvalue()
    assert "dropped   3 frames: the kernel's queue was full" in out.getvalue()
    assert "2 copies of packets that were captured more than once" in out.getvalue()
    assert quiet.getvalue() == ""


def test_documents_one_a_line() -> None:
    out = io.StringIO()
    view = JsonLines(out)
    view.show(event(EventKind.OPENED, samples.established()))
    view.conclude(Report((), Tally(), (), totals=Totals()))
    first, last = map(json.loads, out.getvalue().splitlines())
    assert (first["type"], first["event"], first["time_ns"]) == ("event", "opened", samples.T0)
    assert first["handshake"]["outcome"] == "established"
    assert (last["type"], last["outcomes"]) == ("summary", {})


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (40, 10), (120, 50), (20, 5), (10, 2)])
def test_the_screen_fits_and_shows_the_newest_last(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
    size(monkeypatch, columns, lines)
    out = Utf8()
    screen = Screen(out)
    for number in range(1, 101):
        screen.show(event(EventKind.OPENED, replace(samples.established(), number=number)))
    screen.refresh("12:00:00 · all interfaces · 100 opened")
    (drawn,) = [part.partition("\x1b[J")[0] for part in out.getvalue().split("\x1b[H")[1:]]
    rows = [row.removesuffix("\x1b[K") for row in drawn.splitlines()]
    assert len(rows) < lines
    assert all(len(row) <= max(columns, 16) for row in rows)
    if lines > 9:
        assert rows[-1].split()[0] == "100"
        assert len(rows) == lines - 1


def test_an_event_changes_its_row() -> None:
    out = Utf8()
    screen = Screen(out)
    screen.show(event(EventKind.OPENED, samples.established()))
    screen.show(event(EventKind.LOST, samples.established()))
    with screen:
        screen.refresh("")
    assert " lost" in out.getvalue()
    assert " open" not in out.getvalue()
    assert out.getvalue().endswith("\x1b[?1049l")


def test_the_table_remembers_no_more_than_it_needs() -> None:
    screen = Screen(Utf8())
    for number in range(2000):
        screen.show(event(EventKind.OPENED, replace(samples.established(), number=number)))
    assert len(screen._events) == 500
