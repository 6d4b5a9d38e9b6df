"""The dice of a live comparison: the same seed loses the same packets, whatever the order in which they come."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer

from handshake.cli.contesting import read_loss
from handshake.lab.contest import Contest, Dice
from handshake.model.address import Endpoint
from handshake.model.packet import SYN, Datagram, Packet
from tests.unit.flow.segment_making import packet, segment

CLIENT, SERVER = Endpoint(bytes((10, 0, 0, 1)), 40001), Endpoint(bytes((10, 0, 0, 2)), 7)


def packets(port: int) -> list[Packet]:
    here = CLIENT._replace(port=port)
    return [packet(segment(*ends, SYN, 1)) for ends in ((here, SERVER), (SERVER, here)) * 40]


def test_the_seed_decides_and_not_the_order() -> None:
    contest = Contest(1, 10, loss_percent=20)
    first, second = packets(1), packets(2)
    one_by_one, mixed = Dice(contest), Dice(contest)
    expected = [*map(one_by_one, first)], [*map(one_by_one, second)]
    both = [(mixed(a), mixed(b)) for a, b in zip(first, second, strict=True)]
    assert ([a for a, _ in both], [b for _, b in both]) == expected
    assert 5 < one_by_one.lost["tcp"] < 60
    other = Dice(replace(contest, seed=2))
    assert [*map(other, first)] != expected[0]


def test_the_first_packet_of_each_exchange() -> None:
    dice = Dice(Contest(1, 10, lose_first=True))
    datagrams = [packet(Datagram(1, 0, *ends, 5)) for ends in ((CLIENT, SERVER), (SERVER, CLIENT), (CLIENT, SERVER))]
    assert [dice(each) for each in datagrams] == [True, False, False]
    assert [dice(each) for each in packets(1)[:4]] == [True, False, False, False]
    assert dice.lost == {"udp": 1, "tcp": 1}


@pytest.mark.parametrize(
    ("text", "meant"), [("0", (0, False)), ("2.5", (2.5, False)), ("7%", (7, False)), ("1st", (0, True))]
)
def test_loss_is_read(text: str, meant: tuple[float, bool]) -> None:
    assert read_loss(text) == meant


@pytest.mark.parametrize("text", ["much", "-1", "51", "nan", ""])
def test_loss_that_makes_no_sense(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="give percent"):
        read_loss(text)
