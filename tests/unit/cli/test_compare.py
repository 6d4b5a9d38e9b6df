"""`handshake compare` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.test_replay import CAPTURES, THREE_WAY, run

ECHO = str(CAPTURES / "udp-and-tcp-echo.pcapng")


def test_table_and_json(tmp_path: Path) -> None:
    done = run("compare", ECHO)
    assert (done.returncode, done.stderr) == (0, "")
    assert "echo over both" in done.stdout
    path = tmp_path / "out.json"
    done = run("compare", ECHO, "--format", "json", "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(path.read_text())["type"] == "comparison"


def test_several_captures_count_together() -> None:
    document = json.loads(run("compare", ECHO, THREE_WAY, "--transports", "-f", "json").stdout)
    assert document["tcp"]["flows"] == 2
    assert len(document["sources"]) == 2


def test_exit_statuses(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(THREE_WAY).read_bytes()[:-5])
    done = run("compare", str(cut))
    assert done.returncode == 1
    assert "damaged" in done.stdout
    missing = run("compare", str(tmp_path / "none.pcap"))
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.count("\n") == 1
    for wrong in ((), ("--live", ECHO), (ECHO, "--record", "x.pcap"), ("--live", "--loss", "much")):
        done = run("compare", *wrong)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_two_captures_are_two_vantage_points() -> None:
    done = run("compare", THREE_WAY, THREE_WAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 connection in both captures" in done.stdout
    assert "everything arrived as it left" in done.stdout
    assert "nothing tells which is whose" in done.stdout


def test_two_captures_with_nothing_in_common() -> None:
    done = run("compare", THREE_WAY, ECHO)
    assert done.returncode == 1
    assert "--transports" in done.stderr
    assert "in one capture only" in done.stdout


def test_one_of_two_cannot_be_read(tmp_path: Path) -> None:
    done = run("compare", THREE_WAY, str(tmp_path / "none.pcap"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
