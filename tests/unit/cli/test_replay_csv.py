"""`handshake replay -f csv` gives the same text whether a capture is read in bulk or packet by packet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from handshake import __main__ as program
from handshake import api
from tests.property.wandering import capture
from tests.support import ROOT

SMALL = str(ROOT / "captures" / "three-way.pcap")
NEVER = 1 << 60


@pytest.fixture
def large(tmp_path: Path) -> str:
    """Connections of every kind, in a file whose name needs quoting."""
    path = tmp_path / 'of "many", bent.pcap'
    path.write_bytes(capture(11, 120, 0.2))
    return str(path)


class Replays:
    """Runs the command in this process: read in bulk from `least` bytes on."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.in_bulk = 0
        """Captures that were, so far."""
        read = api._in_bulk

        def counting(*args: object) -> object:
            report = read(*args)  # type: ignore[arg-type]
            self.in_bulk += report is not None
            return report

        monkeypatch.setattr(api, "_in_bulk", counting)

    def __call__(self, *arguments: str, least: int) -> tuple[object, str, str]:
        self._monkeypatch.setattr(api, "BULK_BYTES", least)
        self._monkeypatch.setattr(sys, "argv", ["handshake", "replay", "-f", "csv", *arguments])
        with pytest.raises(SystemExit) as left:
            program.main()
        output = self._capsys.readouterr()
        return left.value.code, output.out, output.err


@pytest.fixture
def replay(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Replays:
    return Replays(capsys, monkeypatch)


def test_one_capture(replay: Replays, large: str) -> None:
    in_bulk = replay(large, least=0)
    assert replay.in_bulk == 1
    assert in_bulk == replay(large, least=NEVER)
    assert in_bulk[1].count("\n") > 100


def test_rows_of_several_captures_are_numbered_through(replay: Replays, large: str, tmp_path: Path) -> None:
    """One in bulk between two that are not; one that cannot be read, one that is damaged."""
    missing, damaged = str(tmp_path / "missing.pcap"), tmp_path / "damaged.pcap"
    damaged.write_bytes(Path(large).read_bytes()[:-5])
    names = (SMALL, large, missing, str(damaged), str(ROOT / "captures" / "refused.pcap"))
    in_bulk = replay(*names, least=10_000)
    assert replay.in_bulk == 2
    assert in_bulk == replay(*names, least=NEVER)
    assert [int(line.split(",")[0]) for line in in_bulk[1].splitlines()[1:]] == [*range(1, in_bulk[1].count("\n"))]
    assert in_bulk[0] == 2


def test_damage_is_told_by_the_exit_status(replay: Replays, large: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pcap"
    damaged.write_bytes(Path(large).read_bytes()[:-5])
    assert replay(str(damaged), least=0) == replay(str(damaged), least=NEVER)
    assert replay(str(damaged), least=0)[0] == 1


@pytest.mark.parametrize("jobs", [(), ("--jobs", "1"), ("-j", "3")])
def test_parts_of_one_recording_and_any_number_of_jobs(
    replay: Replays, large: str, jobs: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "SHARED_BYTES", 0)
    assert replay("--as-one", *jobs, large, least=0) == replay("--as-one", large, least=NEVER)
    assert replay.in_bulk, "by several processes, or by one where they cannot share it"


def test_into_a_file(replay: Replays, large: str, tmp_path: Path) -> None:
    shown = replay(large, least=0)
    assert replay("-o", str(tmp_path / "rows.csv"), large, least=0) == (shown[0], "", "")
    assert (tmp_path / "rows.csv").read_text("utf-8") == shown[1]


@pytest.mark.parametrize("choice", [("--port", "80"), ("--flow", "3"), ("--only", "refused")])
def test_a_selection_is_read_packet_by_packet(replay: Replays, large: str, choice: tuple[str, ...]) -> None:
    assert replay(*choice, large, least=0) == replay(*choice, large, least=NEVER)
    assert replay.in_bulk == 0
