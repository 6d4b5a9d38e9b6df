"""Asking a given name server: a real one in the lab, and ones that mean harm."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from socket import inet_pton

import pytest

from handshake.errors import ProbeError, TargetError
from handshake.lab import servers
from handshake.model.address import Endpoint
from handshake.model.dns import AAAA, CNAME, A
from handshake.model.report import Approach
from handshake.probe.approach import prepare
from handshake.probe.ask import ask
from handshake.wire.dns import encode_answer, read_question
from tests.live.probing import NETWORKS, Network, network, privately, running

V4, V6 = inet_pton(socket.AF_INET, "10.0.0.2"), inet_pton(socket.AF_INET6, "fd00::2")
HERE = bytes((127, 0, 0, 1))
ZONE = {
    ("box.lab", A): [HERE, V4],
    ("box.lab", AAAA): [V6],
    ("six.lab", AAAA): [inet_pton(socket.AF_INET6, "::1")],
    ("www.lab", CNAME): [b"box.lab"],
}


def prepared(net: Network, target: str, port: int, family: int | None = None) -> Approach:
    with net.client.inside() if net.client else nullcontext():
        server = f"[{net.server_ip}]:{port}" if ":" in net.server_ip else f"{net.server_ip}:{port}"
        return prepare(target, family=family, resolver=server, retries=0, timeout_s=2)


def answered(kind: str) -> None:
    with network(kind) as net, servers.dns((net.server_ip, 5353), ZONE, net.server):
        before = time.time_ns()
        approach = prepared(net, "Box.lab:80", 5353, 4)
        resolution = approach.resolution
        assert resolution.addresses == (HERE, V4)
        assert resolution.source == f"name server {Endpoint(inet_pton(*family(net.server_ip)), 5353)}"
        assert resolution.ttl_s == 60
        (lookup,) = resolution.lookups
        assert lookup.answered_ns is not None
        assert before <= lookup.sent_ns[0] <= lookup.answered_ns <= time.time_ns()
        assert lookup.took_ns == resolution.took_ns
        assert lookup.ignored == 0
        with pytest.raises(TargetError, match=r"unknown name none\.lab: name server .*5353 says there is none"):
            prepared(net, "none.lab:80", 5353)
        with pytest.raises(TargetError, match=r"six\.lab has no A record, says name server"):
            prepared(net, "six.lab:80", 5353, 4)


def family(host: str) -> tuple[int, str]:
    return (socket.AF_INET6 if ":" in host else socket.AF_INET), host


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_name_server_is_asked(kind: str) -> None:
    privately(answered, kind)


def both_families() -> None:
    with network("lo IPv4") as net, servers.dns((net.server_ip, 5353), ZONE):
        resolution = prepared(net, "www.lab:80", 5353).resolution
        assert resolution.addresses == (HERE, V4, V6)
        assert [lookup.kind_name for lookup in resolution.lookups] == ["A", "AAAA"]
        assert [record.kind_name for record in resolution.lookups[0].answer.records] == ["CNAME", "A", "A"]  # type: ignore[union-attr]
        assert prepared(net, "six.lab:80", 5353).server.host == "::1"


def test_both_families_and_an_alias() -> None:
    privately(both_families)


def silence() -> None:
    with network("lo IPv4") as net:
        with pytest.raises(ProbeError, match=r"name server 127.0.0.1:5353: port unreachable, nothing listens there"):
            prepared(net, "box.lab:80", 5353)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 5353))
            started = time.monotonic()
            lookup = ask(Endpoint(HERE, 5353), "box.lab", A, retries=1, timeout_s=1.4)
            assert 1.3 < time.monotonic() - started < 2
            assert len(lookup.sent_ns) == 2
            assert lookup.answer is None
            with pytest.raises(ProbeError, match=r"did not answer; it was asked once for A box\.lab"):
                prepared(net, "box.lab:80", 5353)


def test_a_silent_and_a_closed_name_server() -> None:
    privately(silence)


Forge = Callable[[bytes], list[bytes]]


def forged(forge: Forge, addresses: tuple[bytes, ...], ignored: int) -> None:
    """A name server whose datagrams for each query are made by `forge`."""
    with network("lo IPv4") as net, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 5353))
        server.settimeout(5)

        def serve() -> None:
            query, client = server.recvfrom(512)
            for data in forge(query):
                server.sendto(data, client)

        with running(serve):
            if addresses:
                resolution = prepared(net, "box.lab:80", 5353, 4).resolution
                assert resolution.addresses == addresses
                assert resolution.lookups[0].ignored == ignored
            else:
                with pytest.raises((ProbeError, TargetError)):
                    prepared(net, "box.lab:80", 5353, 4)


def other_id(query: bytes) -> list[bytes]:
    answer = encode_answer(query, [("box.lab", A, 5, HERE)])
    return [bytes((answer[0] ^ 1,)) + answer[1:], answer]


def other_question(query: bytes) -> list[bytes]:
    elsewhere = query.replace(b"box", b"fox")
    return [
        encode_answer(elsewhere, [("fox.lab", A, 5, V6)]),
        b"",
        bytes(600),
        encode_answer(query, [("box.lab", A, 5, HERE)]),
    ]


def other_owner(query: bytes) -> list[bytes]:
    assert read_question(query) == ("box.lab", A)
    return [encode_answer(query, [("evil.lab", A, 5, V6[:4]), ("box.lab", A, 5, HERE)])]


def alias_loop(query: bytes) -> list[bytes]:
    return [encode_answer(query, [("box.lab", CNAME, 5, b"\xc0\x0c"), ("fox.lab", A, 5, HERE)])]


def multicast(query: bytes) -> list[bytes]:
    return [encode_answer(query, [("box.lab", A, 5, bytes((224, 0, 0, 1)))])]


def public(query: bytes) -> list[bytes]:
    return [encode_answer(query, [("box.lab", A, 5, bytes((192, 0, 2, 1)))])]


def short_address(query: bytes) -> list[bytes]:
    return [encode_answer(query, [("box.lab", A, 5, b"123")])]


@pytest.mark.parametrize(
    ("forge", "addresses", "ignored"),
    [
        (other_id, (HERE,), 1),
        (other_question, (HERE,), 3),
        (other_owner, (HERE,), 0),
        (alias_loop, (), 0),
        (multicast, (), 0),
        (public, (), 0),
        (short_address, (), 0),
    ],
)
def test_answers_that_mean_harm(forge: Forge, addresses: tuple[bytes, ...], ignored: int) -> None:
    privately(forged, forge, addresses, ignored)


def test_which_name_servers_may_be_asked() -> None:
    with pytest.raises(TargetError, match=r"192\.0\.2\.53 is a documentation address"):
        prepare("box.lab:80", resolver="192.0.2.53")
    with pytest.raises(TargetError, match=r"a name server is given by its address"):
        prepare("box.lab:80", resolver="localhost:53")
    with pytest.raises(TargetError, match=r"multicast address; a probe speaks to one host"):
        prepare("box.lab:80", resolver="224.0.0.251")
