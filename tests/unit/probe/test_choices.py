"""Behaviour as people type it: what each word means, and a sentence for each way of getting it wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handshake.model.options import Option
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, PSH, SYN, URG
from handshake.probe.behaviour import PROFILES, Behaviour, Filled, Item
from handshake.probe.choices import MOST_DATA, parse_flags, parse_number, parse_options, read_data


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("mss", Filled.MSS),
        ("mss=1460", Option(2, b"\x05\xb4")),
        ("mss=0x0", Option(2, b"\0\0")),
        ("ws", Option(3, b"\x07")),
        ("ws=14", Option(3, b"\x0e")),
        ("sack", Option(4, b"")),
        ("ts", Filled.TIMESTAMPS),
        ("TFO", Option(34, b"")),
        ("tfo=00112233", Option(34, b"\0\x11\x22\x33")),
        ("mptcp", Option(30, b"\x01\x01")),
        ("ut=30", Option(28, b"\0\x1e")),
        ("ut=5m", Option(28, b"\x80\x05")),
        ("nop", Option(1, b"")),
        ("eol", Option(0, b"")),
        ("raw=254:f989", Option(254, b"\xf9\x89")),
        ("raw=99:", Option(99, b"")),
    ],
)
def test_each_option(text: str, item: Item) -> None:
    assert parse_options(text) == ((item,), 0)


def test_order_is_kept_and_ecn_is_flags() -> None:
    items, ecn = parse_options("nop, sack ,ecn,mss=5,nop")
    assert [item.kind for item in items if isinstance(item, Option)] == [1, 4, 2, 1]
    assert ecn == ECE | CWR
    assert parse_options("accecn") == ((), AE | ECE | CWR)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no TCP option is called ''; there are mss, ws, "),
        ("mms=3", "no TCP option is called 'mms'; did you mean mss?"),
        ("mss,,ws", "no TCP option is called ''"),
        ("mss=70000", "mss: '70000' is not a number from 0 to 65535"),
        ("mss=", "mss: '' is not a number"),
        ("mss=-1", "mss: '-1' is not a number"),
        ("ws=256", "ws: '256' is not a number from 0 to 255"),
        ("sack=1", "sack takes no value"),
        ("ecn=1", "ecn is a set of flags, it takes no value"),
        ("tfo=abc", "tfo=abc: not a row of bytes in hexadecimal"),
        ("tfo=aabbcc", "a cookie has 4 to 16 bytes, an even number of them, not 3"),
        ("ut", "ut: '' is not a number from 0 to 32767"),
        ("ut=40000", "ut: '40000' is not a number from 0 to 32767"),
        ("raw=7", "write raw=KIND:HEX"),
        ("raw", "write raw=KIND:HEX"),
        ("raw=300:00", "raw: '300' is not a number from 0 to 255"),
        ("raw=1:00", "kind 1 has no length byte and no body; write nop"),
        ("raw=9:0", "not a row of bytes"),
        ("raw=9:" + "00" * 39, "take 41 bytes; a TCP header has room for 40"),
        (",".join(["nop"] * 41), "take 41 bytes"),
    ],
)
def test_each_mistake_has_its_sentence(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse_options(text)


def test_forty_bytes_fit() -> None:
    assert len(parse_options(",".join(["mss", "ts", "raw=9:" + "00" * 24]))[0]) == 3


@pytest.mark.parametrize(
    ("text", "flags"),
    [("null", 0), ("xmas", FIN | PSH | URG), ("syn+fin", SYN | FIN), ("ACK", ACK), ("ae,cwr", AE | CWR)],
)
def test_flags(text: str, flags: int) -> None:
    assert parse_flags(text) == flags


@pytest.mark.parametrize("text", ["", "sin", "syn+", "syn fin"])
def test_wrong_flags(text: str) -> None:
    with pytest.raises(ValueError, match="there are null, xmas, fin, syn, rst"):
        parse_flags(text)


def test_numbers() -> None:
    assert parse_number("0xffffffff") == parse_number("4294967295") == 2**32 - 1
    for wrong in ("", "-1", "4294967296", "1e3", "ten"):
        with pytest.raises(ValueError, match="is not a number from 0 to 4294967295"):
            parse_number(wrong)


def test_data(tmp_path: Path) -> None:
    file = tmp_path / "request"
    file.write_bytes(b"\0\xff")
    assert read_data(f"@{file}") == b"\0\xff"
    assert read_data("hex:00 ff") == b"\0\xff"
    assert read_data(r"GET /\r\n\t\0\x41\xff\\") == b"GET /\r\n\t\0A\xff\\"
    assert read_data("grüße") == "grüße".encode()
    assert read_data("") == b""


def test_wrong_data(tmp_path: Path) -> None:
    for wrong, complaint in (
        (r"a\q", r"\\q means nothing here"),
        ("a\\", r"\\ means nothing here"),
        (r"\x4", r"\\x means nothing here"),
        ("hex:0g", "hex:0g: not a row of bytes"),
        ("@/nowhere/at/all", "/nowhere/at/all: No such file or directory"),
        (f"@{tmp_path}", "Is a directory"),
    ):
        with pytest.raises(ValueError, match=complaint):
            read_data(wrong)
    big = tmp_path / "big"
    big.write_bytes(bytes(MOST_DATA + 1))
    with pytest.raises(ValueError, match="more than 1048576 bytes are not sent"):
        read_data(f"@{big}")


def test_the_default_is_the_linux_profile_and_all_profiles_fit() -> None:
    assert PROFILES["linux"] == Behaviour()
    for behaviour in PROFILES.values():
        options = behaviour.syn_options(1460, 1, 2)
        assert sum(1 if kind <= 1 else 2 + len(data) for kind, data in options.items) in (0, 12, 20, 24)


def test_fast_open_is_added_taken_away_and_must_fit() -> None:
    asking = Behaviour().with_fast_open()
    assert asking.options[-1] == Option(34, b"")
    assert asking.with_fast_open(bytes(8)).options[-1] == Option(34, bytes(8))
    assert asking.without_fast_open() == Behaviour()
    with pytest.raises(ValueError, match="take 45 bytes"):
        Behaviour(options=parse_options("raw=9:" + "00" * 25)[0]).with_fast_open(bytes(16))
