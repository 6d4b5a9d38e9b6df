"""What a name server was asked and what it said, on the time line before the first packet to the target."""

from __future__ import annotations

from handshake.model.dns import DnsAnswer, Lookup
from handshake.model.report import Report
from handshake.render.page import Page, Span
from handshake.render.units import count, row_time

INDENT = 14


def write_lookups(page: Page, report: Report) -> None:
    """Write each question and answer, timed from the first packet to the target; nothing without any."""
    lookups = report.approach.resolution.lookups if report.approach else ()
    if not lookups:
        return
    began = [handshake.start_ns for handshake in report.handshakes]
    began += [exchange.start_ns for exchange in report.exchanges] + [connect.start_ns for connect in report.connects]
    origin_ns = min(began, default=lookups[0].sent_ns[0])
    page.line()
    for lookup in lookups:
        _lookup(page, lookup, origin_ns)


def _lookup(page: Page, lookup: Lookup, origin_ns: int) -> None:
    for copy, sent_ns in enumerate(lookup.sent_ns):
        question: list[Span] = [(f"▶ DNS {lookup.kind_name} {lookup.name}?", "cyan"), f"to {lookup.server}"]
        if copy:
            question.append(("· asked again", "yellow"))
        page.paragraph(*question, indent=INDENT, first=row_time(sent_ns - origin_ns))
    if lookup.answer is None or lookup.answered_ns is None:
        return
    words = answer_words(lookup.answer)
    if lookup.ignored:
        words.append((f"· {count(lookup.ignored, 'datagram')} that did not fit ignored", "yellow"))
    page.paragraph(*words, indent=INDENT, first=row_time(lookup.answered_ns - origin_ns))


def answer_words(answer: DnsAnswer) -> list[Span]:
    """`◀ DNS A 10.0.0.2, TTL 60 s · AAAA …`; the response code where there are no records."""
    words = [f"{record.kind_name} {record.value}, TTL {record.ttl_s} s" for record in answer.records]
    if answer.rcode or not words:
        words.insert(0, answer.rcode_name if answer.rcode else "no record")
    spans: list[Span] = [(f"◀ DNS {' · '.join(words)}", "red" if answer.rcode else "cyan")]
    if answer.truncated:
        spans.append(("· truncated: the rest is to be had over TCP (RFC 7766)", "yellow"))
    if answer.fault:
        spans.append((f"· {answer.fault}", "red"))
    return spans
