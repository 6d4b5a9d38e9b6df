"""What a wire's script loses, and what the list of scenarios and their manifest hold."""

from __future__ import annotations

import tomllib

from handshake.lab.record import manifest
from handshake.lab.scenarios import SCENARIOS
from handshake.lab.wire import lose
from handshake.model.address import Endpoint
from handshake.model.options import NO_OPTIONS
from handshake.model.packet import ACK, SYN, Datagram, Packet, Segment

CLIENT, SERVER = Endpoint(bytes((10, 0, 0, 1)), 40001), Endpoint(bytes((10, 0, 0, 2)), 80)


def segment(flags: int) -> Packet:
    transport = Segment(1, 0, CLIENT, SERVER, 0, 0, flags, 0, 0, NO_OPTIONS, 64)
    return Packet(1, 0, ("ethernet", "ipv4", "tcp"), transport, b"", None)


def test_loses_what_it_is_told_and_nothing_else() -> None:
    lost = lose({SYN: {1, 3}, SYN | ACK: {1}})
    sent = [SYN, SYN | ACK, SYN, SYN | ACK, ACK, SYN, SYN]
    assert [lost(segment(flags)) for flags in sent] == [True, True, False, False, False, True, False]


def test_loses_nothing_that_is_not_tcp() -> None:
    datagram = Packet(1, 0, ("ethernet", "ipv4", "udp"), Datagram(1, 0, CLIENT, SERVER, 5), b"hello", None)
    assert not lose({SYN: {1}})(datagram)


def test_each_scenario_has_its_own_file_title_and_story() -> None:
    scenarios = SCENARIOS.values()
    for texts in ([s.file for s in scenarios], [s.title for s in scenarios], [s.story for s in scenarios]):
        assert all(texts)
        assert len(set(texts)) == len(SCENARIOS)


def test_manifest_reads_back() -> None:
    entries = tomllib.loads(manifest())["capture"]
    assert [entry["file"] for entry in entries] == [scenario.file for scenario in SCENARIOS.values()]
    three_way = entries[0]
    assert three_way["outcomes"] == ["established"]
    assert three_way["exchanges"] == 0
    assert three_way["story"].startswith("SYN, SYN-ACK, ACK")
