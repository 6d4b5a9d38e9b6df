"""The table, the summary and the ladder, as they stand on terminals of different kinds."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from handshake.model.handshake import Handshake, Mark, Step
from handshake.model.packet import Segment
from handshake.model.report import Report, SourceInfo
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.unit.render import samples

SCREENS = [Format.TABLE, Format.SUMMARY, Format.LADDER]


def drawn(form: Format, report: Report, terminal: Terminal | None = None) -> str:
    out = io.StringIO()
    renderer(form)(report, out, terminal or Terminal())
    return out.getvalue()


def ladder(handshake: Handshake, width: int = 120, verbosity: int = 0) -> list[str]:
    report = replace(samples.empty(), handshakes=(handshake,))
    return drawn(Format.LADDER, report, Terminal(width=width, verbosity=verbosity)).splitlines()


@pytest.mark.parametrize("form", SCREENS)
@pytest.mark.parametrize("width", [*range(40, 131, 3), 160, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_wider_than_the_terminal(form: Format, width: int, unicode: bool) -> None:
    for report in (samples.rich(), samples.empty(), samples.probed()):
        for line in drawn(form, report, Terminal(width=width, unicode=unicode, verbosity=1)).splitlines():
            assert len(line) <= width, line


@pytest.mark.parametrize("form", SCREENS)
def test_ascii_terminal_gets_ascii(form: Format) -> None:
    assert drawn(form, samples.rich(), Terminal(unicode=False)).isascii()


@pytest.mark.parametrize("form", SCREENS)
def test_color_changes_nothing_but_color(form: Format) -> None:
    painted = drawn(form, samples.rich(), Terminal(color=True))
    assert "\x1b[" in painted
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", painted)
    assert [line.rstrip() for line in stripped.splitlines()] == drawn(form, samples.rich()).splitlines()


@pytest.mark.parametrize("form", SCREENS)
def test_hostile_names_are_escaped(form: Format) -> None:
    damage = samples.rich().sources[1].damage
    report = replace(samples.rich(), sources=(SourceInfo("\x1b[2J\u202egpj.pcap", "pcap", 1, damage),))
    text = drawn(form, report)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J\\u202egpj.pcap" in text


def test_summary_says_what_there_was() -> None:
    assert drawn(Format.SUMMARY, samples.rich()).splitlines() == [
        "read      office.pcapng · pcapng · 420 frames",
        "          cut.pcap · pcap, gzip · 12 frames",
        "damaged   at packet 13, byte 1,534: the file ends within the packet",
        "opened    4 handshakes: 1 established, 1 refused, 1 unanswered, 1 unreachable",
        "set-up    0.310 ms (one handshake)",
        "irtt      0.310 ms (one handshake)",
        "UDP       3 exchanges, 2 without a reply",
        "found     HS101 syn-retransmitted ×1",
        "skipped   92 frames of other kinds: 90 arp, 2 later fragment",
        "          3 malformed frames: 3 ipv4: header cut",
        "          1 connection followed only in part: the flow table was full",
        "          1 UDP exchange followed only in part: the table was full",
    ]


def test_percentiles_say_when_they_rest_on_little() -> None:
    few = replace(samples.empty(), handshakes=tuple(samples.established(n) for n in range(1, 4)))
    many = replace(samples.empty(), handshakes=tuple(samples.established(n) for n in range(1, 40)))
    assert "p99 0.310 ms (only 3 values)" in drawn(Format.SUMMARY, few)
    assert "only" not in drawn(Format.SUMMARY, many)


def test_many_sources_are_counted_and_damaged_ones_named() -> None:
    healthy = tuple(SourceInfo(f"part-{n}.pcap", "pcap", 10) for n in range(9))
    report = replace(samples.rich(), sources=(*healthy, samples.rich().sources[1]))
    text = drawn(Format.SUMMARY, report)
    assert "10 captures · 102 frames" in text
    assert "part-3.pcap" not in text
    assert "cut.pcap" in text
    assert "part-3.pcap" in drawn(Format.SUMMARY, report, Terminal(verbosity=1))


def header(text: str) -> list[str]:
    return next(line for line in text.splitlines() if line.lstrip().startswith("#")).split()


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, "# server outcome set-up"),
        (60, "# server outcome set-up findings"),
        (80, "# client server outcome set-up resent findings"),
        (100, "# start client server service outcome set-up resent findings"),
        (160, "# start client server service outcome set-up irtt resent options close findings"),
    ],
)
def test_columns_go_by_importance(width: int, titles: str) -> None:
    report = replace(samples.empty(), handshakes=(samples.established(), samples.unanswered()))
    assert header(drawn(Format.TABLE, report, Terminal(width=width))) == titles.split()


def test_quiet_table_starts_with_the_rows() -> None:
    text = drawn(Format.TABLE, samples.rich(), Terminal(verbosity=-1))
    assert text.splitlines()[0].lstrip().startswith("#")


def test_hint_only_for_a_person() -> None:
    hint = "add --flow 2 --ladder"
    assert hint in drawn(Format.TABLE, samples.rich(), Terminal(interactive=True))
    assert hint not in drawn(Format.TABLE, samples.rich(), Terminal(interactive=False))
    assert hint not in drawn(Format.TABLE, samples.rich(), Terminal(interactive=True, verbosity=-1))


def test_rows_show_what_happened() -> None:
    rows = drawn(Format.TABLE, samples.rich(), Terminal(width=200)).splitlines()
    row = next(line for line in rows if " unanswered " in line)
    assert " ".join(row.split()) == "2 0.000000 s 10.0.0.1:46329 10.0.0.2:8080 http-alt unanswered 2 SYN HS101"
    assert any("MSS 1460/1440 WS 7/7 SACK TS  FIN client" in line for line in rows)
    assert any("vlan 100" in line and "unreachable" in line for line in rows)
    assert any("ICMP 3/1 host unreachable" in line for line in rows)


def test_ladder_of_a_probe_on_a_wide_terminal() -> None:
    text = drawn(Format.LADDER, samples.probed(), Terminal(width=120))
    assert text.splitlines()[:12] == [
        "resolve   localhost → 10.0.0.1 (hosts file, 0.100 ms)",
        "route     10.0.0.1 → lo, MTU 65536",
        "target    10.0.0.2:8080 (http-alt, private)",
        "",
        "           client 10.0.0.1:46329" + " " * 51 + "server 10.0.0.2:8080",
        " 0.000 ms  CLOSED → SYN-SENT          ── SYN seq=0 ──────────────────────────────▶ LISTEN → SYN-RECEIVED",
        "           offers MSS 1460, SACK, timestamps, window scale 7",
        "           client asks to open",
        " 0.276 ms  SYN-SENT → ESTABLISHED     ◀─ SYN,ACK seq=0 ack=1 ────────────────────  SYN-RECEIVED",
        "           accepts MSS 1440, SACK, timestamps, window scale 7",
        "           server accepts and asks back",
        " 0.310 ms  ESTABLISHED                ── ACK seq=1 ack=1 ────────────────────────▶ SYN-RECEIVED → ESTABLISHED",
    ]
    assert "established in 0.310 ms   network+server 0.276 ms · client 0.034 ms" in text
    assert "closed with FIN, client first; both sides acknowledged" in text
    assert "window scale  7        7         ×128 / ×128" in text
    assert " 0.400 ms  … 3 segments, 120 B ▶ · 12 segments, 8.4 kB ◀ until 0.900 ms" in text


def test_ladder_is_compact_at_80_columns() -> None:
    lines = ladder(samples.established(), 80)
    assert " 0.000 ms  → SYN-SENT     ── SYN seq=0 ─────────────────────────▶ → SYN-RECEIVED" in lines


def test_ladder_is_a_list_below_70_columns() -> None:
    lines = ladder(samples.established(), 60)
    start = lines.index(" 0.276 ms  ◀ SYN,ACK seq=0 ack=1")
    assert lines[start + 1] == "           client SYN-SENT → ESTABLISHED"


def test_retransmissions_stand_out_and_repeat_no_options() -> None:
    lines = ladder(samples.unanswered())
    assert sum("↻ SYN retransmitted" in line for line in lines) == 2
    assert sum("offers" in line for line in lines) == 1
    assert "unanswered after 3 SYNs in 3.012 s" in "\n".join(lines)


def test_finding_comes_with_its_explanation() -> None:
    lines = ladder(samples.unanswered())
    start = lines.index("HS101 syn-retransmitted · warning")
    assert lines[start + 1] == "seen      the SYN was sent 3 times in 3.012 s (frames 1, 2, 3)"
    labels = {line.split(" ", 1)[0] for line in lines[start + 1 :]}
    assert {"what", "why", "check", "source"} <= labels
    quiet = ladder(samples.unanswered(), verbosity=-1)
    assert quiet[-1].startswith("seen")


def test_icmp_error_is_dashed_and_names_its_reporter() -> None:
    text = "\n".join(ladder(samples.unreachable()))
    assert "◀╌ ICMP 3/1 host unreachable ╌╌" in text
    assert "reported by 10.0.0.254 on the way" in text
    assert "vlan 100" in text


def test_both_openings_have_a_fingerprint() -> None:
    lines = ladder(samples.established(), width=100)
    window = "window 64240 = 44 × MSS"
    assert f"SYN       TTL 64 (0 hops) · {window} · mss,sok,ts,nop,ws · odd: ts1- · like Linux" in lines
    assert "SYN-ACK   TTL 64 (0 hops) · window 64240 · mss,sok,ts,nop,ws · odd: ts1-" in lines
    assert not [line for line in ladder(samples.established(), verbosity=-1) if "hops" in line]


def test_the_verbose_table_has_signatures() -> None:
    report = replace(samples.empty(), handshakes=(samples.established(), samples.unanswered()))
    wide = drawn(Format.TABLE, report, Terminal(width=400, verbosity=1))
    assert wide.count("64+0:1460:mss*44,7:mss,sok,ts,nop,ws") == 2
    assert wide.count("64+0:1440:64240,7:mss,sok,ts,nop,ws") == 1
    assert "64+0" not in drawn(Format.TABLE, report, Terminal(width=400))


def test_no_time_is_negative_where_the_clock_went_back() -> None:
    lone, refused = samples.unanswered(), samples.refused()
    early = tuple(
        replace(step, packet=replace(step.packet, time_ns=samples.T0 - 5))
        for step in (lone.timeline[-1], refused.timeline[-1])
        if isinstance(step, Step)
    )
    for handshake, last in zip((lone, refused), early, strict=True):
        lines = ladder(replace(handshake, timeline=(*handshake.timeline[:-1], last)))
        verdict = next(line for line in lines if line.startswith(handshake.outcome.value))
        assert not re.search(r" (after|in) -", verdict)
        assert not re.search(r"[0-9] m?s", verdict)


def test_verbose_adds_raw_numbers() -> None:
    line = "frame 2, raw seq 1000, ack 4294967291, window 64240, TTL 64"
    assert any(line in each for each in ladder(samples.established(), verbosity=1))
    assert not any(line in each for each in ladder(samples.established()))


def test_long_numbers_leave_the_arrow_before_the_flags_do() -> None:
    base = samples.established()
    push = samples.data_push(2_000_000, 4_000_000_000, 1_448)
    lines = ladder(replace(base, timeline=(*base.timeline, push)), 80)
    assert any("── PSH,ACK seq=4000000000 len=1448 ─" in line for line in lines)


@pytest.mark.parametrize("mark", list(Mark))
def test_every_mark_is_shown(mark: Mark) -> None:
    base = samples.established()
    first = base.timeline[0]
    assert isinstance(first, Step)
    marked = replace(base, timeline=(replace(first, marks=(mark,)), *base.timeline[1:]))
    assert any(mark.value in line for line in ladder(marked, 200))


def test_faults_are_shown() -> None:
    base = samples.established()
    first = base.timeline[0]
    assert isinstance(first, Step)
    assert isinstance(first.packet, Segment)
    packet = replace(first.packet, faults=("data offset 3 is below 5",))
    lines = ladder(replace(base, timeline=(replace(first, packet=packet), *base.timeline[1:])))
    assert any("✗ data offset 3 is below 5" in line for line in lines)


def test_nothing_to_show_is_said() -> None:
    assert drawn(Format.LADDER, samples.empty()) == "nothing to show: no TCP handshake, no UDP exchange\n"
    assert "no TCP handshake" in drawn(Format.TABLE, samples.empty())


def test_an_address_needs_no_resolution_line() -> None:
    approach = samples.probed().approach
    assert approach is not None
    literal = replace(approach, resolution=replace(approach.resolution, source="literal"))
    assert drawn(Format.LADDER, replace(samples.probed(), approach=literal)).startswith("route ")
