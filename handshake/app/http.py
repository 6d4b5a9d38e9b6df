"""HTTP/0.9 to HTTP/1.1 (RFC 9112, RFC 1945): requests, responses, and whether the connection is kept.

Bodies are skipped by their announced length, so that each request of a persistent connection is seen. Where bytes were
not captured it goes on with the next message. What is not understood ends the dialogue; nothing here raises.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace

from handshake.app.dialogue import SECRET, Dialogue, LineBuffer, text_of
from handshake.app.first import METHODS
from handshake.model.application import Application, HttpExchange
from handshake.model.handshake import Side

REQUEST = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) HTTP/(\d\.\d)")
"""Request line (RFC 9112 §3)."""
SIMPLE_REQUEST = re.compile(r"GET (/\S*)")
"""All of a request of HTTP/0.9 (RFC 1945 §4.1); the response is the object alone, up to the connection's end."""
RESPONSE = re.compile(r"HTTP/(\d\.\d) (\d{3})(?: .*)?")
"""Status line (RFC 9112 §4)."""

_MOST_EXCHANGES = 1000
_MOST_HEADERS = 200
_USERINFO = re.compile(r"//[^/@]*@")
_TO_THE_END = -1
_CUT = "the rest of its head was not captured"


class _Half:
    """One side: between messages, in a head, or in a body."""

    def __init__(self) -> None:
        self.buffer = LineBuffer()
        self.start = ""
        """Request or status line of the head being read; empty between messages."""
        self.headers: dict[str, str] = {}
        self.body = 0
        """Bytes of body (or chunk) left to skip; `_TO_THE_END` when only the end of the connection ends it."""
        self.chunked = False
        self.in_trailer = False
        self.lost = False
        """Bytes are missing; what comes is passed over until it begins with a message again."""


