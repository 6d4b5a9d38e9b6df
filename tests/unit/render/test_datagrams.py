"""A UDP exchange of a capture, datagram by datagram."""

from __future__ import annotations

import io
from dataclasses import replace

from handshake.model.handshake import Exchange
from handshake.render.datagrams import write_datagrams
from handshake.render.page import Page
from handshake.render.terminal import Terminal
from tests.unit.app.test_quic import ANSWER, CLIENT_ID, FINISHED, INITIAL, SHORT, long
from tests.unit.flow.test_exchange import datagram, exchange


def drawn(found: Exchange) -> str:
    out = io.StringIO()
    write_datagrams(Page(out, Terminal(width=200)), found)
    return out.getvalue()


def test_quic_is_summed_up() -> None:
    retry = long("Retry", CLIENT_ID, b"again")
    steps = [(INITIAL, 0), (retry, 1), (INITIAL, 0), (ANSWER, 1), (FINISHED + SHORT, 0)]
    text = drawn(exchange(*(datagram(data, reply=bool(reply)) for data, reply in steps)))
    assert "▶ datagram of 1.2 kB · QUIC Initial · version 1" in text
    assert "2 round trips until the first packet with a short header" in text
    assert "(Retry), one round trip more" in text
    assert "Initial 2/1, Handshake 1/1, Retry 0/1, 1-RTT 1/0" in text


def test_repetition_and_silence() -> None:
    text = drawn(exchange(datagram(b"hello"), datagram(b"hello")))
    assert "UDP #1 10.0.0.1:20001 → 10.0.0.2:80 · http" in text
    assert text.count("· the same bytes again") == 1
    assert "sent again" not in text, "that only a probe knows"
    assert "nothing came back to 2 datagrams" in text


def test_what_was_not_kept_is_counted() -> None:
    assert "… 3 datagrams more" in drawn(replace(exchange(datagram(b"a")), requests=2, replies=2))


def test_hostile_names_are_made_visible() -> None:
    found = exchange(datagram(b"a"))
    assert "\x1b" not in drawn(replace(found, notes=("DNS A \x1b[31m?",)))
