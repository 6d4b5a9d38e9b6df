"""The timeline of one handshake or UDP exchange: time, the client's lane, the arrow, the server's lane.

Wide terminals show both states in full, narrower ones only where a state went, the narrowest a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from handshake.model.handshake import Change, Fold, Mark, State, Step
from handshake.model.packet import FIN, RST, SYN, IcmpError, Segment
from handshake.model.record import dataclass
from handshake.render.session import Event, Kind, Lane, Session, arrow_words
from handshake.render.words import is_wrong, kernel_words, mark_words

if TYPE_CHECKING:
    from handshake.model.kernel import KernelView
    from handshake.render.page import Page, Span

WIDE, LIST = 110, 70
"""Terminals of at least WIDE columns show full state changes; below LIST columns there are no lanes."""

KERNEL = len("  [kernel: CLOSE-WAIT, accept queue 10/10]")
"""Columns of the kernel's word at the right of WIDE terminals; on narrower ones it stands under the arrow."""

_ARROW = (26, 44)
"""Least and most columns of an arrow."""

_STYLES = {Kind.QUESTION: "cyan", Kind.ANSWER: "cyan", Kind.ICMP: "red"}
"""Of arrows that no state goes with."""


_EXPECTED = (Mark.HANDSHAKE_COMPLETE,)
"""Not said where it is to be brief."""


@dataclass(frozen=True, slots=True)
class _Widths:
    """Columns of the parts of a row."""

    time: int
    state: int
    arrow: int

    @property
    def indent(self) -> int:
        """Where the lanes and the text under an arrow begin."""
        return self.time + 2


