"""TCP headers: every field, every option kind, every malformation; checksums."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.model import options as kinds
from handshake.model.options import Options
from handshake.model.packet import ACK, AE, FLAG_NAMES, SYN
from handshake.wire.checksum import internet_checksum, tcp_checksum
from handshake.wire.tcp import parse_options
from tests.unit.wire.wire_bytes import (
    CLIENT,
    CLIENT6,
    SERVER,
    SERVER6,
    decoded,
    inverse_sum,
    ipv4,
    ipv6,
    pseudo,
    segment_of,
    tcp,
)


def opt(kind: int, body: bytes = b"") -> bytes:
    return bytes([kind, 2 + len(body)]) + body


def options_of(data: bytes) -> Options:
    """The options of a segment that carries them, padded to whole words with NOPs."""
    return segment_of(decoded(ipv4(tcp(data + b"\1" * (-len(data) % 4))))).options


def test_every_field() -> None:
    header = tcp(
        payload=b"x" * 9, flags=0x1FF, seq=0xFFFFFFFF, ack=0x80000000, ports=(0, 65535), window=0, urgent=77, reserved=5
    )
    packet = decoded(ipv4(header))
    segment = segment_of(packet)
    assert (segment.src.port, segment.dst.port) == (0, 65535)
    assert (segment.seq, segment.ack_raw, segment.ack) == (0xFFFFFFFF, 0x80000000, 0x80000000)
    assert (segment.flags, segment.reserved, segment.wnd, segment.urgent) == (0x1FF, 5, 0, 77)
    assert (segment.payload_len, segment.seg_len, packet.payload) == (9, 11, b"x" * 9)
    assert (segment.options, segment.faults, segment.checksum_ok) == (Options(), (), True)


@pytest.mark.parametrize("bit", range(9), ids=FLAG_NAMES)
def test_each_flag_alone(bit: int) -> None:
    segment = segment_of(decoded(ipv4(tcp(flags=1 << bit, ack=9))))
    assert segment.flags == 1 << bit
    assert (segment.ack, segment.ack_raw) == (9 if 1 << bit == ACK else None, 9)


def test_reserved_bits_are_not_flags() -> None:
    segment = segment_of(decoded(ipv4(tcp(flags=AE | SYN, reserved=7))))
    assert (segment.flags, segment.reserved) == (AE | SYN, 7)


@pytest.mark.parametrize("words", range(5))
def test_data_offset_below_five(words: int) -> None:
    packet = decoded(ipv4(tcp(opt(kinds.MSS, b"\5\xb4"), offset=words)))
    segment = segment_of(packet)
    assert segment.faults == (f"data offset {words} is less than 5",)
    assert (segment.src.port, segment.seq, segment.flags, segment.options) == (40000, 1000, SYN, Options())
    assert packet.stop is None


def test_data_offset_past_the_segment() -> None:
    segment = segment_of(decoded(ipv4(tcp(opt(kinds.MSS, b"\5\xb4"), offset=15))))
    assert segment.faults == ("data offset 15 reaches 36 bytes past the end of the segment",)
    assert (segment.payload_len, segment.options) == (0, Options())


KNOWN = {
    "mss": (opt(kinds.MSS, b"\5\xb4"), "mss", 1460),
    "wscale": (opt(kinds.WSCALE, b"\7"), "wscale_shift", 7),
    "wscale above 14": (opt(kinds.WSCALE, b"\xff"), "wscale_shift", 255),
    "sack permitted": (opt(kinds.SACK_PERMITTED), "sack_permitted", True),
    "tsval": (opt(kinds.TIMESTAMPS, struct.pack("!II", 1, 2**32 - 1)), "tsval", 1),
    "tsecr": (opt(kinds.TIMESTAMPS, struct.pack("!II", 1, 2**32 - 1)), "tsecr", 2**32 - 1),
    "tfo request": (opt(kinds.TFO), "tfo_cookie", b""),
    "tfo cookie": (opt(kinds.TFO, b"8 bytes!"), "tfo_cookie", b"8 bytes!"),
    "tfo request, experimental": (opt(kinds.EXP2, b"\xf9\x89"), "tfo_cookie", b""),
    "tfo cookie, experimental": (opt(kinds.EXP2, b"\xf9\x89four"), "tfo_cookie", b"four"),
    "another experiment": (opt(kinds.EXP2, b"\xf9\x88four"), "tfo_cookie", None),
    "mptcp": (opt(kinds.MPTCP, b"\x01\x81"), "mptcp_subtypes", (0,)),
    "mptcp twice": (opt(kinds.MPTCP, b"\x10\0") + opt(kinds.MPTCP, b"\x20\0"), "mptcp_subtypes", (1, 2)),
    "md5": (opt(kinds.MD5, bytes(16)), "md5", True),
    "ao": (opt(kinds.AO, bytes(14)), "ao", True),
    "accecn order 0": (opt(kinds.ACCECN0, bytes(9)), "accecn", True),
    "accecn order 1": (opt(kinds.ACCECN1), "accecn", True),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_options_by_name(name: str) -> None:
    data, attribute, value = KNOWN[name]
    found = options_of(data)
    assert getattr(found, attribute) == value
    assert (found.fault, found.cut) == (None, False)
    absent = getattr(Options(), attribute)
    assert value is None or absent != value


def test_every_kind_is_kept_in_wire_order() -> None:
    for kind in range(2, 256):
        found = parse_options(b"\1" + opt(kind, b"ab") + opt(kinds.SACK_PERMITTED) + b"\0\0")
        assert found.items == ((1, b""), (kind, b"ab"), (kinds.SACK_PERMITTED, b""), (0, b""))
        assert not found.cut


def test_what_linux_sends() -> None:
    data = bytes.fromhex("020405b4 0402 080a0000000500000000 01 030307")
    found = options_of(data)
    assert [option.name for option in found.items] == ["mss", "sack-permitted", "timestamps", "nop", "wscale"]


@pytest.mark.parametrize("padding", [b"\0", b"\0\0", b"\1\1\0\0\0\0"])
def test_padding_is_no_fault(padding: bytes) -> None:
    found = parse_options(opt(kinds.WSCALE, b"\7") + padding)
    assert (found.wscale_shift, found.fault, found.items[-1]) == (7, None, (kinds.EOL, b""))


MALFORMED = {
    "length 0": (b"\2\0\5\xb4", [], "option mss has length 0"),
    "length 1": (b"\x1e\1", [], "option mptcp has length 1"),
    "overrun by one": (opt(4) + b"\2\5\5\xb4", [4, 2], "option mss of length 5 overruns the header by 1 bytes"),
    "overrun by much": (b"\x08\xff", [8], "option timestamps of length 255 overruns the header by 253 bytes"),
    "no length byte": (opt(4) + b"\2", [4], "option 2 is cut before its length byte"),
    "data after the end": (b"\0\2\4\5", [0], "data after the end-of-list option"),
    "mss too short": (opt(kinds.MSS, b"\5") + opt(4), [2, 4], "option mss has length 3"),
    "mss too long": (opt(kinds.MSS, b"\5\xb4\0"), [2], "option mss has length 5"),
    "wscale": (opt(kinds.WSCALE), [3], "option wscale has length 2"),
    "sack permitted": (opt(kinds.SACK_PERMITTED, b"x"), [4], "option sack-permitted has length 3"),
    "sack": (opt(kinds.SACK, bytes(7)), [5], "option sack has length 9"),
    "timestamps": (opt(kinds.TIMESTAMPS, bytes(4)), [8], "option timestamps has length 6"),
    "md5": (opt(kinds.MD5, bytes(15)), [19], "option md5 has length 17"),
    "user timeout": (opt(kinds.USER_TIMEOUT, b"x"), [28], "option user-timeout has length 3"),
    "tfo cookie of 2": (opt(kinds.TFO, b"ab"), [34], "option tfo has length 4"),
    "tfo cookie of 5": (opt(kinds.TFO, b"abcde"), [34], "option tfo has length 7"),
    "tfo cookie of 18": (opt(kinds.TFO, bytes(18)), [34], "option tfo has length 20"),
    "accecn": (opt(kinds.ACCECN0, bytes(4)), [172], "option accecn0 has length 6"),
    "the first of two": (opt(kinds.MSS) + b"\3\0", [2], "option wscale has length 0"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_options_keep_what_was_good_and_say_the_fault(name: str) -> None:
    data, kept, fault = MALFORMED[name]
    found = parse_options(data)
    assert [option.kind for option in found.items] == kept
    assert (found.fault, found.cut) == (fault, False)


def test_option_of_wrong_length_has_no_value() -> None:
    assert parse_options(opt(kinds.MSS, b"\5\xb4\0")).mss is None
    assert parse_options(opt(kinds.MSS, b"\5") + opt(kinds.MSS, b"\5\xb4")).mss == 1460


@pytest.mark.parametrize("kept", range(13))
def test_cut_options_are_no_fault(kept: int) -> None:
    data = bytes.fromhex("020405b4 01 030307 01010402")
    whole = ipv4(tcp(data))
    segment = segment_of(decoded(whole[: 40 + kept], orig_len=len(whole)))
    assert (segment.options.cut, segment.options.fault, segment.faults) == (kept < 12, None, ())
    assert segment.options.mss == (1460 if kept >= 4 else None)
    assert segment.payload_len == 0


@pytest.mark.parametrize("payload", [b"", b"x", b"odd", bytes(1000)])
@pytest.mark.parametrize("version", [4, 6])
def test_checksum(version: int, payload: bytes) -> None:
    ends = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    wrap = ipv4 if version == 4 else ipv6
    right = tcp(b"", payload, ends=ends)
    offloaded = 0xFFFF - inverse_sum(pseudo(*ends, len(right)))
    field = int.from_bytes(right[16:18])
    verdicts = {
        field: True,
        offloaded: None,
        (field + 1) % 0x10000: False,
        field ^ 0x8000: False,
    }
    for checksum, verdict in verdicts.items():
        lying = tcp(b"", payload, ends=ends, checksum=checksum)
        assert segment_of(decoded(wrap(lying))).checksum_ok is verdict


def test_changed_address_breaks_the_checksum() -> None:
    assert segment_of(decoded(ipv4(tcp(), ends=(CLIENT, b"\x0a\0\0\3")))).checksum_ok is False


@given(st.binary(max_size=300))
def test_checksums_to_write(data: bytes) -> None:
    assert internet_checksum(data) == inverse_sum(data) % 0xFFFF
    segment = tcp(payload=data, checksum=0)
    assert tcp_checksum(CLIENT, SERVER, segment) == int.from_bytes(tcp(payload=data)[16:18]) % 0xFFFF


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_cut_frame_has_no_checksum_verdict(cut: int) -> None:
    whole = ipv4(tcp(payload=bytes(100)))
    packet = decoded(whole[:-cut], orig_len=len(whole))
    assert (segment_of(packet).checksum_ok, segment_of(packet).payload_len) == (None, 100)
    assert len(packet.payload) == 100 - cut
