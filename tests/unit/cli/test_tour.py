"""`handshake tour` where the machine gives no private network, or lacks a program, and what needs neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import handshake.lab.netns
import handshake.lab.tour
from handshake.cli.tour import tour
from handshake.errors import PrivilegeError, ToolError
from handshake.lab.tour import steps
from tests.unit.cli.test_replay import run


def test_without_a_private_network_it_replays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise PrivilegeError("this machine gives us no private network: ask its owner")

    monkeypatch.setattr(handshake.lab.netns, "enter_private_network", refuse)
    with pytest.raises(typer.Exit) as ended:
        tour(step=1, only_list=False, no_pause=True)
    assert ended.value.exit_code == 0
    out, err = capsys.readouterr()
    words = "this machine gives us no private network: ask its owner; what follows was recorded earlier"
    assert err == f"handshake: {words}\n"
    assert [f"step {number} of 11" in out for number in range(1, 12)] == [True] * 11
    for shown in ("TTL 300 s", "1 of 5", "TIME-WAIT", "354 End data", "3 objects over 3 connections", "announced by"):
        assert shown in out


def test_a_missing_program_is_said_in_its_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_: Path) -> None:
        raise ToolError("aiosmtpd is not installed; the lab needs it")

    plays: dict[str, Callable[[Path], None]] = {step.name: missing for step in steps()}
    monkeypatch.setattr(handshake.lab.tour, "PLAYS", plays)
    with pytest.raises(typer.Exit) as ended:
        tour(step=10, only_list=False, no_pause=True)
    assert ended.value.exit_code == 69
    out = capsys.readouterr().out
    assert out.count("This cannot be played here: aiosmtpd is not installed") == 2


def test_list_and_usage() -> None:
    done = run("tour", "--list")
    assert (done.returncode, done.stdout.count("\n")) == (0, 11)
    for wrong in ("0", "12", "x"):
        done = run("tour", "--step", wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
