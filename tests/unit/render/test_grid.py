"""Tables that cannot fit end all the same: a title is not cut."""

from __future__ import annotations

import io

import pytest

from handshake.render.grid import Column, write_grid
from handshake.render.page import Page
from handshake.render.terminal import Terminal


@pytest.mark.timeout(10)
@pytest.mark.parametrize("width", [1, 10, 20, 40])
def test_titles_wider_than_the_page(width: int) -> None:
    out = io.StringIO()
    columns = [Column("at the client", ["established"]), Column("at the server", ["a very long cell" * 3])]
    write_grid(Page(out, Terminal(width=width)), columns)
    assert "at the client" in out.getvalue()
