"""DNS messages (RFC 1035 §4): a question out, an answer in. Lax and bounded, because answers are hostile.

A name's compression pointers (§4.1.4) may only point backwards, which ends every loop; names have at
most 255 bytes (§3.1), and of the announced records only as many are read as there are, `MOST_RECORDS` at most.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from handshake.model.address import format_address
from handshake.model.dns import AAAA, CNAME, NS, PTR, A, DnsAnswer, DnsRecord

MOST_RECORDS = 64
_HEADER = struct.Struct("!HHHHHH")  # id, flags, counts of questions, answers, authorities, additional records
_QUESTION = struct.Struct("!HH")  # type and class, behind the name
_RECORD = struct.Struct("!HHIH")  # type, class, TTL and length of the data, behind the name
_RESPONSE, _TRUNCATED, _RECURSION_DESIRED = 0x8000, 0x0200, 0x0100
_IN = 1
_POINTER = 0xC0
_LONGEST_NAME = 255


class _FaultError(Exception):
    """The message cannot be read any further."""


def encode_query(number: int, name: str, kind: int) -> bytes:
    """A recursive question after the records of one type. Raises ValueError for what cannot be a name."""
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + encode_name(name) + _QUESTION.pack(kind, _IN)


def encode_answer(query: bytes, records: Sequence[tuple[str, int, int, bytes]], rcode: int = 0) -> bytes:
    """What a name server says to a query: records of name, type, TTL in seconds and data."""
    (number,) = struct.unpack_from("!H", query)
    head = _HEADER.pack(number, _RESPONSE | _RECURSION_DESIRED | rcode, 1, len(records), 0, 0)
    answers = (encode_name(name) + _RECORD.pack(kind, _IN, ttl, len(data)) + data for name, kind, ttl, data in records)
    return head + query[_HEADER.size :] + b"".join(answers)


def encode_name(name: str) -> bytes:
    """A name as labels, uncompressed. Raises ValueError for what cannot be a name."""
    labels = [label.encode("ascii") for label in name.removesuffix(".").split(".")] if name != "." else []
    if any(not 0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) + 1 > _LONGEST_NAME:
        raise ValueError(f"{name!r} is not a domain name (RFC 1035 §3.1)")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def read_question(data: bytes) -> tuple[str, int] | None:
    """Name and type that a query asks for; None for bytes that are no query."""
    query = read_query(data)
    return query and query[1:]


def read_query(data: bytes) -> tuple[int, str, int] | None:
    """Id, name and type of a query with one question; None for bytes that are no query."""
    try:
        number, flags, questions, _, _, _ = _HEADER.unpack_from(data)
        name, at = _name(data, _HEADER.size)
        kind, _ = _QUESTION.unpack_from(data, at)
    except (struct.error, _FaultError):
        return None
    return (number, name, kind) if questions == 1 and not flags & _RESPONSE else None


def read_answer(data: bytes) -> DnsAnswer | None:
    """A response with one question, or with none: then name and type are empty. None for bytes that are no such thing.

    Some servers leave out the question of what they truncate or refuse. Never raises.
    """
    try:
        number, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
        if not flags & _RESPONSE or questions > 1:
            return None
        if not questions:
            return DnsAnswer(number, "", 0, flags & 0xF, bool(flags & _TRUNCATED), (), None)
        name, at = _name(data, _HEADER.size)
        kind, _ = _QUESTION.unpack_from(data, at)
    except (struct.error, _FaultError):
        return None
    records: list[DnsRecord] = []
    fault = None
    at += _QUESTION.size
    try:
        for _ in range(min(answers, MOST_RECORDS)):
            record, at = _record(data, at)
            records.append(record)
    except struct.error:
        fault = "a record is cut"
    except _FaultError as error:
        fault = str(error)
    return DnsAnswer(number, name, kind, flags & 0xF, bool(flags & _TRUNCATED), tuple(records), fault)


def _record(data: bytes, at: int) -> tuple[DnsRecord, int]:
    name, at = _name(data, at)
    kind, _, ttl, length = _RECORD.unpack_from(data, at)
    at += _RECORD.size
    if at + length > len(data):
        raise _FaultError(f"a record of {length} bytes runs over the end")
    body = data[at : at + length]
    ttl = 0 if ttl >> 31 else ttl  # RFC 2181 §8
    return DnsRecord(name, kind, ttl, body, _value(data, at, kind, body)), at + length


def _value(data: bytes, at: int, kind: int, body: bytes) -> str:
    if (kind, len(body)) in ((A, 4), (AAAA, 16)):
        return format_address(body)
    if kind in (CNAME, NS, PTR):
        return _name(data, at)[0]
    return f"{len(body)} bytes"


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, and where what follows it begins."""
    labels: list[str] = []
    after, limit, size = 0, len(data), 0
    while True:
        if at >= limit:
            raise _FaultError("a name runs over the end, or points forward")
        length = data[at]
        if length & _POINTER == _POINTER:
            if at + 1 >= len(data):
                raise _FaultError("a compression pointer is cut")
            after = after or at + 2
            limit = at  # only backwards
            at = (length & ~_POINTER) << 8 | data[at + 1]
        elif length & _POINTER:
            raise _FaultError(f"label type {length >> 6} is not in use")
        elif length == 0:
            return ".".join(labels) or ".", after or at + 1
        else:
            size += length + 1
            if at + 1 + length > len(data) or size >= _LONGEST_NAME:
                raise _FaultError("a name is cut or too long")
            label = data[at + 1 : at + 1 + length].decode("latin-1").lower()
            labels.append(label.replace(".", "\\."))
            at += 1 + length
