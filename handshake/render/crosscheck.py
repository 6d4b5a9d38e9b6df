"""A crosscheck for people (one line a capture, then what differs), and as JSON (docs/json.md)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from handshake.compare.traps import TRAPS
from handshake.model.crosscheck import Checked, Count, Difference, Level, Verdict
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.units import count
from handshake.render.words import damage_words
from handshake.version import __version__

if TYPE_CHECKING:
    from handshake.model.report import Damage
    from handshake.render.terminal import Terminal

SCHEMA_VERSION = 1
"""Of the documents of a crosscheck; goes up when a field changes its meaning or goes away."""

FEW = 10
"""Differences of one kind that are listed, unless all are wanted."""

_INDENT = 4
_NAME = 40
"""Columns in which the names of captures are aligned."""

VERDICT_STYLE = {Verdict.TRAP: "dim", Verdict.OURS_WRONG: "red", Verdict.UNDECIDED: "yellow"}
_REASONS = {trap.name: trap.why for trap in TRAPS}
_NO_TRAP = {
    Verdict.OURS_WRONG: "Both read the same bytes, and no known trap of tshark explains it.",
    Verdict.UNDECIDED: "The judgements differ, and no known trap of tshark explains it.",
}

Document = dict[str, Any]


def reason(difference: Difference | Count) -> str:
    """Why the two differ, in a sentence."""
    return _REASONS[difference.trap] if difference.trap else _NO_TRAP[difference.verdict]


# -- for people --------------------------------------------------------------------------------------------


def render_table(checked: Sequence[Checked], out: TextIO, terminal: Terminal) -> None:
    """Every capture, with what no trap explains; then what all of it amounts to."""
    page = Page(out, terminal)
    widest = min(max((len(terminal.say(each.name)) for each in checked), default=0), _NAME)
    for each in checked:
        if terminal.verbosity >= 0 or each.unexplained or not each.compared:
            _capture(page, each, widest)
    if terminal.verbosity >= 0:
        page.line()
        _summary(page, checked)


def _capture(page: Page, checked: Checked, width: int) -> None:
    """Its line, where reading stopped early, and the differences."""
    verdict, style = _verdict(checked)
    name = page.terminal.say(checked.name).ljust(width)
    details = [(page.terminal.say(text), style) for text, style in _details(checked)]
    if len(f"{name}  {verdict} ") + sum(len(text) + 1 for text, _ in details) <= page.terminal.width:
        page.line(f"{name}  ", (verdict, style), *(span for each in details for span in (" ", each)))
    else:
        page.line(f"{name}  ", (verdict, style))
        page.paragraph(*details, indent=_INDENT)
    for who, damage in (("we stop", checked.our_damage), ("tshark stops", checked.their_damage)):
        if damage is not None:
            page.paragraph((f"{who} {damage_words(damage)}", "dim"), indent=_INDENT)
    rows = [row for row in checked.differences if page.terminal.verbosity > 0 or row.verdict is not Verdict.TRAP]
    if rows:
        _differences(page, rows, {_kind(each): each.number for each in checked.counts})


def _verdict(checked: Checked) -> tuple[str, str]:
    if not checked.compared:
        return "not compared:", "red"
    if checked.unexplained:
        return "differs:", "yellow"
    return "agrees:", "green"


def _details(checked: Checked) -> Iterator[tuple[str, str]]:
    if not checked.compared:
        yield _failures(checked), ""
        return
    words = f"{count(checked.streams, 'stream')}, {count(checked.segments, 'segment')}"
    if checked.unexplained:
        words += f", {count(checked.unexplained, 'unexplained difference')}"
    yield words, ""
    traps = _by_trap(checked.counts)
    if traps:
        yield "· known traps: " + ", ".join(f"{name} ×{number:,}" for name, number in traps.items()), "dim"


def _failures(checked: Checked) -> str:
    """Who cannot read it, and what the other one makes of it."""
    ours, theirs = checked.our_failure, checked.their_failure
    if ours is not None and theirs is not None:
        return ours if ours == theirs else f"{ours}; and {theirs}"
    if theirs is not None:
        return f"{theirs}; we read it"
    return f"{ours}; tshark reads {count(checked.frames, 'frame')}, {checked.segments:,} of them TCP"


def _kind(difference: Difference | Count) -> tuple[Verdict, str | None, Level, str]:
    return difference.verdict, difference.trap, difference.level, difference.point


def _differences(page: Page, rows: Sequence[Difference], totals: dict[Any, int]) -> None:
    """One row a difference; of each kind the first few, unless all are wanted."""
    few = len(rows) if page.terminal.verbosity > 0 else FEW
    listed: list[Difference] = []
    seen: Counter[Any] = Counter()
    for row in rows:
        seen[_kind(row)] += 1
        if seen[_kind(row)] <= few:
            listed.append(row)
    write_grid(
        page,
        [
            Column(
                "class", [row.verdict.value for row in listed], styles=[VERDICT_STYLE[row.verdict] for row in listed]
            ),
            Column("frame", [f"{row.frame:,}" for row in listed], right=True),
            Column("stream", ["" if row.stream is None else str(row.stream) for row in listed], 5, right=True),
            Column("point", [row.point for row in listed]),
            Column("ours", [row.ours for row in listed], middle=True),
            Column("tshark", [row.theirs for row in listed], middle=True),
            Column("trap", [row.trap or "none known" for row in listed], 6),
        ],
    )
    for kind, number in seen.items():
        left = totals[kind] - min(number, few)
        if left:
            page.paragraph((f"… and {left:,} more of {kind[0].value} {kind[3]}", "dim"), indent=_INDENT)


def _summary(page: Page, checked: Sequence[Checked]) -> None:
    compared = [each for each in checked if each.compared]
    versions = sorted({each.tshark for each in checked})
    page.field(
        "compared",
        f"{count(len(compared), 'capture')} of {len(checked):,} ·",
        f"{count(sum(each.frames for each in compared), 'frame')} ·",
        f"{count(sum(each.segments for each in compared), 'segment')} · tshark {', '.join(versions)}",
    )
    streams = sum(each.streams for each in compared)
    agreeing, trapped = sum(each.agreeing for each in compared), sum(each.explained for each in compared)
    left = streams - agreeing - trapped
    page.field(
        "streams",
        f"{streams:,}: {agreeing:,} agree in every point ({_share(agreeing, streams)}),",
        f"{trapped:,} but for known traps ({_share(trapped, streams)}),",
        (f"{left:,} do not ({_share(left, streams)})", "yellow" if left else ""),
    )
    totals = [total for each in compared for total in each.counts]
    for name, number in _by_trap(totals).items():
        page.field("traps", f"{name} ×{number:,}:", (_REASONS[name], "dim"))
    for verdict in (Verdict.OURS_WRONG, Verdict.UNDECIDED):
        number = sum(total.number for total in totals if total.verdict is verdict)
        if number:
            page.field("left", (f"{verdict.value} ×{number:,}:", VERDICT_STYLE[verdict]), _NO_TRAP[verdict])


def _share(part: int, whole: int) -> str:
    """A percentage that is 100 only for all and 0 only for none."""
    if not whole:
        return "–"
    return f"{min(max(100 * part / whole, 0.01 if part else 0), 100 if part == whole else 99.99):.2f}%"


def _by_trap(counts: Iterable[Count]) -> dict[str, int]:
    """How often each trap explained something, in the order of their table."""
    found: Counter[str] = Counter()
    for each in counts:
        if each.trap is not None:
            found[each.trap] += each.number
    return {trap.name: found[trap.name] for trap in TRAPS if found[trap.name]}


# -- for programs ------------------------------------------------------------------------------------------


def render_json(checked: Sequence[Checked], out: TextIO, terminal: Terminal) -> None:
    """One document of type `crosscheck`, indented, in ASCII."""
    document = {**summary_to_dict(checked), "type": "crosscheck", "captures": [_capture_to_dict(c) for c in checked]}
    json.dump(document, out, indent=2)
    out.write("\n")


def render_jsonl(checked: Sequence[Checked], out: TextIO, terminal: Terminal) -> None:
    """One document a line: every capture, then the summary."""
    for document in (*({**_head("checked"), **_capture_to_dict(each)} for each in checked), summary_to_dict(checked)):
        out.write(json.dumps(document, separators=(",", ":")) + "\n")


def _head(kind: str) -> Document:
    return {"type": kind, "schema_version": SCHEMA_VERSION}


def summary_to_dict(checked: Sequence[Checked]) -> Document:
    """What all captures amount to: a document of type `crosscheck-summary`."""
    compared = [each for each in checked if each.compared]
    return {
        **_head("crosscheck-summary"),
        "generator": {"name": "handshake", "version": __version__},
        "captures_given": len(checked),
        "captures_compared": len(compared),
        "frames": sum(each.frames for each in compared),
        "segments": sum(each.segments for each in compared),
        "streams": sum(each.streams for each in compared),
        "agreeing": sum(each.agreeing for each in compared),
        "explained": sum(each.explained for each in compared),
        "unexplained_differences": sum(each.unexplained for each in compared),
        "traps": [
            {"name": trap.name, "why": trap.why, "proof": trap.proof, "differences": number}
            for trap in TRAPS
            if (number := _by_trap(total for each in compared for total in each.counts).get(trap.name))
        ],
    }


def _capture_to_dict(checked: Checked) -> Document:
    return {
        "name": checked.name,
        "format": checked.format,
        "tshark": checked.tshark,
        "compared": checked.compared,
        "our_failure": checked.our_failure,
        "their_failure": checked.their_failure,
        "our_damage": _damage(checked.our_damage),
        "their_damage": _damage(checked.their_damage),
        "frames": checked.frames,
        "segments": checked.segments,
        "streams": checked.streams,
        "agreeing": checked.agreeing,
        "explained": checked.explained,
        "counts": [
            {
                "verdict": each.verdict.value,
                "trap": each.trap,
                "level": each.level.value,
                "point": each.point,
                "differences": each.number,
            }
            for each in checked.counts
        ],
        "differences": [
            {
                "verdict": each.verdict.value,
                "trap": each.trap,
                "level": each.level.value,
                "frame": each.frame,
                "stream": each.stream,
                "point": each.point,
                "ours": each.ours,
                "theirs": each.theirs,
                "reason": reason(each),
            }
            for each in checked.differences
        ],
    }


def _damage(damage: Damage | None) -> Document | None:
    return None if damage is None else {"offset": damage.offset, "number": damage.number, "reason": damage.reason}
