"""`handshake survey` with real worker processes, some of which are killed: a capture more, a capture less, no one left.

A named pipe stands for a capture that takes long: it is read by one worker until the test says what is in it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import ROOT

CAPTURES = ROOT / "captures"
COMMAND = [sys.executable, "-m", "handshake", "survey"]
PATIENCE_S = 60.0


@contextmanager
def surveying(scratch: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A survey in a process group of its own, as a terminal has it; no process of it is left behind the block."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        with process:
            yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def group(process: subprocess.Popen[str]) -> list[int]:
    """The processes of its group that are there."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, leader = path.joinpath("stat").read_text().rpartition(")")[2].split()[:3]
            if int(leader) == process.pid and state != "Z":
                found.append(int(path.name))
    return found


def reader_of(path: Path, process: subprocess.Popen[str], but: int | None = None) -> int:
    """The worker that has opened the pipe, waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for each in group(process):
            with suppress(OSError):
                for entry in Path(f"/proc/{each}/fd").iterdir():
                    if entry.readlink() == path and each != but:
                        return each
        time.sleep(0.02)
    raise AssertionError(f"nobody opened {path.name}")


def nobody_left(process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + 10
    while group(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where temporary files go."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def pipes(tmp_path: Path) -> tuple[Path, Path]:
    """Two named pipes that never run dry; they are ended by closing what holds them open."""
    paths = tmp_path / "slow.pcap", tmp_path / "deadly.pcap"
    for path in paths:
        os.mkfifo(path)
    return paths


def test_workers_are_killed_midway(pipes: tuple[Path, Path], scratch: Path) -> None:
    """One capture loses its worker once and is read again, another loses every worker and is given up."""
    slow, deadly = pipes
    held = [os.open(path, os.O_RDWR) for path in pipes]
    captures = sorted(map(str, CAPTURES.glob("t*.pcap*")))
    with surveying(scratch, str(slow), str(deadly), *captures, "-f", "jsonl", "--workers", "2") as process:
        first = reader_of(slow, process)
        os.kill(first, signal.SIGKILL)
        reader_of(slow, process, but=first)
        os.write(held[0], (CAPTURES / "refused.pcap").read_bytes())
        os.close(held[0])
        last = None
        for _ in range(4):
            last = reader_of(deadly, process, but=last)
            os.kill(last, signal.SIGKILL)
        out, error = process.communicate(timeout=PATIENCE_S)
        assert nobody_left(process)
    os.close(held[1])
    assert (process.returncode, list(scratch.iterdir())) == (2, [])
    assert error == f"handshake: {deadly}: given up: every worker that read it was lost (killed, or out of memory)\n"
    *rows, summary = map(json.loads, out.splitlines())
    assert [row["failure"] is None for row in rows] == [True, False, *(True for _ in captures)]
    assert rows[0]["outcomes"] == {"refused": 1}
    replayed = subprocess.run(
        [sys.executable, "-m", "handshake", "replay", str(CAPTURES / "refused.pcap"), *captures, "-f", "jsonl"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(replayed.stdout.splitlines()[-1])
    assert {name: summary[name] for name in ("outcomes", "times", "findings")} == {
        name: told[name] for name in ("outcomes", "times", "findings")
    }
    assert summary["tally"] == told["tally"]


def test_interrupt_and_what_listens(pipes: tuple[Path, Path], scratch: Path) -> None:
    """Ctrl-C as a terminal sends it, to all processes at once, while a capture is being read."""
    slow, _ = pipes
    held = os.open(slow, os.O_RDWR)
    with surveying(scratch, str(CAPTURES / "refused.pcap"), str(slow), "-f", "jsonl", "--workers", "2") as process:
        reader_of(slow, process)
        addresses = {address for pid in group(process) for address in listening(pid)}
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        out, error = process.communicate(timeout=PATIENCE_S)
        assert nobody_left(process)
    os.close(held)
    assert (process.returncode, list(scratch.iterdir())) == (130, [])
    assert error == "handshake: interrupted; 1 of 2 captures had come\n"
    first, second, _ = map(json.loads, out.splitlines())
    assert (first["outcomes"], second["failure"]) == ({"refused": 1}, "not reached")
    assert addresses == {"127.0.0.1"}


def test_killed_outright_leaves_no_worker(pipes: tuple[Path, Path], scratch: Path) -> None:
    slow, _ = pipes
    held = os.open(slow, os.O_RDWR)
    with surveying(scratch, str(slow), "--workers", "1") as process:
        reader_of(slow, process)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        assert nobody_left(process)
    os.close(held)


def listening(pid: int) -> set[str]:
    """Addresses on which a process listens for TCP."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if socket := re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink())):
                sockets.add(socket[1])
    found = set()
    for table, version in (("tcp", 4), ("tcp6", 6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                address = fields[1].partition(":")[0]
                found.add(".".join(map(str, reversed(bytes.fromhex(address)))) if version == 4 else address)
    return found