class Http(Dialogue):
    """The requests and responses of one connection."""

    protocol = "HTTP"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._halves = {Side.CLIENT: _Half(), Side.SERVER: _Half()}
        self._exchanges: list[HttpExchange] = []
        self._unanswered: deque[tuple[int, bool]] = deque()
        """Requests without a final response, and whether they ask to close."""

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        half = self._halves[sender]
        if sender is Side.SERVER and self._is_object(half, data):
            self._exchanges[0] = replace(self._exchanges[0], answered_ns=time_ns, keeps=False, response_bytes=None)
            self.say(sender, "…", time_ns, "the object, without status or headers")
            self.done = True
        if half.lost and data.startswith(METHODS if sender is Side.CLIENT else b"HTTP/1."):
            half.lost = False
        while data and not self.done and not half.lost:
            if half.body:
                data = self._skip(half, data)
                continue
            half.buffer.add(data)
            data = b""
            while not self.done and not half.body and (line := half.buffer.line()) is not None:
                self._line(sender, half, line, time_ns)
            if half.buffer.overflown:
                self.stop("a header line is longer than 64 KiB")
            if half.body:
                data = half.buffer.bytes_left()

    def gap(self, sender: Side, size: int, time_ns: int) -> None:
        """As `Dialogue.gap`; HTTP goes on with the next segment that begins a message."""
        half = self._halves[sender]
        if half.lost or half.body == _TO_THE_END:
            return
        if half.body >= size:
            half.body -= size
            return
        cut = text_of(half.buffer.bytes_left())
        complete = (REQUEST if sender is Side.CLIENT else RESPONSE).fullmatch(cut.rstrip("\r"))
        start, headers = (half.start, half.headers) if half.start else (cut.rstrip("\r") if complete else "", {})
        half = self._halves[sender] = _Half()
        half.lost, half.headers = True, headers
        if not start:
            self.say(sender, f"{cut}…", time_ns, f"{size:,} bytes were not captured")
        elif sender is Side.CLIENT:
            self._request(half, start, time_ns)
        else:
            self._response(half, start, time_ns)
        half.body, half.chunked = 0, False

    def application(self) -> Application:
        """As `Dialogue.application`."""
        return replace(super().application(), http=tuple(self._exchanges))

    def _is_object(self, half: _Half, data: bytes) -> bool:
        """Whether the answer to HTTP/0.9 is in HTTP/0.9; newer servers answer in their own version."""
        simple = bool(self._exchanges) and self._exchanges[0].version == "0.9"
        return simple and not half.start and not data.startswith(b"HTTP/"[: len(data)])

    def _skip(self, half: _Half, data: bytes) -> bytes:
        if half.body == _TO_THE_END:
            return b""
        taken = min(half.body, len(data))
        half.body -= taken
        return data[taken:]

    def _line(self, sender: Side, half: _Half, line: str, time_ns: int) -> None:
        if half.chunked:
            self._chunk_line(half, line)
        elif not half.start:
            if line:  # RFC 9112 §2.2: an empty line before a request is ignored
                self._start(sender, half, line, time_ns)
        elif line:
            name, colon, value = line.partition(":")
            if colon and len(half.headers) < _MOST_HEADERS:
                key = name.strip().lower()
                half.headers[key] = ", ".join(filter(None, (half.headers.get(key), value.strip())))
        else:
            start, half.start = half.start, ""
            if sender is Side.CLIENT:
                self._request(half, start, time_ns)
            else:
                self._response(half, start, time_ns)

    def _start(self, sender: Side, half: _Half, line: str, time_ns: int) -> None:
        simple = SIMPLE_REQUEST.fullmatch(line)
        if simple and sender is Side.CLIENT and not self._exchanges:
            self._unanswered.append((0, True))
            self._exchanges.append(HttpExchange("GET", simple[1], "0.9", "", time_ns))
            self.say(sender, line, time_ns, "HTTP/0.9: the answer is the object alone")
            half.body = _TO_THE_END
            return
        if not (REQUEST if sender is Side.CLIENT else RESPONSE).fullmatch(line):
            self.stop(f"no HTTP: the {sender.value} says {line[:40]!r}")
            return
        half.start, half.headers = line, {}

    def _request(self, half: _Half, start: str, time_ns: int) -> None:
        match = REQUEST.fullmatch(start)
        if match is None or len(self._exchanges) >= _MOST_EXCHANGES:
            self.stop("more requests than are kept")
            return
        method, target, version = match.groups()
        target = target if self.secrets else _USERINFO.sub(f"//{SECRET}@", target)
        headers = half.headers
        half.body, half.chunked = _body(headers, nothing=not ({"content-length", "transfer-encoding"} & {*headers}))
        self._unanswered.append((len(self._exchanges), "close" in headers.get("connection", "").lower()))
        self._exchanges.append(
            HttpExchange(method, target, version, headers.get("host", ""), time_ns, request_bytes=max(half.body, 0))
        )
        waiting = len(self._unanswered) - 1
        words = [f"Host {headers['host']}"] if "host" in headers else ["no Host"] if not half.lost else []
        connection = headers.get("connection", "").lower()
        words += [f"connection {connection}"] if connection and "upgrade" not in headers else []
        words += [f"asks to upgrade to {headers['upgrade']}"] if "upgrade" in headers else []
        words += ["asks before it sends the body"] if "100-continue" in headers.get("expect", "").lower() else []
        words += [f"pipelined: {waiting} before it unanswered"] if waiting else []
        words += [_CUT] if half.lost else []
        self.say(Side.CLIENT, f"{method} {target} HTTP/{version}", time_ns, ", ".join(words))

    def _response(self, half: _Half, start: str, time_ns: int) -> None:
        match = RESPONSE.fullmatch(start)
        if match is None:
            return
        version, status = match[1], int(match[2])
        headers = half.headers
        if 100 <= status < 200 and status != 101:
            self.say(Side.SERVER, start, time_ns, "go on" if status == 100 else "interim")
            return
        index, closing = self._unanswered.popleft() if self._unanswered else (None, False)
        asked = self._exchanges[index] if index is not None else None
        method = asked.method if asked else ""
        nothing = method == "HEAD" or status in (101, 204, 304) or (method == "CONNECT" and 200 <= status < 300)
        half.body, half.chunked = _body(headers, nothing=nothing)
        keeps = None if half.lost else not closing and _keeps(asked, version, headers) and half.body != _TO_THE_END
        if index is not None and asked is not None:
            size = None if half.chunked or half.body == _TO_THE_END or half.lost else half.body
            self._exchanges[index] = replace(
                asked, status=status, answered_ns=time_ns, keeps=keeps, response_bytes=size
            )
        switched = status == 101 or (method == "CONNECT" and 200 <= status < 300)
        after = f"switches to {headers.get('upgrade', 'another protocol')}" if status == 101 else "keeps the connection"
        note = "opens a tunnel" if switched and status != 101 else after if keeps or switched else "closes after this"
        note = _CUT if half.lost and not switched else note
        self.say(Side.SERVER, start, time_ns, note)
        self.done = self.done or switched

    def _chunk_line(self, half: _Half, line: str) -> None:
        """A chunk's size, the empty line behind a chunk, or a trailer (RFC 9112 §7.1)."""
        if half.in_trailer:
            if not line:
                half.chunked = half.in_trailer = False
            return
        if not line:
            return
        size = line.partition(";")[0].strip()
        if not re.fullmatch("[0-9A-Fa-f]{1,15}", size):
            self.stop(f"no chunk size: {line[:40]!r}")
            return
        half.body = int(size, 16)
        half.in_trailer = half.body == 0


def _keeps(asked: HttpExchange | None, version: str, headers: dict[str, str]) -> bool:
    """Whether the connection stays open by what the response says (RFC 9112 §9.3)."""
    said = headers.get("connection", headers.get("proxy-connection", "")).lower()
    old = version == "1.0" or (asked is not None and asked.version == "1.0")
    return "close" not in said and (not old or "keep-alive" in said)


def _body(headers: dict[str, str], *, nothing: bool) -> tuple[int, bool]:
    """Bytes of body that follow, and whether they come in chunks (RFC 9112 §6.3)."""
    if nothing:
        return 0, False
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return 0, True
    length = headers.get("content-length", "").partition(",")[0].strip()
    if length.isascii() and length.isdigit() and len(length) < 19:
        return int(length), False
    return _TO_THE_END, False
