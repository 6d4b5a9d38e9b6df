"""`handshake export` as a person runs it: formats, errors in one line, damage, Ctrl-C; never half a file."""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.support import ROOT

CAPTURES = ROOT / "captures"
THREE_WAY, REFUSED, ECHO = (
    str(CAPTURES / name) for name in ("three-way.pcap", "refused.pcap", "udp-and-tcp-echo.pcapng")
)
COMMAND = [sys.executable, "-m", "handshake", "export"]


def run(*arguments: str, stdin: bytes | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, input=stdin, capture_output=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def outcomes(path: Path) -> list[str]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [row["outcome"] for row in csv.DictReader(file)]
    return [row["outcome"] for row in pyarrow.parquet.read_table(path, columns=["outcome"]).to_pylist()]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_handshakes_and_exchanges(tmp_path: Path) -> None:
    done = run(THREE_WAY, ECHO, "-o", str(tmp_path / "h.parquet"), "--exchanges", str(tmp_path / "e.csv"))
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == f"{tmp_path}/h.parquet: 2 handshakes of 2 captures"
    assert second == f"{tmp_path}/e.csv: 2 UDP exchanges of 2 captures"
    assert outcomes(tmp_path / "h.parquet") == ["established", "established"]
    assert names(tmp_path) == ["e.csv", "h.parquet"]


def test_numbers_begin_anew_in_each_capture(tmp_path: Path) -> None:
    run(REFUSED, THREE_WAY, "-q", "-o", "h.csv", cwd=tmp_path)
    with (tmp_path / "h.csv").open(newline="") as file:
        assert [(row["source"], row["number"]) for row in csv.DictReader(file)] == [(REFUSED, "1"), (THREE_WAY, "1")]


def test_standard_input(tmp_path: Path) -> None:
    done = run("-", "-q", "-o", "h.parquet", stdin=Path(THREE_WAY).read_bytes(), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert outcomes(tmp_path / "h.parquet") == ["established"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "h.xlsx"], [".parquet", ".arrow", ".feather", ".csv", "h.xlsx"]),
        (["-o", "h"], ["does not tell the format"]),
        (["-o", "h.csv", "--exchanges", "./h.csv"], ["the same file"]),
        ([], ["--output"]),
    ],
    ids=" ".join,
)
def test_wrong_usage_reads_nothing(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    done = run(THREE_WAY, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert names(tmp_path) == []


def test_a_missing_directory_is_said_before_anything_is_read(tmp_path: Path) -> None:
    done = run("nowhere.pcap", "-o", "missing/h.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "handshake: missing/h.csv: cannot write: No such file or directory\n")


def test_without_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    for name, status in (("h.parquet", 69), ("h.arrow", 69), ("h.csv", 0)):
        done = subprocess.run(
            [*COMMAND, THREE_WAY, "-o", str(tmp_path / name)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status
        assert (done.stderr.count("\n"), "pip install pyarrow" in done.stderr) == ((1, True) if status else (0, False))
    assert names(tmp_path) == ["h.csv", "pyarrow.py"]


def test_unreadable_captures(tmp_path: Path) -> None:
    done = run("nowhere.pcap", THREE_WAY, "-o", "h.parquet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "handshake: nowhere.pcap: no such file or directory\n")
    assert outcomes(tmp_path / "h.parquet") == ["established"]
    done = run("nowhere.pcap", "-o", "none.parquet", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert names(tmp_path) == ["h.parquet"]


def test_damaged_capture(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(Path(THREE_WAY).read_bytes()[:-5])
    done = run("cut.pcap", REFUSED, "-o", "h.parquet", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("handshake: cut.pcap: damaged at packet 10, byte ")
    assert done.stderr.count("\n") == 1
    assert outcomes(tmp_path / "h.parquet") == ["established", "refused"]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv"])
def test_a_disk_without_room(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"h{suffix}").write_bytes(b"the old one")
    captures = sorted(map(str, CAPTURES.glob("*.pcap*")))
    command = f"ulimit -f 4; exec {shlex.join([*COMMAND, *captures, '-o', f'h{suffix}'])}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"handshake: h{suffix}: cannot write: File too large\n")
    assert (tmp_path / f"h{suffix}").read_bytes() == b"the old one"
    assert names(tmp_path) == [f"h{suffix}"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_keeps_what_was_read(number: signal.Signals, tmp_path: Path) -> None:
    """The pipe stays open behind two whole captures' worth of packets, as that of a tcpdump would."""
    with subprocess.Popen(
        [*COMMAND, REFUSED, "-", "-o", str(tmp_path / "h.parquet"), "--exchanges", str(tmp_path / "e.parquet")],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(Path(ECHO).read_bytes())
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not _reads_pipe(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == b"handshake: interrupted after 16 frames; what was read is kept\n"
    assert out.count(b"\n") == 2
    assert outcomes(tmp_path / "h.parquet") == ["refused", "established"]
    assert pyarrow.parquet.read_table(tmp_path / "e.parquet").num_rows == 2
    assert names(tmp_path) == ["e.parquet", "h.parquet"]


def _reads_pipe(process: int) -> bool:
    """Whether it sleeps in a read of standard input that has been emptied."""
    wchan = Path(f"/proc/{process}/wchan").read_text()
    syscall = Path(f"/proc/{process}/syscall").read_text().split()
    return "pipe" in wchan or syscall[:2] == ["0", "0x0"]
