"""What was said in each capture is, to our dialogues, what it is to tshark's dissectors, but for listed differences.

HTTP methods, statuses and number of requests, SMTP codes, FTP data ports, TLS server names; DNS names, types and
answers. A difference that is not in applications_differences.toml fails, and so does a listed one that is gone.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from handshake import inspect
from handshake.errors import CaptureError
from tests.oracle.applications import Difference, Told, differences, ours, theirs
from tests.support import ROOT, require, shared_captures

NO_CAPTURES = "the captures of other projects are not on this machine (../shared/captures)"
LIST = Path(__file__).with_name("applications_differences.toml")
REAL = shared_captures("real")
OWN = sorted((ROOT / "captures").glob("*.pcap*"))


def listed() -> set[Difference]:
    """The listed differences."""
    entries = tomllib.loads(LIST.read_text())["difference"]
    assert all(entry["why"].startswith(("trap: ", "design: ")) for entry in entries)
    return {Difference(*(entry[key] for key in ("capture", "where", "point", "ours", "theirs"))) for entry in entries}


LISTED = listed()


@cache
def both(path: Path) -> tuple[Told, Told]:
    return ours(path), theirs(path)


@pytest.mark.parametrize("path", REAL or [None], ids=lambda path: path.name if path else "none")
def test_real_capture_says_what_tshark_reads(path: Path | None) -> None:
    require(path is not None, NO_CAPTURES)
    assert path is not None
    _compare(path)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_bundled_capture_says_what_tshark_reads(path: Path) -> None:
    _compare(path)


def _compare(path: Path) -> None:
    found = {_short(difference) for difference in differences(path.name, *both(path))}
    expected = {difference for difference in LISTED if difference.capture == path.name}
    assert found - expected == set(), "differences that nobody has explained"
    assert expected - found == set(), f"listed in {LIST.name}, but gone"


def _short(difference: Difference) -> Difference:
    """Long answers are listed by their beginning."""
    return difference._replace(ours=difference.ours[:60], theirs=difference.theirs[:60])


def test_enough_was_compared() -> None:
    require(bool(REAL), NO_CAPTURES)
    told = [both(path)[1] for path in REAL]
    assert sum(len(each.streams) for each in told) > 140
    assert sum(len(each.lookups) for each in told) > 600


@pytest.mark.parametrize("path", shared_captures("broken") or [None], ids=lambda path: path.name if path else "none")
def test_broken_capture_never_raises(path: Path | None) -> None:
    require(path is not None, NO_CAPTURES)
    assert path is not None
    try:
        report = inspect([path])
    except CaptureError:
        return  # no capture at all, which is said in one line
    assert all(h.application is None or h.application.protocol for h in report.handshakes)
