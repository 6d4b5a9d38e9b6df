from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.model.report import Damage
from handshake.source.capture import open_capture
from handshake.source.pcapng import Interface
from tests.unit.source.capture_bytes import (
    DSB,
    EPB,
    IDB,
    NRB,
    OPB,
    ORDERS,
    SPB,
    block,
    enhanced,
    frames_of,
    interface,
    option,
    section,
)

BASE = 1_700_000_000


def read(tmp_path: Path, data: bytes) -> list[Frame]:
    """The frames of a file that has to be without damage."""
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    frames, capture = frames_of(path)
    assert capture.damage is None
    return frames


def damage(tmp_path: Path, data: bytes) -> Damage:
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    _, capture = frames_of(path)
    assert capture.damage is not None
    return capture.damage


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_enhanced_packets_of_several_interfaces(tmp_path: Path, order: str) -> None:
    data = (
        section(order)
        + interface(order, 1, options=option(2, b"eth0", order) + option(9, b"\x09", order) + option(0, b"", order))
        + interface(order, 101, options=option(2, "wärme".encode(), order))
        + enhanced(b"abcde", BASE * 10**9 + 1, 0, order, orig_len=1500)
        + enhanced(b"xy", BASE * 10**6 + 1, 1, order)
    )
    assert read(tmp_path, data) == [
        Frame(1, BASE * 10**9 + 1, 1, b"abcde", 1500, "eth0"),
        Frame(2, BASE * 10**9 + 1000, 101, b"xy", 2, "wärme"),
    ]


def test_sections_have_byte_orders_and_interfaces_of_their_own(tmp_path: Path) -> None:
    data = (
        section("<")
        + interface("<", 1, options=option(2, b"a"))
        + enhanced(b"1", 1)
        + section(">", (1, 2))
        + interface(">", 113, options=option(2, b"b", ">"))
        + enhanced(b"2", 2, 0, ">")
        + section("<")
        + interface("<", 228)
        + enhanced(b"3", 3)
    )
    frames = read(tmp_path, data)
    assert [(f.number, f.time_ns, f.linktype, f.data, f.interface) for f in frames] == [
        (1, 1000, 1, b"1", "a"),
        (2, 2000, 113, b"2", "b"),
        (3, 3000, 228, b"3", ""),
    ]


@pytest.mark.parametrize(
    ("tsresol", "ticks", "time_ns"),
    [
        (b"\x00", BASE, BASE * 10**9),
        (b"\x03", BASE * 1000 + 7, BASE * 10**9 + 7_000_000),
        (b"\x09", BASE * 10**9 + 7, BASE * 10**9 + 7),
        (b"\x0a", BASE * 10**10 + 79, BASE * 10**9 + 7),
        (b"\x80", BASE, BASE * 10**9),
        (b"\x94", (BASE << 20) + (1 << 19), BASE * 10**9 + 500_000_000),
        (b"\xa0", (BASE << 32) + 1, BASE * 10**9),
        (b"\xa0", (BASE << 32) + 5, BASE * 10**9 + 1),
        (b"\xff", 1, 0),
        (b"\x7f", 1, 0),
    ],
)
def test_timestamp_resolutions_are_exact(tmp_path: Path, tsresol: bytes, ticks: int, time_ns: int) -> None:
    data = section() + interface(options=option(9, tsresol)) + enhanced(b"x", ticks)
    assert [frame.time_ns for frame in read(tmp_path, data)] == [time_ns]


