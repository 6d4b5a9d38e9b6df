"""One connection on its way between two hosts: client, wire, server, side by side; what is lost ends on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.compare.vantage import moments
from handshake.model import seq
from handshake.model.handshake import Side
from handshake.model.packet import FIN, RST, SYN, Segment, flag_names
from handshake.model.vantage import Clock, Fate, Pair, Passage
from handshake.render.units import row_time

if TYPE_CHECKING:
    from handshake.render.page import Page

_TIME = len(row_time(0)) + 2
_LONG_NS = 10**13
"""From here on times do not fit as ms."""
_NARROW = 64
"""Below so many columns the server's times have no room."""
_WIDEST = 76
"""Columns of the longest arrow."""
_PLAIN = 4
"""So many ordinary segments in a row are only counted."""
_MOST_ROWS = 60


class Crossing:
    """Draws one pair; times on both sides by the client's clock, from the connection's first segment on."""

    def __init__(self, page: Page, pair: Pair, clock: Clock | None) -> None:
        self._page, self._pair, self._clock = page, pair, clock
        self._right = page.terminal.width >= _NARROW
        room = page.terminal.width - _TIME - (_TIME if self._right else 0)
        self._arrow = min(room, _WIDEST)
        self._start_ns = pair.client.handshake.start_ns
        self._said: set[tuple[Side, str]] = set()
        self._bases = {side: _bases(pair, side) for side in Side}

    def write(self) -> None:
        """The heading and every row."""
        client, server = self._pair.client.handshake.client.endpoint, self._pair.server.handshake.server.endpoint
        left, right = f"client {client}", f"server {server}"
        gap = max(_TIME + self._arrow - len(right) - _TIME, len(left) + 1)
        if gap + _TIME + len(right) > self._page.terminal.width:
            self._page.line(" " * _TIME, (left, "bold"))
            self._page.line((right.rjust(_TIME + self._arrow), "bold"))
        else:
            self._page.line(" " * _TIME, (left.ljust(self._arrow - len(right)), "bold"), (right, "bold"))
        rows = list(self._pair.passages)
        for run in _runs(rows[:_MOST_ROWS]):
            if len(run) >= _PLAIN:
                self._fold(run)
            else:
                for passage in run:
                    self._row(passage)
        left_out = len(rows) - _MOST_ROWS + self._pair.client.left_out
        if left_out > 0:
            self._page.paragraph((f"… and {left_out:,} segments more", "dim"), indent=_TIME)

    def _fold(self, run: list[Passage]) -> None:
        counts = [sum(1 for each in run if each.sender is side) for side in Side]
        words = " · ".join(f"{number} {way}" for number, way in zip(counts, "▶◀", strict=True) if number)
        first = self._time(moments(self._pair, run[0], self._clock)[0])
        self._page.paragraph((f"… {words} as they left", "dim"), indent=_TIME, first=first)

    def _row(self, passage: Passage) -> None:
        seen_ns, arrived_ns = moments(self._pair, passage, self._clock)
        times = {passage.sender: self._time(seen_ns) if passage.left is not None else ""}
        if passage.left is None:
            times = {passage.sender.other: self._time(seen_ns)}
        elif arrived_ns is not None:
            times[passage.sender.other] = self._time(arrived_ns)
        style = _style(passage)
        line = self._page.styled((times.get(Side.CLIENT, "").ljust(_TIME), "dim"))
        line += self._page.styled((self._drawn(passage), style))
        if self._right:
            line += self._page.styled((times.get(Side.SERVER, ""), "dim"))
        self._page.out.write(line.rstrip() + "\n")
        for words in self._remarks(passage):
            self._page.paragraph((words, style or "dim"), indent=_TIME)

    def _drawn(self, passage: Passage) -> str:
        """The arrow: a whole one, one that ends on the wire, or one that begins there."""
        width, ends_at = self._arrow - 1, (self._arrow * 5) // 8
        whole = passage.left is not None and passage.arrived is not None
        length = width if whole else ends_at
        label = self._page.cut(self._label(passage), length - 8)
        line = "─" * (length - len(label) - 5)
        to_server = passage.sender is Side.CLIENT
        if passage.fate in (Fate.LOST, Fate.PARTLY):
            drawn = f"── {label} {line}✗" if to_server else f"✗{line} {label} ──"
        elif passage.left is None:
            drawn = f"•─ {label} {line}▶" if to_server else f"◀{line} {label} ─•"
        elif passage.arrived is None:
            drawn = f"── {label} {line}╌" if to_server else f"╌{line} {label} ──"
        else:
            drawn = f"── {label} {line}▶" if to_server else f"◀{line} {label} ──"
        near_server = to_server == (passage.left is None)
        return (drawn.rjust(width) if near_server else drawn.ljust(width)) + " "

    def _label(self, passage: Passage) -> str:
        segment = passage.segment
        place = passage.sender if passage.left is not None else passage.sender.other
        own, other = self._bases[place][passage.sender], self._bases[place][passage.sender.other]
        words = [",".join(flag_names(segment.flags)) or "no flags", f"seq={seq.distance(own, segment.seq)}"]
        if segment.ack is not None:
            words.append(f"ack={seq.distance(other, segment.ack)}")
        return " ".join(words + [f"len={segment.payload_len}"] * bool(segment.payload_len))

    def _remarks(self, passage: Passage) -> Iterator[str]:
        sender, receiver = passage.sender.value, passage.sender.other.value
        words = {
            Fate.LOST: "lost on the way",
            Fate.PARTLY: "lost in part",
            Fate.REPACKED: "its bytes in other pieces at the other end",
            Fate.DOUBLED: f"arrived once more than it left the {sender}",
            Fate.FOREIGN: f"the {sender} never sent it",
            Fate.UNKNOWN: "the other capture is damaged and ends before it",
        }.get(passage.fate, "")
        if passage.guessed:
            words = "arrived; or one that is equal to it"
        if passage.overtaken:
            words = f"overtaken: one that left later reached the {receiver} earlier"
        changes = []
        for each in passage.differences:
            key = passage.sender, each.what
            if key not in self._said:
                self._said.add(key)
                changes.append(f"{each.what} {each.left} → {each.arrived}")
        yield from filter(None, (words, f"changed: {', '.join(changes)}" if changes else ""))

    def _time(self, time_ns: int) -> str:
        offset_ns = time_ns - self._start_ns
        words = row_time(offset_ns) if abs(offset_ns) < _LONG_NS else f"{offset_ns / 1e9:9.3f} s"
        return self._page.cut(words, _TIME - 2)


