"""TCP against UDP for people (numbers, bars, the two side by side, explanations), and as JSON (docs/json.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from handshake.model.comparison import GAPS_NS, SIZES, Comparison, FirstByte, Match, Part, Traffic, Trial, Tried, Way
from handshake.model.packet import flag_names
from handshake.render.document import Document, comparison_to_dict
from handshake.render.grid import Column, write_grid
from handshake.render.page import Page, Span
from handshake.render.statistics import statistics_of
from handshake.render.units import count, duration, row_time, size
from handshake.render.words import damage_words

if TYPE_CHECKING:
    from handshake.render.terminal import Terminal

_LADDER_ROWS = 24
"""Packets of one side that are drawn."""
_MOST_SERVICES = 5
"""Services that are shown, those with most flows first."""
_BAR = 40
"""Columns of the longest bar, where there is room."""
_SPREAD = 3
"""So many values are worth being called a spread."""
_STYLE = {"TCP": "cyan", "UDP": "green"}
Row = tuple[str, str, str, str]
"""What is counted, of TCP, of UDP, and what it tells."""


def render_json(comparison: Comparison, out: TextIO, terminal: Terminal) -> None:
    """Write the document, indented for people, in ASCII."""
    document: Document = comparison_to_dict(comparison)
    json.dump(document, out, indent=2)
    out.write("\n")


def render_table(comparison: Comparison, out: TextIO, terminal: Terminal) -> None:
    """The capture as a whole, then each service that was used over both."""
    page = Page(out, terminal)
    explains = terminal.verbosity >= 0
    if explains:
        for source in comparison.sources:
            page.field("read", f"{source.name} · {source.format} · {count(source.frames, 'frame')}")
        if comparison.trial is not None:
            page.field("played", *_played(comparison.trial))
        page.line()
    if not (comparison.tcp.traffic.packets or comparison.udp.traffic.packets):
        page.paragraph("nothing to compare: neither TCP nor UDP")
    else:
        page.paragraph(("the capture as a whole", "bold"))
        _both(page, comparison.tcp, comparison.udp)
        if explains:
            _bars(page, comparison.tcp, comparison.udp)
    shown = sorted(comparison.matches, key=lambda match: -min(match.tcp.flows, match.udp.flows))[:_MOST_SERVICES]
    for match in shown:
        _match(page, match)
    if len(comparison.matches) > len(shown):
        page.line()
        left = count(len(comparison.matches) - len(shown), "service")
        page.paragraph((f"… and {left} more over both; --format json has all", "dim"))
    if explains:
        _closing_words(page, comparison)
    for source in comparison.sources:
        if source.damage:
            page.line()
            page.paragraph((f"{source.name} damaged {damage_words(source.damage)}", "red"))


def _played(trial: Trial) -> Iterator[Span]:
    """What was played live, and what the wire did."""
    yield f"each exchange {trial.count} times over both, the wire {duration(trial.delay_ns)} long each way"
    if trial.loss:
        yield f"· it loses {trial.loss}"
        yield (f"(seed {trial.seed})", "dim") if "%" in trial.loss else ""
        yield f"· lost {count(trial.lost[0], 'packet')} of TCP, {trial.lost[1]:,} of UDP"
    if any(trial.failed):
        yield (f"· given up by the client {trial.failed[0]:,} over TCP, {trial.failed[1]:,} over UDP", "yellow")


# -- numbers -----------------------------------------------------------------------------------------------


def _both(page: Page, tcp: Way, udp: Way) -> None:
    rows = [row for row in _rows(tcp, udp) if row[1] or row[2]]
    columns = [
        Column("", [row[0] for row in rows]),
        Column("TCP", [row[1] for row in rows], right=True),
        Column("UDP", [row[2] for row in rows], right=True),
        Column("", [row[3] for row in rows], expendable=9, styles=["dim"] * len(rows)),
    ]
    write_grid(page, columns)


def _rows(tcp: Way, udp: Way) -> Iterator[Row]:
    yield "flows", count(tcp.flows, "connection"), count(udp.flows, "exchange"), "both ends agree · nobody agrees"
    yield "opened", f"{tcp.opened:,}", f"{udp.opened:,}" if udp.opened else "", "with a handshake; of UDP: QUIC's"
    yield "answered", f"{tcp.answered:,}", f"{udp.answered:,}", "the server sent something"
    yield "refused", _some(tcp.refused), _some(udp.refused), "RST to the SYN · ICMP error"
    yield "silence", f"{tcp.silent:,}", f"{udp.silent:,}", "nothing came back"
    yield from _first_byte_rows(tcp, udp)
    a, b = tcp.traffic, udp.traffic
    yield "packets in all", _some(a.packets), _some(b.packets), ""
    yield "bytes on the wire", _size(a.wire), _size(b.wire), "as captured, link layer included"
    yield "· payload", _size(a.payload), _size(b.payload), ""
    yield "· headers", _share(a), _share(b), "what is no payload"
    notes = {
        Part.OPENING: "SYN, SYN-ACK, ACK, and copies",
        Part.ACK: "no payload, in between",
        Part.CLOSING: "FIN, RST and what answers them",
    }
    for part, note in notes.items():
        yield f"packets for {part.value}", _part(a, part), _part(b, part), note
    yield "asked again", f"{tcp.asked_again:,}", f"{udp.asked_again:,}", "by the kernel · by the program"
    yield "nothing new", f"{a.again:,}", f"{b.again:,}", "known numbers · known bytes"
    yield "late", f"{a.late:,}", "unknown", "fills a gap; UDP has no numbers"


def _first_byte_rows(tcp: Way, udp: Way) -> Iterator[Row]:
    a, b = tcp.useful, udp.useful
    if a is None and b is None:
        return
    note = f"medians of {tcp.measured:,} · {udp.measured:,}"
    yield "until the first useful byte", "", " ", note
    yield "· round trips", f"{a.round_trips}" if a else "", f"{b.round_trips}" if b else "", "answers waited for"
    yield "· packets", f"{a.packets}" if a else "", f"{b.packets}" if b else "", "that one included"
    yield "· bytes on the wire", _size(a.wire) if a else "", _size(b.wire) if b else "", ""
    yield "· time", duration(a.took_ns) if a else "", duration(b.took_ns) if b else "", "from the first packet"


def _some(number: int) -> str:
    return f"{number:,}" if number else ""


def _size(number: int) -> str:
    return size(number) if number else ""


def _share(traffic: Traffic) -> str:
    return f"{size(traffic.headers)} = {100 * traffic.headers / traffic.wire:.0f} %" if traffic.wire else ""


def _part(traffic: Traffic, part: Part) -> str:
    packets, wire = traffic.parts.get(part, (0, 0))
    return f"{packets:,} / {size(wire)}" if packets else ""


# -- bars --------------------------------------------------------------------------------------------------


def _bars(page: Page, tcp: Way, udp: Way) -> None:
    both = [each for each in (tcp, udp) if each.traffic.packets]
    page.line()
    page.paragraph(("bytes on the wire", "bold"), ("█ payload ░ headers", "dim"))
    most = max(each.traffic.wire for each in both) or 1
    for each in both:
        payload = _length(page, each.traffic.payload, most)
        headers = _length(page, each.traffic.wire, most) - payload
        bar = ("█" * payload + "░" * headers, _STYLE[each.transport])
        page.line(f"  {each.transport}  ", bar, f" {size(each.traffic.wire)}")
    _histogram(page, "packets by payload", _size_names(), [(each, each.traffic.sizes) for each in both])
    _histogram(page, "time to the flow's next packet", _gap_names(), [(each, each.traffic.gaps) for each in both])


def _histogram(page: Page, title: str, names: Sequence[str], counted: Sequence[tuple[Way, list[int]]]) -> None:
    """Two bars a bin, each as a share of its transport's total, so that both can be compared."""
    if not any(any(values) for _, values in counted):
        return
    page.line()
    page.paragraph((title, "bold"), ("share of each transport's own", "dim"))
    label = max(map(len, names))
    for position, name in enumerate(names):
        for index, (each, values) in enumerate(counted):
            if not any(values[position] for _, values in counted):
                continue
            total = sum(values) or 1
            bar = "█" * _length(page, values[position], total)
            shown = "" if index else name
            number = f" {values[position]:,}" if values[position] else ""
            page.line(f"  {shown:<{label}}  {each.transport}  ", (bar, _STYLE[each.transport]), number)


