"""TLS (RFC 8446, RFC 5246): what ClientHello and ServerHello say in clear, and when the handshake is over.

Only record and handshake headers and the two hellos are read; everything behind is encrypted and only its kind counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from handshake.app.dialogue import Dialogue, text_of
from handshake.model.application import Application, TlsHello
from handshake.model.handshake import Side

_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_SERVER_NAME, _ALPN, _VERSIONS = 0, 16, 43
"""Extensions: RFC 6066 §3, RFC 7301, RFC 8446 §4.2.1."""
_NAMES = {
    0x0200: "SSL 2.0",
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a HelloRetryRequest (RFC 8446 §4.1.3)."""
_MOST = 1 << 16
_ALERTS = {0: "close notify", 10: "unexpected message", 20: "bad record", 40: "handshake failure",
           42: "bad certificate", 45: "certificate expired", 46: "certificate unknown", 47: "illegal parameter",
           48: "unknown CA", 70: "protocol version", 80: "internal error", 112: "unrecognised name",
           116: "certificate required", 120: "no application protocol"}  # fmt: skip


class _CutError(Exception):
    """A field runs over the end. Never leaves this module."""


class _Reader:
    """Takes fields from bytes, bounded by their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise _CutError
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> _Reader:
        """A part with its length before it, in `size` bytes."""
        return _Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        return self.take(self.left)

    @property
    def left(self) -> int:
        return len(self._data) - self._at


class Tls(Dialogue):
    """The hellos of one connection."""

    protocol = "TLS"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._records = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self._messages = {Side.CLIENT: bytearray(), Side.SERVER: bytearray()}
        self._hidden = {Side.CLIENT: False, Side.SERVER: False}
        """What the side sends is encrypted from here on."""
        self._finished: set[Side] = set()
        self._hello = TlsHello()

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        buffer = self._records[sender]
        buffer += data
        while not self.done and len(buffer) >= 5:
            kind, size = buffer[0], int.from_bytes(buffer[3:5])
            if kind not in (_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _DATA) or buffer[1] != 3 or size > (1 << 14) + 2048:
                self.stop("no TLS record where one should begin")
                return
            if len(buffer) < 5 + size:
                return
            body = bytes(buffer[5 : 5 + size])
            del buffer[: 5 + size]
            self._record(sender, kind, body, time_ns)

    def application(self) -> Application:
        """As `Dialogue.application`."""
        return replace(super().application(), tls=self._hello)

    def _record(self, sender: Side, kind: int, body: bytes, time_ns: int) -> None:
        if kind == _CHANGE_CIPHER:
            self._hidden[sender] = True
        elif kind == _ALERT and not self._hidden[sender] and len(body) == 2:
            level = "fatal" if body[0] == 2 else "warning"
            self.say(sender, f"alert: {_ALERTS.get(body[1], body[1])}", time_ns, level)
            self.done = body[0] == 2
        elif kind == _HANDSHAKE and not self._hidden[sender]:
            self._handshake(sender, body, time_ns)
        elif kind in (_HANDSHAKE, _DATA):
            self._hidden[sender] = True
            if self._hello.version:
                self._encrypted(sender, time_ns)

    def _encrypted(self, sender: Side, time_ns: int) -> None:
        """A side's first encrypted message is its Finished; TLS 1.3 ends with the client's, older versions with both.

        RFC 8446 §2, RFC 5246 §7.3. In TLS 1.3 the server's comes right behind its ServerHello.
        """
        newest = self._hello.version == _NAMES[0x0304]
        if sender in self._finished or (newest and sender is Side.SERVER):
            return
        self._finished.add(sender)
        self.say(sender, "Finished", time_ns, "encrypted from here on")
        if newest or len(self._finished) == 2:
            self._hello = replace(self._hello, finished_ns=time_ns)
            self.done = True

    def _handshake(self, sender: Side, body: bytes, time_ns: int) -> None:
        buffer = self._messages[sender]
        buffer += body
        if len(buffer) > _MOST:
            self.stop("a handshake message is longer than 64 KiB")
        while not self.done and len(buffer) >= 4:
            size = int.from_bytes(buffer[1:4])
            if len(buffer) < 4 + size:
                return
            kind, message = buffer[0], bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            try:
                if kind == _CLIENT_HELLO and sender is Side.CLIENT:
                    self._client_hello(_Reader(message), time_ns)
                elif kind == _SERVER_HELLO and sender is Side.SERVER:
                    self._server_hello(_Reader(message), time_ns)
            except _CutError:
                self.stop("a hello whose fields run over its end")

    def _client_hello(self, hello: _Reader, time_ns: int) -> None:
        version = hello.number(2)
        hello.take(32)  # random
        hello.vector(1)  # session
        hello.vector(2)  # cipher suites
        hello.vector(1)  # compression
        found = _extensions(hello)
        sni = ""
        alpn: tuple[str, ...] = ()
        offered: tuple[int, ...] = (version,)
        if _SERVER_NAME in found and found[_SERVER_NAME].left:
            names = found[_SERVER_NAME].vector(2)
            if names.left and names.number(1) == 0:
                sni = text_of(names.vector(2).rest())
        if _ALPN in found:
            alpn = tuple(_protocols(found[_ALPN].vector(2)))
        if _VERSIONS in found:
            versions = found[_VERSIONS].vector(1)
            offered = tuple(versions.number(2) for _ in range(versions.left // 2))
        names_of = tuple(_NAMES[number] for number in sorted(offered) if number in _NAMES)
        again = self._hello.hello_ns is not None
        first_ns = self._hello.hello_ns if again else time_ns
        self._hello = replace(self._hello, sni=sni, alpn=alpn, offered=names_of, hello_ns=first_ns)
        words = [f"for {sni}" if sni else "names no server", f"offers {', '.join(names_of) or 'nothing known'}"]
        words += [f"to speak {', '.join(alpn)}"] if alpn else []
        self.say(Side.CLIENT, "ClientHello" + " again" * again, time_ns, "; ".join(words))

    def _server_hello(self, hello: _Reader, time_ns: int) -> None:
        version = hello.number(2)
        random = hello.take(32)
        hello.vector(1)
        hello.take(3)  # cipher suite and compression
        if random == _RETRY:
            self.say(Side.SERVER, "HelloRetryRequest", time_ns, "asks for another key share: one more round trip")
            return
        found = _extensions(hello)
        if _VERSIONS in found:
            version = found[_VERSIONS].number(2)
        chosen = next(_protocols(found[_ALPN].vector(2)), "") if _ALPN in found else ""
        name = _NAMES.get(version, f"version {version:#06x}")
        self._hello = replace(self._hello, version=name, chosen_alpn=chosen, answered_ns=time_ns)
        self.say(Side.SERVER, "ServerHello", time_ns, f"chooses {name}" + f", {chosen}" * bool(chosen))


def _extensions(hello: _Reader) -> dict[int, _Reader]:
    found: dict[int, _Reader] = {}
    if hello.left:
        block = hello.vector(2)
        while block.left:
            number = block.number(2)
            found.setdefault(number, block.vector(2))
    return found


def _protocols(names: _Reader) -> Iterator[str]:
    while names.left:
        yield text_of(names.vector(1).rest())
