"""What a probed server said, and how it took an odd segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.render.units import count

if TYPE_CHECKING:
    from handshake.model.report import Answer, Reply
    from handshake.render.page import Page

_MOST_LINES = 20
_MOST_CHARACTERS = 400


def write_reply(page: Page, reply: Reply) -> None:
    """Write the reply as text, control bytes made visible, its beginning unless the reader wants it all."""
    ending = "then the server closed its side" if reply.finished else "and the server left its side open"
    page.line()
    page.field("sent", count(reply.sent, "byte"))
    page.field("reply", f"{count(reply.length, 'byte')}, {ending}" if reply.length else f"none, {ending}")
    lines = reply.text.split("\n")
    if lines[-1] == "":
        lines.pop()
    shown = lines if page.terminal.verbosity > 0 else [line[:_MOST_CHARACTERS] for line in lines[:_MOST_LINES]]
    for line in shown:
        page.paragraph(line.removesuffix("\r"), indent=2, first="│ ")
    if shown != lines or reply.length > len(reply.data):
        kept = "" if reply.length == len(reply.data) else f"; {count(len(reply.data), 'byte')} were kept"
        page.paragraph((f"cut: {count(len(lines), 'line')} in all{kept}", "dim"))


def write_answer(page: Page, answer: Answer) -> None:
    """Write the expected answers beside the one that came."""
    page.line()
    page.field("sent", (answer.sent, "bold"))
    both = answer.listening == answer.closed
    each = "from any port" if both else f"from a listening port, {answer.closed} from a closed one"
    page.field("expected", f"{answer.listening} {each} (RFC 9293 §3.10.7)")
    if answer.deviation:
        page.field("but", answer.deviation)
    page.field("came", (answer.came, "bold green" if answer.expected else "bold red"), f"— {answer.meaning}")
