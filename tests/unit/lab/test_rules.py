"""Rules of a wire: what the words mean, what is said about wrong ones, and changed frames as scapy reads them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

from handshake.lab.effects import Passage
from handshake.lab.rules import RuleError, Rules
from handshake.model.packet import Frame
from handshake.wire.decode import decode
from tests.support import ROOT

LINUX: list[Any] = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]
ETHERNET = Ether(src="02:00:0a:00:00:01", dst="02:00:0a:00:00:02")
CHECKSUMS = {IP: "chksum", TCP: "chksum", UDP: "chksum", ICMP: "chksum"}
CHECKSUMS |= {ICMPv6DestUnreach: "cksum", ICMPv6PacketTooBig: "cksum"}
HERE, THERE = "10.0.0.1", "10.0.0.2"


def tcp(flags: str, payload: bytes = b"", *, options: list[Any] = LINUX, port: int = 80) -> bytes:
    return bytes(ETHERNET / IP(src=HERE, dst=THERE) / TCP(dport=port, flags=flags, options=options) / payload)


def tcp6(flags: str) -> bytes:
    return bytes(ETHERNET / IPv6(src="fd00::1", dst="fd00::2") / TCP(dport=80, flags=flags, options=LINUX))


def udp(payload: bytes = b"hello", port: int = 53) -> bytes:
    return bytes(ETHERNET / IP(src=HERE, dst=THERE) / UDP(sport=40001, dport=port) / payload)


def sent(rules: Rules, data: bytes, *, client: bool = True) -> tuple[Passage, ...]:
    return rules.apply(decode(Frame(1, 0, 1, data, len(data))), Passage(data, client, 0))


def lost(rule: str, *frames: bytes, client: bool = True) -> list[bool]:
    rules = Rules([rule])
    return [not sent(rules, frame, client=client) for frame in frames]


def one(rule: str, data: bytes, *, client: bool = True) -> Passage:
    (passage,) = sent(Rules([rule]), data, client=client)
    return passage


def checked(data: bytes) -> Any:
    """The frame as scapy reads it; its checksums are those that scapy computes."""
    frame = Ether(data)
    again = frame.copy()
    for layer, field in CHECKSUMS.items():
        if layer in again:
            delattr(again[layer], field)
    assert bytes(again) == data
    return frame


@pytest.mark.parametrize(
    ("rule", "frames", "expected"),
    [
        ("drop SYN 1", [tcp("S"), tcp("SA"), tcp("S")], [True, False, False]),
        ("drop SYN 2,4-5", [tcp("S")] * 6, [False, True, False, True, True, False]),
        ("drop SYN", [tcp("S"), tcp("SEC"), tcp("SA"), tcp("A")], [True, True, False, False]),
        ("drop SYN-ACK *", [tcp("S"), tcp("SA"), tcp("SAE")], [False, True, True]),
        ("drop ACK", [tcp("A"), tcp("A", b"x"), tcp("FA"), tcp("RA")], [True, False, False, False]),
        ("drop FIN", [tcp("FA"), tcp("F"), tcp("A")], [True, True, False]),
        ("drop RST", [tcp("R"), tcp("RA"), tcp("A")], [True, True, False]),
        ("drop data 2", [tcp("A", b"x"), tcp("A"), tcp("PA", b"y"), udp()], [False, False, True, False]),
        ("drop udp every 3", [udp()] * 7, [False, False, True, False, False, True, False]),
        ("drop udp port 53", [udp(), udp(port=7), tcp("S", port=53)], [True, False, False]),
        ("drop port 53", [udp(), udp(port=7), tcp("S", port=53)], [True, False, True]),
        ("drop tcp", [tcp("S"), udp()], [True, False]),
        ("drop any 2", [udp(), tcp("S"), udp()], [False, True, False]),
        ("drop client SYN", [tcp("S")], [True]),
        ("drop server SYN", [tcp("S")], [False]),
        ("drop syn 1", [tcp("S")], [True]),
    ],
)
def test_which_frames(rule: str, frames: list[bytes], expected: list[bool]) -> None:
    assert lost(rule, *frames) == expected


def test_chance_is_the_same_in_every_run_and_not_with_another_seed() -> None:
    frames = [udp()] * 400
    first, again, other = (lost(rule, *frames) for rule in ("drop udp 25%", "drop udp 25%", "drop udp 25% seed 2"))
    assert first == again != other
    assert 60 < sum(first) < 140


@pytest.mark.parametrize(
    ("rule", "ns"), [("delay 20ms", 20_000_000), ("delay 0.5s", 500_000_000), ("delay 30us client", 30_000)]
)
def test_delay(rule: str, ns: int) -> None:
    assert one(rule, udp()).due_ns == ns


def test_delays_add_up_and_differ_by_direction() -> None:
    rules = Rules(["delay 10ms", "delay 5ms server", "delay 1s SYN 1"])
    assert [sent(rules, tcp("S"))[0].due_ns for _ in range(2)] == [1_010_000_000, 10_000_000]
    assert sent(rules, udp(), client=False)[0].due_ns == 15_000_000


def test_every_rule_counts_every_frame_that_comes() -> None:
    rules = Rules(["drop SYN 1", "icmp prohibited SYN 2", "drop SYN 3", "ttl 9 SYN 4"])
    came = [sent(rules, tcp("S")) for _ in range(5)]
    assert [[passage.back for passage in passages] for passages in came] == [[], [True], [], [False], [False]]
    assert [Ether(passages[0].data)[IP].ttl for passages in came[3:]] == [9, 64]


def test_duplicate_and_hold() -> None:
    assert [passage.data for passage in sent(Rules(["duplicate SYN"]), tcp("S"))] == [tcp("S")] * 2
    assert one("hold SYN 1 behind 2", tcp("S")).behind == 2


def test_rate_queues_frames_of_a_direction() -> None:
    rules = Rules(["rate 8kbit"])
    dues = [sent(rules, udp(bytes(58)), client=client)[0].due_ns for client in (True, True, False)]
    assert dues == [100_000_000, 200_000_000, 100_000_000]  # 100 bytes each


def test_mss_is_lowered_and_never_raised() -> None:
    for data in (tcp("S"), tcp6("S")):
        assert dict(checked(one("clamp mss 536", data).data)[TCP].options)["MSS"] == 536
    assert one("clamp mss 9000", tcp("S")).data == tcp("S")


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("wscale", ["MSS", "SAckOK", "Timestamp", "NOP", "NOP", "NOP", "NOP"]),
        ("sack,timestamps", ["MSS", *["NOP"] * 13, "WScale"]),
        ("mss", [*["NOP"] * 4, "SAckOK", "Timestamp", "NOP", "WScale"]),
        ("tfo,mptcp,md5,accecn", ["MSS", "SAckOK", "Timestamp", "NOP", "WScale"]),
    ],
)
def test_stripped_options_become_nops(names: str, left: list[str]) -> None:
    assert [name for name, _ in checked(one(f"strip {names}", tcp("S")).data)[TCP].options] == left
    assert [name for name, _ in checked(one(f"strip {names}", tcp6("S")).data)[TCP].options] == left


@pytest.mark.parametrize(("rule", "ttl"), [("ttl 3", 3), ("ttl -4", 60), ("ttl -90", 0)])
def test_ttl(rule: str, ttl: int) -> None:
    assert checked(one(rule, tcp("S")).data)[IP].ttl == ttl
    assert checked(one(rule, tcp6("S")).data)[IPv6].hlim == ttl


@pytest.mark.parametrize(
    ("error", "kind", "reporter"),
    [
        ("port-unreachable", (3, 3), THERE),
        ("host-unreachable", (3, 1), "10.0.0.254"),
        ("net-unreachable", (3, 0), "10.0.0.254"),
        ("prohibited", (3, 13), "10.0.0.254"),
        ("time-exceeded", (11, 0), "10.0.0.254"),
    ],
)
def test_icmp_errors(error: str, kind: tuple[int, int], reporter: str) -> None:
    passage = one(f"icmp {error} SYN 1", tcp("S"))
    frame = checked(passage.data)
    assert passage.back
    assert (frame[ICMP].type, frame[ICMP].code) == kind
    assert (frame[IP].src, frame[IP].dst, frame.dst) == (reporter, HERE, ETHERNET.src)
    assert bytes(frame[ICMP].payload)[:28] == tcp("S")[14:42]


def test_icmp_errors_over_ipv6_and_with_an_mtu() -> None:
    assert checked(one("icmp prohibited SYN", tcp6("S")).data)[ICMPv6DestUnreach].code == 1
    assert checked(one("icmp too-big mtu 1280 any", tcp6("S")).data)[ICMPv6PacketTooBig].mtu == 1280
    assert checked(one("icmp too-big mtu 1000 any", tcp("S")).data)[ICMP].nexthopmtu == 1000


def test_an_icmp_error_is_never_answered_with_another() -> None:
    error = one("icmp prohibited any", tcp("S")).data
    assert sent(Rules(["icmp prohibited any"]), error) == ()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "a rule is missing at the end, one of drop, delay"),
        ("dorp SYN 1", "'dorp' is not a rule, one of drop"),
        ("drop", "which frames? for instance SYN 1"),
        ("drop SYNC", "'SYNC' is neither client, server, one of SYN"),
        ("drop SYN 1 2", "'2' is one word too many"),
        ("drop udp every 0", "'0' is not a number"),
        ("drop port x", "'x' is not a port"),
        ("delay 20", "'20' is not a time such as 20ms"),
        ("delay 2h", "'2h' is not a time such as 20ms"),
        ("hold SYN 1", "'behind N' is missing"),
        ("clamp wscale 3", "'wscale' is not what can be clamped, one of mss"),
        ("strip wscale,what", "'what' is not an option, one of mss, wscale"),
        ("ttl 300", "'300' is not a TTL from 0 to 255"),
        ("icmp echo SYN", "'echo' is not an ICMP error, one of net-unreachable"),
        ("icmp port-unreachable", "which frames?"),
        ("rate fast", "'fast' is not a rate such as 500kbit"),
    ],
)
def test_wrong_words_are_one_clear_line(rule: str, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        Rules([rule])
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"wire rule {rule!r}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


@given(st.text(alphabet="drop clientSYN-ACK%,0123456789 msbehindttlicmp", max_size=40))
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    with suppress(RuleError):
        Rules([text])


@given(st.binary(max_size=120))
def test_rules_bear_any_frame(data: bytes) -> None:
    sent(Rules(["strip mss", "clamp mss 500", "ttl -1", "icmp prohibited any"]), data)


def test_the_examples_of_the_guide_are_rules() -> None:
    rows = [
        line.split("|")[3] for line in (ROOT / "docs" / "lab.md").read_text().splitlines() if line.startswith("| `")
    ]
    examples = [example for row in rows if len(row) > 2 for example in re.findall(r"`([^`]+)`", row)]
    assert len(examples) > 15
    Rules(examples)
