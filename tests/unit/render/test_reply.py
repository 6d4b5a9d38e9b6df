"""The reply of a probed server, which is untrusted text, and the answer to odd flags."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from handshake.findings.answers import answer_to
from handshake.model.packet import ACK, FIN, RST, SYN, URG
from handshake.model.report import Reply
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.unit.render import samples


def drawn(reply: Reply, verbosity: int = 0) -> str:
    out = io.StringIO()
    renderer(Format.LADDER)(replace(samples.probed(), reply=reply), out, Terminal(80, verbosity=verbosity))
    return out.getvalue()


def test_a_reply_is_shown_as_text_and_never_reaches_the_terminal_raw() -> None:
    page = drawn(Reply(5, b"HTTP/1.0 200 OK\r\n\r\n\x1b[31mred\xff\xe2\x80\xae\n", 28, True))
    assert page.splitlines()[-5:] == [
        "sent      5 bytes",
        "reply     28 bytes, then the server closed its side",
        "│ HTTP/1.0 200 OK",
        "│",
        r"│ \x1b[31mred\xff\u202e",
    ]
    assert "\x1b" not in page


def test_silence_is_told() -> None:
    assert "reply     none, and the server left its side open\n" in drawn(Reply(5, b"", 0, False))


def test_a_long_reply_is_cut_unless_all_is_wanted() -> None:
    reply = Reply(0, b"".join(b"line %d\n" % number for number in range(100)), 100_000, False)
    page = drawn(reply)
    assert "│ line 19\n" in page
    assert "line 20" not in page
    assert page.endswith("cut: 100 lines in all; 790 bytes were kept\n")
    assert "│ line 99\n" in drawn(reply, verbosity=1)
    wide = drawn(Reply(0, b"x" * 5000, 5000, False))
    assert wide.count("x") < 600


def test_a_reply_in_json() -> None:
    out = io.StringIO()
    report = replace(samples.probed(), reply=Reply(1, b"a\xff", 2, True))
    renderer(Format.JSON)(report, out, Terminal(80))
    expected = {"sent": 1, "length": 2, "finished": True, "text": "a\\xff", "hex": "61ff"}
    assert json.loads(out.getvalue())["reply"] == expected


def test_the_rfc_rules_for_odd_segments() -> None:
    """RFC 9293 §3.10.7.1 and .2 by hand: flags, listening, closed."""
    for flags, listening, closed in (
        (0, "no answer", "RST,ACK"),
        (FIN, "no answer", "RST,ACK"),
        (URG, "no answer", "RST,ACK"),
        (SYN, "SYN,ACK", "RST,ACK"),
        (SYN | FIN, "SYN,ACK", "RST,ACK"),
        (SYN | RST, "no answer", "no answer"),
        (RST | ACK, "no answer", "no answer"),
        (ACK, "RST", "RST"),
        (SYN | ACK, "RST", "RST"),
        (FIN | ACK, "RST", "RST"),
    ):
        answer = answer_to(flags, None)
        assert (answer.listening, answer.closed, answer.came) == (listening, closed, "no answer")
        assert answer.expected == ("no answer" in (listening, closed) or flags == SYN | FIN)


def test_what_came_is_read_from_the_handshake() -> None:
    answer = answer_to(SYN, samples.established())
    assert (answer.came, answer.meaning, answer.expected) == ("SYN,ACK", "as a listening port does", True)
    wrong = answer_to(FIN, samples.established())
    assert (wrong.meaning, wrong.expected) == ("as no port should", False)
    out = io.StringIO()
    renderer(Format.LADDER)(replace(samples.probed(), answer=wrong), out, Terminal(100))
    assert "expected  no answer from a listening port, RST,ACK from a closed one" in out.getvalue()
    assert "came      SYN,ACK — as no port should\n" in out.getvalue()
