"""DNS messages: what we ask, what we make of answers, and answers that mean harm."""

from __future__ import annotations

import logging
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.model.dns import AAAA, CNAME, A
from handshake.wire.dns import MOST_RECORDS, encode_query, read_answer

NAME = b"\x03BOX\x03lab\x00"


def response(*records: bytes, question: bytes = NAME, answers: int | None = None, flags: int = 0x8180) -> bytes:
    counts = (1, len(records) if answers is None else answers, 0, 0)
    return struct.pack("!HH4H", 7, flags, *counts) + question + struct.pack("!HH", A, 1) + b"".join(records)


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c", ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def test_a_query_is_what_scapy_reads() -> None:
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    from scapy.layers.dns import DNS

    query = DNS(encode_query(4711, "box.lab.", AAAA))
    assert (query.id, query.qr, query.rd, query.qdcount) == (4711, 0, 1, 1)
    assert (query.qd[0].qname, query.qd[0].qtype, query.qd[0].qclass) == (b"box.lab.", AAAA, 1)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["abcdefg"] * 32), "."])
def test_only_names_are_asked_for(name: str) -> None:
    if name == ".":
        assert encode_query(1, name, A)[12:] == b"\0\0\x01\0\x01"
        return
    with pytest.raises(ValueError, match="is not a domain name"):
        encode_query(1, name, A)


def test_an_answer_with_an_alias() -> None:
    answer = read_answer(
        response(record(CNAME, b"\x03www\xc0\x10"), record(A, bytes((10, 0, 0, 2)), b"\x03www\xc0\x10", ttl=300))
    )
    assert answer is not None
    assert (answer.id, answer.name, answer.kind, answer.rcode_name, answer.fault) == (7, "box.lab", A, "NOERROR", None)
    assert [(r.name, r.kind_name, r.ttl_s, r.value) for r in answer.records] == [
        ("box.lab", "CNAME", 60, "www.lab"),
        ("www.lab", "A", 300, "10.0.0.2"),
    ]


def test_what_scapy_writes_is_read() -> None:
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    from scapy.layers.dns import DNS, DNSQR, DNSRR

    data = bytes(
        DNS(id=9, qr=1, tc=1, rcode=3, qd=DNSQR(qname="a.b"), an=DNSRR(rrname="a.b", type="AAAA", rdata="fd00::1"))
    )
    answer = read_answer(data)
    assert answer is not None
    assert (answer.rcode_name, answer.truncated) == ("NXDOMAIN", True)
    assert [r.value for r in answer.records] == ["fd00::1"]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (response(record(A, b"1234", owner=b"\xc0\x1a")), "a name runs over the end, or points forward"),  # itself
        (response(record(A, b"1234", owner=b"\xc0\xff")), "a name runs over the end, or points forward"),
        (response(record(A, b"1234")[:-1]), "a record of 4 bytes runs over the end"),
        (response(b"\xc0\x0c\0"), "a record is cut"),
        (response(b"\x80abc"), "label type 2 is not in use"),
        (response(b"\x3fabc"), "a name is cut or too long"),
        (response(b"\xc0"), "a compression pointer is cut"),
        (response(answers=3), "a name runs over the end, or points forward"),
        (response((b"\x3f" + b"a" * 63) * 4 + b"\0"), "a name is cut or too long"),
    ],
)
def test_a_hostile_record_is_where_reading_stops(data: bytes, fault: str) -> None:
    answer = read_answer(data)
    assert answer is not None
    assert (answer.records, answer.fault) == ((), fault)


def test_only_so_many_records_are_read() -> None:
    answer = read_answer(response(*[record(A, b"1234")] * 200))
    assert answer is not None
    assert len(answer.records) == MOST_RECORDS


@pytest.mark.parametrize("data", [b"", b"\0" * 11, response(flags=0x0100), response(question=b"\xc0\x0c"), bytes(500)])
def test_what_is_no_answer(data: bytes) -> None:
    assert read_answer(data) is None


def test_a_ttl_with_the_top_bit_is_zero() -> None:
    answer = read_answer(response(record(A, b"1234", ttl=1 << 31)))
    assert answer is not None
    assert answer.records[0].ttl_s == 0


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_read_without_an_exception(noise: bytes, cut: int) -> None:
    read_answer(noise)
    mixed = response(record(A, b"1234"), record(CNAME, b"\x03www\xc0\x10"))[:cut] + noise
    answer = read_answer(mixed)
    assert answer is None or len(answer.records) <= MOST_RECORDS
