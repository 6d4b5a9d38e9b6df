"""Which captures a pattern names."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from handshake.model.survey import Place
from handshake.survey.capture import survey_capture
from handshake.survey.paths import places
from tests.support import ROOT

THREE_WAY = ROOT / "captures" / "three-way.pcap"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.pcap", "a.pcap", "deep/er/c.pcap", "[odd].pcap", "dir.pcap/inside.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(THREE_WAY.read_bytes())
    return tmp_path


def names(*patterns: str) -> list[str]:
    return [place.name for place in places(patterns)[0]]


def test_patterns_in_their_order_names_in_theirs(tree: Path) -> None:
    assert names("*.pcap") == ["[odd].pcap", "a.pcap", "b.pcap"]
    assert names("b.pcap", "*.pcap") == ["b.pcap", "[odd].pcap", "a.pcap"]
    assert names("**/*.pcap") == ["[odd].pcap", "a.pcap", "b.pcap", "deep/er/c.pcap"]
    assert [place.number for place in places(["*.pcap"])[0]] == [1, 2, 3]


def test_a_capture_named_twice_counts_once(tree: Path) -> None:
    assert names("a.pcap", "./a.pcap", str(tree / "a.pcap")) == ["a.pcap"]


def test_a_name_that_looks_like_a_pattern(tree: Path) -> None:
    assert names("[odd].pcap") == ["[odd].pcap"]


def test_a_name_that_looks_like_a_url(tree: Path) -> None:
    (tree / "a::b.pcap").write_bytes(THREE_WAY.read_bytes())
    (place,) = places(["a::b.pcap"])[0]
    assert survey_capture(place).totals.handshakes == 1


def test_what_names_nothing_is_said_and_hides_nothing(tree: Path) -> None:
    found, failures = places(["*.cap", "-", "a.pcap", "nowhere.pcap"])
    assert [place.name for place in found] == ["a.pcap", "nowhere.pcap"]
    assert failures == [
        "*.cap: no file has such a name",
        "standard input: a survey reads files, which its workers open themselves",
    ]


def test_urls(tree: Path) -> None:
    with zipfile.ZipFile("all.zip", "w") as archive:
        archive.write("a.pcap")
        archive.write("b.pcap")
    found, failures = places(["zip://*.pcap::all.zip", f"file://{tree}/b.p*", f"file://{tree}/x*", "nonsense://x*"])
    assert [place.name for place in found] == [
        "zip://a.pcap::all.zip", "zip://b.pcap::all.zip", f"file://{tree}/b.pcap",
    ]  # fmt: skip
    assert failures[0] == f"file://{tree}/x*: no file has such a name"
    assert failures[1].startswith("nonsense://x*: ")
    surveys = [survey_capture(place) for place in found]
    assert [each.totals.handshakes for each in surveys] == [1, 1, 1]
    assert [each.captures[0].source and each.captures[0].source.name for each in surveys] == [p.name for p in found]


def test_passwords_are_not_shown(tree: Path) -> None:
    secret = "nonsense://alice:wonderland@host/x"
    (place,) = places([f"{secret}.pcap"])[0]
    assert (place.name, place.url) == ("nonsense://alice:…@host/x.pcap", f"{secret}.pcap")
    failed = survey_capture(place).captures[0].failure
    assert failed
    assert "wonderland" not in failed + "".join(places([f"{secret}*"])[1])


@pytest.mark.parametrize("url", ["nonsense://x", "file:///nowhere/x.pcap", "nowhere.pcap", "."])
def test_what_cannot_be_had_is_a_row(url: str, tree: Path) -> None:
    (row,) = survey_capture(Place(1, url, url)).captures
    assert row.source is None
    assert row.failure
    assert "\n" not in row.failure
    assert url not in row.failure.split()[0]
