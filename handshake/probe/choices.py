"""The client's behaviour as people type it: `mss=1460,ws=7,sack`, `syn+fin`, `hex:00ff`. All raise ValueError."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

from handshake.model.options import EOL, MPTCP, MSS, NOP, SACK_PERMITTED, TFO, USER_TIMEOUT, WSCALE, Option
from handshake.model.packet import AE, CWR, ECE, FIN, FLAG_NAMES, PSH, URG
from handshake.probe.behaviour import Filled, Item, check_room

MOST_DATA = 1 << 20
"""Most bytes that can be sent: a probe is no file transfer."""

_FLAGS = {"NULL": 0, "XMAS": FIN | PSH | URG, **{name: 1 << bit for bit, name in enumerate(FLAG_NAMES)}}
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.?))", re.DOTALL)


def parse_options(text: str) -> tuple[tuple[Item, ...], int]:
    """Options in wire order, and the ECN flags: `mss=1460,ws=7,sack,ts,ecn,tfo=COOKIE,ut=30,raw=KIND:HEX`."""
    items: list[Item] = []
    ecn = 0
    for word in text.split(","):
        name, equals, value = word.strip().partition("=")
        name = name.lower()
        if name in _ECN:
            if equals:
                raise ValueError(f"{name} is a set of flags, it takes no value")
            ecn |= _ECN[name]
        elif name in _MAKERS:
            items.append(_MAKERS[name](value if equals else None))
        else:
            known = (*_MAKERS, *_ECN)
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise ValueError(f"no TCP option is called {name!r}; {hint}")
    check_room(tuple(items))
    return tuple(items), ecn


def parse_flags(text: str) -> int:
    """Flags such as `syn+fin`, and the names scanners have for two sets: `null` (none) and `xmas` (FIN, PSH, URG)."""
    flags = 0
    for name in re.split(r"[+,]", text):
        if name.strip().upper() not in _FLAGS:
            raise ValueError(f"no flag is called {name!r}; there are {', '.join(_FLAGS).lower()}; join them with +")
        flags |= _FLAGS[name.strip().upper()]
    return flags


def parse_number(text: str, most: int = 0xFFFF_FFFF) -> int:
    """A number from 0 to `most`, decimal or with 0x."""
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise ValueError(f"{text!r} is not a number from 0 to {most}")
    return number


def read_data(text: str) -> bytes:
    r"""What to send: `hex:00ff`, `@FILE` for a file's content, else text in which `\r \n \t \0 \xHH \\` mean bytes."""
    if text.startswith("hex:"):
        return _hexadecimal("hex:", text[4:])
    data = (
        _file(Path(text[1:]))
        if text.startswith("@")
        else _ESCAPE.sub(_unescape, text).encode("utf-8", "surrogateescape")
    )
    if len(data) > MOST_DATA:
        raise ValueError(f"more than {MOST_DATA} bytes are not sent: this is a probe")
    return data


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_DATA + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _unescape(match: re.Match[str]) -> str:
    byte, letter = match.groups()
    if byte:
        return os.fsdecode(bytes((int(byte, 16),))) if int(byte, 16) > 0x7F else chr(int(byte, 16))
    if letter not in _ESCAPES:
        raise ValueError(
            rf"\{letter} means nothing here; there are \r \n \t \0 \xHH \\, and hex: or @FILE for the rest"
        )
    return _ESCAPES[letter]


def _hexadecimal(name: str, value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ValueError(f"{name}{value}: not a row of bytes in hexadecimal, two digits each") from None


def _alone(name: str, item: Item) -> Callable[[str | None], Item]:
    def make(value: str | None) -> Item:
        if value is not None:
            raise ValueError(f"{name} takes no value")
        return item

    return make


def _number_of(name: str, value: str | None, most: int) -> int:
    try:
        return parse_number(value or "", most)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _mss(value: str | None) -> Item:
    return Filled.MSS if value is None else Option(MSS, _number_of("mss", value, 0xFFFF).to_bytes(2))


def _window_scale(value: str | None) -> Item:
    return Option(WSCALE, bytes((7 if value is None else _number_of("ws", value, 255),)))


def _fast_open(value: str | None) -> Item:
    cookie = _hexadecimal("tfo=", value or "")
    if cookie and len(cookie) not in range(4, 17, 2):
        raise ValueError(
            f"tfo: a cookie has 4 to 16 bytes, an even number of them, not {len(cookie)} (RFC 7413 §4.1.1)"
        )
    return Option(TFO, cookie)


def _user_timeout(value: str | None) -> Item:
    """RFC 5482 §3: the first bit says minutes instead of seconds."""
    minutes = value is not None and value.endswith("m")
    number = _number_of("ut", value.removesuffix("m") if value else value, 0x7FFF)
    return Option(USER_TIMEOUT, (minutes << 15 | number).to_bytes(2))


def _raw(value: str | None) -> Item:
    kind_text, colon, body = (value or "").partition(":")
    if not colon:
        raise ValueError("raw: write raw=KIND:HEX, such as raw=222:c0de")
    kind = _number_of("raw", kind_text, 255)
    if kind <= NOP:
        raise ValueError(f"raw: kind {kind} has no length byte and no body; write {('eol', 'nop')[kind]}")
    return Option(kind, _hexadecimal("raw=", body))


_ECN = {"ecn": ECE | CWR, "accecn": AE | CWR | ECE}
_MAKERS: dict[str, Callable[[str | None], Item]] = {
    "mss": _mss,
    "ws": _window_scale,
    "sack": _alone("sack", Option(SACK_PERMITTED, b"")),
    "ts": _alone("ts", Filled.TIMESTAMPS),
    "tfo": _fast_open,
    "mptcp": _alone("mptcp", Option(MPTCP, b"\x01\x01")),  # MP_CAPABLE, version 1, HMAC-SHA256 (RFC 8684 §3.1)
    "ut": _user_timeout,
    "nop": _alone("nop", Option(NOP, b"")),
    "eol": _alone("eol", Option(EOL, b"")),
    "raw": _raw,
}
