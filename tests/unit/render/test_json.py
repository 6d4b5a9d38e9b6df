from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from handshake.model.address import Scope
from handshake.model.finding import Severity
from handshake.model.handshake import CloseKind, Handshake, Mark, Observed, Outcome, State
from handshake.model.report import Report
from handshake.render import Format, renderer
from handshake.render.document import SCHEMA_VERSION, report_to_dict
from handshake.render.terminal import Terminal
from tests.support import ROOT
from tests.unit.render import samples

SCHEMA: dict[str, Any] = json.loads(files("handshake.render").joinpath("schema/report-v1.json").read_text("utf-8"))
REPORTS = [
    samples.rich,
    samples.empty,
    samples.probed,
    samples.watched,
    samples.replied,
    samples.asked,
    samples.udp_probed,
    samples.unconnected,
    samples.both,
]


def drawn(name: str, report: Report) -> str:
    out = io.StringIO()
    renderer(Format(name))(report, out, Terminal())
    return out.getvalue()


def valid(document: object) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(document)


@pytest.mark.parametrize("make", REPORTS)
def test_document_follows_the_schema(make: Any) -> None:
    valid(json.loads(drawn("json", make())))


@pytest.mark.parametrize("make", REPORTS)
def test_every_line_follows_the_schema(make: Any) -> None:
    report = make()
    lines = [json.loads(line) for line in drawn("jsonl", report).splitlines()]
    for line in lines:
        valid(line)
    expected = ["handshake"] * len(report.handshakes) + ["exchange"] * len(report.exchanges) + ["summary"]
    assert [line["type"] for line in lines] == expected
    assert {line["schema_version"] for line in lines} == {SCHEMA_VERSION}


def test_schema_refuses_a_wrong_document() -> None:
    document = report_to_dict(samples.rich())
    document["handshakes"][0]["outcome"] = "splendid"
    assert not Draft202012Validator(SCHEMA).is_valid(document)


def test_schema_refuses_an_unknown_field() -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(report_to_dict(samples.empty()) | {"surprise": 1})


def test_values_are_text_integers_and_hex() -> None:
    document = report_to_dict(samples.rich())
    first = document["handshakes"][0]
    assert first["client"]["address"] == "10.0.0.1"
    assert first["start"] == "2023-11-14T22:13:20.123456789Z"
    assert first["timing"]["irtt_ns"] == 310_000
    given_away = first["client"]["fingerprint"]
    assert (given_away["hops"], given_away["layout"], given_away["like"]) == (0, "mss,sok,ts,nop,ws", "Linux")
    assert (given_away["window_unit"], given_away["window_count"]) == ("mss", 44)
    assert document["handshakes"][1]["server"]["fingerprint"] is None
    syn = first["timeline"][0]
    assert syn["seq"] == samples.CLIENT_ISN
    assert (syn["rel_seq"], syn["ack"], syn["flags"]) == (0, None, ["SYN"])
    assert syn["options"][0] == {"kind": 2, "name": "mss", "hex": "05b4"}
    assert first["timeline"][3]["server_bytes"] == 8_400
    assert document["handshakes"][2]["timeline"][1]["reporter"] == "10.0.0.254"
    assert document["outcomes"] == {"established": 1, "refused": 1, "unanswered": 1, "unreachable": 1}


def test_output_is_ascii_even_for_hostile_names() -> None:
    source = replace(samples.empty().sources[0], name="\x1b[31m\u202eevil\udc80")
    report = replace(samples.empty(), sources=(source,))
    for name in ("json", "jsonl"):
        text = drawn(name, report)
        assert text.isascii()
        assert "\x1b" not in text


def test_page_names_every_field_of_the_schema() -> None:
    page = (ROOT / "docs" / "json.md").read_text("utf-8")
    missing = {name for name in _properties(SCHEMA) if f"`{name}`" not in page}
    assert not missing


def _properties(node: Any) -> set[str]:
    if isinstance(node, list):
        return {name for item in node for name in _properties(item)}
    if not isinstance(node, dict):
        return set()
    own = set(node["properties"]) if isinstance(node.get("properties"), dict) and "type" in node else set()
    return own | {name for value in node.values() for name in _properties(value)}


def test_handshake_number_is_the_same_in_both_formats() -> None:
    handshakes: tuple[Handshake, ...] = (samples.established(7),)
    report = replace(samples.empty(), handshakes=handshakes)
    assert json.loads(drawn("json", report))["handshakes"][0]["number"] == 7
    assert json.loads(drawn("jsonl", report).splitlines()[0])["number"] == 7


@pytest.mark.parametrize("values", [Outcome, Mark, CloseKind, Scope, Severity, [*State, *Observed]])
def test_schema_lists_the_values_of_the_model(values: Any) -> None:
    assert [each.value for each in values] in list(_enumerations(SCHEMA))


def _enumerations(node: Any) -> Iterator[list[str]]:
    if isinstance(node, list):
        for item in node:
            yield from _enumerations(item)
    elif isinstance(node, dict):
        if "enum" in node:
            yield node["enum"]
        for value in node.values():
            yield from _enumerations(value)
