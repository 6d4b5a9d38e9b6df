"""A report as plain dictionaries and lists: what `json` and `jsonl` write, described in docs/json.md.

Rules: times are integers in ns (`start` is also given as UTC text), lengths are bytes, addresses are text,
enums are their values, a value that is not known is null, bytes are hexadecimal text.
"""

from __future__ import annotations

from handshake.render.document.base import SCHEMA_VERSION, Document
from handshake.render.document.comparison import comparison_to_dict
from handshake.render.document.exchange import exchange_to_dict
from handshake.render.document.handshake import handshake_to_dict
from handshake.render.document.report import event_to_dict, report_to_dict, summary_to_dict

__all__ = [
    "SCHEMA_VERSION",
    "Document",
    "comparison_to_dict",
    "event_to_dict",
    "exchange_to_dict",
    "handshake_to_dict",
    "report_to_dict",
    "summary_to_dict",
]
