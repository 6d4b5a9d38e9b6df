"""One row a handshake as comma-separated values: RFC 4180 quoting, lines ended by a plain newline.

The columns are fixed (docs/json.md lists them); an empty cell is a value that is not known. A text that a
spreadsheet would take for a formula is written with a leading apostrophe. Handshakes that were read in bulk come as
lines, thousands at once, and give the same text.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from itertools import count, groupby, repeat
from typing import TextIO

from handshake.model.handshake import Handshake
from handshake.model.listing import Listing
from handshake.model.report import Report
from handshake.model.services import SERVICES, service_name
from handshake.render.terminal import Terminal
from handshake.render.units import moment
from handshake.render.words import option_brief, way_words

Cell = str | int | None

COLUMNS: dict[str, Callable[[Handshake], Cell]] = {
    "number": lambda h: h.number,
    "source": lambda h: h.source,
    "start": lambda h: moment(h.start_ns),
    "start_ns": lambda h: h.start_ns,
    "end_ns": lambda h: h.end_ns,
    "client_address": lambda h: h.client.endpoint.host,
    "client_port": lambda h: h.client.endpoint.port,
    "server_address": lambda h: h.server.endpoint.host,
    "server_port": lambda h: h.server.endpoint.port,
    "service": lambda h: service_name(h.server.endpoint.port),
    "tags": way_words,
    "outcome": lambda h: h.outcome.value,
    "setup_ns": lambda h: h.timing.setup_ns,
    "irtt_ns": lambda h: h.timing.irtt_ns,
    "syn_to_synack_ns": lambda h: h.timing.syn_to_synack_ns,
    "synack_to_ack_ns": lambda h: h.timing.synack_to_ack_ns,
    "syn_retransmits": lambda h: h.syn_retransmits,
    "synack_retransmits": lambda h: h.synack_retransmits,
    "options": option_brief,
    "client_segments": lambda h: h.client.segments,
    "client_bytes": lambda h: h.client.payload_bytes,
    "server_segments": lambda h: h.server.segments,
    "server_bytes": lambda h: h.server.payload_bytes,
    "client_state": lambda h: h.client.state.value,
    "server_state": lambda h: h.server.state.value,
    "close": lambda h: h.teardown.kind.value,
    "closed_first": lambda h: h.teardown.first and h.teardown.first.value,
    "findings": lambda h: " ".join(finding.code for finding in h.findings),
}
"""Header and value of each column, in order."""

_ALIKE = {
    "tags", "outcome", "syn_retransmits", "synack_retransmits", "options", "client_state", "server_state", "close",
    "closed_first", "findings",
}  # fmt: skip
"""Those that handshakes share that went alike."""
_RUNS = [(shared, list(names)) for shared, names in groupby(COLUMNS, _ALIKE.__contains__)]
"""All columns: those side by side that are shared, and those side by side that are not."""


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the header and the rows."""
    render_all((report,), out, terminal)


def render_all(reports: Iterable[Report], out: TextIO, terminal: Terminal) -> None:
    """Write the rows of several captures, each with a report of its own; they are numbered through."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    before = 0
    for report in reports:
        for handshake in report.handshakes:
            _, *cells = (harmless(value(handshake)) for value in COLUMNS.values())
            writer.writerow([before + handshake.number, *cells])
        before += len(report.handshakes)
        if report.listing is not None:
            out.writelines(_listed(report.listing, report.sources[0].name, before + 1))
            before += len(report.listing)


def alike(handshake: Handshake) -> tuple[str, ...]:
    """The cells that handshakes share that went alike, those side by side as one text (for `api.list_in_bulk`)."""
    return tuple(_text(COLUMNS[name](handshake) for name in names) for shared, names in _RUNS if shared)


def _text(cells: Iterable[Cell]) -> str:
    out = StringIO()
    csv.writer(out, lineterminator="").writerow(map(harmless, cells))
    return out.getvalue()


def _listed(listing: Listing, source: str, number: int) -> Iterator[str]:
    """The rows of a listing, some thousands as one text; the first one has this number."""
    runs = list(zip(*listing.texts, strict=True))
    name = _text((source,))
    for lines in listing.pieces():
        own: dict[str, Iterable[Cell]] = {
            "number": count(number),
            "source": repeat(name),
            "start": _moments(lines.start_ns),
            "service": [SERVICES.get(port, "") for port in lines.server_port],
        }
        shared = ([run[index] for index in lines.alike] for run in runs)
        columns: list[Iterable[Cell]] = []
        for as_one, names in _RUNS:
            columns += [next(shared)] if as_one else [own.get(each) or _known(getattr(lines, each)) for each in names]
        row = ",".join(["%s"] * len(columns)) + "\n"
        yield "".join(map(row.__mod__, zip(*columns, strict=False)))
        number += len(lines.alike)


def _known(column: Sequence[Cell]) -> Sequence[Cell]:
    """The same with empty cells for what is not known."""
    return ["" if cell is None else cell for cell in column] if None in column else column


class _Seconds(dict[str, tuple[str, str]]):
    """What `moment` writes around the fraction of a second, by the second."""

    def __missing__(self, second: str) -> tuple[str, str]:
        head, tail = moment(int(second) * 10**9).rsplit("0" * 9, 1)
        around = self[second] = f"{harmless(head)}", tail
        return around


def _moments(times_ns: Sequence[int]) -> list[str]:
    """Times as `moment` says them."""
    if min(times_ns) < 10**9:
        return [f"{harmless(moment(time_ns))}" for time_ns in times_ns]
    seconds = _Seconds()
    texts = []
    for text in map(str, times_ns):
        head, tail = seconds[text[:-9]]
        texts.append(f"{head}{text[-9:]}{tail}")
    return texts


def harmless(cell: Cell) -> Cell:
    """A text that starts like a formula, with an apostrophe in front (OWASP "CSV injection")."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
