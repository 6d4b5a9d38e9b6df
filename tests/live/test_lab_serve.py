"""`handshake lab serve` as a person runs it: servers that serve, queues that can be watched, and nothing left."""

from __future__ import annotations

import ftplib
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from handshake.lab.applications import PASSWORD, USER, borrowed
from tests.live.lab_commands import ENVIRONMENT, ended, eventually, lab, started
from tests.support import ROOT

LISTEN = "0A"


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """The servers, and their ports as the table shows them."""
    with started("serve", *arguments) as process:
        assert process.stdout is not None
        ports = {}
        while (line := process.stdout.readline()) and not line.startswith("queue"):
            if row := re.match(r"(\S+)\s+127\.0\.0\.1:(\d+) ", line):
                ports[row[1]] = int(row[2])
        yield process, ports


def listening(ports: dict[str, int]) -> set[str]:
    """The services that listen for TCP, as the kernel tells (/proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    heard = {int(row[1].partition(":")[2], 16) for row in rows if row[3] == LISTEN}
    return {service for service, port in ports.items() if port in heard}


def lines(process: subprocess.Popen[str], last: str) -> str:
    """What it says until a line that holds `last`."""
    assert process.stdout is not None
    told = ""
    while last not in told and (line := process.stdout.readline()):
        told += line
    return told


def resolved(name: str, port: int, kind: socket.SocketKind) -> str:
    """The address that a name server on the loopback gives."""
    record = borrowed("dnslib").DNSRecord
    question, stream = record.question(name).pack(), kind is socket.SOCK_STREAM
    with socket.socket(type=kind) as client:
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        client.send((len(question).to_bytes(2) if stream else b"") + question)
        return str(record.parse(client.recv(600)[2 * stream :]).get_a().rdata)


def test_every_server_serves() -> None:
    with serving() as (process, ports):
        assert list(ports) == ["tcp-echo", "udp-echo", "dns", "http-1.0", "http-1.1", "smtp", "ftp"]
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as client:
                client.settimeout(5)
                client.connect(("127.0.0.1", ports["tcp-echo" if kind is socket.SOCK_STREAM else "udp-echo"]))
                client.send(b"hello")
                assert client.recv(10) == b"hello"
        for version, kept in ((10, False), (11, True)):
            web = HTTPConnection("127.0.0.1", ports[f"http-1.{version % 10}"], timeout=5)
            web.request("GET", "/one")
            answer = web.getresponse()
            assert (answer.version, len(answer.read()), not answer.will_close) == (version, 300, kept)
            web.close()
        with smtplib.SMTP("127.0.0.1", ports["smtp"], timeout=5) as mail:
            assert mail.sendmail("a@lab", ["b@lab"], "Subject: x\n\nhello") == {}
        with ftplib.FTP(timeout=5) as files:
            files.connect("127.0.0.1", ports["ftp"])
            files.login(USER, PASSWORD)
            assert files.nlst() == ["file.txt"]
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            assert resolved("www.lab", ports["dns"], kind) == "127.0.0.1"
        assert ended(process, signal.SIGINT) == 130


def test_the_accept_queue_fills_before_anything_is_accepted() -> None:
    with serving("tcp-echo", "--backlog", "1", "--accept-delay", "1.5", "--threads", "1") as (process, ports):
        with ExitStack() as stack:
            address = "127.0.0.1", ports["tcp-echo"]
            for _ in range(2):  # both open: the kernel completes the handshakes, nobody has called accept()
                stack.enter_context(socket.create_connection(address, timeout=5))
            third = stack.enter_context(socket.socket())
            third.settimeout(0.3)
            assert third.connect_ex(address) != 0
            told = lines(process, "accepted")
        assert "accept queue: 2 of 1 + 1 wait for accept(); full" in told
        assert "not heeded" in told
        waited = re.search(r"accepted 127\.0\.0\.1:\d+ by thread 1; had waited (\d+) ms; 1 wait still", told)
        assert waited
        assert 1400 <= int(waited[1]) < 5000


def test_one_socket_serves_many_clients_in_threads() -> None:
    with serving("tcp-echo", "--threads", "3") as (process, ports), ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", ports["tcp-echo"]), timeout=5))
            client.send(b"hello")
            assert client.recv(10) == b"hello"
        told = "".join(lines(process, "accepted") for _ in range(3))
        assert set(re.findall(r"by (thread \d)", told)) == {"thread 1", "thread 2", "thread 3"}


def test_what_is_not_installed_is_said_and_the_others_serve() -> None:
    program = (
        "import sys; sys.modules['aiosmtpd'] = None; sys.argv[1:] = ['lab', 'serve', '--for', '0.3', *sys.argv[1:]]\n"
    )
    program += "from handshake.__main__ import main; main()"
    for chosen, status in ((["smtp", "tcp-echo"], 0), (["smtp"], 69)):
        done = subprocess.run(
            [sys.executable, "-c", program, *chosen],
            cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        said = "handshake: smtp: aiosmtpd is not installed; the lab needs it:  pip install 'handshake[lab]'\n"
        assert (done.returncode, done.stderr) == (status, said)
        assert ("tcp-echo  127.0.0.1:" in done.stdout) == (status == 0)


def test_ports_of_choice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lab("serve", "tcp-echo", "--port", f"tcp-echo={port}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"handshake: tcp-echo: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    with serving("tcp-echo", "--port", f"tcp-echo={port}") as (_, ports):
        assert ports == {"tcp-echo": port}


def test_only_the_loopback_is_served() -> None:
    with serving() as (_, ports):
        rows = [line.split()[1].partition(":") for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        places = {address for address, _, port in rows if int(port, 16) in ports.values()}
        assert places == {"0100007F"}


def test_nothing_is_left_when_it_is_ended() -> None:
    with ExitStack() as stack:
        endings = {signal.SIGKILL: -9, signal.SIGTERM: 130, signal.SIGINT: 130}
        running = [(stack.enter_context(serving("--accept-delay", "30")), how) for how in endings]
        for (process, ports), how in running:
            stack.enter_context(socket.create_connection(("127.0.0.1", ports["tcp-echo"]), timeout=5))
            assert listening(ports) >= {"tcp-echo", "http-1.1", "smtp", "ftp"}
            begun = time.monotonic()  # accept() is being waited for
            assert ended(process, how) == endings[how]
            assert time.monotonic() - begun < 5
            assert eventually(lambda: not listening(ports))  # noqa: B023 - called at once
