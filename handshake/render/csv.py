"""One row a handshake as comma-separated values: RFC 4180 quoting, lines ended by a plain newline.

The columns are fixed (docs/json.md lists them); an empty cell is a value that is not known. A text that a
spreadsheet would take for a formula is written with a leading apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import TextIO

from handshake.model.handshake import Handshake
from handshake.model.report import Report
from handshake.model.services import service_name
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


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the header and the rows."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for handshake in report.handshakes:
        writer.writerow([harmless(value(handshake)) for value in COLUMNS.values()])


def harmless(cell: Cell) -> Cell:
    """A text that starts like a formula, with an apostrophe in front (OWASP "CSV injection")."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