@given(ticks=st.integers(0, 2**64 - 1), exponent=st.integers(0, 19), base=st.sampled_from([2, 10]))
def test_timestamps_round_down_to_the_nanosecond(ticks: int, exponent: int, base: int) -> None:
    per_second = base**exponent
    exact = Fraction(ticks, per_second) * 10**9
    told = Interface(1, 0, "", 10**9, per_second, 0).time_ns(ticks >> 32, ticks & 0xFFFFFFFF)
    assert told == min(exact // 1, 2**64 - 1)


@pytest.mark.parametrize(
    ("tsoffset", "time_ns"),
    [(BASE, (BASE + 1) * 10**9), (-1, 0), (-2, 0), (2**62, 2**64 - 1)],
    ids=["later", "to zero", "before 1970", "beyond 2554"],
)
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_timestamp_offset_is_added_and_absurd_times_are_bounded(
    tmp_path: Path, order: str, tsoffset: int, time_ns: int
) -> None:
    options = option(14, struct.pack(order + "q", tsoffset), order)
    data = section(order) + interface(order, options=options) + enhanced(b"x", 10**6, order=order)
    assert [frame.time_ns for frame in read(tmp_path, data)] == [time_ns]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_obsolete_packet_blocks(tmp_path: Path, order: str) -> None:
    body = struct.pack(order + "HHIIII", 1, 5, 0, 42, 3, 60) + b"abc"
    data = section(order) + interface(order, 1) + interface(order, 113) + block(OPB, body, order)
    assert read(tmp_path, data) == [Frame(1, 42_000, 113, b"abc", 60)]


def test_simple_packets_have_the_first_interface_its_snaplen_and_the_time_before(tmp_path: Path) -> None:
    data = (
        section()
        + interface(linktype=101, snaplen=4, options=option(2, b"tun0"))
        + interface()
        + block(SPB, struct.pack("<I", 3) + b"abc")
        + enhanced(b"abcd", 8, 1)
        + block(SPB, struct.pack("<I", 60) + b"abcd")
    )
    assert read(tmp_path, data) == [
        Frame(1, 0, 101, b"abc", 3, "tun0"),
        Frame(2, 8000, 1, b"abcd", 4),
        Frame(3, 8000, 101, b"abcd", 60, "tun0"),
    ]


def test_simple_packets_without_snaplen_are_whole(tmp_path: Path) -> None:
    data = section() + interface() + block(SPB, struct.pack("<I", 5) + b"abcde")
    assert read(tmp_path, data) == [Frame(1, 0, 1, b"abcde", 5)]


def test_other_blocks_are_skipped(tmp_path: Path) -> None:
    secrets = block(DSB, struct.pack("<II", 0x544C534B, 4) + b"SECR")
    custom = block(0x40000BAD, b"\0\0\0\1any")
    data = section() + custom + interface() + block(NRB, bytes(4)) + secrets + block(0x7777, b"") + enhanced(b"x", 1)
    assert [frame.data for frame in read(tmp_path, data)] == [b"x"]


def test_packet_options_are_no_packet_bytes(tmp_path: Path) -> None:
    body = struct.pack("<IIIII", 0, 0, 1, 3, 3) + b"abc\0" + option(1, b"a comment") + option(0, b"")
    assert [frame.data for frame in read(tmp_path, section() + interface() + block(EPB, body))] == [b"abc"]


@pytest.mark.parametrize("version", [(0, 1), (1, 1), (2, 0)])
def test_unknown_versions_are_refused(tmp_path: Path, version: tuple[int, int]) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(section(version=version))
    with pytest.raises(CaptureError, match=r"x\.pcapng: pcapng version \d\.\d is not supported, only 1\.0 and 1\.2"):
        open_capture(path)


def test_a_later_section_of_unknown_version_is_damage(tmp_path: Path) -> None:
    good = section() + interface() + enhanced(b"x")
    assert damage(tmp_path, good + section(version=(2, 0))) == Damage(
        len(good), 2, "pcapng version 2.0 is not supported, only 1.0 and 1.2 are"
    )


GOOD = section() + interface() + enhanced(b"x")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (enhanced(b"x", index=1), "a packet refers to interface 1, which is not described (interfaces so far: 1)"),
        (section() + block(SPB, struct.pack("<I", 1) + b"x"), "a packet refers to interface 0, which is not"),
        (struct.pack("<II", EPB, 13) + bytes(20), "a block cannot be 13 bytes long"),
        (struct.pack("<II", EPB, 8) + bytes(20), "a block cannot be 8 bytes long"),
        (struct.pack("<II", EPB, 0) + bytes(20), "a block cannot be 0 bytes long"),
        (struct.pack("<II", EPB, 0xFFFFFFFC) + bytes(20), "a block cannot be 4294967292 bytes long"),
        (enhanced(b"x")[:-4] + struct.pack("<I", 99), "a block of 36 bytes says 99 bytes at its end"),
        (block(EPB, bytes(16)), "a packet block is too short for its fields"),
        (block(OPB, bytes(16)), "a packet block is too short for its fields"),
        (block(SPB, b""), "a simple packet block is too short for its fields"),
        (block(IDB, bytes(4)), "an interface description block is too short"),
        (interface(options=struct.pack("<HH", 2, 500) + b"eth0"), "an option of 500 bytes runs past the end"),
        (block(EPB, struct.pack("<IIIII", 0, 0, 0, 9, 9) + bytes(8)), "a packet of 9 bytes is in a block with room"),
        (block(EPB, struct.pack("<IIIII", 0, 0, 0, 2**32 - 1, 9) + bytes(8)), "a packet of 4294967295 bytes is in"),
        (block(SPB, struct.pack("<I", 9) + bytes(8)), "a packet of 9 bytes is in a block with room for 8"),
        (struct.pack("<II", 0x0A0D0D0A, 28) + b"\1\2\3\4" + bytes(16), "a section header has 0x01020304 in the place"),
        (struct.pack("<II", EPB, 36) + bytes(20), "the file is cut off inside a block of 36 bytes"),
        (b"\6\0", "the file is cut off inside a block header"),
    ],
)
def test_damage_ends_the_capture_where_it_is(tmp_path: Path, bad: bytes, reason: str) -> None:
    found = damage(tmp_path, GOOD + bad)
    assert found.reason.startswith(reason)
    assert found.number == 2
    assert found.offset == len(GOOD) + (len(section()) if bad.startswith(section()) else 0)


def test_cut_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    blocks = [section(), interface(options=option(2, b"eth0")), enhanced(b"abcde", 1), section(">")]
    blocks += [interface(">", 113), enhanced(b"x", 2, order=">"), block(SPB, b"\0\0\0\3abc", ">")]
    whole = b"".join(blocks)
    ends = [len(b"".join(blocks[: count + 1])) for count in range(len(blocks))]
    packet_ends = [ends[2], ends[5], ends[6]]
    for size in range(1, len(whole) + 1):
        path.write_bytes(whole[:size])
        if size < ends[0]:
            with pytest.raises(CaptureError, match=r"cut off|neither|text") as caught:
                open_capture(path)
            assert "\n" not in str(caught.value)
            continue
        frames, capture = frames_of(path)
        assert len(frames) == sum(end <= size for end in packet_ends), size
        assert (capture.damage is None) == (size in ends), size
        if capture.damage is not None:
            assert capture.damage.offset == max(end for end in ends if end <= size)
            assert capture.damage.number == len(frames) + 1
