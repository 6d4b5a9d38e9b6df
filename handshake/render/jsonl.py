"""One JSON document a line: every handshake, then every UDP exchange, then the summary (docs/json.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from handshake.render.document import Document, exchange_to_dict, handshake_to_dict, summary_to_dict

if TYPE_CHECKING:
    from handshake.model.report import Report
    from handshake.render.terminal import Terminal


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the lines, in ASCII."""
    for document in _documents(report):
        out.write(json.dumps(document, separators=(",", ":")) + "\n")


def _documents(report: Report) -> Iterator[Document]:
    yield from map(handshake_to_dict, report.handshakes)
    yield from map(exchange_to_dict, report.exchanges)
    yield summary_to_dict(report)
