"""The timeline of one handshake: time, the client's lane, the arrow, the server's lane.

Wide terminals show both states in full, narrower ones only where a state went, the narrowest a list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from handshake.model.application import Line
from handshake.model.handshake import Change, Fold, Handshake, Mark, Side, State, Step
from handshake.model.kernel import KernelView
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment, flag_names
from handshake.render.page import Page, Span
from handshake.render.units import count, size
from handshake.render.words import icmp_words, kernel_words, option_words, reporter_words

WIDE, LIST = 110, 70
"""Terminals of at least WIDE columns show full state changes; below LIST columns there are no lanes."""

KERNEL = len("  [kernel: CLOSE-WAIT, accept queue 10/10]")
"""Columns of the kernel's word at the right of WIDE terminals; on narrower ones it stands under the arrow."""

_ARROW = (26, 44)
"""Least and most columns of an arrow."""

_GOOD = {Mark.HANDSHAKE_COMPLETE}
_UNUSUAL = {
    Mark.DATA_IN_SYN,
    Mark.DATA_IN_SYN_ACK,
    Mark.DATA_IN_THIRD_SEGMENT,
    Mark.DATA_BEFORE_ACK,
    Mark.PORT_REUSED,
    Mark.TIME_WAIT_REUSED,
    Mark.KEEP_ALIVE,
    Mark.ZERO_WINDOW_PROBE,
    Mark.WINDOW_OPENED,
}
"""Worth a look, and allowed."""


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
    """Draws timelines on a page, one handshake at a time."""

    def __init__(self, page: Page, handshake: Handshake, views: Iterable[KernelView] = ()) -> None:
        self.page = page
        self.handshake = handshake
        self._views = {view.frame: kernel_words(view) for view in views}
        self._beside = KERNEL if self._views and page.terminal.width >= WIDE else 0
        self.wide = page.terminal.width - self._beside >= WIDE
        self.listed = page.terminal.width < LIST
        self.widths = self._measure()
        self._announced: dict[Side, str] = {}

    def write(self) -> None:
        """The heading and every row of the timeline."""
        self._heading()
        said = deque(self.handshake.application.lines if self.handshake.application else ())
        for item in self.handshake.timeline:
            self._say(said, item.time_ns - 1)
            if isinstance(item, Fold):
                self._fold(item)
                continue
            if self.listed:
                self._listed(item)
            else:
                self._row(item)
            for line in self._remarks(item):
                self.page.paragraph(*line, indent=self.widths.indent)
            self._say(said, item.time_ns, beneath=True)
        self._say(said, self.handshake.end_ns)

    def _say(self, said: deque[Line], until_ns: int, *, beneath: bool = False) -> None:
        """What the application said up to a moment; `beneath` the row of that moment, which tells the time."""
        while said and said[0].time_ns <= until_ns:
            line = said.popleft()
            symbol = "▶" if line.sender is Side.CLIENT else "◀"
            first = "" if beneath else self._time(line.time_ns)
            self.page.paragraph(
                (f"{symbol} {line.text}", "magenta"),
                (f"· {line.note}" * bool(line.note), "dim"),
                indent=self.widths.indent,
                first=first,
            )

    def _measure(self) -> _Widths:
        time = len(self._clock(self.handshake.end_ns)) + 1
        arrow = self.page.terminal.say("→")
        longest = "SYN-RECEIVED " + arrow + " ESTABLISHED" if self.wide else arrow + " SYN-RECEIVED"
        room = self.page.terminal.width - self._beside - time - 2 - 2 * len(longest) - 2
        least, most = _ARROW
        return _Widths(time, len(longest), max(least, min(room, most)))

    def _clock(self, time_ns: int) -> str:
        """Time since the first packet: ms, or s in a handshake that lasted 10 s and more."""
        offset = time_ns - self.handshake.start_ns
        if self.handshake.end_ns - self.handshake.start_ns < 10**10:
            return f"{offset / 1e6:.3f} ms"
        return f"{offset / 1e9:.6f} s"

    def _time(self, time_ns: int) -> str:
        return self.page.cell(self._clock(time_ns).rjust(self.widths.time), self.widths.indent, "dim")

    def _heading(self) -> None:
        """Who is who, above the lanes; in two lines where long addresses leave no room for one."""
        client, server = f"client {self.handshake.client.endpoint}", f"server {self.handshake.server.endpoint}"
        indent, width = self.widths.indent, self.page.terminal.width
        if self.listed:
            self.page.line(" ", (self.page.cut(client, width - 1, middle=True), "bold"))
            self.page.line(" ", (self.page.cut(server, width - 1, middle=True), "bold"))
            return
        lane = indent + self.widths.state + self.widths.arrow + 2
        start = max(min(lane, width - len(server)), 0)
        if indent + len(client) + 2 <= start:
            self.page.line(" " * indent, (client.ljust(start - indent), "bold"), (server, "bold"))
        else:
            self.page.line(" " * indent, (client, "bold"))
            self.page.line(" " * start, (server, "bold"))

    def _row(self, step: Step) -> None:
        parts = [self._state(step.client), self._arrow(step), self._state(step.server)]
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

    def _arrow(self, step: Step) -> str:
        width, say = self.widths.arrow, self.page.terminal.say
        line = say("╌" if isinstance(step.packet, IcmpError) else "─")
        label = self._label(step, width - 6)
        body = line * (width - len(label) - 5)
        left, right = (line, say("▶")) if _from_client(step) else (say("◀"), " ")
        return self.page.terminal.paint(f"{left}{line} {label} {body}{right}", _style(step))

    def _label(self, step: Step, room: int) -> str:
        """Flags and numbers, as many as fit: first the acknowledgment number goes, then the sequence number."""
        if isinstance(step.packet, IcmpError):
            return self.page.cut(icmp_words(step.packet), room)
        flags = ",".join(flag_names(step.packet.flags)) or "no flags"
        payload = [f"len={step.packet.payload_len}"] if step.packet.payload_len else []
        seq = f"seq={step.rel_seq}"
        ack = [] if step.rel_ack is None else [f"ack={step.rel_ack}"]
        for words in ([flags, seq, *ack, *payload], [flags, seq, *payload]):
            label = " ".join(words)
            if len(label) <= room:
                return label
        return self.page.cut(" ".join([flags, *payload]), room)

    def _listed(self, step: Step) -> None:
        symbol = "▶" if _from_client(step) else "◀"
        label = self._label(step, self.page.terminal.width - self.widths.indent - 2)
        self.page.paragraph(
            (f"{symbol} {label}", _style(step)), indent=self.widths.indent, first=self._time(step.time_ns)
        )
        for side, change in (("client", step.client), ("server", step.server)):
            if change.moved:
                words = f"{change.before.value} → {change.after.value}"
                self.page.paragraph(side, (words, "cyan"), indent=self.widths.indent)

    def _remarks(self, step: Step) -> list[list[Span]]:
        """The lines under an arrow: what was offered, what it means, what is odd about it."""
        packet = step.packet
        remarks: list[list[Span]] = []
        if isinstance(packet, Segment):
            remarks += self._announcement(packet, step.sender)
        else:
            remarks.append([reporter_words(packet)])
        said: list[Span] = [_mark(mark) for mark in step.marks]
        if self.page.terminal.verbosity >= 0:
            said += _note(step)
        remarks.append([span for piece in said for span in ("·", piece)][1:])
        if not self._beside and packet.number in self._views:
            remarks.append([(f"[kernel: {self._views[packet.number]}]", "dim")])
        if isinstance(packet, Segment):
            remarks += [[(f"✗ {fault}", "red")] for fault in (*packet.faults, packet.options.fault) if fault]
        if self.page.terminal.verbosity > 0:
            remarks.append([(_raw(packet), "dim")])
        return [remark for remark in remarks if remark]

    def _announcement(self, segment: Segment, sender: Side) -> list[list[Span]]:
        """The options of a SYN or SYN-ACK, unless this side has announced the very same before."""
        if not segment.flags & SYN:
            return []
        words = f"{'accepts' if segment.flags & ACK else 'offers'} {option_words(segment) or 'no options'}"
        if self._announced.get(sender) == words:
            return []
        self._announced[sender] = words
        return [[words]]

    def _fold(self, fold: Fold) -> None:
        arrows = [
            f"{count(segments, 'segment')}{f', {size(payload)}' if payload else ''} {arrow}"
            for segments, payload, arrow in (
                (fold.client_segments, fold.client_bytes, "▶"),
                (fold.server_segments, fold.server_bytes, "◀"),
            )
            if segments
        ]
        until = f" until {self._clock(fold.last_ns).strip()}" if fold.last_ns != fold.first_ns else ""
        self.page.paragraph(
            (f"… {' · '.join(arrows)}{until}", "dim"), indent=self.widths.indent, first=self._time(fold.time_ns)
        )


