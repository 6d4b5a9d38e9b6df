"""Payload texts: what they mean, and what is wrong with the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from handshake.errors import TargetError
from handshake.probe.payload import parse_payload


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("", b""),
        ("hello", b"hello"),
        ("GET / HTTP/1.0\\r\\n\\r\\n", b"GET / HTTP/1.0\r\n\r\n"),
        ("grüße", "grüße".encode()),
        ("a\\\\nb\\0", b"a\\nb\0"),
        ("hex:0d0a", b"\r\n"),
        ("hex:00 ff", b"\0\xff"),
        ("hex:", b""),
        ("\udcff", b"\xff"),
    ],
)
def test_what_a_text_means(text: str, payload: bytes) -> None:
    assert parse_payload(text) == payload


def test_a_file_goes_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "payload"
    path.write_bytes(b"\\n\xff")
    assert parse_payload(f"@{path}") == b"\\n\xff"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hex:0", "pairs of hexadecimal digits"),
        ("hex:zz", "pairs of hexadecimal digits"),
        ("a\\x", r"\\x is not known"),
        ("a\\", "is not known"),
        ("@/no/such/file", "cannot read the payload /no/such/file: No such file"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        parse_payload(text)
