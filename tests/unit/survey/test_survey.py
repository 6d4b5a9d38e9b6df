"""A survey without workers: what it says of captures is what `handshake replay --summary` says of them."""

from __future__ import annotations

import csv
import io
import json
import pickle
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from handshake import CaptureError, inspect
from handshake.model.handshake import Outcome
from handshake.model.report import Report
from handshake.model.survey import Place, Survey
from handshake.render import Format, SurveyFormat, renderer, survey_renderer
from handshake.render.document import summary_to_dict
from handshake.render.document.survey import survey_summary_to_dict
from handshake.render.survey import COLUMNS
from handshake.render.terminal import Terminal
from handshake.survey.capture import survey_capture
from tests.support import ROOT, require, shared_captures

SCHEMA = Draft202012Validator(
    json.loads(files("handshake.render").joinpath("schema/survey-v1.json").read_text("utf-8"))
)
BUNDLED = sorted(map(str, (ROOT / "captures").glob("*.pcap*")))
SMALL = 20_000
"""Bytes of a partial table, pickled, for captures of this size: a few values a handshake."""


def survey_of(paths: list[str]) -> Survey:
    return Survey.of(survey_capture(Place(number, path, path)) for number, path in enumerate(paths, 1))


def drawn(survey: Survey, form: SurveyFormat, terminal: Terminal) -> str:
    out = io.StringIO()
    survey_renderer(form)(survey, out, terminal)
    return out.getvalue()


def compared(paths: list[str], report: Report) -> None:
    survey = survey_of(paths)
    for terminal in (Terminal(80), Terminal(120, unicode=False), Terminal(100, color=True)):
        out = io.StringIO()
        renderer(Format.SUMMARY)(report, out, terminal)
        assert drawn(survey, SurveyFormat.SUMMARY, terminal) == out.getvalue()
    ours, theirs = survey_summary_to_dict(survey), json.loads(json.dumps(summary_to_dict(report)))
    assert {name: ours[name] for name in ("tally", "outcomes", "times", "findings")} == {
        name: theirs[name] for name in ("tally", "outcomes", "times", "findings")
    }
    assert ours["handshakes"] == len(report.handshakes)
    assert ours["exchanges"] == len(report.exchanges)
    for name in ("pages", "listeners", "crowds"):
        assert ours[name]["total"] == len(theirs[name])


def test_bundled_captures() -> None:
    compared(BUNDLED, inspect(BUNDLED))


def test_few_captures_are_listed() -> None:
    compared(BUNDLED[:3], inspect(BUNDLED[:3]))


@pytest.mark.parametrize("kind", ["real", "broken"])
def test_shared_captures(kind: str) -> None:
    readable = []
    for path in shared_captures(kind):
        if path.stat().st_size > 500_000:
            continue
        try:
            inspect([path])
        except CaptureError:
            continue
        readable.append(str(path))
    require(bool(readable), "the captures of other projects are not on this machine (../shared/captures)")
    compared(readable, inspect(readable))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Two good captures, one that is cut, one that is none."""
    directory = tmp_path_factory.mktemp("survey")
    (directory / "cut.pcap").write_bytes((ROOT / "captures" / "three-way.pcap").read_bytes()[:-5])
    (directory / "\x1b[31mnotes.txt").write_text("none")
    names = [f"{ROOT}/captures/port-scan.pcap", f"{ROOT}/captures/syn-lost.pcap"]
    return survey_of([*names, str(directory / "cut.pcap"), str(directory / "\x1b[31mnotes.txt")])


def test_table(mixed: Survey) -> None:
    for width in (60, 80, 120):
        text = drawn(mixed, SurveyFormat.TABLE, Terminal(width))
        assert all(len(line) <= width for line in text.splitlines())
        assert "\x1b" not in text
        assert "damaged   at packet 10" in text
        rows = text.splitlines()[-4:]
        assert rows[2].endswith("damaged")
        assert rows[3].endswith("not read")
    assert "28 refused, 2 established  HS104 ×28 HS501 ×2" in drawn(mixed, SurveyFormat.TABLE, Terminal(160))
    assert drawn(mixed, SurveyFormat.TABLE, Terminal(120, verbosity=-1)).startswith("#  capture")


def test_json_follows_its_schema(mixed: Survey) -> None:
    for survey in (mixed, survey_of(BUNDLED), Survey()):
        SCHEMA.validate(json.loads(drawn(survey, SurveyFormat.JSON, Terminal())))
        for line in drawn(survey, SurveyFormat.JSONL, Terminal()).splitlines():
            SCHEMA.validate(json.loads(line))
    document = json.loads(drawn(mixed, SurveyFormat.JSON, Terminal()))
    assert (document["captures_given"], document["captures_read"]) == (4, 3)
    assert [capture["failure"] for capture in document["captures"]] == [None, None, None, "plain text, not a capture"]
    assert not SCHEMA.is_valid({**document, "captures": [{}]})


def test_csv(mixed: Survey) -> None:
    rows = list(csv.DictReader(io.StringIO(drawn(mixed, SurveyFormat.CSV, Terminal()))))
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[0]["refused"], rows[0]["established"], rows[0]["findings"]) == ("28", "2", "HS104:28 HS501:2")
    assert rows[2]["damage"].startswith("at packet 10")
    assert rows[3]["failure"] == "plain text, not a capture"
    assert {outcome.value for outcome in Outcome} <= set(rows[0])


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: Path(path).name)
def test_a_partial_table_is_small(path: str) -> None:
    assert len(pickle.dumps(survey_capture(Place(1, path, path)))) < SMALL
