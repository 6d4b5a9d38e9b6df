"""The tshark on the PATH: missing, broken, too old, or not tshark at all is one clear line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from handshake.errors import ToolError
from handshake.oracle import find_tshark
from handshake.oracle.fields import OLDEST


def installed(monkeypatch: pytest.MonkeyPatch, directory: Path, script: str) -> Path:
    """A directory with this script as tshark, as the only one on the PATH."""
    path = directory / "tshark"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))
    return path


def refusal() -> str:
    with pytest.raises(ToolError) as refused:
        find_tshark()
    message = str(refused.value)
    assert "\n" not in message
    assert refused.value.exit_status == 69
    return message


def test_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "sudo apt-get install tshark" in refusal()


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3).", "4.0.17"),
        ("TShark 3.6.0", "3.6.0"),
        ("TShark (Wireshark) 4.6.", "4.6"),
        ("TShark (Wireshark) 10.2.1rc0-3-gabcdef", "10.2.1"),
    ],
)
def test_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, version: str) -> None:
    path = installed(monkeypatch, tmp_path, f"echo '{line}'")
    assert find_tshark() == (str(path), version)


@pytest.mark.parametrize("version", ["3.4.16", "2.6.20", "1.12.1"])
def test_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    installed(monkeypatch, tmp_path, f"echo 'TShark (Wireshark) {version} (Git)'")
    assert refusal() == f"tshark {version} is too old: {OLDEST[0]}.{OLDEST[1]} or newer is needed"


@pytest.mark.parametrize("script", ["exit 1", "echo no number here", "kill -SEGV $$", "printf '\\377\\376'"])
def test_says_nothing_useful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    installed(monkeypatch, tmp_path, script)
    assert "does not tell its version" in refusal()


def test_cannot_be_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, "").write_bytes(b"\x7fELF, but no program")
    assert "cannot be run" in refusal()
