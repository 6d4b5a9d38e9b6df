"""Chosen behaviour of the crafted client, as dialogues with a server, without any network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from handshake.model.address import Endpoint
from handshake.model.options import MSS, NO_OPTIONS, TFO, WSCALE, Option, Options
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, IcmpError, Segment, flag_names
from handshake.probe.behaviour import PROFILES, Behaviour, Close
from handshake.probe.client import Client
from handshake.probe.craft import Outgoing
from handshake.probe.oneshot import OneShot

MS = 1_000_000
SECOND = 1000 * MS
ISS, IRS = 0xFFFF_FFF0, 0xFFFF_FFFE
CLIENT, SERVER = Endpoint(bytes((127, 0, 0, 1)), 40000), Endpoint(bytes((127, 0, 0, 1)), 80)
BARE = PROFILES["bare"]


@dataclass
class Dialogue:
    """A client with a clock in ms; sends are written as `FLAGS seq ack len` with relative numbers."""

    behaviour: Behaviour
    sent: list[Outgoing] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(
            CLIENT,
            SERVER,
            mss=1000,
            iss=ISS,
            clock_offset_ms=0,
            retries=2,
            timeout_ns=20 * SECOND,
            close_wait_ns=SECOND,
            behaviour=self.behaviour,
        )
        self.opening = self.write(self.client.open(0))

    def receive(
        self,
        flags: int,
        seq: int,
        ack: int = 0,
        payload: bytes = b"",
        *,
        at_ms: int = 10,
        wnd: int = 65535,
        options: Options = NO_OPTIONS,
        ecn: int = 0,
    ) -> list[str]:
        """A segment of the server; `seq` and `ack` are relative."""
        raw_seq, raw_ack = (IRS + seq) % 2**32, (ISS + ack) % 2**32 if flags & ACK else 0
        segment = Segment(1, 0, SERVER, CLIENT, raw_seq, raw_ack, flags, wnd, len(payload), options, 64, ecn)
        return self.write(self.client.receive(segment, at_ms * MS, payload))

    def accept(self, ack: int = 1, **other: object) -> list[str]:
        return self.receive(SYN | ACK, 0, ack, **other)  # type: ignore[arg-type]

    def tick(self, at_ms: int) -> list[str]:
        return self.write(self.client.tick(at_ms * MS))

    def write(self, segments: list[Outgoing]) -> list[str]:
        self.sent += segments
        return [
            " ".join(
                [
                    ",".join(flag_names(s.flags)),
                    str((s.seq - ISS) % 2**32),
                    *([str((s.ack - IRS) % 2**32)] if s.flags & ACK else []),
                    *([f"len={len(s.payload)}"] if s.payload else []),
                ]
            )
            for s in segments
        ]

    @property
    def state(self) -> str:
        return self.client.state.value


def saying(data: bytes) -> Behaviour:
    return replace(BARE, data=data)


def test_data_is_cut_to_the_mss_and_acknowledged_then_waited_for() -> None:
    talk = Dialogue(saying(bytes(1300)))
    assert talk.accept() == ["ACK 1 1", "ACK 1 1 len=536", "ACK 537 1 len=536", "PSH,ACK 1073 1 len=228"]
    assert talk.receive(ACK, 1, 1301, at_ms=20) == []
    assert talk.receive(PSH | ACK, 1, 1301, b"reply", at_ms=900) == ["ACK 1301 6"]
    assert talk.tick(1899) == []
    assert talk.client.wake_ns == 1900 * MS
    assert talk.tick(1900) == ["FIN,ACK 1301 6"]
    assert talk.receive(FIN | ACK, 6, 1302, at_ms=1910) == ["ACK 1302 7"]
    assert talk.state == "TIME-WAIT"
    assert talk.client.inbound is not None
    assert talk.client.inbound.kept == b"reply"


def test_the_announced_mss_counts_and_never_more_than_the_path_takes() -> None:
    small = Dialogue(saying(bytes(250)))
    assert small.accept(options=Options((Option(MSS, b"\0\x64"),)))[1:] == [
        "ACK 1 1 len=100", "ACK 101 1 len=100", "PSH,ACK 201 1 len=50",
    ]  # fmt: skip
    large = Dialogue(saying(bytes(2000)))
    assert large.accept(options=Options((Option(MSS, b"\xff\xff"),)))[1:] == [
        "ACK 1 1 len=1000",
        "PSH,ACK 1001 1 len=1000",
    ]


def test_a_reply_that_is_late_or_never_comes_is_waited_for_until_the_timeout() -> None:
    late = Dialogue(saying(b"?"))
    late.accept()
    late.receive(ACK, 1, 2, at_ms=20)
    assert late.tick(15_000) == []
    assert late.receive(ACK, 1, 2, b"!", at_ms=15_010) == ["ACK 2 2"]
    assert late.tick(16_010) == ["FIN,ACK 2 2"]
    silent = Dialogue(saying(b"?"))
    silent.accept()
    silent.receive(ACK, 1, 2, at_ms=20)
    assert silent.tick(20_009) == []
    assert silent.tick(20_010) == ["FIN,ACK 2 1"]


def test_a_server_that_closes_after_its_reply_is_followed_at_once() -> None:
    talk = Dialogue(saying(b"GET /"))
    talk.accept()
    assert talk.receive(FIN | PSH | ACK, 1, 6, b"bye") == ["ACK 6 5", "FIN,ACK 6 5"]
    assert talk.state == "LAST-ACK"
    assert talk.receive(ACK, 5, 7) == []
    assert talk.state == "CLOSED"


def test_a_server_that_closes_first_still_hears_all_we_have_to_say() -> None:
    talk = Dialogue(saying(bytes(536 * 20)))
    assert len(talk.accept()) == 11  # ten segments, the initial window of RFC 6928
    assert talk.receive(FIN | ACK, 1, 1) == ["ACK 5361 2"]
    assert talk.state == "CLOSE-WAIT"
    assert len(talk.receive(ACK, 2, 5361)) == 10
    assert talk.receive(ACK, 2, 10721) == ["FIN,ACK 10721 2"]


def test_what_is_lost_is_said_again_with_a_doubling_timeout() -> None:
    talk = Dialogue(saying(bytes(1072)))
    talk.accept(at_ms=10)
    assert talk.tick(209) == []
    assert talk.tick(210) == ["ACK 1 1 len=536"]  # 200 ms, and only one segment: the loss window
    assert talk.tick(609) == []
    assert talk.tick(610) == ["ACK 1 1 len=536"]
    assert talk.receive(ACK, 1, 537, at_ms=620) == ["PSH,ACK 537 1 len=536"]
    assert talk.tick(1419) == []  # Karn: a segment sent twice is no measurement, the timeout stays doubled
    assert talk.tick(1420) == ["PSH,ACK 537 1 len=536"]


def test_after_a_lost_syn_the_timeout_is_three_seconds() -> None:
    talk = Dialogue(saying(b"hi"))
    assert talk.tick(1000) == ["SYN 0"]
    talk.accept(at_ms=1010)
    assert talk.tick(4009) == []
    assert talk.tick(4010) == ["PSH,ACK 1 1 len=2"]


def test_the_window_of_the_server_is_respected_and_a_closed_one_probed() -> None:
    talk = Dialogue(saying(bytes(100)))
    assert talk.accept(wnd=30) == ["ACK 1 1", "ACK 1 1 len=30"]
    assert talk.receive(ACK, 1, 31, at_ms=20, wnd=0) == []
    assert talk.tick(219) == []
    assert talk.tick(220) == ["ACK 31 1 len=1"]
    assert talk.receive(ACK, 1, 31, at_ms=230, wnd=0) == []
    assert talk.tick(620) == ["ACK 31 1 len=1"]
    assert talk.receive(ACK, 1, 32, at_ms=630, wnd=100) == ["PSH,ACK 32 1 len=69"]


def test_a_window_update_alone_lets_us_go_on() -> None:
    talk = Dialogue(saying(bytes(100)))
    talk.accept(wnd=0)
    assert talk.receive(ACK, 1, 1, at_ms=50, wnd=4000) == ["PSH,ACK 1 1 len=100"]


def test_the_windows_of_both_are_scaled_by_what_each_announced() -> None:
    behaviour = replace(saying(bytes(1100)), options=(Option(WSCALE, b"\x03"),), window=800)
    talk = Dialogue(behaviour)
    assert len(talk.accept(wnd=100, options=Options((Option(WSCALE, b"\x02"), Option(MSS, b"\x03\xe8"))))) == 2
    assert [s.wnd for s in talk.sent] == [800, 100, 100]
    assert talk.receive(ACK, 1, 101, wnd=250) == ["PSH,ACK 101 1 len=1000"]  # 250 means 1000


def test_a_reply_out_of_order_is_put_in_order_without_being_sent_again() -> None:
    talk = Dialogue(saying(b"?"))
    talk.accept()
    assert talk.receive(ACK, 9, 2, b"ghi") == ["ACK 2 1"]
    assert talk.receive(FIN | ACK, 12, 2, b"jkl") == ["ACK 2 1"]
    assert talk.receive(ACK, 4, 2, b"bcdefg") == ["ACK 2 1"]
    assert talk.receive(ACK, 3, 2, b"a") == ["ACK 2 1"]
    assert talk.receive(ACK, 1, 2, b"..a") == ["ACK 2 16", "FIN,ACK 2 16"]
    assert talk.client.inbound is not None
    assert talk.client.inbound.kept == b"..abcdefghijkl"


def test_data_beyond_our_window_is_not_taken() -> None:
    talk = Dialogue(replace(saying(b"?"), window=4))
    talk.accept()
    assert talk.receive(FIN | ACK, 1, 2, b"abcdef") == ["ACK 2 5"]
    closed = Dialogue(replace(saying(b"?"), window=0))
    closed.accept()
    assert closed.receive(ACK, 1, 2, b"a") == ["ACK 2 1"]


def test_half_open() -> None:
    talk = Dialogue(replace(BARE, half_open=True))
    assert talk.accept() == ["RST 1"]
    assert talk.client.done
    assert Dialogue(replace(BARE, half_open=True)).receive(RST | ACK, 0, 1) == []


def test_close_by_rst_after_the_reply() -> None:
    talk = Dialogue(replace(saying(b"x"), close=Close.RST))
    talk.accept()
    talk.receive(ACK, 1, 2, b"y", at_ms=20)
    assert talk.tick(1020) == ["RST,ACK 2 2"]
    assert talk.client.done


def test_close_not_at_all() -> None:
    talk = Dialogue(replace(BARE, close=Close.NONE))
    assert talk.accept() == ["ACK 1 1"]
    assert talk.client.done
    assert talk.state == "ESTABLISHED"
    assert talk.client.abort(20 * MS) == []


def test_a_server_that_talks_without_end_is_left_after_the_timeout() -> None:
    talk = Dialogue(saying(b"x"))
    talk.accept(at_ms=0)
    for at in range(0, 20_000, 500):
        talk.receive(ACK, 1 + at, 2, bytes(500), at_ms=at)
        assert talk.tick(at) == []
    assert talk.tick(20_000) == ["FIN,ACK 2 20001"]


def test_a_server_that_never_acknowledges_gets_a_rst_in_the_end() -> None:
    talk = Dialogue(saying(b"x"))
    talk.accept(at_ms=0)
    lines = [line for at in range(0, 20_001, 10) for line in talk.tick(at)]
    assert lines == ["PSH,ACK 1 1 len=1"] * 6 + ["RST,ACK 2 1"]


def test_fast_open_data_goes_in_the_syn_and_the_rest_after_it() -> None:
    talk = Dialogue(replace(saying(bytes(1500)), options=(Option(TFO, b"cookie"),)))
    assert talk.opening == ["SYN 0 len=960"]
    assert talk.accept(ack=961, options=Options((Option(MSS, b"\x03\xe8"),))) == ["ACK 961 1", "PSH,ACK 961 1 len=540"]


def test_fast_open_data_that_was_not_taken_is_sent_again() -> None:
    talk = Dialogue(replace(saying(b"early"), options=(Option(TFO, b"cookie"),)))
    assert talk.accept(ack=1) == ["ACK 1 1", "PSH,ACK 1 1 len=5"]


def test_fast_open_falls_back_when_nothing_answers() -> None:
    talk = Dialogue(replace(saying(b"early"), options=(Option(TFO, b"cookie"),)))
    assert talk.tick(1000) == ["SYN 0"]
    assert talk.sent[-1].options == NO_OPTIONS
    assert talk.accept(ack=6, at_ms=1010) == ["ACK 6 1"]  # the answer to the first copy


def test_an_ack_inside_the_syn_data_is_right_and_one_beyond_is_not() -> None:
    talk = Dialogue(replace(saying(b"early"), options=(Option(TFO, b"cookie"),)))
    assert talk.accept(ack=7) == ["RST 7"]
    assert talk.accept(ack=4) == ["ACK 4 1", "PSH,ACK 4 1 len=2"]


def test_a_cookie_is_asked_for_without_data() -> None:
    talk = Dialogue(replace(saying(b"early"), options=(Option(TFO, b""),)))
    assert talk.opening == ["SYN 0"]
    talk.accept(options=Options((Option(TFO, b"cookie"),)))
    assert talk.client.cookie == b"cookie"


def flags_after(talk: Dialogue, *, ecn: int) -> set[str]:
    talk.receive(ACK, 1, 1, b"x", ecn=ecn)
    return set(flag_names(talk.sent[-1].flags))


def test_classic_ecn_echoes_a_mark_until_the_window_was_reduced() -> None:
    talk = Dialogue(replace(saying(b"?"), ecn=ECE | CWR))
    assert set(flag_names(talk.sent[0].flags)) == {"SYN", "ECE", "CWR"}
    assert talk.receive(SYN | ACK | ECE, 0, 1)[0] == "ACK 1 1"
    assert flags_after(talk, ecn=2) == {"ACK"}
    assert flags_after(talk, ecn=3) == {"ACK", "ECE"}
    assert flags_after(talk, ecn=2) == {"ACK", "ECE"}
    talk.receive(ACK | CWR, 1, 1, b"x", ecn=2)
    assert set(flag_names(talk.sent[-1].flags)) == {"ACK"}


@pytest.mark.parametrize("answer", [0, ECE | CWR])
def test_marks_are_not_echoed_when_the_server_has_no_ecn(answer: int) -> None:
    talk = Dialogue(replace(saying(b"?"), ecn=ECE | CWR))
    talk.receive(SYN | ACK | answer, 0, 1)
    assert flags_after(talk, ecn=3) == {"ACK"}


@pytest.mark.parametrize(("mark", "third"), [(0, CWR), (1, CWR | ECE), (2, AE), (3, AE | CWR)])
def test_accurate_ecn_tells_the_mark_of_the_syn_ack_then_counts(mark: int, third: int) -> None:
    talk = Dialogue(replace(saying(b"?"), ecn=AE | ECE | CWR))
    talk.receive(SYN | ACK | CWR, 0, 1, ecn=mark)
    assert talk.sent[1].flags == ACK | third
    assert talk.sent[2].flags == PSH | ACK | AE | ECE  # 5
    assert flags_after(talk, ecn=3) == {"ACK", "AE", "CWR"}  # 6
    assert flags_after(talk, ecn=2) == {"ACK", "AE", "CWR"}
    assert flags_after(talk, ecn=3) == {"ACK", "AE", "CWR", "ECE"}
    assert flags_after(talk, ecn=3) == {"ACK"}  # modulo 8


def test_accurate_ecn_falls_back_to_classic() -> None:
    talk = Dialogue(replace(saying(b"?"), ecn=AE | ECE | CWR))
    talk.receive(SYN | ACK | ECE, 0, 1)
    assert talk.sent[1].flags == ACK
    assert flags_after(talk, ecn=3) == {"ACK", "ECE"}


def test_simultaneous_open_outlives_a_refusal_and_crosses() -> None:
    talk = Dialogue(replace(BARE, simultaneous=True))
    assert talk.receive(RST | ACK, 0, 1) == []
    assert talk.state == "SYN-SENT"
    assert talk.tick(15_000) == []
    assert talk.client.wake_ns == 20 * SECOND
    assert talk.receive(SYN, 0, at_ms=15_010) == ["SYN 0", "SYN,ACK 0 1"]
    assert talk.receive(SYN, 0, at_ms=15_010) == []
    assert talk.receive(SYN | ACK, 0, 1, at_ms=15_020) == ["ACK 1 1", "FIN,ACK 1 1"]


def test_simultaneous_open_that_nobody_answers_repeats_its_syn_until_time_is_up() -> None:
    talk = Dialogue(replace(BARE, simultaneous=True))
    lines = [line for at in range(0, 20_100, 100) for line in talk.tick(at)]
    assert lines == ["SYN 0"] * 19
    assert talk.client.done


def oneshot(flags: int) -> OneShot:
    shot = OneShot(CLIENT, SERVER, Outgoing(flags, ISS, 77, 1024), 5 * SECOND)
    (sent,) = shot.open(0)
    assert (sent.flags, sent.ack) == (flags, 77 if flags & ACK else 0)
    return shot


def answer(flags: int, src: Endpoint = SERVER) -> Segment:
    return Segment(2, 0, src, CLIENT, IRS, (ISS + 1) % 2**32, flags, 0, 0, NO_OPTIONS, 64)


def test_one_odd_segment_and_one_answer() -> None:
    shot = oneshot(FIN | PSH)
    assert shot.receive(answer(RST | ACK, Endpoint(SERVER.address, 81)), 1) == []
    assert not shot.done
    assert shot.receive(answer(RST | ACK), 1) == []
    assert shot.done


def test_what_it_opened_is_closed() -> None:
    shot = oneshot(SYN | FIN)
    (rst,) = shot.receive(answer(SYN | ACK), 1)
    assert (rst.flags, rst.seq) == (RST, (ISS + 1) % 2**32)
    assert shot.abort(2) == []


def test_silence_is_an_answer_after_a_second_and_icmp_is_one_at_once() -> None:
    shot = oneshot(ACK)
    assert shot.wake_ns == SECOND
    shot.tick(SECOND - 1)
    assert not shot.done
    shot.tick(SECOND)
    assert shot.done
    shot = oneshot(0)
    shot.receive(IcmpError(1, 0, SERVER.address, 4, 3, 3, None, 6, CLIENT, SERVER, ISS + 9, ""), 1)
    assert not shot.done
    shot.receive(IcmpError(1, 0, SERVER.address, 4, 3, 3, None, 6, CLIENT, SERVER, ISS, ""), 1)
    assert shot.done
