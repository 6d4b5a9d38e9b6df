"""Two vantage points for people: what was lost, changed, made in between, and how long the ways took."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from handshake.model.handshake import Side
from handshake.model.vantage import Fate, Pair, Unpaired, Vantage
from handshake.render.crossing import Crossing
from handshake.render.document.vantage import vantage_to_dict
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.passing import sentences, summed, unpaired_words, way_words
from handshake.render.units import count, duration
from handshake.render.words import OUTCOME_STYLE, damage_words

if TYPE_CHECKING:
    from handshake.render.terminal import Terminal

_MOST_DRAWN = 10
"""Connections that are drawn, those with something to tell first."""
_MOST_ROWS = 40


def render_json(vantage: Vantage, out: TextIO, terminal: Terminal) -> None:
    """Write the document, indented for people, in ASCII."""
    json.dump(vantage_to_dict(vantage), out, indent=2)
    out.write("\n")


def render_table(vantage: Vantage, out: TextIO, terminal: Terminal) -> None:
    """The two captures, what became of the segments of all, then connection by connection."""
    page = Page(out, terminal)
    _places(page, vantage)
    _whole(page, vantage)
    if len(vantage.pairs) > 1:
        page.line()
        _grid(page, vantage.pairs)
    if vantage.unpaired:
        page.line()
        _unpaired(page, vantage)
    if terminal.verbosity >= 0:
        _drawings(page, vantage)
    for place in (vantage.client, vantage.server):
        if place.source.damage:
            page.line()
            page.paragraph((f"{place.source.name} damaged {damage_words(place.source.damage)}", "red"))


def _places(page: Page, vantage: Vantage) -> None:
    for side, place in zip(Side, (vantage.client, vantage.server), strict=True):
        source = place.source
        page.field(side.value, f"{source.name} · {source.format} · {count(source.frames, 'frame')}")
        if side in vantage.twice:
            page.field("", ("every packet is in this capture twice; the second ones do not count", "yellow"))
    if vantage.placed_by:
        told = f"which is whose: told by {' and '.join(vantage.placed_by)}"
        if vantage.doubtful:
            page.field("", (f"{told}, though other signs contradict it", "yellow"))
        else:
            page.field("", (told + (", not by their order" if vantage.swapped else ""), "dim"))
    elif vantage.pairs:
        page.field("", ("nothing tells which is whose: taken in the order given, the client's first", "yellow"))


def _whole(page: Page, vantage: Vantage) -> None:
    alone = {side: sum(1 for each in vantage.unpaired if each.place is side) for side in Side}
    words = [f"{count(len(vantage.pairs), 'connection')} in both captures"]
    words += [f"{number} only at the {side.value}" for side, number in alone.items() if number]
    page.field("paired", " · ".join(words))
    if not vantage.pairs:
        return
    for label, side, way in (("▶ server", Side.CLIENT, vantage.forth), ("◀ client", Side.SERVER, vantage.back)):
        page.field(label, summed(vantage.pairs, side) + (f" · {way_words(way)}" if way is not None else ""))
    _clock(page, vantage)


def _clock(page: Page, vantage: Vantage) -> None:
    clock = vantage.clock
    if clock is None:
        page.field("clocks", "cannot be compared: no segment is in both captures")
        return
    ahead = f"the server's is {duration(abs(clock.ahead_ns))} {'ahead' if clock.ahead_ns >= 0 else 'behind'}"
    if clock.error_ns is None:
        page.field("clocks", f"{ahead} at most: only one direction has segments in both captures, and its quickest")
        page.field("clocks", "counts as taking no time")
        return
    if clock.drift_ppb:
        ahead += f", drifting by {clock.drift_ppb / 1000:+.1f} µs each second"
    page.field(
        "clocks",
        f"{ahead}, ± {duration(clock.error_ns)}:",
        (
            "taken is that the quickest segments of both directions took equally long; jitter does not depend on it",
            "dim",
        ),
    )


def _grid(page: Page, pairs: Sequence[Pair]) -> None:
    shown = pairs[:_MOST_ROWS]

    def fates(*which: Fate) -> list[str]:
        numbers = (sum(1 for each in pair.passages if each.fate in which) for pair in shown)
        return [f"{number:,}" if number else "" for number in numbers]

    outcomes = [(pair.client.handshake.outcome, pair.server.handshake.outcome) for pair in shown]
    columns = [
        Column("#", [f"{pair.client.handshake.number}" for pair in shown], right=True),
        Column("client", [str(pair.client.handshake.client.endpoint) for pair in shown], middle=True),
        Column("server", [str(pair.server.handshake.server.endpoint) for pair in shown], middle=True),
        Column("at the client", [a.value for a, _ in outcomes], styles=[OUTCOME_STYLE[a] for a, _ in outcomes]),
        Column("at the server", [b.value for _, b in outcomes], styles=[OUTCOME_STYLE[b] for _, b in outcomes]),
        Column("lost", fates(Fate.LOST, Fate.PARTLY), right=True),
        Column("doubled", fates(Fate.DOUBLED), 6, right=True),
        Column("in between", fates(Fate.FOREIGN), 5, right=True),
        Column("changed", [_changed(pair) for pair in shown], 7),
    ]
    write_grid(page, columns)
    if len(pairs) > len(shown):
        page.paragraph((f"… and {len(pairs) - len(shown):,} more; --format json has all", "dim"))


def _changed(pair: Pair) -> str:
    names = dict.fromkeys(each.difference.what for each in pair.alterations)
    if any(pair.shift):
        names["numbers"] = None
    return ", ".join(names)


def _unpaired(page: Page, vantage: Vantage) -> None:
    shown: Sequence[Unpaired] = vantage.unpaired[:_MOST_ROWS]
    page.paragraph(("in one capture only", "bold"))
    for each in shown:
        handshake = each.handshake
        page.paragraph(
            f"{handshake.client.endpoint} → {handshake.server.endpoint}",
            (handshake.outcome.value, OUTCOME_STYLE[handshake.outcome]),
            (f"· {unpaired_words(each)}", "dim"),
            indent=12,
            first=f"  {each.place.value} #{handshake.number}",
        )
    if len(vantage.unpaired) > len(shown):
        page.paragraph((f"… and {len(vantage.unpaired) - len(shown):,} more; --format json has all", "dim"))


def _drawings(page: Page, vantage: Vantage) -> None:
    told = {id(pair): list(sentences(pair)) for pair in vantage.pairs}
    ordered = sorted(vantage.pairs, key=lambda pair: not _odd(pair, told[id(pair)]))[:_MOST_DRAWN]
    for pair in ordered:
        page.line()
        _title(page, pair)
        Crossing(page, pair, vantage.clock).write()
        page.line()
        for words, style in told[id(pair)] or [("everything arrived as it left", "green")]:
            page.paragraph((words, style), indent=2, first=page.terminal.say("·"))
    if len(ordered) < len(vantage.pairs):
        page.line()
        page.paragraph((f"… {len(vantage.pairs) - len(ordered):,} connections are not drawn", "dim"))
    if any(pair.fates(Fate.LOST) for pair in vantage.pairs):
        page.line()
        page.paragraph(
            (
                "Lost means: not in the other capture. A capture that began later, ended earlier or dropped frames "
                "looks the same.",
                "dim",
            )
        )


def _odd(pair: Pair, told: Sequence[tuple[str, str]]) -> bool:
    return any(style != "dim" for _, style in told) or bool(pair.shift[0] or pair.shift[1])


def _title(page: Page, pair: Pair) -> None:
    here, there = pair.client.handshake.outcome, pair.server.handshake.outcome
    words = here.value if here is there else f"{here.value} at the client, {there.value} at the server"
    head = page.cut(f"── #{pair.client.handshake.number} {words} ", page.terminal.width)
    rule = "─" * max(page.terminal.width - len(head), 0)
    page.line((head, f"bold {OUTCOME_STYLE[here]}"), (rule, "dim"))
