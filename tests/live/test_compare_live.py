"""`handshake compare --live`: the same exchanges over TCP and UDP, and what the wire's losses do to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from handshake.api import inspect
from tests.support import ROOT
from tests.unit.cli.test_replay import run

pytestmark = pytest.mark.usefixtures("private_networks")


def live(*arguments: str) -> dict[str, Any]:
    done = run("compare", "--live", *arguments, "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def services(document: dict[str, Any]) -> dict[str, Any]:
    return {each["service"]: each for each in document["services"]}


def test_a_round_trip_is_what_the_handshake_costs() -> None:
    document = live("-n", "2", "--delay", "15")
    for name in ("DNS", "echo"):
        tcp, udp = services(document)[name]["tcp"], services(document)[name]["udp"]
        assert (tcp["flows"], udp["flows"], tcp["answered"], udp["answered"]) == (2, 2, 2, 2)
        assert (tcp["first_byte"]["round_trips"], udp["first_byte"]["round_trips"]) == (2, 1)
        assert 60e6 <= tcp["times"]["min"] < 100e6
        assert 30e6 <= udp["times"]["min"] < 50e6
    assert document["trial"]["lost"] == {"tcp": 0, "udp": 0}


def test_a_lost_datagram_is_repeated_by_nobody_but_the_program(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pcapng"
    document = live("-n", "1", "--delay", "5", "--loss", "1st", "--record", str(kept))
    echo, dns = services(document)["echo"], services(document)["DNS"]
    assert (echo["udp"]["answered"], echo["udp"]["silent"], echo["tcp"]["answered"]) == (0, 1, 1)
    assert (dns["udp"]["answered"], dns["udp"]["asked_again"]) == (1, 1)
    assert echo["tcp"]["asked_again"] == dns["tcp"]["asked_again"] == 1
    assert document["trial"]["lost"] == {"tcp": 2, "udp": 2}
    assert document["trial"]["given_up"] == {"tcp": 0, "udp": 1}
    report = inspect([kept])
    assert [handshake.syn_retransmits for handshake in report.handshakes] == [1, 1]
    assert len(report.exchanges) == 2


def test_screen() -> None:
    done = run("compare", "--live", "-n", "3", "--delay", "2", "--service", "echo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "played    each exchange 3 times over both, the wire 2.000 ms long each way" in done.stdout
    assert "3 of 3" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_leaves_nothing(number: int) -> None:
    command = [sys.executable, "-m", "handshake", "compare", "--live", "-n", "1000"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        time.sleep(1.5)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (130, "handshake: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
