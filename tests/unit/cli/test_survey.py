"""`handshake survey` where it does not come to workers: usage, nothing to read, nothing to read it with."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

THREE_WAY = str(ROOT / "captures" / "three-way.pcap")


def run(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "handshake", "survey", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": f"{before}{os.pathsep}{ROOT}"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([THREE_WAY, "--scheduler", "somewhere"], "'somewhere' is not of the form tcp://HOST:PORT"),
        ([THREE_WAY, "--scheduler", "tcp://h:1", "--workers", "2"], "--workers is for processes of this machine"),
        ([THREE_WAY, "--workers", "0"], "'--workers'"),
        ([THREE_WAY, "-f", "ladder"], "'ladder'"),
        ([], "PATTERN"),
        (["/nowhere/*.pcap"], "/nowhere/*.pcap: no file has such a name"),
        (["-"], "standard input: a survey reads files"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_without_dask(tmp_path: Path) -> None:
    (tmp_path / "dask.py").write_text("raise ImportError")
    done = run(THREE_WAY, before=str(tmp_path))
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "handshake: a survey needs dask:  pip install 'dask[distributed]' fsspec cryptography\n"


def test_without_cryptography(tmp_path: Path) -> None:
    """Without certificates there is no cluster of our own: it would be open to everybody on this machine."""
    (tmp_path / "cryptography.py").write_text("raise ImportError")
    done = run(THREE_WAY, before=str(tmp_path))
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("handshake: the worker processes do not start: ")
    assert "cryptography" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_scheduler_answers() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{held.getsockname()[1]}"
        done = run(THREE_WAY, "--scheduler", address)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == f"handshake: {address}: no scheduler answers (Connection refused)\n"


def test_workers_that_cannot_start(tmp_path: Path) -> None:
    """There are not enough file descriptors for them."""
    command = f"ulimit -n 24; exec {shlex.join([sys.executable, '-m', 'handshake', 'survey', THREE_WAY])}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("handshake: the worker processes do not start: ")
    assert done.stderr.count("\n") == 1
