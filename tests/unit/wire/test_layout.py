"""Each layout is written once: the scalar reader, the offsets and a column reader agree on every field."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from handshake.wire import layout
from handshake.wire.layout import IPV4, TCP, Layout, TooShortError, tcp_flags, tcp_header_length, tcp_reserved
from tests.unit.wire.wire_bytes import ipv4, tcp

LAYOUTS = [value for value in vars(layout).values() if isinstance(value, Layout)]
by_name = pytest.mark.parametrize("header", LAYOUTS, ids=lambda header: header.name)

NUMPY_OF = {"B": "u1", "H": "u2", "I": "u4", "Q": "u8"}


def dtype_of(header: Layout) -> np.dtype[np.void]:
    """The column reader's seam: a packed dtype from the very fields that the scalar reader unpacks."""
    order = header.order.replace("!", ">")
    kinds = {code: order + kind for code, kind in NUMPY_OF.items()}
    return np.dtype([(name, kinds.get(code, f"V{code.rstrip('s')}")) for name, code in header.fields])


def sample(header: Layout) -> bytes:
    return bytes(range(1, header.size + 1))


@by_name
def test_read_and_offset_of_agree(header: Layout) -> None:
    data = sample(header)
    for (name, code), value in zip(header.fields, header.read(data), strict=True):
        assert struct.unpack_from(header.order + code, data, header.offset_of(name)) == (value,)


@by_name
def test_fields_follow_each_other_without_gaps(header: Layout) -> None:
    offset = 0
    for name, code in header.fields:
        assert header.offset_of(name) == offset
        offset += struct.calcsize(header.order + code)
    assert offset == header.size


@by_name
def test_column_reader_reads_the_same_values(header: Layout) -> None:
    data = sample(header)
    columns = dtype_of(header)
    assert columns.itemsize == header.size
    row = np.frombuffer(data * 3, columns)[1]
    for (name, code), value in zip(header.fields, header.read(data), strict=True):
        assert columns.fields is not None
        assert columns.fields[name][1] == header.offset_of(name)
        assert (bytes(row[name]) if code.endswith("s") else int(row[name])) == value


@by_name
def test_write_changes_its_field_and_no_other(header: Layout) -> None:
    before = sample(header)
    for at, (name, code) in enumerate(header.fields):
        buffer = bytearray(b"??" + before + b"??")
        value = b"\xee" * struct.calcsize(code) if code.endswith("s") else 0xAB
        header.write(buffer, 2, **{name: value})
        expected = list(header.read(before))
        expected[at] = value
        assert list(header.read(bytes(buffer), 2)) == expected
        assert bytes(buffer[:2] + buffer[-2:]) == b"????"


@by_name
def test_reading_past_the_end_tells_what_is_missing(header: Layout) -> None:
    for have in range(header.size):
        with pytest.raises(TooShortError, match=f"^{have} of {header.size} header bytes$") as raised:
            header.read(b"??" + sample(header)[:have], 2)
        assert (raised.value.layer, raised.value.at) == (header.name, 2)
    with pytest.raises(TooShortError, match=f"^0 of {header.size}"):
        header.read(b"", 99)


def test_unknown_field_has_no_offset() -> None:
    with pytest.raises(KeyError):
        TCP.offset_of("nonsense")


def test_bit_functions_work_on_whole_columns() -> None:
    segments = [tcp(bytes(4 * extra), flags=flags, reserved=extra % 8) for extra, flags in enumerate((2, 18, 16, 511))]
    rows = np.frombuffer(b"".join(segment[: TCP.size] for segment in segments), dtype_of(TCP))
    words: Any = rows["offset_flags"]
    for take, expected in (
        (tcp_flags, [2, 18, 16, 511]),
        (tcp_header_length, [20, 24, 28, 32]),
        (tcp_reserved, [0, 1, 2, 3]),
    ):
        assert np.asarray(take(words)).tolist() == expected


def test_offsets_of_the_rfcs() -> None:
    assert [IPV4.offset_of(field) for field in ("protocol", "src", "dst")] == [9, 12, 16]
    assert [TCP.offset_of(field) for field in ("seq", "offset_flags", "checksum")] == [4, 12, 16]
    assert IPV4.read(ipv4(tcp()))[6] == 6
