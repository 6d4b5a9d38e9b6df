"""`handshake probe` and `handshake demo` as a person runs them, each in a private network of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from handshake.lab.netns import run_in_private_network
from handshake.lab.servers import tcp_echo
from handshake.probe.hold import PortHold
from tests.support import ROOT

pytestmark = pytest.mark.usefixtures("private_networks")

OPEN, SILENT = 8080, 8082
COMMAND = [sys.executable, "-m", "handshake"]


def handshake(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of one run in a private network with an open and a silent port."""
    return run_in_private_network(_handshake, arguments)


def _handshake(arguments: tuple[str, ...]) -> tuple[int, str, str]:
    with tcp_echo(("127.0.0.1", OPEN)), PortHold(socket.inet_aton("127.0.0.1"), SILENT):
        done = _run(*arguments)
    return done.returncode, done.stdout, done.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, check=False, timeout=30, text=True,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
    )  # fmt: skip


def test_open_port() -> None:
    status, out, err = handshake("probe", f"127.0.0.1:{OPEN}")
    assert (status, err) == (0, "")
    assert "established in" in out
    assert "→ SYN-RECEIVED  [kernel: SYN-RECV, accept queue 0/" in out


def test_closed_port() -> None:
    status, out, _ = handshake("probe", "127.0.0.1:8081")
    assert status == 1
    assert "HS104 refused" in out


def test_silent_port() -> None:
    status, out, _ = handshake("probe", f"127.0.0.1:{SILENT}", "--retries", "1", "--timeout", "1.5")
    assert status == 1
    assert "unanswered after 2 SYNs" in out
    assert "HS105 unanswered" in out


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("192.13.13.1323:80", "1323 is not a number from 0 to 255"),
        ("127.0.0.1:99999", "99999 is not a port"),
        ("127.0.0.1", "the port is missing"),
        ("[::1", "closing bracket is missing"),
        ("8.8.8.8:53", "--allow-public"),
        ("224.0.0.1:80", "multicast"),
        ("255.255.255.255:80", "broadcast"),
    ],
)
def test_wrong_target_is_one_line(target: str, complaint: str) -> None:
    done = _run("probe", target)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_a_probe_and_the_replay_of_its_recording_agree(tmp_path: Path) -> None:
    recording = tmp_path / "probe.pcapng"
    status, out, _ = handshake("probe", f"127.0.0.1:{OPEN}", "-f", "jsonl", "--write", str(recording))
    assert status == 0
    replayed = _run("replay", str(recording), "-f", "jsonl")

    def judged(text: str) -> list[object]:
        found = [line for line in map(json.loads, text.splitlines()) if line["type"] == "handshake"]
        return [{key: value for key, value in line.items() if key != "source"} for line in found]

    assert len(judged(out)) == 1
    assert judged(replayed.stdout) == judged(out)


def test_without_privilege_it_names_the_command() -> None:
    status, out, err = run_in_private_network(_unprivileged)
    assert status == 77
    assert err.count("\n") == 1
    assert "sudo" in err
    assert "probe 127.0.0.1:8080" in err
    assert not out


def _unprivileged() -> tuple[int, str, str]:
    """Give up every capability for good (prctl(2): bounding set, then a plain exec)."""
    drop = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None)\n"
        "[libc.prctl(24, capability, 0, 0, 0) for capability in range(64)]\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", drop, "-m", "handshake", "probe", "127.0.0.1:8080"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=30, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_shows_what_it_has(stop: signal.Signals) -> None:
    status, out, err = run_in_private_network(_interrupted, stop)
    assert status == 130
    assert "SYN-SENT" in out
    assert "Traceback" not in err


def _interrupted(stop: signal.Signals) -> tuple[int, str, str]:
    command = [*COMMAND, "probe", f"127.0.0.1:{SILENT}", "--timeout", "20"]
    with PortHold(socket.inet_aton("127.0.0.1"), SILENT):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        timer = threading.Timer(2.0, process.send_signal, [stop])
        timer.start()
        out, err = process.communicate(timeout=30)
        timer.join()
    return process.returncode, out, err


def test_demo_tells_three_stories() -> None:
    started = time.monotonic()
    done = _run("demo")
    assert done.returncode == 0
    assert [word in done.stdout for word in ("established in", "refused after", "unanswered after 3 SYNs")] == [
        True
    ] * 3
    assert "What to try next" in done.stdout
    assert time.monotonic() - started < 20
