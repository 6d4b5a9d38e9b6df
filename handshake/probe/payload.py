"""What to send, as people type it: text, a file's content, or bytes in hexadecimal."""

from __future__ import annotations

from pathlib import Path

from handshake.errors import TargetError

_ESCAPES = {"\\r": "\r", "\\n": "\n", "\\t": "\t", "\\0": "\0", "\\\\": "\\"}


def parse_payload(text: str) -> bytes:
    r"""Read `TEXT`, `@FILE` or `hex:0d 0a`; in text, \r \n \t \0 and \\ stand for what they do elsewhere.

    Raises TargetError for a file that cannot be read, for what is no hexadecimal, for an unknown escape.
    """
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise TargetError(f"cannot read the payload {text[1:]}: {error.strerror}") from None
    if text.startswith("hex:"):
        try:
            return bytes.fromhex(text[4:])
        except ValueError:
            raise TargetError(f"{text}: hex: is followed by pairs of hexadecimal digits, such as hex:0d0a") from None
    return _unescape(text).encode("utf-8", "surrogateescape")


def _unescape(text: str) -> str:
    plain, rest = "", text
    while "\\" in rest:
        before, _, after = rest.partition("\\")
        escape = "\\" + after[:1]
        if escape not in _ESCAPES:
            raise TargetError(f"{text}: {escape} is not known; \\r \\n \\t \\0 \\\\ are, anything else goes as hex:…")
        plain, rest = plain + before + _ESCAPES[escape], after[1:]
    return plain + rest
