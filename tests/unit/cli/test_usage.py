"""A command line that cannot be understood gets one line and exit status 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, require


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["replay"], "Missing argument"),
        (["frobnicate"], "No such command 'frobnicate' (options: handshake --help)"),
        (["probe", "127.0.0.1:80", "--frobnicate"], "(options: handshake probe --help)"),
        (["probe", "127.0.0.1:80", "--ttl", "999"], "--ttl"),
        (["probe", "127.0.0.1:80", "--option", "foo"], "no TCP option is called 'foo'"),
        (["replay", "x.pcap", "--format", "xml"], "'ladder'"),
        (["watch", "--for", "never"], "--for"),
        (["lab", "frobnicate"], "No such command 'frobnicate' (options: handshake lab --help)"),
        (["lab", "run", "nope"], "there is no scenario 'nope' (handshake lab run --list shows them all)"),
        (["lab", "serve", "gopher"], "there is no 'gopher'; there are tcp-echo, udp-echo, dns"),
        (["lab", "serve", "tcp-echo", "--port", "http=80"], "'http=80' is not SERVICE=N, as in http-1.1=8080"),
        (["lab", "serve", "tcp-echo", "--port", "tcp-echo=70000"], "'tcp-echo=70000' is not SERVICE=N"),
        (["lab", "net", "--wire", "dorp SYN", "true"], "wire rule 'dorp SYN': 'dorp' is not a rule, one of drop"),
    ],
)
def test_usage_errors_are_one_line(arguments: list[str], complaint: str) -> None:
    command = [sys.executable, "-m", "handshake", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("handshake: ")
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("arguments", [["explain", "SYN"], ["replay", "captures/http-1.1.pcapng", "--format", "json"]])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    full = Path("/dev/full")
    require(full.exists(), "no /dev/full on this machine")
    with full.open("w") as out:
        command = [sys.executable, "-m", "handshake", *arguments]
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "handshake: cannot write: No space left on device\n")
