"""Lookups, UDP probes and ordinary connections on the screen."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from handshake.model.report import Report
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.unit.render import samples

VIEWS = [samples.asked, samples.udp_probed, samples.unconnected, samples.both]


def drawn(report: Report, width: int = 100, form: Format = Format.LADDER, *, unicode: bool = True) -> str:
    out = io.StringIO()
    renderer(form)(report, out, Terminal(width=width, unicode=unicode))
    return out.getvalue()


def test_the_lookup_stands_before_the_syn() -> None:
    lines = drawn(samples.asked()).splitlines()
    assert lines[0] == "resolve   box.lab → 10.0.0.2 (name server 10.0.0.53:53, 1.001 s, TTL 60 s)"
    assert "client 10.0.0.1" in lines[4]
    assert "name server 10.0.0.53:53" in lines[4]
    shown = [" ".join(line.replace("─", "").split()) for line in lines[5:12]]
    assert shown == [
        "-1002.000 ms DNS A box.lab? ▶",
        "-2.000 ms DNS A box.lab? ▶",
        "asked again",
        "-1.000 ms ◀ DNS CNAME www.lab, A 10.0.0.2",
        "TTL 60 s · truncated: the rest is to be had over TCP (RFC 7766) · a record is cut · 2",
        "datagrams that did not fit ignored",
        "client 10.0.0.1:46329 server 10.0.0.2:8080",
    ]
    assert any("SYN seq=0" in line for line in lines[12:])


def test_every_verdict_on_udp() -> None:
    text = drawn(samples.udp_probed())
    assert [line for line in text.splitlines() if line.startswith("UDP port")] == [
        "UDP port 8080: open",
        "UDP port 8080: closed",
        "UDP port 8080: filtered",
        "UDP port 8080: open or filtered",
    ]
    assert " 2.000 ms  ◀─ datagram of 41 B ──" in text
    assert " 1000.000 ms  ── datagram of 25 B ──" in text
    assert "a reply came after 2.000 ms" in text
    assert "turned back after 1.000 ms: ICMP 3/1 host unreachable, reported by 10.0.0.254 on the way" in text
    assert "nothing came back to 2 datagrams" in text


def test_a_connect_that_failed_says_why_and_who_reported_it() -> None:
    text = drawn(samples.unconnected())
    assert "result    unreachable after 0.090 ms" in text
    assert "means     EHOSTUNREACH: an ICMP error ended it" in text
    assert "icmp      3/13 communication administratively prohibited, reported by 10.0.0.254 on the way" in text
    assert "kernel    state SYN-SENT · SYN repeated 2 times" in text
    assert "does not show single segments" in text


def test_both_stand_side_by_side() -> None:
    lines = drawn(samples.both()).splitlines()
    begin = lines.index("The same twice: crafted, and by the kernel's connect()")
    assert [line.split() for line in lines[begin + 3 :]] == [
        ["outcome", "established", "established"],
        ["set-up", "0.310", "ms", "0.150", "ms"],
        ["round", "trip", "0.276", "ms", "0.120", "ms"],
        ["SYN", "repeated", "0", "0"],
        ["MSS", "1440", "1428", "to", "server"],
        ["SACK", "on", "on"],
        ["ECN", "off", "off"],
    ]


@pytest.mark.parametrize("make", VIEWS)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_too_long_and_ascii_is_enough(make: Callable[[], Report], width: int) -> None:
    for form in (Format.LADDER, Format.TABLE):
        text = drawn(make(), width, form, unicode=False)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= width


def test_a_table_has_the_connect_too() -> None:
    text = drawn(samples.unconnected(), form=Format.TABLE)
    assert "result    unreachable" in text
    assert "connect() 10.0.0.2:8080 unreachable after 0.090 ms" in text
    assert "no TCP handshake" not in text
