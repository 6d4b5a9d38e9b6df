"""A UDP exchange of a capture, datagram by datagram: on the ladder, in mermaid and svg."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from handshake.model.handshake import Exchange
from handshake.model.report import Report, Tally
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.unit.app.test_quic import ANSWER, CLIENT_ID, FINISHED, INITIAL, SHORT, long
from tests.unit.flow.test_exchange import datagram, exchange


def drawn(found: Exchange, form: Format = Format.LADDER, width: int = 200) -> str:
    out = io.StringIO()
    renderer(form)(Report((), Tally(), (), (found,)), out, Terminal(width=width))
    return out.getvalue()


def test_quic_is_summed_up() -> None:
    retry = long("Retry", CLIENT_ID, b"again")
    steps = [(INITIAL, 0), (retry, 1), (INITIAL, 0), (ANSWER, 1), (FINISHED + SHORT, 0)]
    text = drawn(exchange(*(datagram(data, reply=bool(reply)) for data, reply in steps)))
    assert "── datagram of 1.2 kB ──" in text
    assert "QUIC Initial · version 1\n" in text
    assert "2 round trips until the first packet with a short header" in text
    assert "(Retry), one round trip more" in text
    assert "Initial 2/1, Handshake 1/1, Retry 0/1, 1-RTT 1/0" in text


def test_repetition_and_silence() -> None:
    text = drawn(exchange(datagram(b"hello"), datagram(b"hello")))
    assert "UDP #1 open or filtered · http · private address" in text
    assert text.count("the same bytes again") == 1
    assert "nothing came back to 2 datagrams" in text


def test_what_was_not_kept_is_counted() -> None:
    assert "… 3 more datagrams" in drawn(replace(exchange(datagram(b"a")), requests=2, replies=2))


def test_hostile_names_are_made_visible() -> None:
    found = exchange(datagram(b"a"))
    assert "\x1b" not in drawn(replace(found, notes=("DNS A \x1b[31m?",)))


def test_narrow_terminals_get_a_list() -> None:
    text = drawn(exchange(datagram(b"hello"), datagram(b"hi", reply=True)), width=60)
    assert "▶ datagram of 5 B" in text
    assert "◀ datagram of 2 B" in text
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize("form", [Format.MERMAID, Format.SVG])
def test_diagrams(form: Format) -> None:
    text = drawn(exchange(datagram(b"hello"), datagram(b"hi", reply=True)), form)
    assert "UDP" in text
    assert text.index("datagram of 5 B") < text.index("datagram of 2 B") < text.rindex("UDP port 80")
