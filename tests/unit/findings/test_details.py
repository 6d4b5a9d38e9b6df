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
        ("refusal: unanswered", "HS101", "the SYN was sent again twice, the last 3 s after the first", (2, 3)),
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
            "192.0.2.1 says: port unreachable (ICMP 3/3)",
            (2,),
        ),
        (
            "icmp: fragmentation needed asks for smaller packets only",
            "HS106",
            "192.0.2.1 says: fragmentation needed but not allowed (ICMP 3/4), next hop takes 1400 bytes",
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
        ("illegal: Xmas scan", "HS401", "Xmas (FIN, PSH, URG)", (1,)),
    ],
)
def test_detail(title: str, code: str, detail: str, frames: tuple[int, ...]) -> None:
    found = _finding(title, code)
    assert (found.detail, found.frames) == (detail, frames)
