"""`handshake lab net` as a person runs it, and what is left of it."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from handshake.api import inspect
from handshake.model.handshake import Outcome
from tests.live.lab_commands import COMMAND, ENVIRONMENT, ended, eventually, everywhere, in_session, lab, started
from tests.support import ROOT

pytestmark = pytest.mark.usefixtures("private_networks")

FETCH = "import urllib.request as u; print(len(u.urlopen('http://www.lab/one').read()), u.urlopen('http://www.lab:8080/').status)"


CUT = """
import socket
from pyroute2 import IPRoute
with IPRoute() as kernel:
    kernel.link("del", index=socket.if_nametoindex("eth0"))
"""


def test_names_servers_and_captures_at_both_ends(tmp_path: Path) -> None:
    rules = ("--wire", "delay 5ms", "--wire", "drop SYN 1")
    outside = Path("/etc/resolv.conf").read_text()
    done = lab("net", *rules, "--record", str(tmp_path / "both"), "--", sys.executable, "-c", FETCH)
    assert (done.returncode, done.stdout) == (0, "300 200\n")
    assert "wire      delay 5ms · drop SYN 1\n" in done.stderr
    assert f"handshake replay {tmp_path}/both/client.pcapng --ladder" in " ".join(done.stderr.split())
    at_client, at_server = (inspect([tmp_path / "both" / f"{place}.pcapng"]) for place in ("client", "server"))
    assert [each.outcome for each in at_client.handshakes] == [Outcome.ESTABLISHED] * 2
    assert [each.syn_retransmits for each in at_client.handshakes] == [1, 0]
    assert [each.syn_retransmits for each in at_server.handshakes] == [0, 0]
    assert at_client.exchanges  # the names were asked for
    assert at_server.exchanges
    assert Path("/etc/resolv.conf").read_text() == outside


def test_exit_status_is_the_commands() -> None:
    expected = {
        ("sh", "-c", "exit 7"): (7, ""),
        ("sh", "-c", "kill -9 $$"): (137, ""),
        ("nosuchcommand",): (127, "handshake: nosuchcommand: there is no such command\n"),
        ("/",): (126, "handshake: /: Permission denied\n"),
        (sys.executable, "-c", CUT): (0, ""),
    }
    with ThreadPoolExecutor(len(expected)) as pool:
        runs = {command: pool.submit(lab, "net", "-q", "--", *command) for command in expected}
    assert {command: (run.result().returncode, run.result().stderr) for command, run in runs.items()} == expected


def test_a_directory_that_cannot_be_made_is_one_line() -> None:
    done = lab("net", "--record", "/proc/nowhere", "true")
    assert (done.returncode, done.stderr) == (
        1,
        "handshake: /proc/nowhere: cannot be made: No such file or directory\n",
    )


def test_nothing_is_left_when_it_is_ended_halfway() -> None:
    command = ("net", "-q", "--", "sh", "-c", "setsid sleep 300 & sleep 301 & echo ready; wait")
    with started(*command) as killed, started(*command) as asked:
        for process, how, status in ((killed, signal.SIGKILL, -9), (asked, signal.SIGTERM, 130)):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            made = set().union(*in_session(process.pid).values()) - {os.readlink("/proc/self/ns/net")}
            assert len(made) >= 4
            assert ended(process, how) == status
            assert eventually(lambda: not in_session(process.pid))  # noqa: B023 - called at once
            assert eventually(lambda: not made & everywhere())  # noqa: B023 - of the sleep in another session too


def test_a_shell_has_a_terminal_with_job_control() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(COMMAND[0], [*COMMAND, "net", "-q"], {**ENVIRONMENT, "SHELL": "/bin/sh", "PS1": "> "})
    try:
        assert "> " in _read(terminal, "> ")
        os.write(terminal, b"sleep 100\n")
        time.sleep(0.3)
        os.write(terminal, b"\x03")
        _read(terminal, "> ")
        os.write(terminal, b"echo left=$((40+2)); exit 5\n")
        assert "left=42" in _read(terminal, "left=42")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    finally:
        os.close(terminal)


def _read(terminal: int, until: str) -> str:
    """What the terminal shows, until it has shown this or 10 s are over."""
    shown, deadline = "", time.monotonic() + 10
    while until not in shown and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 4096).decode()
            except OSError:  # the other end is closed
                break
    return shown
