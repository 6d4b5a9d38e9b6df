"""A crosscheck on the screen and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from handshake.compare.headers import FIELDS
from handshake.compare.judgement import OPTIONS, VALUES
from handshake.compare.points import POINTS
from handshake.compare.traps import TRAPS
from handshake.model.crosscheck import Checked, Count, Difference, Level, Verdict
from handshake.model.report import Damage
from handshake.render import CheckFormat, check_renderer
from handshake.render.terminal import Terminal

SCHEMA: dict[str, Any] = json.loads(files("handshake.render").joinpath("schema/crosscheck-v1.json").read_text("utf-8"))

AGREES = Checked("a.pcap", "pcap", "4.0.17", frames=10, segments=9, streams=1, agreeing=1)
TRAPPED = Checked(
    "b.pcap", "pcapng", "4.0.17", frames=5, segments=5, streams=2, agreeing=1, explained=1,
    counts=(Count(Verdict.TRAP, "cut-up", Level.STREAM, "joined", 1),),
    differences=(Difference(Level.STREAM, 3, 7, "joined", "1 stream", "2 streams", Verdict.TRAP, "cut-up"),),
    our_damage=Damage(240, 6, "the file is cut off inside a record header"),
    their_damage=Damage(None, 6, "the file appears to have been cut short"),
)  # fmt: skip
DIFFERS = Checked(
    "c\x1b[31m.pcap", "pcap", "4.0.17", frames=40, segments=40, streams=4, agreeing=3,
    counts=(
        Count(Verdict.OURS_WRONG, None, Level.FRAME, "window", 30),
        Count(Verdict.UNDECIDED, None, Level.STREAM, "outcome", 1),
        Count(Verdict.OURS_WRONG, None, Level.FILE, "frames", 1),
    ),
    differences=(
        *(Difference(Level.FRAME, number, 0, "window", "1", "2", Verdict.OURS_WRONG, None) for number in range(1, 31)),
        Difference(Level.STREAM, 3, 1, "outcome", "established", "half-open\x1b[0m", Verdict.UNDECIDED, None),
        Difference(Level.FILE, 41, None, "frames", "40", "41", Verdict.OURS_WRONG, None),
    ),
)  # fmt: skip
FOREIGN = Checked("d.snoop", None, "4.0.17", frames=250, segments=15, our_failure="a Solaris snoop capture, not pcap")
NEITHER = Checked(
    "e.txt", None, "4.0.17", our_failure="plain text, not a capture", their_failure="tshark cannot read it"
)
THEIRS = Checked("f.pcap", "pcap", "4.0.17", their_failure="tshark crashed (SIGSEGV)", tool_failed=True)
ALL = (AGREES, TRAPPED, DIFFERS, FOREIGN, NEITHER, THEIRS)


def drawn(checked: Sequence[Checked], form: str = "table", **terminal: Any) -> str:
    out = io.StringIO()
    check_renderer(CheckFormat(form))(checked, out, Terminal(width=120, **terminal))
    return out.getvalue()


def test_screen() -> None:
    assert drawn(ALL).splitlines() == [
        r"a.pcap          agrees: 1 stream, 9 segments",
        r"b.pcap          agrees: 2 streams, 5 segments · known traps: cut-up ×1",
        r"    we stop at packet 6, byte 240: the file is cut off inside a record header",
        r"    tshark stops at packet 6: the file appears to have been cut short",
        r"c\x1b[31m.pcap  differs: 4 streams, 40 segments, 32 unexplained differences",
        r"class       frame  stream  point    ours         tshark            trap",
        r"──────────  ─────  ──────  ───────  ───────────  ────────────────  ──────────",
        *(
            f"ours-wrong  {number:5}       0  window   1            2                 none known"
            for number in range(1, 11)
        ),
        r"undecided       3       1  outcome  established  half-open\x1b[0m  none known",
        r"ours-wrong     41          frames   40           41                none known",
        r"    … and 20 more of ours-wrong window",
        r"d.snoop         not compared: a Solaris snoop capture, not pcap; tshark reads 250 frames, 15 of them TCP",
        r"e.txt           not compared: plain text, not a capture; and tshark cannot read it",
        r"f.pcap          not compared: tshark crashed (SIGSEGV); we read it",
        r"",
        r"compared  3 captures of 6 · 55 frames · 54 segments · tshark 4.0.17",
        r"streams   7: 5 agree in every point (71.43%), 1 but for known traps (14.29%), 1 do not (14.29%)",
        r"traps     cut-up ×1: A copy of a SYN opens a new stream once a RST, a FIN or an ICMP error about the "
        r"connection has been",
        r"          seen; in newer versions also a SYN-ACK that follows one, or has another number.",
        r"left      ours-wrong ×31: Both read the same bytes, and no known trap of tshark explains it.",
        r"          undecided ×1: The judgements differ, and no known trap of tshark explains it.",
    ]  # fmt: skip


def test_everything_is_listed_when_asked_for() -> None:
    text = drawn(ALL, verbosity=1)
    assert "trap       3       7  joined" in text
    assert text.count("ours-wrong  ") == 31
    assert "more of" not in text


def test_quiet_is_what_is_not_explained() -> None:
    text = drawn(ALL, verbosity=-1)
    assert [name for name in ("a.pcap", "b.pcap", "d.snoop", "e.txt", "f.pcap", "captures of") if name in text] == [
        "d.snoop", "e.txt", "f.pcap",
    ]  # fmt: skip


@pytest.mark.parametrize("form", list(CheckFormat))
def test_nothing_reaches_the_terminal_unescaped(form: CheckFormat) -> None:
    assert "\x1b" not in drawn(ALL, form.value)


def test_narrow_terminals() -> None:
    out = io.StringIO()
    check_renderer(CheckFormat.TABLE)(ALL, out, Terminal(width=60))
    assert max(map(len, out.getvalue().splitlines())) <= 60


@pytest.mark.parametrize(("agreeing", "shown"), [(9999, "99.99%"), (9_999_999, "99.99%"), (0, "0.00%"), (1, "0.01%")])
def test_a_share_is_all_or_nothing_only_when_it_is(agreeing: int, shown: str) -> None:
    streams = 10_000_000 if agreeing != 9999 else 10_000
    text = drawn([Checked("a", "pcap", "4", streams=streams, agreeing=agreeing)])
    assert f"{agreeing:,} agree in every point ({shown})" in text


def test_documents_follow_the_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    document = json.loads(drawn(ALL, "json"))
    validator.validate(document)
    lines = [json.loads(line) for line in drawn(ALL, "jsonl").splitlines()]
    for line in lines:
        validator.validate(line)
    assert [line["type"] for line in lines] == ["checked"] * len(ALL) + ["crosscheck-summary"]
    assert [line["name"] for line in lines[:-1]] == [each["name"] for each in document["captures"]]
    assert (document["streams"], document["agreeing"], document["unexplained_differences"]) == (7, 5, 32)
    assert [trap["name"] for trap in document["traps"]] == ["cut-up"]
    assert lines[1]["differences"][0]["reason"] == next(trap.why for trap in TRAPS if trap.name == "cut-up")


def test_the_schema_refuses_what_is_unknown() -> None:
    validator = Draft202012Validator(SCHEMA)
    document = json.loads(drawn([AGREES], "json"))
    assert not validator.is_valid(document | {"surprise": 1})
    assert not validator.is_valid({**document, "captures": [document["captures"][0] | {"surprise": 1}]})
    assert not validator.is_valid({**document, "captures": [document["captures"][0] | {"frames": -1}]})


def test_points_are_the_same_everywhere() -> None:
    assert SCHEMA["$defs"]["point"]["enum"] == list(POINTS)
    fields = [name for name, (level, _) in POINTS.items() if level is Level.FRAME]
    assert fields == ["time", "length", "tcp", *FIELDS]
    assert {"frames", "missing", "invented", "apart", "joined", *VALUES, *OPTIONS} == set(POINTS) - set(fields)