def _length(page: Page, value: int, most: int) -> int:
    room = max(min(_BAR, page.terminal.width - 40), 8)
    return max(round(value * room / most), 1 if value else 0)


def _size_names() -> list[str]:
    return ["no payload", *(f"to {size(end)}" for end in SIZES[1:]), f"over {size(SIZES[-1])}"]


def _gap_names() -> list[str]:
    return [f"to {_round(end)}" for end in GAPS_NS] + [f"over {_round(GAPS_NS[-1])}"]


def _round(ns: int) -> str:
    return f"{ns // 10**9} s" if ns >= 10**9 else f"{ns / 10**6:g} ms"


# -- one service over both ---------------------------------------------------------------------------------


def _match(page: Page, match: Match) -> None:
    page.line()
    page.paragraph((f"{match.service} over both", "bold"))
    _both(page, match.tcp, match.udp)
    if max(match.tcp.measured, match.udp.measured) >= _SPREAD:
        page.line()
        _times(page, match.tcp, match.udp)
    if match.tcp.best is not None and match.udp.best is not None:
        page.line()
        side_by_side(page, match.tcp.best, match.udp.best)
    if page.terminal.verbosity >= 0:
        for sentence in (*_sentences(match.tcp, match.udp), *_loss_sentence(match.tcp, match.udp)):
            page.line()
            page.paragraph(sentence)


