"""The probe's choices as a person types them, each in a private network of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handshake.lab.netns import run_in_private_network
from handshake.lab.servers import http, tcp_echo
from handshake.model.packet import Segment
from handshake.source.capture import open_capture
from handshake.wire.decode import decode
from tests.support import ROOT

pytestmark = pytest.mark.usefixtures("private_networks")

COMMAND = [sys.executable, "-m", "handshake"]


def handshake(*arguments: str) -> tuple[int, str, str]:
    """One run: exit status, output, errors. An echo server on 7, a web server on 80, nobody on 9; 82 never accepts."""
    return run_in_private_network(_handshake, arguments)


def _handshake(arguments: tuple[str, ...]) -> tuple[int, str, str]:
    Path("/proc/sys/net/ipv4/tcp_fastopen").write_text("3")
    with (
        tcp_echo(("127.0.0.1", 7)), tcp_echo(("::1", 7)), http(("127.0.0.1", 80)), fast_server(("127.0.0.1", 81)),
        socket.create_server(("127.0.0.1", 82)),
    ):  # fmt: skip
        done = subprocess.run(
            [*COMMAND, "probe", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=30, text=True,
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@contextmanager
def fast_server(address: tuple[str, int]) -> Iterator[None]:
    """Takes data in the SYN, and answers two connections."""
    with socket.create_server(address) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        listener.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    accepted, _ = listener.accept()
                except TimeoutError:
                    continue
                with accepted:
                    accepted.settimeout(5)
                    data = accepted.recv(100)
                    accepted.sendall(b"got " + data)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_what_is_said_is_echoed_and_shown(host: str) -> None:
    status, out, err = handshake(f"{host}:7", "--send", r"hello\r\n\x1b[2J", "-q")
    assert (status, err) == (0, "")
    assert "sent      11 bytes\nreply     11 bytes, " in out
    assert "│ hello\n│ \\x1b[2J\n" in out


def test_a_web_page_in_json() -> None:
    status, out, _ = handshake("127.0.0.1:80", "--send", r"GET /x HTTP/1.0\r\n\r\n", "--format", "json")
    assert status == 0
    reply = json.loads(out)["reply"]
    assert reply["text"].startswith("HTTP/1.1 200 OK\r\n")
    assert reply["finished"]


def test_fast_open_in_two_connections() -> None:
    status, out, _ = handshake("127.0.0.1:81", "--fast-open", "--send", "early", "-q")
    assert status == 0
    assert "asks for a cookie" in out
    assert "data taken" in out
    assert "│ got early\n" in out


def test_half_open_tells_by_its_status_whether_the_port_accepts() -> None:
    status, out, _ = handshake("127.0.0.1:7", "--half-open", "-q")
    assert status == 0
    assert "aborted-by-client" in out
    assert handshake("127.0.0.1:9", "--half-open", "-q")[0] == 1


def test_close_none_says_what_it_leaves() -> None:
    status, out, err = handshake("127.0.0.1:82", "--close", "none")
    assert status == 0
    assert "no FIN or RST" in out
    assert err.startswith("handshake: the server is left with an open connection")
    assert handshake("127.0.0.1:9", "--close", "none")[2] == ""


def test_odd_flags_beside_what_the_rfc_expects() -> None:
    status, out, _ = handshake("127.0.0.1:9", "--flags", "xmas", "-q")
    assert status == 0
    assert "expected  no answer from a listening port, RST,ACK from a closed one (RFC 9293 §3.10.7)" in out
    assert "came      RST,ACK — as a closed port does" in out


def test_a_recorded_choice_replays_as_it_was_made(tmp_path: Path) -> None:
    record = tmp_path / "chosen.pcapng"
    chosen = ("-o", "raw=222:c0de,mss=1234,nop", "--ttl", "9", "--window", "777", "--isn", "0xdeadbeef")
    status, _, _ = handshake("127.0.0.1:7", *chosen, "--source-port", "4242", "-w", str(record), "-q")
    assert status == 0
    with open_capture(record) as capture:
        syn = decode(next(iter(capture))).transport
    assert isinstance(syn, Segment)
    assert (syn.src.port, syn.ttl, syn.wnd, syn.seq) == (4242, 9, 777, 0xDEADBEEF)
    assert [option.name for option in syn.options.items] == ["kind-222", "mss", "nop", "eol"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--option", "mss=99999"), "mss: '99999' is not a number from 0 to 65535"),
        (("--option", "msss"), "did you mean mss?"),
        (("--profile", "bsd"), "no profile is called 'bsd'; there are linux, windows, macos, bare"),
        (("--flags", "sin"), "no flag is called 'sin'"),
        (("--flags", "null", "--send", "x"), "--flags and --send exclude each other"),
        (("--half-open", "--close", "rst"), "--half-open and --close exclude each other"),
        (("--simultaneous",), "--simultaneous needs --source-port"),
        (("--fast-open",), "--fast-open needs --send"),
        (("--isn", "-5"), "'-5' is not a number from 0 to 4294967295"),
        (("--send", "@/nowhere"), "/nowhere: No such file or directory"),
        (("--source", "10.9.9.9"), "10.9.9.9 is not an address of this machine"),
        (("--source", "here"), "here is not an IP address"),
        (("--interface", "eth7"), "there is no interface 'eth7' on this machine"),
        (("127.0.0.1:80", "--flags", "fin"), "--flags is for a single probe, not for many"),
        (("127.0.0.1:80", "--source", "127.0.0.1"), "--source is for a single probe, not for many"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(arguments: tuple[str, ...], complaint: str) -> None:
    status, out, err = handshake("127.0.0.1:7", *arguments)
    assert (status, out) == (2, "")
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err
