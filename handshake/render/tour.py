"""A screen of the tour: what is told, the ladder of what just happened, what to notice and what to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from handshake.render.grid import Column, write_grid
from handshake.render.lanes import Lanes
from handshake.render.notes import page_notes, write_pages
from handshake.render.page import Page
from handshake.render.session import drawable, sessions, udp_sessions
from handshake.render.units import duration, maybe_duration
from handshake.render.verdict import write_udp_verdict
from handshake.render.words import OUTCOME_STYLE

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake
    from handshake.model.kernel import KernelView
    from handshake.model.report import Report
    from handshake.model.tour import Attempt, Moment, Scene, Step
    from handshake.render.terminal import Terminal

LANES = 110
"""A screen is drawn no wider: sentences of more columns are hard to read."""


def render(scene: Scene, out: TextIO, terminal: Terminal) -> None:
    """Write the screen."""
    step = scene.step
    page = Page(out, replace(terminal, width=min(terminal.width, LANES), verbosity=0 if step.explain else -2))
    head = page.cut(f"── step {scene.number} of {scene.of} · {step.title} ", page.terminal.width)
    page.line((head, "bold cyan"), ("─" * (page.terminal.width - len(head)), "dim"))
    page.paragraph(_filled(step.text, scene.report))
    page.line()
    if scene.attempts:
        _attempts(page, scene.attempts)
    if scene.report is None:
        page.paragraph((f"This cannot be played here: {scene.trouble}", "yellow"))
    else:
        _seen(page, step, scene.report)
    if scene.moments:
        page.line()
        _moments(page, scene.moments)
    page.line()
    for sentence in step.notice:
        page.field("notice", _filled(sentence, scene.report))
    for command in step.commands:
        page.field("try", (command, "green"))


def write_list(steps: Sequence[Step], out: TextIO, terminal: Terminal) -> None:
    """The steps with their numbers."""
    page = Page(out, terminal)
    for number, step in enumerate(steps, 1):
        page.paragraph(step.title, indent=4, first=f"{number:>2}")


def _filled(text: str, report: Report | None) -> str:
    """The text with what was measured in it; without a report only with dots."""
    first = report.handshakes[0] if report and report.handshakes else None
    exchange = report.exchanges[0] if report and report.exchanges else None
    reply = exchange.first_reply_ns if exchange else None
    values = {
        "handshakes": f"{len(report.handshakes)}" if report else "…",
        "irtt": maybe_duration(first.timing.irtt_ns) if first else "…",
        "reply": duration(reply) if reply is not None else "…",
    }
    return " ".join(text.format(**values).split())


def _seen(page: Page, step: Step, report: Report) -> None:
    drawn = 0
    for handshake, session in zip(report.handshakes, sessions(report), strict=True):
        if not _chosen(step.draw, handshake, drawn):
            continue
        if drawn:
            page.line()
        drawn += 1
        Lanes(page, session).write()
    for exchange, session in zip(drawable(report), udp_sessions(report), strict=True):
        if drawn:
            page.line()
        drawn += 1
        Lanes(page, session).write()
        write_udp_verdict(page, exchange, session)
    if step.table:
        page.line()
        _table(page, report.handshakes)
        write_pages(page, page_notes(report, None))


def _chosen(draw: str, handshake: Handshake, drawn: int) -> bool:
    if draw == "data":
        return handshake.announced_by is not None
    return draw == "all" or (draw == "first" and not drawn)


def _table(page: Page, handshakes: Sequence[Handshake]) -> None:
    if len(handshakes) < 2:
        return
    columns = [
        Column("#", [f"{each.number}" for each in handshakes], right=True),
        Column("opened by", [str(each.client.endpoint) for each in handshakes]),
        Column("to", [str(each.server.endpoint) for each in handshakes]),
        Column(
            "outcome",
            [each.outcome.value for each in handshakes],
            3,
            styles=[OUTCOME_STYLE[each.outcome] for each in handshakes],
        ),
        Column("set-up", [maybe_duration(each.timing.setup_ns) for each in handshakes], 1, right=True),
        Column("announced by", [f"#{each.announced_by}" if each.announced_by else "" for each in handshakes], 2),
    ]
    write_grid(page, columns)


def _attempts(page: Page, attempts: Sequence[Attempt]) -> None:
    indent = max(len(each.typed) for each in attempts) + 4
    for each in attempts:
        mark, style = ("✓", "green") if each.good else ("✗", "red")
        page.paragraph((mark, style), (each.answer, "" if each.good else style), indent=indent, first=f"  {each.typed}")
    page.line()


def _moments(page: Page, moments: Sequence[Moment]) -> None:
    views = [moment.view for moment in moments]
    if not any(views):
        page.paragraph(("This kernel does not tell how its sockets stand (no inet_diag).", "dim"))
        return
    columns = [
        Column("after", [moment.after for moment in moments]),
        Column("connection", [(view.state or "none") if view else "" for view in views]),
        Column("accept queue", [_queue(view) if view else "" for view in views]),
        Column("", [moment.remark for moment in moments], 1, styles=["dim"] * len(moments)),
    ]
    whose = "client" if all(view is None or view.accept_queue is None for view in views) else "server"
    page.paragraph((f"what the {whose}'s kernel says (as ss does)", "bold"))
    write_grid(page, columns)


def _queue(view: KernelView) -> str:
    return "" if view.accept_queue is None else f"{view.accept_queue} of {view.backlog}"