def _from_client(step: Step) -> bool:
    """Which way the arrow points. An ICMP error comes from the side that it blames."""
    return step.sender is Side.CLIENT


def _style(step: Step) -> str:
    if isinstance(step.packet, IcmpError) or step.packet.flags & RST:
        return "red"
    if set(step.marks) - _GOOD - _UNUSUAL:
        return "yellow"
    if step.packet.flags & SYN:
        return "cyan"
    return "blue" if step.packet.flags & FIN else ""


def _mark(mark: Mark) -> Span:
    if mark in _GOOD:
        return f"✓ {mark.value}", "green"
    if mark in _UNUSUAL:
        return f"• {mark.value}", "cyan"
    return f"{'↻' if 'retransmitted' in mark.value else '✗'} {mark.value}", "yellow"


def _note(step: Step) -> list[Span]:
    """What the step means; an ICMP error's own words stand beside its reporter already."""
    if isinstance(step.packet, Segment):
        return [(f"{step.sender.value} {step.note}", "dim")]
    return [] if step.note == step.packet.meaning else [(step.note, "dim")]


def _raw(packet: Segment | IcmpError) -> str:
    """What `-v` adds: the frame and the numbers as they stood on the wire."""
    if isinstance(packet, IcmpError):
        return f"frame {packet.number}"
    ack = "" if packet.ack is None else f", ack {packet.ack}"
    return f"frame {packet.number}, raw seq {packet.seq}{ack}, window {packet.wnd}, TTL {packet.ttl}"
