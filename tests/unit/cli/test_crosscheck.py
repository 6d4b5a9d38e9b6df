"""`handshake crosscheck` and `replay --engine tshark` as a person runs them, with the tshark of this machine."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, tshark

CAPTURES = ROOT / "captures"
THREE_WAY, SYN_LOST = str(CAPTURES / "three-way.pcap"), str(CAPTURES / "syn-lost.pcap")
COMMAND = [sys.executable, "-m", "handshake"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, check=False, timeout=60,
        env={**os.environ, "COLUMNS": "120", **environ},
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def nothing(tmp_path: Path) -> str:
    """A PATH without tshark."""
    (tmp_path / "bin").mkdir()
    return str(tmp_path / "bin")


@pytest.fixture
def pretender(tmp_path: Path) -> str:
    """A PATH with a tshark that says of any capture that its first SYN is from port 1."""
    directory = tmp_path / "bin"
    directory.mkdir()
    real = tshark()
    script = directory / "tshark"
    script.write_text(
        f'#!/bin/sh\ncase "$1" in --version) exec {real} --version;; esac\n'
        f'{real} "$@" | sed \'s/"tcp_window_size_value":\\["[0-9]*"/"tcp_window_size_value":["1"/\'\n'
    )
    script.chmod(0o755)
    return f"{directory}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("command", [["crosscheck"], ["replay", "--engine", "tshark"]], ids=" ".join)
def test_without_tshark(command: list[str], nothing: str) -> None:
    done = run(*command, THREE_WAY, SYN_LOST, PATH=nothing)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("handshake: tshark, the second opinion, is not installed; Debian")


def test_plain_replay_needs_no_tshark(nothing: str) -> None:
    assert run("replay", THREE_WAY, PATH=nothing).returncode == 0


def test_agreement() -> None:
    tshark()
    done = run("crosscheck", THREE_WAY, SYN_LOST)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, _, compared, streams = done.stdout.splitlines()
    assert first == f"{THREE_WAY}  agrees: 1 stream, 10 segments"
    assert second.startswith(SYN_LOST)
    assert compared.startswith("compared  2 captures of 2 · 21 frames · 21 segments · tshark ")
    assert streams.startswith("streams   2: 2 agree in every point (100.00%)")


def test_differences(pretender: str) -> None:
    done = run("crosscheck", THREE_WAY, PATH=pretender)
    assert (done.returncode, done.stderr) == (1, "")
    assert "differs: 1 stream, 10 segments, 10 unexplained differences" in done.stdout
    assert re.search(r"ours-wrong +1 +0 +window +64240 +1 +none known", done.stdout)


def test_quiet_agreement_is_silence() -> None:
    tshark()
    done = run("crosscheck", "-q", THREE_WAY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_cannot_be_read_is_said_and_hides_nothing(tmp_path: Path) -> None:
    tshark()
    text = tmp_path / "\x1b[31mnotes.txt"
    text.write_text("not a capture")
    os.mkfifo(tmp_path / "pipe")
    done = run("crosscheck", str(text), str(CAPTURES), "nowhere.pcap", "-", str(tmp_path / "pipe"), THREE_WAY)
    assert (done.returncode, done.stderr) == (2, "")
    unwrapped = " ".join(done.stdout.split())
    assert r"\x1b[31mnotes.txt not compared: plain text, not a capture; and tshark cannot read it: " in unwrapped
    assert f"{CAPTURES} not compared: a directory, not a capture" in unwrapped
    assert "nowhere.pcap not compared: no such file or directory" in unwrapped
    assert "standard input not compared: it is read twice, so it has to be a file" in unwrapped
    assert "pipe not compared: it is read twice, so it has to be a file" in unwrapped
    assert f"{THREE_WAY} agrees" in unwrapped
    assert "compared 1 capture of 6" in unwrapped
    assert "\x1b" not in done.stdout


def test_a_format_that_only_tshark_reads(tmp_path: Path) -> None:
    """A pcap file of a version that there never was, with one frame."""
    tshark()
    odd = tmp_path / "one.pcap"
    frame = bytes(12) + b"\x08\x06" + bytes(46)
    record = struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
    odd.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 5, 0, 0, 65535, 1) + record)
    done = run("crosscheck", str(odd))
    assert done.returncode == 2
    assert "tshark reads 1 frame, 0 of them TCP" in " ".join(done.stdout.split())
    replayed = run("replay", "--engine", "tshark", str(odd))
    assert replayed.returncode == 0
    assert re.search(r"one\.pcap · dissected by tshark [\d.]+ · 1 frame", " ".join(replayed.stdout.split()))
    assert "skipped   1 frame of other kinds: 1 arp" in replayed.stdout


def test_cut_capture(tmp_path: Path) -> None:
    tshark()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(THREE_WAY).read_bytes()[:-5])
    done = run("crosscheck", str(cut))
    assert done.returncode == 0, "both stop at the same place"
    assert "we stop at packet 10, byte " in done.stdout
    assert "tshark stops at packet 10: the file appears to have been cut short" in done.stdout
    replayed = run("replay", "--engine", "tshark", str(cut))
    assert replayed.returncode == 1
    assert "damaged   at packet 10: the file appears to have been cut short" in replayed.stdout


def test_json(tmp_path: Path) -> None:
    tshark()
    path = tmp_path / "checked.json"
    assert run("crosscheck", "-f", "json", "-o", str(path), THREE_WAY).stdout == ""
    document = json.loads(path.read_text("utf-8"))
    assert (document["type"], document["streams"], document["captures"][0]["name"]) == ("crosscheck", 1, THREE_WAY)
    lines = [json.loads(line) for line in run("crosscheck", "-f", "jsonl", THREE_WAY, SYN_LOST).stdout.splitlines()]
    assert [line["type"] for line in lines] == ["checked", "checked", "crosscheck-summary"]


def test_progress_is_shown_on_a_terminal_and_gone_at_the_end() -> None:
    """With a terminal that is told to lose patience at once."""
    tshark()
    here, there = pty.openpty()
    code = (
        "import handshake.cli.reading as r, sys; r._PATIENCE_S = 0; r._BATCH = 1; "
        "from handshake.__main__ import main; sys.argv[1:] = ['crosscheck', 'captures/three-way.pcap']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=there, check=False)
    os.close(there)
    said = os.read(here, 10_000).decode()
    os.close(here)
    assert done.returncode == 0
    assert "\r1 of 1: captures/three-way.pcap: 1 frames " in said
    assert said.endswith(" \r")
