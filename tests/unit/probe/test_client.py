"""The crafted client as dialogues of receives and sends (RFC 9293 §3.10), without any network."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.model.address import Endpoint
from handshake.model.options import NO_OPTIONS, SACK_PERMITTED, WSCALE, Option, Options
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, IcmpError, Segment, flag_names
from handshake.probe.client import Client
from handshake.probe.craft import Outgoing, timestamps

MS = 1_000_000
SECOND = 1000 * MS
ISS = 0xFFFF_FFFF  # the next number is 0: wrap-around in every dialogue
IRS = 0xFFFF_FFFE
CLIENT, SERVER = Endpoint(bytes((127, 0, 0, 1)), 40000), Endpoint(bytes((127, 0, 0, 1)), 80)


@dataclass
class Dialogue:
    """A client with a clock in ms; sends are written as `FLAGS seq ack` with relative numbers."""

    client: Client = field(
        default_factory=lambda: Client(
            CLIENT,
            SERVER,
            mss=1460,
            iss=ISS,
            clock_offset_ms=5000,
            retries=2,
            timeout_ns=5 * SECOND,
            close_wait_ns=SECOND,
        )
    )
    sent: list[Outgoing] = field(default_factory=list)

    def opened(self) -> Dialogue:
        assert self.write(self.client.open(0)) == ["SYN 0"]
        return self

    def established(self, options: Options = NO_OPTIONS) -> Dialogue:
        self.opened()
        assert self.receive(SYN | ACK, 0, 1, at_ms=10, options=options) == ["ACK 1 1", "FIN,ACK 1 1"]
        return self

    def receive(
        self, flags: int, seq: int, ack: int = 0, *, payload: int = 0, at_ms: int = 10, options: Options = NO_OPTIONS
    ) -> list[str]:
        """A segment of the server; `seq` and `ack` are relative."""
        raw_seq, raw_ack = (IRS + seq) % 2**32, (ISS + ack) % 2**32 if flags & ACK else 0
        segment = Segment(1, 0, SERVER, CLIENT, raw_seq, raw_ack, flags, 65535, payload, options, 64)
        return self.write(self.client.receive(segment, at_ms * MS, bytes(payload)))

    def icmp(self, kind: int, code: int, *, version: int = 4, seq: int | None = ISS) -> list[str]:
        error = IcmpError(1, 0, SERVER.address, version, kind, code, None, 6, CLIENT, SERVER, seq, "")
        return self.write(self.client.receive(error, 10 * MS))

    def tick(self, at_ms: int) -> list[str]:
        return self.write(self.client.tick(at_ms * MS))

    def write(self, segments: list[Outgoing]) -> list[str]:
        self.sent += segments
        return [
            f"{','.join(flag_names(s.flags))} {(s.seq - ISS) % 2**32}"
            + (f" {(s.ack - IRS) % 2**32}" if s.flags & ACK else "")
            for s in segments
        ]

    @property
    def state(self) -> str:
        return self.client.state.value


def test_three_way_handshake_and_close() -> None:
    talk = Dialogue().established()
    assert talk.state == "FIN-WAIT-1"
    assert talk.receive(ACK, 1, 2) == []
    assert talk.state == "FIN-WAIT-2"
    assert talk.receive(FIN | ACK, 1, 2) == ["ACK 2 2"]
    assert talk.state == "TIME-WAIT"
    assert talk.client.done


def test_fin_and_ack_of_fin_in_one_segment() -> None:
    talk = Dialogue().established()
    assert talk.receive(FIN | ACK, 1, 2) == ["ACK 2 2"]
    assert talk.state == "TIME-WAIT"


def test_crossing_fins() -> None:
    talk = Dialogue().established()
    assert talk.receive(FIN | ACK, 1, 1) == ["ACK 2 2"]
    assert talk.state == "CLOSING"
    assert not talk.client.done
    assert talk.receive(ACK, 2, 2) == []
    assert talk.state == "TIME-WAIT"


def test_data_is_acknowledged_in_order_only() -> None:
    talk = Dialogue().established()
    assert talk.receive(PSH | ACK, 1, 1, payload=10) == ["ACK 2 11"]
    assert talk.receive(PSH | ACK, 31, 1, payload=10) == ["ACK 2 11"]
    assert talk.receive(PSH | ACK, 1, 1, payload=15) == ["ACK 2 16"]
    assert talk.receive(PSH | ACK, 1, 1, payload=5) == ["ACK 2 16"]
    assert talk.receive(FIN | PSH | ACK, 16, 2, payload=4) == ["ACK 2 21"]
    assert talk.client.done


def test_refused() -> None:
    talk = Dialogue().opened()
    assert talk.receive(RST | ACK, 0, 1) == []
    assert talk.state == "CLOSED"


def test_a_rst_that_answers_nothing_of_ours_is_dropped() -> None:
    talk = Dialogue().opened()
    assert talk.receive(RST, 0) == []
    assert talk.receive(RST | ACK, 0, 7) == []
    assert talk.state == "SYN-SENT"


def test_a_wrong_ack_gets_a_rst_with_that_number_and_the_right_one_still_counts() -> None:
    talk = Dialogue().opened()
    assert talk.receive(SYN | ACK, 0, 77) == ["RST 77"]
    assert talk.receive(ACK, 900, 78) == ["RST 78"]
    assert talk.state == "SYN-SENT"
    assert talk.receive(SYN | ACK, 0, 1) == ["ACK 1 1", "FIN,ACK 1 1"]


def test_a_repeated_syn_ack_is_acknowledged_again() -> None:
    talk = Dialogue().established()
    assert talk.receive(SYN | ACK, 0, 1) == ["ACK 2 1"]


def test_simultaneous_open() -> None:
    talk = Dialogue().opened()
    assert talk.receive(SYN, 0) == ["SYN,ACK 0 1"]
    assert talk.state == "SYN-RECEIVED"
    assert talk.receive(SYN | ACK, 0, 1) == ["ACK 1 1", "FIN,ACK 1 1"]


def test_simultaneous_open_repeats_its_syn_ack() -> None:
    talk = Dialogue().opened()
    talk.receive(SYN, 0)
    assert talk.tick(1009) == []
    assert talk.tick(1010) == ["SYN,ACK 0 1"]


def test_data_in_the_syn_ack_is_taken() -> None:
    talk = Dialogue().opened()
    assert talk.receive(SYN | ACK, 0, 1, payload=5) == ["ACK 1 6", "FIN,ACK 1 6"]


def test_syn_is_repeated_with_doubling_timeout_then_given_up_without_rst() -> None:
    talk = Dialogue().opened()
    assert [at for at in range(0, 6000, 10) if talk.tick(at)] == [1000, 3000]
    assert talk.client.done
    assert talk.state == "CLOSED"
    assert [s.seq for s in talk.sent] == [ISS] * 3


def test_the_last_repetition_is_waited_for() -> None:
    talk = Dialogue().opened()
    for at in (1000, 3000, 4990):
        talk.tick(at)
    assert talk.receive(SYN | ACK, 0, 1, at_ms=4995) == ["ACK 1 1", "FIN,ACK 1 1"]


def test_wake_is_the_next_thing_to_do() -> None:
    talk = Dialogue().opened()
    assert talk.client.wake_ns == SECOND
    talk.tick(1000)
    assert talk.client.wake_ns == 3 * SECOND
    talk.tick(3000)
    assert talk.client.wake_ns == 5 * SECOND


def test_fin_is_repeated_until_acknowledged() -> None:
    talk = Dialogue().established()
    assert talk.tick(200) == []
    assert talk.tick(210) == ["FIN,ACK 1 1"]
    talk.receive(ACK, 1, 2, at_ms=220)
    assert talk.tick(700) == []


def test_a_server_that_does_not_close_gets_a_rst() -> None:
    talk = Dialogue().established()
    talk.receive(ACK, 1, 2)
    assert talk.tick(1009) == []
    assert talk.tick(1010) == ["RST,ACK 2 1"]
    assert talk.client.done


def test_a_reset_connection_is_over_and_a_blind_one_is_challenged() -> None:
    talk = Dialogue().established()
    assert talk.receive(RST, 500) == ["ACK 2 1"]
    assert talk.receive(RST, 70000) == []
    assert talk.state == "FIN-WAIT-1"
    assert talk.receive(RST, 1) == []
    assert talk.state == "CLOSED"


def test_an_ack_of_what_was_never_sent_is_challenged() -> None:
    talk = Dialogue().established()
    assert talk.receive(ACK, 1, 3) == ["ACK 2 1"]
    assert talk.state == "FIN-WAIT-1"


@pytest.mark.parametrize(("version", "kind", "code"), [(4, 3, 1), (4, 3, 3), (4, 3, 13), (4, 11, 0), (6, 1, 4)])
def test_an_icmp_error_about_the_syn_ends_it(version: int, kind: int, code: int) -> None:
    talk = Dialogue().opened()
    assert talk.icmp(kind, code, version=version) == []
    assert talk.state == "CLOSED"


def test_icmp_that_is_not_about_reaching_or_not_about_this_syn_does_not() -> None:
    talk = Dialogue().opened()
    talk.icmp(3, 4)
    talk.icmp(2, 0, version=6)
    talk.icmp(3, 3, seq=ISS - 1)
    talk.icmp(3, 3, seq=None)
    assert talk.state == "SYN-SENT"


def test_icmp_does_not_end_an_open_connection() -> None:
    talk = Dialogue().established()
    talk.icmp(3, 3)
    assert talk.state == "FIN-WAIT-1"


def test_abort_sends_rst_when_the_server_may_hold_something() -> None:
    unopened = Dialogue()
    assert unopened.write(unopened.client.abort(0)) == []
    unanswered = Dialogue().opened()
    assert unanswered.write(unanswered.client.abort(0)) == ["RST 1"]
    half_open = Dialogue().opened()
    half_open.receive(SYN, 0)
    assert half_open.write(half_open.client.abort(0)) == ["RST,ACK 1 1"]
    established = Dialogue().established()
    assert established.write(established.client.abort(0)) == ["RST,ACK 2 1"]
    assert established.write(established.client.abort(0)) == []


def test_segments_of_others_and_broken_ones_change_nothing() -> None:
    talk = Dialogue().opened()
    good = Segment(1, 0, SERVER, CLIENT, IRS, ISS + 1 & 0xFFFFFFFF, SYN | ACK, 1, 0, NO_OPTIONS, 64)
    elsewhere = Endpoint(SERVER.address, 81)
    for other in (
        Segment(1, 0, elsewhere, CLIENT, IRS, good.ack_raw, SYN | ACK, 1, 0, NO_OPTIONS, 64),
        Segment(1, 0, CLIENT, SERVER, IRS, good.ack_raw, SYN | ACK, 1, 0, NO_OPTIONS, 64),
        Segment(1, 0, SERVER, CLIENT, IRS, good.ack_raw, SYN | ACK, 1, 0, NO_OPTIONS, 64, checksum_ok=False),
    ):
        assert talk.client.receive(other, 0) == []
    assert talk.state == "SYN-SENT"
    assert len(talk.client.receive(good, 0)) == 2


def test_timestamps_are_echoed_when_both_sides_have_them() -> None:
    talk = Dialogue().established(Options((timestamps(900, 5000),)))
    assert (talk.sent[0].options.tsval, talk.sent[0].options.tsecr) == (5000, 0)
    assert [(s.options.tsval, s.options.tsecr) for s in talk.sent[1:]] == [(5010, 900)] * 2
    talk.receive(FIN | ACK, 1, 2, at_ms=30, options=Options((timestamps(930, 5010),)))
    assert (talk.sent[-1].options.tsval, talk.sent[-1].options.tsecr) == (5030, 930)


def test_without_their_timestamps_ours_stop() -> None:
    talk = Dialogue().established()
    talk.receive(PSH | ACK, 1, 2, payload=3, options=Options((timestamps(930, 0),)))
    assert [s.options for s in talk.sent[1:]] == [NO_OPTIONS] * 3


def test_the_window_is_scaled_after_the_syn_when_both_sides_scale() -> None:
    scaled = Dialogue().established(Options((Option(WSCALE, b"\x02"),)))
    assert [s.wnd for s in scaled.sent] == [64240, 64240 >> 7, 64240 >> 7]
    plain = Dialogue().established(Options((Option(SACK_PERMITTED, b""),)))
    assert [s.wnd for s in plain.sent] == [64240, 64240, 64240]


RELATIVE = st.integers(-5, 80000)
SEGMENTS = st.tuples(st.integers(0, 511), RELATIVE, RELATIVE, st.integers(0, 70000), st.integers(0, 300))


@given(st.lists(SEGMENTS, max_size=20))
def test_whatever_comes_the_client_answers_little_and_ends(segments: list[tuple[int, int, int, int, int]]) -> None:
    talk = Dialogue().opened()
    now_ms = 0
    for flags, seq, ack, payload, pause_ms in segments:
        now_ms += pause_ms
        assert len(talk.receive(flags, seq, ack, payload=payload, at_ms=now_ms)) <= 3
        assert len(talk.tick(now_ms)) <= 1
    while not talk.client.done:
        assert talk.client.wake_ns > now_ms * MS - 10**9
        now_ms += 50
        talk.tick(now_ms)
    assert now_ms <= 20 * 300 + 6100
    assert talk.receive(SYN | ACK, 0, 1, at_ms=now_ms) == []
