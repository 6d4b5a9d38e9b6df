"""The whole report as one JSON document (docs/json.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

from handshake.render.document import report_to_dict

if TYPE_CHECKING:
    from handshake.model.report import Report
    from handshake.render.terminal import Terminal


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the document, indented for people, in ASCII."""
    json.dump(report_to_dict(report), out, indent=2)
    out.write("\n")