def _bases(pair: Pair, place: Side) -> dict[Side, int]:
    """The number that each side counts from, at one place; where its SYN is not in that capture, as in the other."""
    here, there = (pair.client, pair.server) if place is Side.CLIENT else (pair.server, pair.client)
    bases = {}
    for side, shift in zip(Side, pair.shift, strict=True):
        moved = -shift if place is Side.CLIENT else shift
        own, other = here.handshake.peer(side), there.handshake.peer(side)
        first = next((each.seq for each in here.segments if each.src == own.endpoint), 0)
        bases[side] = own.iss if own.iss is not None else first if other.iss is None else seq.add(other.iss, moved)
    return bases


def _runs(passages: list[Passage]) -> Iterator[list[Passage]]:
    """Ordinary segments in a row together, all others alone; the first of each kind and side is not ordinary."""
    run: list[Passage] = []
    known: set[tuple[Side, bool]] = set()
    for passage in passages:
        kind = passage.sender, bool(passage.segment.payload_len)
        if kind in known and _ordinary(passage):
            run.append(passage)
            continue
        known.add(kind)
        if run:
            yield run
            run = []
        yield [passage]
    if run:
        yield run


def _ordinary(passage: Passage) -> bool:
    plain = passage.fate in (Fate.ARRIVED, Fate.REPACKED) and not passage.overtaken and not passage.guessed
    return plain and not passage.segment.flags & (SYN | FIN | RST)


def _style(passage: Passage) -> str:
    segment: Segment = passage.segment
    if passage.fate is Fate.FOREIGN:
        return "red"
    if passage.fate in (Fate.LOST, Fate.PARTLY, Fate.DOUBLED) or passage.overtaken or passage.guessed:
        return "yellow"
    if segment.flags & RST:
        return "red"
    return "cyan" if segment.flags & SYN else "blue" if segment.flags & FIN else ""