class Lanes:
    """Draws timelines on a page, one session at a time."""

    def __init__(self, page: Page, session: Session, views: Iterable[KernelView] = ()) -> None:
        self.page = page
        self.session = session
        self.stateless = not any(isinstance(event.origin, Step) for event in session.events)
        self._views = {view.frame: kernel_words(view) for view in views}
        self._beside = KERNEL if self._views and page.terminal.width >= WIDE else 0
        self.wide = page.terminal.width - self._beside >= WIDE
        self.listed = page.terminal.width < LIST
        self.widths = self._measure()

    def write(self) -> None:
        """What led to it, the heading, and every row of the timeline."""
        self.write_before()
        self._heading(*(f"{lane.value} {self.session.ends[lane]}" for lane in (Lane.CLIENT, Lane.SERVER)))
        for event in self.session.events:
            if isinstance(event.origin, Step):
                self._step(event, event.origin)
            elif isinstance(event.origin, Fold):
                self._fold(event, event.origin)
            elif event.kind is Kind.SAID:
                self._say(event)
            elif event.kind in (Kind.NOTE, Kind.FOLD):
                self._aside(event)
            else:
                self._plain(event)

    def write_before(self) -> None:
        """Questions to the name server, in a lane of its own, and what else led to it."""
        for lane, endpoint in self.session.lanes:
            if lane is Lane.RESOLVER:
                self._heading(f"client {self.session.ends[Lane.CLIENT].host}", f"{lane.value} {endpoint}")
        for event in self.session.before:
            if event.kind is Kind.NOTE:
                self._aside(event)
            else:
                self._plain(event)

    def _plain(self, event: Event) -> None:
        """An arrow between lanes without states: a datagram, an ICMP error."""
        style = _STYLES.get(event.kind, "")
        remarks = list(event.remarks())
        if self.listed:
            symbol = "▶" if event.from_client else "◀"
            words: list[Span] = [(f"{symbol} {event.label}", style)]
            self.page.paragraph(*words, indent=self.widths.indent, first=self._time(event.time_ns))
        else:
            gap = "" if self.stateless else " " * (self.widths.state + 1)
            label = self.page.cut(event.label, self.widths.arrow - 6)
            row = self._time(event.time_ns) + gap + self._arrow(event, label, style)
            left = self.page.terminal.width - self.widths.indent - self.widths.arrow - 2
            if self.stateless and len(remarks) == 1 and len(self.page.terminal.say(remarks[0])) <= left:
                row += "  " + self.page.styled((remarks.pop(), "dim"))
            self.page.out.write(row.rstrip() + "\n")
        for remark in remarks:
            self.page.paragraph((remark, "dim"), indent=self.widths.indent)

    def _step(self, event: Event, step: Step) -> None:
        if self.listed:
            self._listed(event, step)
        else:
            self._row(event, step)
        for line in self._remarks(event, step):
            self.page.paragraph(*line, indent=self.widths.indent)

    def _say(self, event: Event) -> None:
        """What the application said; beneath the row of that moment, which tells the time."""
        symbol = "▶" if event.from_client else "◀"
        self.page.paragraph(
            (f"{symbol} {event.label}", "magenta"),
            (f"· {event.note}" * bool(event.note), "dim"),
            indent=self.widths.indent,
            first="" if event.beneath else self._time(event.time_ns),
        )

    def _aside(self, event: Event) -> None:
        """What happened elsewhere, or was only counted."""
        first = "" if event.beneath else self._time(event.time_ns)
        self.page.paragraph(
            (event.label, "dim" if event.kind is Kind.FOLD else "cyan"), indent=self.widths.indent, first=first
        )

    def _measure(self) -> _Widths:
        moments = [self.session.end_ns, *(each.time_ns for each in (*self.session.before, *self.session.events))]
        time = max(len(self.session.clock(moment)) for moment in moments) + 1
        arrow = self.page.terminal.say("→")
        longest = "SYN-RECEIVED " + arrow + " ESTABLISHED" if self.wide else arrow + " SYN-RECEIVED"
        room = self.page.terminal.width - self._beside - time - 2 - 2 * len(longest) - 2
        if self.stateless:
            room = self.page.terminal.width - time - 4 - max((len(e.note) for e in self.session.events), default=0)
        least, most = _ARROW
        return _Widths(time, len(longest), max(least, min(room, most)))

    def _time(self, time_ns: int) -> str:
        return self.page.cell(self.session.clock(time_ns).rjust(self.widths.time), self.widths.indent, "dim")

    def _heading(self, client: str, server: str) -> None:
        """Who is who, above the lanes; in two lines where long addresses leave no room for one."""
        indent, width = self.widths.indent, self.page.terminal.width
        if self.listed:
            self.page.line(" ", (self.page.cut(client, width - 1, middle=True), "bold"))
            self.page.line(" ", (self.page.cut(server, width - 1, middle=True), "bold"))
            return
        lane = indent + self.widths.arrow + (0 if self.stateless else self.widths.state + 2)
        start = max(min(lane, width - len(server)), 0)
        if indent + len(client) + 2 <= start:
            self.page.line(" " * indent, (client.ljust(start - indent), "bold"), (server, "bold"))
        else:
            self.page.line(" " * indent, (client, "bold"))
            self.page.line(" " * start, (server, "bold"))

    def _row(self, event: Event, step: Step) -> None:
        arrow = self._arrow(event, self._label(step, self.widths.arrow - 6), _style(step))
        parts = [self._state(step.client), arrow, self._state(step.server)]
        words = self._views.get(step.packet.number)
        if words and self._beside:
            parts.append(" " + self.page.styled((f"[kernel: {words}]", "dim")))
        self.page.out.write((self._time(step.time_ns) + " ".join(parts)).rstrip() + "\n")

    def _state(self, change: Change) -> str:
        width = self.widths.state
        if not change.moved:
            indent = "" if self.wide else " " * (len(self.page.terminal.say("→")) + 1)
            return self.page.cell(indent + change.after.value, width, "dim")
        before = f"{change.before.value} " if self.wide else ""
        style = "green" if change.after is State.ESTABLISHED else "cyan"
        return self.page.cell(f"{before}→ {change.after.value}", width, style)

    def _arrow(self, event: Event, label: str, style: str) -> str:
        width, say = self.widths.arrow, self.page.terminal.say
        line = say("╌" if event.kind is Kind.ICMP else "─")
        body = line * (width - len(label) - 5)
        left, right = (line, say("▶")) if event.from_client else (say("◀"), " ")
        return self.page.terminal.paint(f"{left}{line} {label} {body}{right}", style)

    def _label(self, step: Step, room: int) -> str:
        return self.page.cut(arrow_words(step, room), room)

    def _listed(self, event: Event, step: Step) -> None:
        symbol = "▶" if event.from_client else "◀"
        label = self._label(step, self.page.terminal.width - self.widths.indent - 2)
        self.page.paragraph(
            (f"{symbol} {label}", _style(step)), indent=self.widths.indent, first=self._time(step.time_ns)
        )
        for side, change in (("client", step.client), ("server", step.server)):
            if change.moved:
                words = f"{change.before.value} → {change.after.value}"
                self.page.paragraph(side, (words, "cyan"), indent=self.widths.indent)

    def _remarks(self, event: Event, step: Step) -> list[list[Span]]:
        """The lines under an arrow: what was offered, what it means, what is odd about it."""
        packet = step.packet
        brief = self.page.terminal.verbosity < -1
        said: list[Span] = [mark_words(mark) for mark in event.marks if not (brief and mark in _EXPECTED)]
        if event.note and self.page.terminal.verbosity >= 0:
            said.append((event.note, "dim"))
        remarks: list[list[Span]] = [[event.announced] if event.announced and not brief else []]
        remarks.append([span for piece in said for span in ("·", piece)][1:])
        if not self._beside and packet.number in self._views:
            remarks.append([(f"[kernel: {self._views[packet.number]}]", "dim")])
        remarks += [[(f"✗ {fault}", "red")] for fault in event.faults]
        if self.page.terminal.verbosity > 0:
            remarks.append([(_raw(packet), "dim")])
        return [remark for remark in remarks if remark]

    def _fold(self, event: Event, fold: Fold) -> None:
        until = f" until {self.session.clock(fold.last_ns)}" if fold.last_ns != fold.first_ns else ""
        self.page.paragraph((f"{event.label}{until}", "dim"), indent=self.widths.indent, first=self._time(fold.time_ns))


def _style(step: Step) -> str:
    if isinstance(step.packet, IcmpError) or step.packet.flags & RST:
        return "red"
    if any(is_wrong(mark) for mark in step.marks):
        return "yellow"
    if step.packet.flags & SYN:
        return "cyan"
    return "blue" if step.packet.flags & FIN else ""


def _raw(packet: Segment | IcmpError) -> str:
    """What `-v` adds: the frame and the numbers as they stood on the wire."""
    if isinstance(packet, IcmpError):
        return f"frame {packet.number}"
    ack = "" if packet.ack is None else f", ack {packet.ack}"
    return f"frame {packet.number}, raw seq {packet.seq}{ack}, window {packet.wnd}, TTL {packet.ttl}"
