"""SMTP (RFC 5321): banner, EHLO and its extensions, STARTTLS, AUTH, MAIL, RCPT, DATA, QUIT, with their codes."""

from __future__ import annotations

import re
from collections import deque

from handshake.app.dialogue import SECRET, Dialogue, LineBuffer
from handshake.model.handshake import Side

_REPLY = re.compile(r"(\d{3})([ -]?)(.*)", re.DOTALL)
COMMANDS = frozenset(
    (
        "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT",
        "STARTTLS", "AUTH", "ETRN", "TURN", "XCLIENT",
    )
)  # fmt: skip
_MEANINGS = {"3": "go on", "4": "not now", "5": "no"}
"""First digit of a reply (RFC 5321 §4.2.1)."""


class Smtp(Dialogue):
    """Commands and replies of one connection; the mail itself is only counted."""

    protocol = "SMTP"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._buffers = {Side.CLIENT: LineBuffer(), Side.SERVER: LineBuffer()}
        self._mail: list[int] | None = None
        """Lines and bytes of the mail while it is being sent."""
        self._asked: deque[str] = deque(maxlen=100)
        """Commands without a reply."""
        self._login = False
        """The client answers a 334 challenge: what it says is a secret."""
        self._reply: list[str] = []
        self._chunk = 0
        """Bytes of a BDAT chunk left (RFC 3030)."""

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        buffer = self._buffers[sender]
        if sender is Side.CLIENT and self._chunk:
            data, self._chunk = data[self._chunk :], max(self._chunk - len(data), 0)
        buffer.add(data)
        while not self.done and (line := buffer.line()) is not None:
            if sender is Side.SERVER:
                self._answer(line, time_ns)
            elif self._mail is not None:
                self._mail_line(line, time_ns)
            else:
                self._command(line, time_ns)
                if self._chunk:
                    rest = buffer.bytes_left()
                    buffer.add(rest[self._chunk :])
                    self._chunk = max(self._chunk - len(rest), 0)
        if buffer.overflown:
            self.stop("a line is longer than 64 KiB")

    def gap(self, sender: Side, size: int, time_ns: int) -> None:
        """As `Dialogue.gap`."""
        if sender is not Side.CLIENT or self._mail is None:
            super().gap(sender, size, time_ns)

    def _command(self, line: str, time_ns: int) -> None:
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        note = ""
        if self._login:
            self._login = False
            self.say(Side.CLIENT, line if self.secrets else SECRET, time_ns, "answers the challenge")
            return
        if verb not in COMMANDS:
            self.say(Side.CLIENT, line, time_ns, "no command of SMTP")
            return
        if verb == "AUTH":
            mechanism, _, initial = rest.partition(" ")
            shown = initial if self.secrets or not initial else SECRET
            line, note = f"AUTH {mechanism} {shown}".rstrip(), "logs in"
        elif verb == "BDAT":
            size = rest.split(" ")[0]
            self._chunk = int(size) if size.isascii() and size.isdigit() and len(size) < 12 else 0
            note = f"{size} bytes of mail follow"
        self._asked.append(verb)
        self.say(Side.CLIENT, line, time_ns, note)

    def _mail_line(self, line: str, time_ns: int) -> None:
        mail = self._mail or [0, 0]
        if line == ".":
            self.say(Side.CLIENT, f"… {mail[0]:,} lines, {mail[1]:,} bytes …", time_ns, "the mail, and a dot to end it")
            self._mail = None
            self._asked.append(".")
        else:
            mail[0] += 1
            mail[1] += len(line) + 2

    def _answer(self, line: str, time_ns: int) -> None:
        match = _REPLY.fullmatch(line)
        if match is None:
            self.stop(f"no SMTP reply: {line[:40]!r}")
            return
        code, more, text = match.groups()
        self._reply.append(text)
        if more == "-":
            if len(self._reply) > 100:
                self.stop("a reply has more than a hundred lines")
            return
        lines, self._reply = self._reply, []
        verb = self._asked.popleft() if self._asked else ""
        note = _MEANINGS.get(code[0], "")
        if verb == "EHLO" and code == "250" and len(lines) > 1:
            note = "offers " + ", ".join(extension.split(" ")[0] for extension in lines[1:])
        elif not verb:
            note = "greets" if code == "220" else note
        self.say(Side.SERVER, f"{code} {lines[0]}", time_ns, note)
        if verb == "DATA" and code == "354":
            self._mail = [0, 0]
        elif verb == "AUTH" and code == "334":
            self._login = True
            self._asked.appendleft("AUTH")
        elif verb == "STARTTLS" and code == "220":
            self.done = True
