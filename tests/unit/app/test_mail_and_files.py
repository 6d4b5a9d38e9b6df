"""SMTP and FTP: commands, replies, what is announced, and passwords that are not shown."""

from __future__ import annotations

import pytest

from handshake.app.ftp import Ftp
from handshake.app.smtp import Smtp
from handshake.model.handshake import Side
from tests.unit.app.talking import heard, pieces, script, texts

MAIL = script(
    "< 220 mail.example ESMTP",
    "> EHLO client",
    "< 250-mail.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 STARTTLS",
    "> AUTH PLAIN AG1lAHNlY3JldA==",
    "< 235 ok",
    "> MAIL FROM:<a@b>",
    "< 250 ok",
    "> RCPT TO:<c@d>",
    "< 550 no such user",
    "> DATA",
    "< 354 go",
    "> Subject: x\r\n\r\n220 not a reply\r\nQUIT\r\n..\r\n.",
    "< 250 queued",
    "> QUIT",
    "< 221 bye",
)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_mail(size: int) -> None:
    assert texts(heard(Smtp(), pieces(MAIL, size))) == [
        "< 220 mail.example ESMTP (greets)",
        "> EHLO client",
        "< 250 mail.example (offers PIPELINING, SIZE, STARTTLS)",
        "> AUTH PLAIN (not shown) (logs in)",
        "< 235 ok",
        "> MAIL FROM:<a@b>",
        "< 250 ok",
        "> RCPT TO:<c@d>",
        "< 550 no such user (no)",
        "> DATA",
        "< 354 go (go on)",
        "> … 5 lines, 41 bytes … (the mail, and a dot to end it)",
        "< 250 queued",
        "> QUIT",
        "< 221 bye",
    ]


def test_login_answers_are_secrets() -> None:
    login = script(
        "< 220 x ESMTP", "> AUTH LOGIN", "< 334 VXNlcm5hbWU6", "> bWU=", "< 334 UGFzc3dvcmQ6", "> c2VjcmV0", "< 235 ok"
    )
    told = repr(heard(Smtp(), login))
    assert "bWU=" not in told
    assert "c2VjcmV0" not in told
    assert "c2VjcmV0" in repr(heard(Smtp(secrets=True), login))


def test_starttls_ends_it() -> None:
    dialogue = Smtp()
    application = heard(dialogue, script("< 220 x", "> STARTTLS", "< 220 go ahead", b"> \x16\x03\x01\x02"))
    assert dialogue.done
    assert (len(application.lines), application.fault) == (3, None)


@pytest.mark.parametrize("size", [1, 1000])
def test_chunks_of_mail_are_skipped(size: int) -> None:
    said = script("< 220 x", b"> BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "< 250 ok", "< 250 ok")
    told = texts(heard(Smtp(), pieces(said, size)))
    assert told[1:3] == ["> BDAT 6 LAST (6 bytes of mail follow)", "> NOOP"]


FILES = script(
    "< 220-files.example\r\n220 ready",
    "> USER me",
    "< 331 password?",
    "> PASS secret",
    "< 230-welcome\r\n 230 not the end\r\n230 in",
    "> PASV",
    "< 227 Entering Passive Mode (10,0,0,2,156,65)",
    "> EPSV",
    "< 229 Extended Passive Mode (|||40002|)",
    "> PORT 10,0,0,1,4,1",
    "< 200 ok",
    "> EPRT |2|fd00::1|1025|",
    "< 200 ok",
    "> RETR x",
    "< 150 here it comes",
    "< 226 done",
    "> QUIT",
    "< 221 bye",
)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_files(size: int) -> None:
    application = heard(Ftp(), pieces(FILES, size))
    assert [(d.command, d.address, d.port, d.listener) for d in application.ftp] == [
        ("PASV", b"\x0a\0\0\2", 40001, Side.SERVER),
        ("EPSV", None, 40002, Side.SERVER),
        ("PORT", b"\x0a\0\0\1", 1025, Side.CLIENT),
        ("EPRT", b"\xfd" + bytes(14) + b"\1", 1025, Side.CLIENT),
    ]
    said = texts(application)
    assert "> PASS (not shown)" in said
    assert "< 227 Entering Passive Mode (10,0,0,2,156,65) (data connection to the server's 10.0.0.2:40001)" in said
    assert application.fault is None
    assert "secret" not in repr(application)


@pytest.mark.parametrize(
    "line", ["< 227 Entering Passive Mode (10,0,0,2,156,999)", "< 229 Extended (|||99999|)", "> EPRT |1|10.0.0.300|1|"]
)
def test_announcements_that_make_no_sense(line: str) -> None:
    application = heard(Ftp(), script("< 220 x", "> PASV", line))
    assert application.ftp == ()


@pytest.mark.parametrize("kind", [Smtp, Ftp])
def test_a_reply_that_is_none_ends_it(kind: type[Smtp | Ftp]) -> None:
    dialogue = kind()
    assert heard(dialogue, script("< 220 x", "< \x16\x03 hello")).fault
    assert dialogue.done
    assert heard(kind(), [(Side.SERVER, b"2" * 70_000)]).fault == "a line is longer than 64 KiB"
