"""What findings say about one handshake: the sentence with the numbers, and the frames."""

from __future__ import annotations

import pytest

from handshake.model.finding import Finding
from tests.scenarios.script import Stage, play, scenarios

_BY_TITLE = {str(scenario): scenario for scenario in scenarios()}


def _finding(title: str, code: str) -> Finding:
    """The one finding with this code that a scenario gives over IPv4 with the ISNs 1000 and 9000."""
    scenario = _BY_TITLE[title]
    handshakes = play(scenario, Stage(4, (1000, 9000), scenario.setup))
    (found,) = (finding for handshake in handshakes for finding in handshake.findings if finding.code == code)
    return found


@pytest.mark.parametrize(
    ("title", "code", "detail", "frames"),
    [
        (
            "refusal: unanswered",
            "HS101",
            "the SYN was sent again twice, the last 3 s after the first; waits of 1 s, 2 s: doubling (RFC 6298 §5.5)",
            (2, 3),
        ),
        ("refusal: unanswered", "HS105", "no answer to 3 SYNs", (1, 2, 3)),
        ("refusal: refused", "HS104", "10.0.0.2:80 answered the SYN with RST", (2,)),
        (
            "refusal: refused by a bare RST",
            "HS104",
            "10.0.0.2:80 answered the SYN with RST without ACK, which a client has to ignore in SYN-SENT",
            (2,),
        ),
        (
            "icmp: port unreachable, a hard error",
            "HS106",
            "192.0.2.1 says: port unreachable (ICMP 3/3); a hard error: the sender may give up",
            (2,),
        ),
        (
            "icmp: fragmentation needed asks for smaller packets only",
            "HS106",
            "192.0.2.1 says: fragmentation needed but not allowed (ICMP 3/4), next hop takes 1400 bytes; "
            "asks for smaller packets, not for giving up",
            (2,),
        ),
        (
            "icmp: an error that quotes a number never sent",
            "HS106",
            "192.0.2.1 says: port unreachable (ICMP 3/3), about a number that was never sent: "
            "forged, or about an earlier connection",
            (2,),
        ),
        (
            "refusal: wrong acknowledgment number in the SYN-ACK",
            "HS113",
            "the server acknowledges 1500 where 1001 was the first to be due",
            (2,),
        ),
        (
            "opening: third segment with a wrong acknowledgment number",
            "HS113",
            "the client acknowledges 9500 where 9001 was the first to be due",
            (3,),
        ),
        ("opening: slow answer", "HS118", "652 ms in all: 650 ms until the SYN-ACK, 2 ms until the ACK", ()),
        ("options: option twice", "HS207", "option mss stands there twice", (1,)),
        ("options: Fast Open: data ignored", "HS304", "5 bytes in the SYN were not accepted", (1, 2)),
        ("closing: FIN then RST", "HS502", "the client closed, then the client reset", (6,)),
        (
            "retransmission: equal waits, then doubling",
            "HS101",
            "the SYN was sent again 7 times, the last 11 s after the first; waits of 1 s, 1 s, 1 s, 1 s, 1 s, 2 s, …: "
            "equal at first, then doubling, as Linux since 6.5 does",
            (2, 3, 4, 5, 6, 7, 8),
        ),
        (
            "retransmission: equal waits",
            "HS101",
            "the SYN was sent again twice, the last 2.06 s after the first; waits of 1.03 s, 1.03 s: equal, "
            "as Linux since 6.5 begins",
            (2, 3),
        ),
        (
            "retransmission: waits without a pattern",
            "HS101",
            "the SYN was sent again twice, the last 1.5 s after the first",
            (2, 3),
        ),
        ("refusal: refused twice", "HS101", "the SYN was sent again once, the last 500 ms after the first", (3,)),
        (
            "refusal: refused, the data of the SYN not acknowledged",
            "HS120",
            "acknowledges 1001 where 1006 was due",
            (2,),
        ),
        (
            "refusal: refused with a sequence number of its own",
            "HS120",
            "sequence number 9077 instead of 0",
            (2,),
        ),
        ("opening: self-connect", "HS119", "10.0.0.1:40000 connects to itself", (1,)),
        (
            "middlebox: SYN cookie: not repeated, options in the timestamp",
            "HS122",
            "it was not repeated in 4 s; the low six bits of its timestamp encode the options as Linux does (once): "
            "consistent with a SYN cookie",
            (2,),
        ),
        (
            "middlebox: SYN cookie: not repeated, no room for options",
            "HS122",
            "it was not repeated in 3.99 s; window scale and SACK were offered without timestamps, and both left out: "
            "consistent with a SYN cookie",
            (2, 4, 6, 8),
        ),
        (
            "middlebox: SYN proxy: the window opens late",
            "HS123",
            "its window of 0 opens 55 ms later: consistent with a proxy",
            (2, 4),
        ),
        (
            "middlebox: SYN proxy: another TTL right after the SYN-ACK",
            "HS123",
            "its TTL is 63 (1 hop), that of the next segment 57 (7 hops): consistent with a proxy",
            (2, 4),
        ),
        (
            "middlebox: another way: the TTL differs by one",
            "HS124",
            "the server's TTL goes from 57 to 56",
            (2, 4),
        ),
        (
            "middlebox: SYN proxy: the window opens late",
            "HS201",
            "the server's window is 0: no data may be sent yet; it opens 55 ms later",
            (2, 4),
        ),
        ("options: timestamps end in the middle", "HS213", "the client leaves the timestamps out", (4,)),
        ("options: timestamps go back", "HS214", "the server goes back to 700", (4,)),
        (
            "middlebox: an option replaced by NOPs",
            "HS216",
            "11 NOPs in a row in the SYN: consistent with an option that was overwritten",
            (1,),
        ),
        (
            "middlebox: the last option replaced by NOPs",
            "HS216",
            "4 NOPs in a row in the SYN, the size of MSS, or window scale or SACK-permitted with their padding: "
            "consistent with an option that was overwritten",
            (1,),
        ),
        (
            "middlebox: an option stripped from the SYN-ACK",
            "HS217",
            "the server uses timestamps as if it were agreed on",
            (4,),
        ),
        (
            "middlebox: a clamped MSS",
            "HS218",
            "window 64240 = 44 × 1460, MSS 1380: consistent with a clamped MSS",
            (1,),
        ),
        (
            "options: a signature that ends in the middle",
            "HS220",
            "the server sends no signature, unlike before",
            (5,),
        ),
        ("options: TCP-AO, no answer", "HS222", "no answer to a SYN with TCP-AO", (1,)),
        ("options: CE on the SYN", "HS223", "the SYN arrives as CE: a router on the way marked it", (1,)),
        (
            "accecn: the ECN field of the SYN is cleared on the way",
            "HS224",
            "the SYN was ECT(0) here and arrived as Not-ECT",
            (1, 2),
        ),
        (
            "accecn: the ECN field of the SYN-ACK is set on the way",
            "HS224",
            "the SYN-ACK was Not-ECT here and arrived as ECT(0)",
            (2, 3),
        ),
        (
            "options: Fast Open: the experimental option",
            "HS226",
            "the SYN has a request for a cookie in option 254, the SYN-ACK has a cookie of 8 bytes in option 254",
            (1, 2),
        ),
        (
            "options: options that are rare",
            "HS227",
            "the SYN has cc (T/TCP connection count), quick-start (Quick-Start: asks routers for a rate), user-timeout "
            "(user timeout), eno (negotiates encryption (TCP-ENO)); the SYN-ACK has eno (negotiates encryption "
            "(TCP-ENO))",
            (1, 2),
        ),
        ("options: the repeated SYN has fewer options", "HS228", "asks again without wscale", (1, 3)),
        ("options: ECN given up after a lost SYN", "HS228", "asks again without ECN", (1, 2)),
        (
            "options: Fast Open: fallback to a plain SYN",
            "HS305",
            "the SYN is repeated without the option and its data",
            (1, 2),
        ),
        ("closing: keep-alive", "HS306", "the client asks whether the other side is there", (4,)),
        ("closing: TIME-WAIT assassinated", "HS509", "the server resets what was closed already", (10,)),
        (
            "closing: a RST with another TTL",
            "HS510",
            "a RST of the server has TTL 127 (1 hop), its other segments 61 (3 hops)",
            (5,),
        ),
        (
            "tracking: TIME-WAIT reused with an older timestamp",
            "HS121",
            "its timestamp, or without one its number, is not higher than before",
            (7,),
        ),
        (
            "tracking: third ACK captured before the SYN-ACK",
            "HS902",
            "the SYN-ACK was captured behind its confirmation",
            (2, 3),
        ),
        (
            "tracking: data captured before the third ACK",
            "HS902",
            "the third segment was captured behind the data after it",
            (4,),
        ),
        (
            "options: Multipath TCP options of the wrong length",
            "HS225",
            "MP_CAPABLE of version 1 of 12 bytes, not 4; MP_JOIN of 12 bytes, not 16; "
            "MP_CAPABLE of version 0 of 12 bytes, not 20",
            (1, 2, 3),
        ),
        (
            "tracking: a jump back in time",
            "HS905",
            "this packet is stamped 4.99 s earlier than the one before it",
            (2,),
        ),
        ("illegal: Xmas scan", "HS401", "Xmas (FIN, PSH, URG)", (1,)),
    ],
)
def test_detail(title: str, code: str, detail: str, frames: tuple[int, ...]) -> None:
    found = _finding(title, code)
    assert (found.detail, found.frames) == (detail, frames)
