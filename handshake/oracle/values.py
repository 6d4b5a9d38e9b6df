"""Text from tshark as numbers, times, bytes. It comes from a program that read a hostile capture: trust nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

from handshake.oracle.fields import FIELDS, spelled

_NAMES = {word: spelled(name) for word, name in FIELDS.items()}
_TRUE = frozenset({"1", "True", "true"})
_SECONDS = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?$")
_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$")


class Values:
    """The fields of one frame by our words; each has the values of all layers, in the order of dissection."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self.fields = fields

    def all(self, word: str) -> list[str]:
        """Every value."""
        values = self.fields.get(_NAMES[word])
        return [str(value) for value in values] if isinstance(values, list) else []

    def text(self, word: str, index: int = 0) -> str | None:
        """The value of the layer with this index among those of its kind."""
        values = self.fields.get(_NAMES[word])
        return str(values[index]) if isinstance(values, list) and index < len(values) else None

    def number(self, word: str, index: int = 0) -> int | None:
        """The same as a number."""
        values = self.fields.get(_NAMES[word])
        return number_of(str(values[index])) if isinstance(values, list) and index < len(values) else None

    def numbers(self, word: str) -> list[int]:
        """Every value that is a number."""
        return [number for text in self.all(word) if (number := number_of(text)) is not None]

    def truth(self, word: str) -> bool:
        """Whether any layer has this flag set."""
        return not _TRUE.isdisjoint(self.all(word))


def number_of(text: str | None) -> int | None:
    """A number, decimal or hexadecimal; None for anything else.

    >>> number_of("0x0012"), number_of("007"), number_of("no")
    (18, 7, None)
    """
    try:
        return None if text is None else int(text, 16 if text[:2] == "0x" else 10)
    except ValueError:
        return None


def duration_of(text: str | None) -> int | None:
    """Seconds with up to nine digits, as ns.

    >>> duration_of("1.5"), duration_of("-0.000000001"), duration_of("soon")
    (1500000000, -1, None)
    """
    found = _SECONDS.match(text) if text else None
    if found is None:
        return None
    ns = int(found[2] + (found[3] or "").ljust(9, "0"))
    return -ns if found[1] else ns


def time_of(text: str | None) -> int | None:
    """A moment, in ns since the epoch: seconds, or ISO 8601 as tshark 4.2 and later write it.

    >>> time_of("1.25"), time_of("1970-01-01T00:00:01.25Z"), time_of("1969-12-31T23:59:59.000000001Z")
    (1250000000, 1250000000, -999999999)
    """
    found = _ISO_8601.match(text) if text else None
    if found is None:
        return duration_of(text)
    try:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    days = (moment - datetime(1970, 1, 1, tzinfo=UTC)).days
    seconds = days * 86_400 + moment.hour * 3_600 + moment.minute * 60 + moment.second
    return seconds * 10**9 + int((found[2] or "").ljust(9, "0"))


@lru_cache(maxsize=4096)
def address_of(text: str | None) -> bytes | None:
    """The 4 or 16 bytes of an address."""
    if text is None:
        return None
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except OSError:
        return None


def bytes_of(text: str | None) -> bytes:
    """Hexadecimal bytes, with colons or without; none for anything else."""
    try:
        return bytes.fromhex((text or "").replace(":", ""))
    except ValueError:
        return b""
