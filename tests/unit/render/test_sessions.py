"""Sessions: what led to a handshake, what belongs to it, and the two drawings, with hostile names."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

from handshake.api import Inspection
from handshake.model.application import Application, Line
from handshake.model.handshake import Handshake, Side
from handshake.model.packet import ACK, FIN, PSH, SYN
from handshake.model.report import Report, Tally
from handshake.render import Format, renderer
from handshake.render.mermaid import encoded
from handshake.render.select import Selection
from handshake.render.session import Kind, Lane, sessions
from handshake.render.terminal import Terminal
from tests.packets import TCP, UDP, ethernet, frame, ip, tcp
from tests.unit.render.samples import established, rich

SVG = "{http://www.w3.org/2000/svg}"
MS = 1_000_000
HOSTILE = "a;b#c<d>\"&'`]]>%%{init}\n```\x1b[31m\u202e\ud800 title end style:x#y; wrap: $$x$$ \ufb02\xb0\xb035\xb6\xdf"


def drawn(report: Report, form: Format, terminal: Terminal | None = None) -> str:
    out = io.StringIO()
    renderer(form)(report, out, terminal or Terminal())
    return out.getvalue()


def report_of(packets: Sequence[tuple[int, bytes]]) -> Report:
    """The report on packets, each with its time in ms."""
    inspection = Inspection()
    frames = (frame(number, at * MS, ethernet(data)) for number, (at, data) in enumerate(packets, 1))
    found = [handshake for each in frames for handshake in inspection.feed(each)] + inspection.finish()
    return inspection.report(found, [])


def udp(hosts: tuple[str, str], ports: tuple[int, int], payload: bytes) -> bytes:
    head = b"".join(number.to_bytes(2) for number in (*ports, 8 + len(payload), 0))
    return ip(hosts, UDP, head + payload)


def opening(at: int, hosts: tuple[str, str], ports: tuple[int, int]) -> list[tuple[int, bytes]]:
    """A three-way handshake, one segment a ms; both ends count from 0."""
    back, ports_back = (hosts[1], hosts[0]), (ports[1], ports[0])
    return [
        (at, ip(hosts, TCP, tcp(hosts, ports, seq=0, flags=SYN))),
        (at + 1, ip(back, TCP, tcp(back, ports_back, seq=0, ack=1, flags=SYN | ACK))),
        (at + 2, ip(hosts, TCP, tcp(hosts, ports, seq=1, ack=1, flags=ACK))),
    ]


HOSTS, BACK = ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")
QUESTION = bytes.fromhex("0007 0100 0001 0000 0000 0000") + b"\3www\7example\0\0\1\0\1"
ANSWER = (
    bytes.fromhex("0007 8180 0001 0001 0000 0000")
    + QUESTION[12:]
    + bytes.fromhex("c00c 0001 0001 0000003c 0004 0a000002")
)
NAMED = [
    (100, udp(("10.0.0.1", "10.0.0.53"), (5000, 53), QUESTION)),
    (101, udp(("10.0.0.53", "10.0.0.1"), (53, 5000), ANSWER)),
    *opening(104, HOSTS, (40001, 80)),
]
PASV = b"227 Entering Passive Mode (10,0,0,2,156,65)\r\n"  # 156 * 256 + 65 = 40001
FTP = [
    *opening(100, HOSTS, (5001, 21)),
    (110, ip(BACK, TCP, tcp(BACK, (21, 5001), seq=1, ack=1, flags=PSH | ACK, payload=b"220 FTP\r\n"))),
    (111, ip(HOSTS, TCP, tcp(HOSTS, (5001, 21), seq=1, ack=10, flags=PSH | ACK, payload=b"PASV\r\n"))),
    (112, ip(BACK, TCP, tcp(BACK, (21, 5001), seq=10, ack=7, flags=PSH | ACK, payload=PASV))),
    *opening(115, HOSTS, (5002, 40001)),
    (120, ip(BACK, TCP, tcp(BACK, (40001, 5002), seq=1, ack=1, flags=PSH | ACK, payload=bytes(70)))),
    (121, ip(BACK, TCP, tcp(BACK, (40001, 5002), seq=71, ack=1, flags=FIN | ACK))),
    (130, ip(HOSTS, TCP, tcp(HOSTS, (5001, 21), seq=7, ack=55, flags=FIN | ACK))),
]


def test_the_question_that_led_to_a_handshake() -> None:
    (session,) = sessions(report_of(NAMED))
    assert [lane for lane, _ in session.lanes] == [Lane.CLIENT, Lane.RESOLVER, Lane.SERVER]
    assert [(each.kind, session.clock(each.time_ns), each.label) for each in session.before] == [
        (Kind.QUESTION, "-4.000 ms", "DNS A www.example?"),
        (Kind.ANSWER, "-3.000 ms", "DNS A 10.0.0.2"),
    ]
    assert session.before[1].note == "TTL 60 s"


def test_a_selection_keeps_the_story() -> None:
    report = Selection(flow=1).apply(report_of(NAMED))
    assert not report.exchanges
    (session,) = sessions(report)
    assert len(session.before) == 2


def test_an_old_answer_is_told_in_words() -> None:
    (session,) = sessions(report_of([(at - 90_000 * (at < 104) + 100_000, data) for at, data in NAMED]))
    assert session.clock(session.before[1].time_ns) == "-90.003 s"


def test_the_ladder_draws_the_question_in_a_lane_of_its_own() -> None:
    lines = drawn(report_of(NAMED), Format.LADDER).splitlines()
    assert lines[1].split() == ["client", "10.0.0.1", "name", "server", "10.0.0.53:53"]
    assert re.match(r" -4\.000 ms +── DNS A www\.example\? ─+▶$", lines[2])
    assert re.match(r" -3\.000 ms +◀─ DNS A 10\.0\.0\.2 ─+$", lines[3])
    assert lines[5].split()[:2] == ["client", "10.0.0.1:40001"]


def test_ftp_is_one_session_of_two_handshakes() -> None:
    report = report_of(FTP)
    control, data = sessions(report)
    (announced,) = data.before
    assert data.clock(announced.time_ns) == "-3.000 ms"
    assert announced.label == f"PASV on FTP control connection #1, server: {PASV.decode().strip()}"
    told = [(control.clock(each.time_ns), each.label) for each in control.events if each.kind is Kind.NOTE]
    assert told == [
        ("15.000 ms", "data connection #2 begins: 10.0.0.1:5002 → 10.0.0.2:40001, established"),
        ("21.000 ms", "data connection #2 ends: 70 B, half server"),
    ]
    (alone,) = sessions(Selection(flow=2).apply(report))
    assert alone.before == (announced,)
    for form in (Format.LADDER, Format.MERMAID, Format.SVG):
        assert "PASV on FTP control connection" in drawn(report, form)


def test_a_long_session_loses_its_middle_and_says_so() -> None:
    (session,) = sessions(report_of(NAMED))
    long = replace(session, events=session.events * 40)  # 120 events
    short = long.shortened(10)
    assert len(short.events) == 10
    assert [each.label for each in short.events if each.kind is Kind.NOTE] == ["… 111 rows not drawn"]
    assert short.events[-1] is long.events[-1]


def hostile() -> Report:
    handshake = established()
    line = Line(handshake.start_ns + 400_000, Side.CLIENT, HOSTILE, HOSTILE)
    handshake = replace(handshake, application=Application(HOSTILE, (line, line), fault=HOSTILE))
    return Report((), Tally(), (handshake,))


def test_hostile_text_stays_text_in_mermaid() -> None:
    text = drawn(hostile(), Format.MERMAID)
    assert text.count("```") == 2  # the fence, nothing else
    lines = text.splitlines()
    assert lines[1] == "sequenceDiagram"
    for line in lines[2:-1]:
        assert re.fullmatch(
            r"    (title |participant [CNS] as |[CNS]-+[->x)]+[CNS]: |Note over [CNS](,[CNS])?: ).*", line
        )
        own = line.replace("<br/>", "")
        assert not re.search(r"[<>\"&`{}%$;\\]|#", re.sub(r"#\d+;", "", own.partition(": ")[2])), line
    assert not re.search(r"style|wrap:", text)


def test_mermaid_entities_are_the_characters() -> None:
    shown = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), encoded('x;#<>"`{end}'))
    assert shown == 'x;#<>"`{end}'


def test_hostile_text_stays_text_in_svg() -> None:
    root = ElementTree.fromstring(drawn(hostile(), Format.SVG))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "title", "desc", "style", "rect", "text", "line", "polygon",
    }  # fmt: skip
    assert any('a;b#c<d>"&' in (element.text or "") for element in root.iter(f"{SVG}text"))


def test_svg_needs_nothing_else_and_fits() -> None:
    text = drawn(rich(), Format.SVG)
    root = ElementTree.fromstring(text)
    assert root.get("width") == "900"
    height = float(root.get("height", "0"))
    assert not re.search(r"<script|href|url\(|@import|@font-face", text)
    for element in root.iter():
        for name in ("x", "x1", "x2"):
            assert 0 <= float(element.get(name, "0")) <= 900
        for name in ("y", "y1", "y2"):
            assert 0 <= float(element.get(name, "0")) <= height
    assert root.find(f"{SVG}title") is not None
    assert "prefers-color-scheme: dark" in text


def test_only_ascii_where_only_ascii_can_be_shown() -> None:
    for form in (Format.MERMAID, Format.SVG):
        assert drawn(hostile(), form, Terminal(unicode=False)).isascii()


def test_many_handshakes_are_bounded() -> None:
    many = tuple(established(number) for number in range(1, 61))
    report = Report((), Tally(), many)
    mermaid, svg = drawn(report, Format.MERMAID), drawn(report, Format.SVG)
    assert mermaid.count("sequenceDiagram") == 50
    heads = [each for each in ElementTree.fromstring(svg).iter(f"{SVG}text") if each.get("class") == "head"]
    assert len(heads) == 50
    assert "10 more sessions, not drawn" in mermaid
    assert "10 more sessions, not drawn" in svg


def test_a_long_dialogue_stays_within_what_mermaid_takes() -> None:
    handshake: Handshake = established()
    lines = tuple(Line(handshake.start_ns + 400_000 + n, Side.CLIENT, ";" * 300) for n in range(200))
    report = Report((), Tally(), (replace(handshake, application=Application("HTTP", lines)),))
    assert len(drawn(report, Format.MERMAID)) < 50_000


def test_nothing_to_draw() -> None:
    report = Report((), Tally(), ())
    assert drawn(report, Format.MERMAID) == "nothing to draw: no TCP handshake, no UDP exchange\n"
    assert "nothing to draw" in drawn(report, Format.SVG)
