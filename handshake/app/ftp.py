"""FTP's control connection (RFC 959): commands, replies, and the data connections that they announce (RFC 2428)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from ipaddress import ip_address

from handshake.app.dialogue import SECRET, Dialogue, LineBuffer
from handshake.model.address import Endpoint
from handshake.model.application import Application, FtpData
from handshake.model.handshake import Side

_SIX = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")
"""Address and port of PORT and of the reply to PASV (RFC 959 §4.1.2)."""
_EPSV = re.compile(r"\((?P<bar>[!-~])(?P=bar)(?P=bar)(\d{1,5})(?P=bar)\)")
"""Reply to EPSV (RFC 2428 §3)."""
_EPRT = re.compile(r"(?P<bar>[!-~])([12])(?P=bar)([0-9A-Fa-f:.]+)(?P=bar)(\d{1,5})(?P=bar)")
_CODE = re.compile(r"(\d{3})([ -])(.*)", re.DOTALL)
_SECRETS = frozenset({"PASS", "ACCT"})
_MOST_DATA = 200


class Ftp(Dialogue):
    """Commands and replies of one control connection."""

    protocol = "FTP"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._buffers = {Side.CLIENT: LineBuffer(), Side.SERVER: LineBuffer()}
        self._asked: deque[str] = deque(maxlen=100)
        self._open_reply = ""
        """Code of a reply of several lines that has not ended."""
        self._data: list[FtpData] = []

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        buffer = self._buffers[sender]
        buffer.add(data)
        while not self.done and (line := buffer.line()) is not None:
            (self._command if sender is Side.CLIENT else self._answer)(line, time_ns)
        if buffer.overflown:
            self.stop("a line is longer than 64 KiB")

    def application(self) -> Application:
        """As `Dialogue.application`."""
        return replace(super().application(), ftp=tuple(self._data))

    def _command(self, line: str, time_ns: int) -> None:
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        note = ""
        if verb == "PORT" and (match := _SIX.search(argument)):
            note = self._announce("PORT", _endpoint(match), Side.CLIENT, time_ns)
        elif verb == "EPRT" and (match := _EPRT.search(argument)):
            note = self._announce("EPRT", _extended(match), Side.CLIENT, time_ns)
        if verb in _SECRETS and not self.secrets:
            line = f"{verb} {SECRET}"
        self._asked.append(verb)
        self.say(Side.CLIENT, line, time_ns, note)

    def _answer(self, line: str, time_ns: int) -> None:
        match = _CODE.fullmatch(line if len(line) > 3 else f"{line} ")
        if self._open_reply:
            if match and match[1] == self._open_reply and match[2] == " ":
                self._open_reply = ""
            return
        if match is None:
            self.stop(f"no FTP reply: {line[:40]!r}")
            return
        code = match[1]
        if match[2] == "-":
            self._open_reply = code
        preliminary = code[0] == "1"  # another reply to the same command follows (RFC 959 §4.2)
        verb = self._asked[0] if preliminary and self._asked else self._asked.popleft() if self._asked else ""
        note = ""
        if code == "227" and (six := _SIX.search(line)):
            note = self._announce("PASV", _endpoint(six), Side.SERVER, time_ns)
        elif code == "229" and (extended := _EPSV.search(line)):
            note = self._announce("EPSV", _port_only(extended[2]), Side.SERVER, time_ns)
        self.say(Side.SERVER, line, time_ns, note)
        if verb == "AUTH" and code == "234":
            self.done = True  # TLS follows (RFC 4217 §4)

    def _announce(self, command: str, where: tuple[bytes | None, int] | None, listener: Side, time_ns: int) -> str:
        if where is None or len(self._data) >= _MOST_DATA:
            return "announces an address that makes no sense"
        address, port = where
        self._data.append(FtpData(command, address, port, listener, time_ns))
        place = f"port {port}" if address is None else str(Endpoint(address, port))
        return f"data connection to the {listener.value}'s {place}"


def _endpoint(match: re.Match[str]) -> tuple[bytes, int] | None:
    numbers = [int(part) for part in match.groups()]
    return (bytes(numbers[:4]), numbers[4] << 8 | numbers[5]) if max(numbers) < 256 else None


def _port_only(text: str) -> tuple[None, int] | None:
    return (None, int(text)) if int(text) < 65536 else None


def _extended(match: re.Match[str]) -> tuple[bytes, int] | None:
    try:
        return (ip_address(match[3]).packed, int(match[4])) if int(match[4]) < 65536 else None
    except ValueError:
        return None
