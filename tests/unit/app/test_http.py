"""HTTP/1: requests and responses paired, bodies skipped, and whether the connection is kept (RFC 9112)."""

from __future__ import annotations

import pytest

from handshake.app.http import Http
from tests.unit.app.talking import CLIENT, SERVER, heard, pieces, script, texts

TWO = script(
    "> GET /one HTTP/1.1\r\nHost: server\r\n",
    b"< HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nGET /",
    "> HEAD /two HTTP/1.1\r\nHost: server\r\nConnection: close\r\n",
    "< HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n",
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_two_requests_on_one_connection_in_any_pieces(size: int) -> None:
    application = heard(Http(), pieces(TWO, size))
    assert [(e.method, e.target, e.host, e.status, e.keeps) for e in application.http] == [
        ("GET", "/one", "server", 200, True),
        ("HEAD", "/two", "server", 404, False),
    ]
    assert texts(application) == [
        "> GET /one HTTP/1.1 (Host server)",
        "< HTTP/1.1 200 OK (keeps the connection)",
        "> HEAD /two HTTP/1.1 (Host server, connection close)",
        "< HTTP/1.1 404 Not Found (closes after this)",
    ]
    assert application.fault is None


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_chunks_and_trailers_are_skipped(size: int) -> None:
    said = [
        *script("> GET / HTTP/1.1\r\nHost: a\r\n", "> GET /b HTTP/1.1\r\nHost: a\r\n"),
        (SERVER, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\n\r\n\r\n\r\n0\r\nT: 1\r\n\r\n"),
        *script("< HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n"),
    ]
    application = heard(Http(), pieces(said, size))
    assert [(e.target, e.status) for e in application.http] == [("/", 200), ("/b", 204)]
    assert "pipelined: 1 before it unanswered" in application.lines[1].note


@pytest.mark.parametrize(
    ("request_head", "response_head", "keeps"),
    [
        ("GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0", True),
        ("GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close", False),
        ("GET / HTTP/1.1\r\nConnection: close", "HTTP/1.1 200 OK\r\nContent-Length: 0", False),
        ("GET / HTTP/1.1", "HTTP/1.1 200 OK", False),
        ("GET / HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 0", False),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive",
            True,
        ),
        ("GET / HTTP/1.0", "HTTP/1.1 200 OK\r\nContent-Length: 0", False),
    ],
)  # fmt: skip
def test_who_keeps_the_connection(request_head: str, response_head: str, keeps: bool) -> None:
    application = heard(Http(), script(f"> {request_head}\r\n", f"< {response_head}\r\n"))
    assert application.http[0].keeps is keeps


def test_continue_comes_before_the_answer() -> None:
    said = script(
        "> PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n",
        "< HTTP/1.1 100 Continue\r\n",
        b"> abc",
        "< HTTP/1.1 201 Created\r\nContent-Length: 0\r\n",
    )
    application = heard(Http(), said)
    assert [(e.status, e.request_bytes) for e in application.http] == [(201, 3)]
    assert "asks before it sends the body" in application.lines[0].note
    assert application.lines[1].note == "go on"


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_upgrade_ends_it(protocol: str) -> None:
    dialogue = Http()
    said = script(
        f"> GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n",
        f"< HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\n",
        b"< \x81\x05hello",
    )
    application = heard(dialogue, said)
    assert dialogue.done
    assert application.lines[-1].note == f"switches to {protocol}"
    assert (application.http[0].status, application.fault) == (101, None)


def test_a_tunnel_ends_it() -> None:
    application = heard(Http(), script("> CONNECT a:443 HTTP/1.1\r\n", "< HTTP/1.1 200 OK\r\n", b"> \x16\x03\x01"))
    assert application.lines[-1].note == "opens a tunnel"
    assert application.fault is None


def test_a_body_that_was_not_captured_is_skipped_by_its_length() -> None:
    dialogue = Http()
    dialogue.feed(CLIENT, b"GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", 0)
    dialogue.feed(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc", 1)
    dialogue.gap(SERVER, 999_997, 2)
    dialogue.feed(SERVER, b"HTTP/1.1 404 No\r\n\r\n", 3)
    assert [e.status for e in dialogue.application().http] == [200, 404]


def test_heads_cut_by_the_snap_length_show_what_was_captured() -> None:
    dialogue = Http()
    dialogue.feed(CLIENT, b"GET / HTTP/1.1\r\nHost: www.example\r\nUser-Ag", 0)
    dialogue.gap(CLIENT, 40, 0)
    dialogue.feed(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\nServ", 1)
    dialogue.gap(SERVER, 700, 1)
    dialogue.feed(SERVER, b"the rest of the body", 2)
    dialogue.gap(SERVER, 500, 2)
    dialogue.feed(CLIENT, b"GET /a/long/na", 3)
    dialogue.gap(CLIENT, 60, 3)
    dialogue.feed(CLIENT, b"GET /next HTTP/1.1\r\n\r\n", 4)
    dialogue.feed(SERVER, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 5)
    application = dialogue.application()
    cut = "the rest of its head was not captured"
    assert [(line.text, line.note) for line in application.lines] == [
        ("GET / HTTP/1.1", f"Host www.example, {cut}"),
        ("HTTP/1.1 200 OK", cut),
        ("GET /a/long/na…", "60 bytes were not captured"),
        ("GET /next HTTP/1.1", "no Host"),
        ("HTTP/1.1 404 Not Found", "keeps the connection"),
    ]
    assert [(e.target, e.status, e.keeps) for e in application.http] == [("/", 200, None), ("/next", 404, True)]
    assert application.fault is None
    assert not dialogue.done


@pytest.mark.parametrize(
    "nonsense", [b"hello\r\n", b"GET\r\n", b"\0" * 70_000, b"GET / HTTP/1.1\r\n" + b"a" * 70_000, b"GET / SPDY\r\n"]
)
def test_what_is_no_http_ends_it_with_a_reason(nonsense: bytes) -> None:
    dialogue = Http()
    application = heard(dialogue, [(CLIENT, nonsense)])
    assert dialogue.done
    assert application.fault


def test_passwords_in_the_target_are_not_shown() -> None:
    said = script("> GET http://me:secret@a/ HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n")
    assert "secret" not in repr(heard(Http(), said)).replace("secrets", "")
    assert "me:secret@" in repr(heard(Http(secrets=True), said))


@pytest.mark.parametrize("size", [2, 1000])
def test_http_09_has_neither_version_nor_status(size: int) -> None:
    said = [*script("> GET /old", "> "), (SERVER, b"<html>GET / HTTP/1.1</html>")]
    application = heard(Http(), pieces(said, size))
    (exchange,) = application.http
    assert (exchange.target, exchange.version, exchange.status, exchange.keeps) == ("/old", "0.9", None, False)
    assert exchange.answered_ns is not None
    assert application.fault is None


def test_a_newer_server_answers_http_09_in_its_own_version() -> None:
    application = heard(Http(), script("> GET /old", "< HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"))
    assert [(exchange.version, exchange.status) for exchange in application.http] == [("0.9", 400)]
