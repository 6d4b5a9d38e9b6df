"""The registry: codes, names and texts that `explain` and docs/findings.md are made of."""

from __future__ import annotations

import re

import pytest

from handshake.findings import RULES, Rule
from handshake.findings.registry import milliseconds, rule, times
from handshake.model.finding import Severity

_SOURCE = re.compile(r"RFC \d+( §\d+(\.\d+)*( figure \d+)?)?")

every_rule = pytest.mark.parametrize("found", RULES.values(), ids=lambda found: found.code)


def test_codes_are_in_order_and_names_unique() -> None:
    assert list(RULES) == sorted(RULES)
    assert len({found.name for found in RULES.values()}) == len(RULES)
    assert len(RULES) >= 20


def test_codes_start_with_the_hundred_of_their_room() -> None:
    rooms = dict.fromkeys(("opening", "refusal", "reuse", "middlebox"), "1")
    rooms |= dict.fromkeys(("options", "timestamps", "ecn", "extensions", "signatures", "traces"), "2")
    rooms |= {"data": "3", "illegal": "4", "closing": "5", "crowds": "6", "numbers": "6", "capture": "9"}
    for code, found in RULES.items():
        assert re.fullmatch(rf"HS{rooms[(found.detect or found.collect).__module__.rpartition('.')[2]]}\d\d", code)


@every_rule
def test_texts_are_whole_sentences(found: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found.name)
    for text in (found.what, found.why, found.check):
        assert text.strip() == text
        assert re.match(r"[A-Z0-9`]", text)
        assert text.endswith((".", "?", ")"))
        assert "  " not in text


@every_rule
def test_sources_are_rfcs(found: Rule) -> None:
    assert all(_SOURCE.fullmatch(source) for source in found.rfc), found.rfc
    assert found.rfc or found.code.startswith("HS9"), "only what the capture left out has no RFC"


def test_a_code_is_given_once() -> None:
    first = next(iter(RULES))
    with pytest.raises(ValueError, match=f"{first} is already"):
        rule(first, "again", Severity.NOTE, what="", why="", check="", rfc=())(lambda handshake: ())


@pytest.mark.parametrize(("count", "said"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_times(count: int, said: str) -> None:
    assert times(count) == said


@pytest.mark.parametrize(
    ("ns", "said"), [(0, "0 ms"), (1_500_000, "1.5 ms"), (10**9, "1 s"), (33_300_000_000, "33.3 s")]
)
def test_durations(ns: int, said: str) -> None:
    assert milliseconds(ns) == said