def _times(page: Page, tcp: Way, udp: Way) -> None:
    """How the times until the first useful byte are spread."""
    both = (tcp, udp)
    figures = [statistics_of(each.times_ns) if each.times_ns else {} for each in both]

    def column(name: str) -> Column:
        return Column(name, [duration(figure[name]) if figure else "" for figure in figures], right=True)

    answered = [f"{each.measured:,} of {each.flows:,}" for each in both]
    write_grid(
        page,
        [
            Column("until the first useful byte", [each.transport for each in both]),
            *map(column, ("min", "avg", "p50", "p95", "p99", "max")),
            Column("answered", answered, right=True),
        ],
    )


def side_by_side(page: Page, tcp: Tried, udp: Tried) -> None:
    """The first packets of both on one clock, from each one's own start, up to the end of the shorter one's ladder."""
    margin = len(row_time(0)) + 2
    half = max((page.terminal.width - margin - 2) // 2, 20)
    heads = (page.cell(each.name, half, "bold") for each in (tcp, udp))
    page.out.write((" " * margin + "  ".join(heads)).rstrip() + "\n")
    for offset_ns, cells in _rungs(tcp, udp):
        drawn = (page.cell(_arrow(page, cell, half) if cell else "", half, style) for cell, style in cells)
        page.out.write((row_time(offset_ns).ljust(margin) + "  ".join(drawn)).rstrip() + "\n")
    left = [
        f"{each.name.split(' ')[0]} {len(each.first) - _LADDER_ROWS}"
        for each in (tcp, udp)
        if len(each.first) > _LADDER_ROWS
    ]
    if left:
        page.paragraph((f"… and more packets: {', '.join(left)}", "dim"))


_Cell = tuple[tuple[bool, str] | None, str]
"""Direction and words of a packet, and its style."""


def _rungs(tcp: Tried, udp: Tried) -> Iterator[tuple[int, tuple[_Cell, _Cell]]]:
    """Rows by time; the first packets of both share one."""
    events: list[tuple[int, int, _Cell]] = []
    for side, tried in enumerate((tcp, udp)):
        for position, packet in enumerate(tried.first[:_LADDER_ROWS]):
            useful = position + 1 == tried.useful.packets
            words = _words(packet.flags, packet.payload) + (" ✓ first useful byte" if useful else "")
            style = "bold green" if useful else "yellow" if packet.again else ""
            events.append((packet.time_ns - tried.first[0].time_ns, side, ((packet.reply, words), style)))
    events.sort(key=lambda event: event[:2])
    empty: _Cell = (None, "")
    row: list[_Cell] = [empty, empty]
    for position, (offset_ns, side, cell) in enumerate(events):
        row[side] = cell
        following = events[position + 1] if position + 1 < len(events) else None
        if following is not None and following[0] == offset_ns and row[following[1]] is empty:
            continue
        yield offset_ns, (row[0], row[1])
        row = [empty, empty]


def _words(flags: int, payload: int) -> str:
    if not flags:
        return f"datagram {size(payload)}"
    return f"{','.join(flag_names(flags))}{f' {size(payload)}' if payload else ''}"


def _arrow(page: Page, cell: tuple[bool, str], width: int) -> str:
    reply, words = cell
    words = page.cut(words, width - 8)
    line = "─" * max(width - len(words) - 6, 1)
    return f"◀─ {words} {line}" if reply else f"── {words} {line}▶"


# -- in words ----------------------------------------------------------------------------------------------


def _sentences(tcp: Way, udp: Way) -> Iterator[str]:
    """What the numbers of one service come to."""
    a, b = tcp.useful, udp.useful
    if a is not None and b is not None:
        yield (
            f"Until the first useful byte, TCP takes {_cost(a)}, UDP {_cost(b)}: "
            f"{_difference(a.round_trips - b.round_trips)}"
        )
    opening, closing = (tcp.traffic.parts.get(part, (0, 0)) for part in (Part.OPENING, Part.CLOSING))
    if tcp.flows and tcp.traffic.wire:
        yield (
            f"Opening and closing are {count(opening[0] + closing[0], 'packet')} of TCP's {tcp.traffic.packets:,} "
            f"({100 * (opening[1] + closing[1]) / tcp.traffic.wire:.0f} % of its bytes), spread over "
            f"{count(tcp.answered, 'connection')} with a reply; the more is said over one of them, the less they weigh."
        )


def _loss_sentence(tcp: Way, udp: Way) -> Iterator[str]:
    """What losses did to either, where there were any."""
    repeated, alone = tcp.asked_again + tcp.traffic.again, udp.silent + udp.asked_again
    if repeated and len(tcp.times_ns) > 1:
        quickest, slowest = duration(tcp.times_ns[0]), duration(tcp.times_ns[-1])
        yield (
            f"TCP repeats what is lost, and losses cost time: the quickest answer took {quickest}, the slowest "
            f"{slowest}; {tcp.answered:,} of {count(tcp.flows, 'connection')} got one."
        )
    if alone:
        asked = f"; the program asked again {count(udp.asked_again, 'time')}" if udp.asked_again else ""
        yield (f"UDP repeats nothing: {udp.silent:,} of {count(udp.flows, 'exchange')} stayed without a reply{asked}.")


def _cost(useful: FirstByte) -> str:
    return f"{count(useful.round_trips, 'round trip')} and {count(useful.packets, 'packet')} ({size(useful.wire)})"


def _difference(round_trips: int) -> str:
    if round_trips > 0:
        return f"the handshake costs {count(round_trips, 'round trip')}, whatever the bandwidth."
    if round_trips == 0:
        return "the same, since a handshake comes first in both."
    return "here UDP needs more, its own handshake being longer."


def _closing_words(page: Page, comparison: Comparison) -> None:
    tcp, udp = comparison.tcp, comparison.udp
    page.line()
    if not comparison.matches and tcp.flows and udp.flows:
        page.paragraph(
            "No service was used over both, so the two columns show different work: compare what each packet is for, "
            "not the totals."
        )
        page.line()
    if tcp.flows:
        page.paragraph(
            f"TCP repeats what is not acknowledged (here {count(tcp.traffic.again, 'packet')} with nothing new) and "
            "says when it is refused; numbers put everything in order (RFC 9293 §3.4, RFC 6298)."
        )
    if udp.flows:
        page.paragraph(
            f"UDP repeats nothing (RFC 768): of {count(udp.flows, 'exchange')} {udp.silent:,} got neither reply nor "
            "ICMP error, which may be loss, a firewall, or a service that need not answer. Order and copies cannot be "
            "seen, unless the program numbers its messages; the same bytes again are only a hint."
        )
    if comparison.unmetered:
        page.paragraph(
            (f"{count(comparison.unmetered, 'packet')} of flows beyond the first are only in the sums", "yellow")
        )
