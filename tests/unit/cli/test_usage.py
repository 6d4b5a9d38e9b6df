"""A command line that cannot be understood gets one line and exit status 2."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT


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
