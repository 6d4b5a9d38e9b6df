"""HOST:PORT, right and wrong: each mistake has its own sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.errors import TargetError
from handshake.probe.target import parse_target


@pytest.mark.parametrize(
    ("text", "host", "port", "service"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, "http-alt"),
        ("localhost:http", "localhost", 80, "http"),
        ("localhost:HTTPS", "localhost", 443, "https"),
        ("[::1]:80", "::1", 80, "http"),
        ("[fe80::1%eth0]:4321", "fe80::1%eth0", 4321, None),
        ("a_b-c.example.:65535", "a_b-c.example.", 65535, None),
        ("bücher.example:1", "bücher.example", 1, None),
        ("  10.0.0.1:22\n", "10.0.0.1", 22, "ssh"),
    ],
)
def test_good_targets(text: str, host: str, port: int, service: str | None) -> None:
    target = parse_target(text)
    assert (target.host, target.port, target.service) == (host, port, service)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("192.13.13.1323:80", "1323 is not a number from 0 to 255: an IPv4 address has four of them"),
        ("1.2.3:80", "1.2.3 has 3 numbers: an IPv4 address has four"),
        ("1.2.3.4.5:80", "1.2.3.4.5 has 5 numbers"),
        ("1..2.3:80", "has a number before, between and after its three dots"),
        ("1.2.3.4.:80", "has a number before, between and after its three dots"),
        ("010.0.0.1:80", "010 has a leading zero, which some programs read as octal; write 10"),
        ("0x7f.1:80", "if 127.0.0.1 is meant, write that"),
        ("2130706433:80", "if 127.0.0.1 is meant, write that"),
        ("host:99999", "99999 is not a port; ports go from 1 to 65535"),
        ("host:0", "port 0 is reserved"),
        ("host:-1", "-1 is not a port"),
        ("host:" + "9" * 5000, "is not a port"),
        ("host:htpp", "neither a port number nor a known service name; did you mean http?"),
        ("host:zzzzzz", "give a number from 1 to 65535"),
        ("host:", "the port after the colon is missing"),
        ("host", "the port is missing; write host:PORT"),
        ("", "nothing to probe; give HOST:PORT"),
        (":80", "the host before the colon is missing"),
        ("[::1", "the closing bracket is missing"),
        ("[::1]", "the port is missing; write [::1]:PORT"),
        ("[::1]80", "a colon is missing between the bracket and the port; write [::1]:80"),
        ("[::g]:80", "does not hold an IPv6 address"),
        ("[1.2.3.4]:80", "only IPv6 addresses go in brackets; write 1.2.3.4:80"),
        ("[::ffff:127.0.0.1]:80", "an IPv4 address in IPv6 notation; write 127.0.0.1"),
        ("::1:80", "can be read as address ::1 with port 80, or as an address without a port"),
        ("::1", "an IPv6 address goes in brackets and a port follows; write [::1]:PORT"),
        ("1:2:3:4:5:6:7:8:80", "an IPv6 address goes in brackets; write [1:2:3:4:5:6:7:8]:80"),
        ("host:80:90", "more than one colon"),
        ("http://h.example/x", "this is a URL; give HOST:PORT, such as h.example:80"),
        ("https://u@h.example:8443/", "such as h.example:8443"),
        ("ho st:80", "' ' cannot be in a host name"),
        ("user@host:80", "'@' cannot be in a host name"),
        ("a..b:80", "two dots in a row"),
        ("-a:80", "begins or ends with a hyphen"),
        ("a" * 64 + ".b:80", "has 64 characters; 63 are allowed between two dots"),
        ("a." * 127 + "b:80", "the name has 255 characters; 253 are allowed"),
        ("é" * 64 + ":80", "not a valid internationalised name"),
    ],
)
def test_each_mistake_has_its_sentence(text: str, sentence: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_control_characters_reach_the_terminal() -> None:
    with pytest.raises(TargetError) as caught:
        parse_target("h\x1b[31m:80")
    assert str(caught.value).isprintable()


@given(st.text() | st.from_regex(r"[\[\]:.%0-9a-fx]*"))
def test_any_text_is_a_target_or_a_target_error(text: str) -> None:
    try:
        port, sentence = parse_target(text).port, ""
    except TargetError as error:
        port, sentence = 1, str(error)
    assert 1 <= port <= 65535
    assert sentence.isprintable()
