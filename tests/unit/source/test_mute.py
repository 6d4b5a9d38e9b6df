"""Runs of acknowledgments are recognised, in bounded memory."""

from __future__ import annotations

from handshake.model.packet import ACK, FIN, Segment
from handshake.source.mute import RUN, Muting
from handshake.wire.decode import decode
from handshake.wire.sieve import MOST_MUTED, run_key
from tests.packets import TCP, ethernet, frame, ip, tcp

HOSTS = ("10.0.0.1", "10.0.0.2")


def segment(seq: int, ack: int = 1, flags: int = ACK, payload: bytes = b"", port: int = 40000) -> Segment:
    packet = ip(HOSTS, TCP, tcp(HOSTS, (port, 80), seq=seq, ack=ack, flags=flags, payload=payload))
    decoded = decode(frame(1, 0, ethernet(packet))).transport
    assert isinstance(decoded, Segment)
    return decoded


def test_a_run_is_muted_after_its_first_segments() -> None:
    muting = Muting()
    assert [muting.note(segment(7, ack)) for ack in range(RUN + 5)].index(True) == RUN - 1
    assert muting.keys == (run_key(segment(7)),)


def test_whoever_says_something_of_its_own_makes_no_run() -> None:
    muting = Muting()
    assert not any(muting.note(segment(number)) for number in range(10 * RUN))
    assert not any(muting.note(segment(7, payload=b"x")) for _ in range(10 * RUN))
    assert not any(muting.note(segment(7, flags=FIN | ACK)) for _ in range(10 * RUN))


def test_those_not_heard_of_are_forgotten_first() -> None:
    muting = Muting()

    def play(port: int) -> None:
        for _ in range(RUN):
            muting.note(segment(7, port=port))

    for port in range(1, MOST_MUTED + 1):
        play(port)
    muting.note(segment(7, port=1))
    play(1000)
    keys = muting.keys
    assert len(keys) == MOST_MUTED
    assert run_key(segment(7, port=1)) in keys
    assert run_key(segment(7, port=2)) not in keys
    assert keys[0] == run_key(segment(7, port=1000))


def test_unfinished_runs_are_bounded() -> None:
    muting = Muting()
    for number in range(20_000):
        muting.note(segment(number))
    assert len(muting._lengths) <= 4096
