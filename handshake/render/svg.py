"""Sessions as one SVG document, for slides and tickets: no scripts, no fonts or files of others, light and dark.

Time runs downwards and is written at the left. Distances and the slant of arrows are not to scale: a capture point
sees a packet pass only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from handshake.model.handshake import State
from handshake.render.canvas import MARGIN, SLANT, WIDTH, Canvas
from handshake.render.session import Event, Kind, Lane, Session, all_sessions
from handshake.render.terminal import Terminal, wrapped
from handshake.render.units import count, moment

if TYPE_CHECKING:
    from handshake.model.report import Report

MOST = 50
"""Handshakes and UDP exchanges of one document."""
MOST_EVENTS = 200
"""Events of one of them."""

_X = {Lane.CLIENT: 225, Lane.RESOLVER: 590, Lane.SERVER: 775}
_TIME = 104
"""Where times end."""
_BOX = 40
"""Height of a lane's heading."""


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the document, with the first `MOST` sessions one below the other."""
    canvas, told, drawn = Canvas(), [], list(all_sessions(report))
    for session in drawn[:MOST]:
        _Drawing(canvas, session.shortened(MOST_EVENTS), brief=terminal.verbosity < 0).draw()
        told.append(_told(session))
    if len(drawn) > MOST:
        told.append(f"{count(len(drawn) - MOST, 'more session')}, not drawn; choose with --flow N")
    if not drawn:
        told.append("nothing to draw: no TCP handshake, no UDP exchange")
    if len(drawn) > MOST or not drawn:
        canvas.lines(MARGIN, WIDTH - MARGIN, told[-1], "dim")
    shown = [count(len(report.handshakes), "TCP handshake")] * bool(report.handshakes or not drawn)
    shown += [count(len(report.exchanges), "UDP exchange")] * bool(report.exchanges)
    title = f"{' and '.join(shown)}: {', '.join(source.name for source in report.sources)}"
    document = canvas.document(" ".join(wrapped(title, 200, 1)), ". ".join(told))
    out.write(document if terminal.unicode else document.encode("ascii", "xmlcharrefreplace").decode())


def _told(session: Session) -> str:
    """A session for those who do not see it."""
    who = f"{session.title}, {session.ends[Lane.CLIENT]} to {session.ends[Lane.SERVER]}"
    return ". ".join(line for text in (who, *session.result, *session.found) for line in wrapped(text, 400, 1))


class _Drawing:
    """One session: heading, lanes, events, what it amounts to."""

    def __init__(self, canvas: Canvas, session: Session, *, brief: bool) -> None:
        self._canvas = canvas
        self._session = session
        self._brief = brief
        self._established: dict[Lane, float] = {}
        """Where a lane became ESTABLISHED and has not left that state."""

    def draw(self) -> None:
        """All of it, downwards."""
        canvas, session = self._canvas, self._session
        canvas.text(MARGIN, canvas.y + 14, session.title, "head")
        canvas.text(WIDTH - MARGIN, canvas.y + 14, moment(session.start_ns), "dim", "end")
        canvas.y += 26
        self._lanes()
        canvas.y += 8
        for position, sentence in enumerate(session.result[: 1 if self._brief else None]):
            canvas.lines(MARGIN, WIDTH - MARGIN, sentence, "" if position else "bold")
        for finding in session.found:
            canvas.lines(MARGIN, WIDTH - MARGIN, finding, "odd")
        canvas.y += MARGIN

    def _lanes(self) -> None:
        canvas, session = self._canvas, self._session
        since = {Lane.CLIENT: self._heading(Lane.CLIENT)}
        if session.before:
            self._before()
        since[Lane.SERVER] = self._heading(Lane.SERVER)
        canvas.y += _BOX
        for event in session.events:
            self._event(event)
        for lane, top in since.items():
            canvas.rule(_X[lane], top, canvas.y, "life")
        for lane in tuple(self._established):
            self._move(lane, "", canvas.y)

    def _before(self) -> None:
        """What led to the handshake, with the name server's lane for as long as it matters."""
        resolver = {lane: self._heading(lane) for lane in self._session.ends if lane is Lane.RESOLVER}
        self._canvas.y += _BOX
        for event in self._session.before:
            self._event(event)
        for lane, top in resolver.items():
            self._canvas.rule(_X[lane], top, self._canvas.y, "life")

    def _heading(self, lane: Lane) -> float:
        """The box above a lane; where its life line begins."""
        canvas, endpoint = self._canvas, self._session.ends[lane]
        canvas.box(_X[lane], canvas.y, max(150.0, len(endpoint.host) * 6.2 + 12), _BOX)
        canvas.text(_X[lane], canvas.y + 16, f"{lane.value}, port {endpoint.port}", "bold", "middle")
        canvas.text(_X[lane], canvas.y + 32, endpoint.host, "small", "middle")
        return canvas.y + _BOX

    def _event(self, event: Event) -> None:
        if not event.beneath:
            self._canvas.y += 8
            self._canvas.text(_TIME, self._canvas.y + 11, self._session.clock(event.time_ns), "time", "end")
        if event.kind in (Kind.FOLD, Kind.NOTE):
            self._between(event.label, "dim" if event.kind is Kind.FOLD else "aside")
        elif event.beneath:
            self._said(event)
        else:
            self._arrow(event)

    def _arrow(self, event: Event) -> None:
        """The label, the arrow below it, the states that it leads to, and what is to be said of it."""
        canvas = self._canvas
        start, end = _X[event.sender], _X[event.receiver]
        left, right = min(start, end) + 12, max(start, end) - 12
        style = "wrong" if event.wrong and event.kind not in (Kind.RST, Kind.ICMP) else event.kind.value
        said = event.kind is Kind.SAID
        canvas.lines(left, right, event.label, "words" if said else "mono", "middle")
        canvas.y += 3
        canvas.arrow(start, end, canvas.y, style)
        for lane, state in event.states:
            y = canvas.y + (0 if lane is event.sender else SLANT)
            side = -1 if lane is Lane.CLIENT else 1
            canvas.text(_X[lane] + 9 * side, y + 4, state, "state", "end" if side < 0 else "start")
            self._move(lane, state, y)
        canvas.y += SLANT + 3
        for remark in event.remarks(brief=self._brief):
            canvas.lines(left, right, remark, "odd" if event.wrong else "small", "middle")

    def _said(self, event: Event) -> None:
        """A line of the dialogue below the packet that carried it."""
        note = "" if self._brief or not event.note else f" · {event.note}"
        self._between(f"{'▶' if event.from_client else '◀'} {event.label}{note}", "words")

    def _between(self, words: str, style: str) -> None:
        self._canvas.lines(_X[Lane.CLIENT] + 14, _X[Lane.SERVER] - 14, words, style, "middle")

    def _move(self, lane: Lane, state: str, y: float) -> None:
        """Keep where a lane is ESTABLISHED, and draw it when it is no longer."""
        began = self._established.pop(lane, None)
        if began is not None:
            self._canvas.rule(_X[lane], began, y, "open")
        if state == State.ESTABLISHED.value:
            self._established[lane] = y
