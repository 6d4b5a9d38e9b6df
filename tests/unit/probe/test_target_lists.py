"""Lists and ranges of ports."""

from __future__ import annotations

import pytest

from handshake.errors import TargetError
from handshake.probe.approach import prepare_ports
from handshake.probe.target import is_single, parse_targets


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("localhost:22", [22]),
        ("localhost:http-alt", [8000]),
        ("localhost:22,80,8000-8003", [22, 80, 8000, 8001, 8002, 8003]),
        ("[::1]:ssh,http,80,79-81", [22, 80, 79, 81]),
        ("10.0.0.1:65535-65535", [65535]),
    ],
)
def test_ports_once_each_in_the_order_given(text: str, ports: list[int]) -> None:
    targets = parse_targets(text)
    assert [target.port for target in targets] == ports
    assert len({target.host for target in targets}) == 1
    assert is_single(text) is (len(ports) == 1 and "-65535" not in text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:80-70", "the range 80-70 runs backwards; write 70-80"),
        ("a:1-99999", "99999 is not a port"),
        ("a:0-5", "port 0 is reserved"),
        ("a:80,", "the port after the colon is missing"),
        ("a:80,,81", "the port after the colon is missing"),
        ("a:80-", "neither a port number nor a known service"),
        ("a:80,htpt", "did you mean http"),
        ("a,b:80", "cannot be in a host name"),
        ("::1:80-81", "write \\[::1\\]:80"),
        ("22,80", "the port is missing|before the colon"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        parse_targets(text)


def test_one_look_up_for_all_ports() -> None:
    approaches = prepare_ports("127.0.0.1:1-3")
    assert [str(approach.server) for approach in approaches] == ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
    assert len({id(approach.resolution) for approach in approaches}) == 1
