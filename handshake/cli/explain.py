"""`handshake explain`: a finding, flag, option, state, outcome or term, with its RFC."""

from __future__ import annotations

import difflib
import sys
from typing import Annotated

import typer

from handshake.errors import HandshakeError
from handshake.findings import RULES, Rule
from handshake.findings.glossary import TERMS, look_up, words
from handshake.render.explanation import write_rule, write_term, write_words
from handshake.render.page import Page
from handshake.render.terminal import terminal_of


class UnknownWordError(HandshakeError):
    """Nothing here is called so."""

    exit_status = 2


def explain(
    word: Annotated[
        list[str] | None,
        typer.Argument(help="HS101, syn-retransmitted, SYN, TIME-WAIT, refused, MSS …", metavar="WORD"),
    ] = None,
) -> None:
    """Explain a finding, flag, option, state, outcome or term, with its RFC; without WORD, list them all."""
    page = Page(sys.stdout, terminal_of(sys.stdout))
    if not word:
        write_words(page, TERMS, RULES.values())
        return
    wanted = " ".join(word)
    found = look_up(wanted)
    if not found:
        known = {name.lower(): name for name in words()}
        near = [known[name] for name in difflib.get_close_matches(wanted.lower(), known, n=3)]
        hint = f"did you mean {' or '.join(near)}?" if near else "`handshake explain` lists every word"
        raise UnknownWordError(f"nothing here is called {wanted!r}; {hint}")
    for position, item in enumerate(found):
        if position:
            page.line()
        if isinstance(item, Rule):
            write_rule(page, item)
        else:
            write_term(page, item)
