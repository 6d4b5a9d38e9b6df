"""The kernel's own connect(): what TCP_INFO and errno tell, with the server's kernel as witness; without privilege."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from handshake.errors import ProbeError
from handshake.model.handshake import Outcome
from handshake.model.kernel import Connect
from handshake.probe.connect import connect
from handshake.probe.hold import PortHold
from tests.live.probing import NETWORKS, Network, network, privately
from tests.support import ROOT, require


def connected(net: Network, port: int, **options: float) -> Connect:
    approach = net.approach(port)
    with net.client.inside() if net.client else nullcontext():
        return connect(approach, **options)  # type: ignore[arg-type]


def opened(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        port = listener.getsockname()[1]
        told = connected(net, port)
        accepted, address = listener.accept()
        with accepted:
            assert told.client.port == address[1]
            assert accepted.recv(1) == b""
        assert (told.outcome, told.state, told.error, told.retransmits) == (Outcome.ESTABLISHED, "ESTAB", None, 0)
        assert told.rtt_ns is not None
        assert 0 < told.rtt_ns < told.took_ns + 10**6
        rows = {row.name: row for row in told.negotiation}
        assert rows["timestamps"].in_effect == rows["SACK"].in_effect == "on"
        assert rows["ECN"].in_effect == "off"
        assert rows["MSS"].offered == str(
            {"lo IPv4": 65495, "lo IPv6": 65476, "veth IPv4": 1460, "veth IPv6": 1440}[kind]
        )


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_open_port(kind: str) -> None:
    privately(opened, kind)


def without_options() -> None:
    with network("veth IPv4") as net, net.listen() as listener:
        assert net.client is not None
        assert net.server is not None
        for option in ("tcp_timestamps", "tcp_sack", "tcp_window_scaling"):
            net.server.sysctl(f"net.ipv4.{option}", 0)
        net.client.sysctl("net.ipv4.tcp_ecn", 1)
        net.server.sysctl("net.ipv4.tcp_ecn", 1)
        told = connected(net, listener.getsockname()[1])
        listener.accept()[0].close()
        assert {row.name: row.in_effect for row in told.negotiation} == {
            "MSS": "1460 to server", "window scale": "off", "SACK": "off", "timestamps": "off", "ECN": "on",
        }  # fmt: skip
        assert [row.offered for row in told.negotiation] == ["1460", "?", "?", "?", "yes"]


def test_options_that_the_server_does_not_want() -> None:
    privately(without_options)


def refused(kind: str) -> None:
    with network(kind) as net:
        with net.listen() as listener:
            port = listener.getsockname()[1]
        told = connected(net, port)
        assert (told.outcome, told.error, told.state) == (Outcome.REFUSED, "ECONNREFUSED", "CLOSE")
        assert told.rtt_ns is None
        assert told.negotiation == ()


@pytest.mark.parametrize("kind", ["lo IPv6", "veth IPv4"])
def test_a_closed_port(kind: str) -> None:
    privately(refused, kind)


def silent(retries: int, seconds: float) -> None:
    """As many SYNs as asked for, counted by the kernel, and no more."""
    with network("lo IPv4") as net, PortHold(socket.inet_aton("127.0.0.1")) as hold:
        started = time.monotonic()
        told = connected(net, hold.port, retries=retries, timeout_s=10)
        assert abs(time.monotonic() - started - seconds) < 0.5
        assert (told.outcome, told.retransmits, told.state) == (Outcome.UNANSWERED, retries, "SYN-SENT")
        assert told.words.startswith(f"no answer to {retries + 1} SYN")


@pytest.mark.parametrize(("retries", "seconds"), [(0, 1), (1, 2)])
def test_a_silent_port(retries: int, seconds: float) -> None:
    linear = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts"
    require(
        os.path.exists(linear), "this kernel repeats its SYNs with doubling pauses; the times here are of newer ones"
    )
    privately(silent, retries, seconds)


def out_of_time() -> None:
    with network("lo IPv4") as net, PortHold(socket.inet_aton("127.0.0.1")) as hold:
        told = connected(net, hold.port, timeout_s=0.2)
        assert (told.outcome, told.retransmits, told.words) == (
            Outcome.UNANSWERED,
            0,
            "no answer to 1 SYN within 0.2 s",
        )


def test_the_timeout_is_the_users() -> None:
    privately(out_of_time)


def unreachable(kind: str, target: str, told_as: tuple[int, int, int]) -> None:
    with network(kind) as net:
        net.prohibit(target)
        told = connected(Network(target, net.client, net.server), 80)
        assert told.outcome is Outcome.UNREACHABLE
        assert told.error in ("EHOSTUNREACH", "EACCES")
        assert told.icmp is not None
        assert (told.icmp.version, told.icmp.type, told.icmp.code) == told_as
        assert told.icmp.meaning == "communication administratively prohibited"
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        assert socket.inet_ntop(family, told.icmp.reporter) == net.server_ip


def test_an_icmp_error_is_told_with_its_reporter() -> None:
    privately(unreachable, "veth IPv4", "10.9.9.9", (4, 3, 13))
    privately(unreachable, "veth IPv6", "fd09::9", (6, 1, 1))


def port_taken() -> None:
    with network("lo IPv4") as net, net.listen() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ProbeError, match=rf"cannot use source port {port} of 127\.0\.0\.1: Address already in use"):
            connected(net, port, source_port=port)


def test_a_source_port_in_use() -> None:
    privately(port_taken)


@dataclass
class Run:
    """A command without any capability."""

    status: int
    out: str
    err: str


def command(*arguments: str) -> list[str]:
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", sys.executable, "-m", "handshake", *arguments]


def powerless(*arguments: str) -> Run:
    run = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    return Run(run.returncode, run.stdout, run.stderr)


def without_privilege() -> None:
    with network("lo IPv4") as net, net.listen() as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        for arguments in (["probe", target], ["probe", "--both", target]):
            crafted = powerless(*arguments)
            assert (crafted.status, crafted.out) == (77, "")
            assert "needs CAP_NET_RAW (--connect does without); run it as root:  sudo " in crafted.err
            assert crafted.err.count("\n") == 1
        plain = powerless("probe", "--connect", target)
        assert (plain.status, plain.err) == (0, "")
        assert "result    established in" in plain.out
        assert "connect() does not show single segments" in plain.out
        document = json.loads(powerless("probe", "--connect", "-f", "json", target).out)
        (told,) = document["connects"]
        assert (told["outcome"], told["state"], document["handshakes"]) == ("established", "ESTAB", [])
        assert powerless("probe", "--udp", target).status == 77
    assert powerless("probe", "--connect", target).status == 1


def test_without_privilege() -> None:
    require(shutil.which("setpriv") is not None, "no setpriv on this machine (Debian: sudo apt-get install util-linux)")
    privately(without_privilege)


def interrupted(number: int) -> None:
    with network("lo IPv4"), PortHold(socket.inet_aton("127.0.0.1")) as hold:
        arguments = [sys.executable, "-m", "handshake", "probe", "--connect", f"127.0.0.1:{hold.port}", "-f", "json"]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 10
            while not _syn_sent() and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            out, _ = process.communicate(timeout=10)
        assert process.returncode == 130
        (told,) = json.loads(out)["connects"]
        assert (told["error"], told["outcome"], told["state"]) == ("EINTR", "unanswered", "SYN-SENT")


def _syn_sent() -> bool:
    with open("/proc/thread-self/net/tcp", encoding="ascii") as table:
        return any(line.split()[3] == "02" for line in table.readlines()[1:])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_what_it_has(number: int) -> None:
    privately(interrupted, number)


def side_by_side(kind: str) -> None:
    """--both: two connections reach the server, the crafted one first; one report tells of both."""
    with network(kind) as net, net.listen() as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        run = subprocess.run(
            [sys.executable, "-m", "handshake", "probe", "--both", "-f", "json", target],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        document = json.loads(run.stdout)
        ports = [listener.accept()[1][1] for _ in range(2)]
        assert ports == [document["handshakes"][0]["client"]["port"], document["connects"][0]["client"]["port"]]
        assert document["kernel"][0]["state"] == "SYN-RECV"


def test_both_side_by_side() -> None:
    privately(side_by_side, "lo IPv4")
