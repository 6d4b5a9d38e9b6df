"""Tables by tabulate that fit: the least important columns go first, then long cells are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tabulate import DataRow, TableFormat, tabulate

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.render.page import Page

_GAP = 2
_PLAIN = TableFormat(None, None, None, None, DataRow("", " " * _GAP, ""), DataRow("", " " * _GAP, ""), 0, None)
VITAL = 4
"""Columns this expendable or less are kept at the price of cutting long cells."""
_COMFORTABLE, _NARROWEST = 26, 8
"""Columns that long cells are cut to: at first, and when all else failed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column with all its cells, unescaped."""

    title: str
    cells: Sequence[str]
    expendable: int = 0
    """The column with the highest number is the first to go when there is no room; 0 always stays."""
    right: bool = False
    middle: bool = False
    """Long cells lose their middle rather than their end (addresses)."""
    styles: Sequence[str] = ()
    """A style for each cell; none when empty."""

    @property
    def width(self) -> int:
        """Columns of the widest cell or the title."""
        return max(len(self.title), *map(len, self.cells))


def write_grid(page: Page, columns: Sequence[Column]) -> None:
    """Write the columns side by side within the page's width. Columns without any text are left out."""
    shown = [replace(column, cells=[page.terminal.say(cell) for cell in column.cells]) for column in columns]
    shown = [column for column in shown if any(column.cells)]
    shown = _drop(page, shown, VITAL)
    shown = _cut(page, shown, _COMFORTABLE)
    shown = _drop(page, shown, 0)
    shown = _cut(page, shown, _NARROWEST)
    rows = zip(*(_painted(page, column) for column in shown), strict=True)
    alignment = ["right" if column.right else "left" for column in shown]
    text = tabulate(rows, tablefmt=_PLAIN, disable_numparse=True, colalign=alignment)
    page.out.writelines(line.rstrip() + "\n" for line in text.splitlines())


def _painted(page: Page, column: Column) -> list[str]:
    rule = page.terminal.say("─") * column.width
    styles = column.styles or [""] * len(column.cells)
    cells = [page.terminal.paint(cell, style) for cell, style in zip(column.cells, styles, strict=True)]
    return [page.terminal.paint(column.title, "bold"), page.terminal.paint(rule, "dim"), *cells]


def _excess(page: Page, columns: Sequence[Column]) -> int:
    """Columns of text that do not fit."""
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1) - page.terminal.width


def _drop(page: Page, columns: list[Column], above: int) -> list[Column]:
    """Without as many of the columns more expendable than `above` as there is no room for."""
    for column in sorted(columns, key=lambda column: -column.expendable):
        if column.expendable <= above or _excess(page, columns) <= 0:
            break
        columns = [kept for kept in columns if kept is not column]
    return columns


def _cut(page: Page, columns: list[Column], narrowest: int) -> list[Column]:
    """Take what is too much from the widest column, as often as needed, down to `narrowest` or its title."""
    while (excess := _excess(page, columns)) > 0:
        long = [column for column in columns if column.width > max(narrowest, len(column.title))]
        if not long:
            break
        widest = max(long, key=lambda column: column.width)
        limit = max(widest.width - excess, narrowest, len(widest.title))
        cells = [page.cut(cell, limit, middle=widest.middle) for cell in widest.cells]
        columns = [replace(column, cells=cells) if column is widest else column for column in columns]
    return columns
