"""Lines of the summary about several handshakes together: page loads, listening sockets, crowds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.flow.listeners import listeners
from handshake.model.address import format_address
from handshake.model.notes import Notes, Words
from handshake.render.crowds import crowd_words
from handshake.render.units import count
from handshake.render.words import SEVERITY_STYLE

if TYPE_CHECKING:
    from handshake.compare.pages import PageLoad
    from handshake.model.crowd import Crowd
    from handshake.model.listener import Listener
    from handshake.model.report import Report
    from handshake.render.page import Page

FEW_PAGES, FEW_SOCKETS, FEW_CLIENTS = 5, 3, 4
"""Page loads, listening sockets, and clients of one of them, that are listed; all with `-v`."""


def page_notes(report: Report, most: int | None, place: int = 0) -> Notes:
    """The page loads, the costliest ones first."""
    if not any(each.application and each.application.http for each in report.handshakes):
        return Notes()
    from handshake.compare.pages import page_loads

    return Notes.of(page_loads(report.handshakes), lambda load: -load.waited_ns, _page, most, place)


def socket_notes(report: Report, most: int | None, place: int = 0, *, wordy: bool = False) -> Notes:
    """The listening sockets that had several clients at once, the busiest first."""
    served = listeners(report.handshakes) if report.listeners is None else report.listeners
    return Notes.of(
        served, lambda each: -len(each.together), lambda each: (each.source, _socket(each, wordy)), most, place
    )


def crowd_notes(report: Report, most: int | None, place: int = 0) -> Notes:
    """The crowds, in the order of their codes."""
    return Notes.of(report.crowds, lambda crowd: int(crowd.code.removeprefix("HS")), _crowd, most, place)


def write_pages(page: Page, notes: Notes) -> None:
    """One field for each page load."""
    hint = "" if page.terminal.verbosity > 0 else ", -v lists all"
    _write(page, "pages", notes, count(notes.more, "more", "more") + hint)


def write_sockets(page: Page, notes: Notes) -> None:
    """One field for each listening socket."""
    _write(page, "sockets", notes, f"{count(notes.more, 'more server')} with several clients")


def write_crowds(page: Page, notes: Notes) -> None:
    """One field for each crowd."""
    _write(page, "together", notes, count(notes.more, "more", "more"))


def _write(page: Page, label: str, notes: Notes, more: str) -> None:
    for note in notes.first:
        page.field(label, *note.words)
    if notes.more:
        page.field(label, (more, "dim"))


def _page(load: PageLoad) -> tuple[str, Words]:
    from handshake.render.pages import load_words

    return load.source, (f"{format_address(load.client)} → {load.server}:", load_words(load))


def _socket(listener: Listener, wordy: bool) -> Words:
    clients = listener.clients if wordy else listener.clients[:FEW_CLIENTS]
    names = ", ".join(map(str, clients)) + ", …" * (len(clients) < len(listener.clients))
    many = f"{count(len(listener.together), 'connection')} at once, told apart by the client's end: {names}"
    return (f"server {listener.server}: one listening socket, {many}",)


def _crowd(crowd: Crowd) -> tuple[str, Words]:
    return crowd.source, ((f"{crowd.code} {crowd.name}", SEVERITY_STYLE[crowd.severity.value]), crowd_words(crowd))
