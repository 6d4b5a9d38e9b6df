"""Every capture at hand, whole or broken, replays from the command line: no traceback, no hang, one line for an error.

In one process for speed, and some of them as a person runs them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from handshake import __main__ as program
from tests.support import ROOT, SHARED, require, shared_captures

NO_CAPTURES = "the captures of other projects are not on this machine (../shared/captures)"
BUNDLED = sorted((ROOT / "captures").glob("*.pcap*"))
OTHERS = {kind: shared_captures(kind) for kind in ("real", "broken")}
DONE, DAMAGED, UNREADABLE = 0, 1, 2
PATIENCE_S = 20.0
"""For one capture; the slowest takes a second on a quiet machine."""


def replayed(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Replay one capture in this process; check what has to hold for any, and give the exit status."""
    monkeypatch.setattr(sys, "argv", ["handshake", "replay", str(path)])
    started = time.monotonic()
    with pytest.raises(SystemExit) as left:
        program.main()
    took = time.monotonic() - started
    output = capsys.readouterr()
    status = left.value.code or DONE
    assert isinstance(status, int)
    check(status, output.out, output.err, path)
    assert took < PATIENCE_S, f"{path.name} took {took:.1f} s"
    return status


def check(status: int, out: str, err: str, path: Path) -> None:
    assert status in (DONE, DAMAGED, UNREADABLE), path
    assert "Traceback" not in err, path
    if status == UNREADABLE:
        assert out == "", path
        assert err.startswith(f"handshake: {path}: "), path
        assert err.count("\n") == 1, path
    else:
        assert err == "", path
        assert path.name in "".join(out.split()), path  # a long name is wrapped
    assert "\x1b" not in out + err, path


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_bundled(path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert replayed(path, capsys, monkeypatch) == DONE


@pytest.mark.parametrize(
    ("kind", "statuses"), [("real", {DONE}), ("broken", {DONE, DAMAGED, UNREADABLE})], ids=["real", "broken"]
)
def test_shared(
    kind: str, statuses: set[int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require(bool(OTHERS[kind]), NO_CAPTURES)
    assert {replayed(path, capsys, monkeypatch) for path in OTHERS[kind]} == statuses


@pytest.mark.parametrize("number", [0, 40, 80, 120, 160])
def test_broken_as_a_person_runs_it(number: int) -> None:
    require(len(OTHERS["broken"]) > number, NO_CAPTURES)
    path = OTHERS["broken"][number]
    done = subprocess.run(
        [sys.executable, "-m", "handshake", "replay", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    check(done.returncode, done.stdout, done.stderr, path)


def test_all_in_one_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One unreadable file among many: the others are shown, the status tells."""
    require(SHARED.exists(), NO_CAPTURES)
    paths = [str(path) for path in (*BUNDLED, *OTHERS["broken"])]
    monkeypatch.setattr(sys, "argv", ["handshake", "replay", "--summary", *paths])
    with pytest.raises(SystemExit) as left:
        program.main()
    output = capsys.readouterr()
    assert left.value.code == UNREADABLE
    refused = output.err.splitlines()
    assert 0 < len(refused) < len(OTHERS["broken"])
    assert all(line.startswith("handshake: ") for line in refused)
    assert "opened" in output.out
