"""`handshake replay` as a person runs it: exit statuses, one-line errors, filters, pipes, Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.support import ROOT

CAPTURES = ROOT / "captures"
THREE_WAY, REFUSED, UNANSWERED = (
    str(CAPTURES / name) for name in ("three-way.pcap", "refused.pcap", "unanswered.pcapng")
)
COMMAND = [sys.executable, "-m", "handshake"]


def run(*arguments: str, stdin: bytes | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run handshake with a plain environment; output as text."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, input=stdin, capture_output=True, check=False, timeout=60,
        env={**os.environ, "COLUMNS": "120", **environ},
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def outcomes(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["outcome"] for line in lines if line["type"] == "handshake"]


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A capture that ends within its last packet."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(Path(THREE_WAY).read_bytes()[:-5])
    return path


def test_alone_prints_help() -> None:
    done = run()
    assert done.returncode == 0
    assert "Usage: handshake" in done.stdout
    assert "replay" in done.stdout


def test_version() -> None:
    assert run("--version").stdout.startswith("handshake 0.")


def test_table_and_ladder() -> None:
    table = run("replay", THREE_WAY, REFUSED)
    assert (table.returncode, table.stderr) == (0, "")
    assert "2 handshakes: 1 established, 1 refused" in table.stdout
    ladder = run("replay", THREE_WAY, "--ladder")
    assert "SYN-SENT → ESTABLISHED" in ladder.stdout


def test_summary_has_no_rows() -> None:
    done = run("replay", THREE_WAY, "--summary")
    assert "1 established" in done.stdout
    assert "findings" not in done.stdout


def test_ascii_locale_gets_ascii() -> None:
    assert run("replay", THREE_WAY, "--ladder", LC_ALL="C").stdout.isascii()
    assert run("replay", THREE_WAY, "--ladder", PYTHONIOENCODING="ascii").stdout.isascii()


def test_color_only_on_demand() -> None:
    assert "\x1b[" not in run("replay", REFUSED).stdout
    assert "\x1b[" in run("replay", REFUSED, FORCE_COLOR="1", NO_COLOR="").stdout


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["established", "refused", "unanswered"]),
        (["--only", "refused"], ["refused"]),
        (["--only", "refused", "--only", "unanswered"], ["refused", "unanswered"]),
        (["--flow", "3"], ["unanswered"]),
        (["--finding", "hs101"], ["unanswered"]),
        (["--port", "82"], ["unanswered"]),
        (["--host", "10.0.0.2", "--port", "81"], ["refused"]),
        (["--host", "10.0.0.0/8"], ["established", "refused", "unanswered"]),
        (["--host", "192.0.2.1"], []),
        (["--host", "::1"], []),
    ],
    ids=" ".join,
)
def test_filters(options: list[str], expected: list[str]) -> None:
    done = run("replay", THREE_WAY, REFUSED, UNANSWERED, "-f", "jsonl", *options)
    assert done.returncode == 0
    assert outcomes(done) == expected
    assert ("no handshake matches" in done.stderr) is not bool(expected)


def test_filters_on_tcp_leave_udp_out() -> None:
    both = str(CAPTURES / "udp-and-tcp-echo.pcapng")
    assert '"type":"exchange"' in run("replay", both, "-f", "jsonl").stdout
    assert '"type":"exchange"' in run("replay", both, "-f", "jsonl", "--port", "7").stdout
    assert '"type":"exchange"' not in run("replay", both, "-f", "jsonl", "--only", "established").stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "splendid"], ["splendid", "established", "refused", "midstream"]),
        (["--finding", "HS999"], ["HS999", "HS101"]),
        (["--flow", "7"], ["no handshake 7", "last one is 1"]),
        (["--host", "nowhere"], ["nowhere", "neither an address nor a network"]),
        (["--format", "tabel"], ["tabel", "table", "jsonl"]),
    ],
    ids=" ".join,
)
def test_wrong_option_names_the_right_ones(options: list[str], words: list[str]) -> None:
    done = run("replay", THREE_WAY, *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    error = done.stderr.splitlines()[-1]
    assert all(word in error for word in words), error


def test_unreadable_file_is_one_line_and_status_2() -> None:
    done = run("replay", "nowhere.pcap")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "handshake: nowhere.pcap: no such file or directory\n"


def test_one_unreadable_file_does_not_hide_the_others() -> None:
    done = run("replay", "nowhere.pcap", THREE_WAY, "-f", "jsonl")
    assert done.returncode == 2
    assert outcomes(done) == ["established"]
    assert len(done.stderr.splitlines()) == 1


def test_hostile_file_name_is_escaped() -> None:
    done = run("replay", "\x1b[31m.pcap")
    assert "\x1b" not in done.stderr
    assert "\\x1b[31m.pcap" in done.stderr


def test_damaged_capture_shows_everything_before_and_is_status_1(cut: Path) -> None:
    done = run("replay", str(cut))
    assert done.returncode == 1
    assert "1 established" in done.stdout
    assert "damaged   at packet 10, byte " in done.stdout


def test_standard_input() -> None:
    done = run("replay", "-", "-f", "jsonl", stdin=Path(THREE_WAY).read_bytes())
    assert outcomes(done) == ["established"]


def test_output_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = run("replay", THREE_WAY, "-f", "json", "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(path.read_text("utf-8"))["type"] == "report"
    refused = run("replay", THREE_WAY, "-o", str(tmp_path / "missing" / "report"))
    assert refused.returncode == 1
    assert refused.stderr.endswith("cannot write: No such file or directory\n")
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("form", ["table", "ladder", "json"])
def test_reader_that_leaves_is_no_error(form: str) -> None:
    captures = sorted(str(path) for path in CAPTURES.glob("*.pcap*"))
    with subprocess.Popen(
        [*COMMAND, "replay", *captures, "-f", form], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_interrupt_shows_what_was_read() -> None:
    with subprocess.Popen(
        [*COMMAND, "replay", "-", "-f", "jsonl"], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stdout is not None
        process.stdin.write(Path(THREE_WAY).read_bytes())
        process.stdin.flush()
        _wait_until_read(process.stdin.fileno())
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted after" in error
    assert b"Traceback" not in error
    assert b'"type":"summary"' in out.splitlines()[-1]


@pytest.mark.parametrize("copies", [0, 1, 200])
def test_interrupt_sums_up_what_was_read(copies: int) -> None:
    """Before anything came, while it is little, and in bulk."""
    content = Path(THREE_WAY).read_bytes()
    with subprocess.Popen(
        [*COMMAND, "replay", "-", "--summary"], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(content[:24] * bool(copies) + content[24:] * copies * 10)
        process.stdin.flush()
        _wait_until_read(process.stdin.fileno())
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
    assert process.returncode == 130
    said = re.fullmatch(r"handshake: interrupted after ([\d,]+) frames\n", error.decode())
    assert said is not None
    assert min(copies, 1) <= int(said[1].replace(",", "")) <= copies * 100
    assert (f"{said[1]} frames" in out.decode()) is (copies > 0)


def _wait_until_read(pipe: int) -> None:
    """Return once the reader has taken everything out of the pipe."""
    deadline = time.monotonic() + 30
    while struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("capture", "secret"), [("smtp-login.pcapng", "AGFsaWNlAHdvbmRlcmxhbmQ="), ("ftp-passive.pcapng", "PASS ")]
)
@pytest.mark.parametrize("form", ["ladder", "json", "mermaid", "svg"])
def test_passwords_are_shown_only_when_asked_for(capture: str, secret: str, form: str) -> None:
    path = str(CAPTURES / capture)
    hidden = run("replay", path, "-f", form).stdout
    assert secret not in hidden.replace("PASS (not shown)", "")
    shown = run("replay", path, "-f", form, "--show-secrets").stdout
    assert secret.strip() in shown
    assert "PASS (not shown)" not in shown
