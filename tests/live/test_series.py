"""Many probes against real kernel sockets: the server's kernel counts with us."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib.resources import files
from itertools import repeat
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pyroute2 import IPRoute

from handshake.api import inspect
from handshake.lab.links import Port, connect
from handshake.lab.netns import Host
from handshake.model.packet import ACK, SYN, Segment
from handshake.model.report import Approach, Probed
from handshake.probe.approach import prepare_ports
from handshake.probe.engine import AT_ONCE
from handshake.probe.hold import PortHold
from handshake.series import Series
from handshake.wire.decode import decode
from tests.live.probing import NETWORKS, Network, kernel_states, network, privately, wait_until
from tests.support import ROOT

HANDSHAKE = (sys.executable, "-m", "handshake", "probe")
LOOPBACK = bytes((127, 0, 0, 1))


@contextmanager
def serving(net: Network) -> Iterator[tuple[int, list[str]]]:
    """A server that accepts, waits for the end and closes; its port, and where the clients came from."""
    clients: list[str] = []
    with net.listen() as listener:

        def serve() -> None:
            while True:
                try:
                    accepted, address = listener.accept()
                except OSError:  # closed, or nobody comes any more
                    return
                with accepted:
                    clients.append(f"{address[0]}:{address[1]}")
                    accepted.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], clients
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def handshake_probe(net: Network, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the client's side."""
    with net.client.inside() if net.client else nullcontext():
        return subprocess.run([*HANDSHAKE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def host_of(net: Network) -> str:
    return f"[{net.server_ip}]" if ":" in net.server_ip else net.server_ip


def passive_opens(net: Network) -> int:
    """Connections that the server's kernel says it accepted (TCP-MIB tcpPassiveOpens)."""
    with net.on_server():
        names, values = (
            line.split() for line in Path("/proc/thread-self/net/snmp").read_text().splitlines() if line[:4] == "Tcp:"
        )
    return int(values[names.index("PassiveOpens")])


def counted(kind: str) -> None:
    schema = json.loads(files("handshake.render").joinpath("schema/report-v1.json").read_text("utf-8"))
    with network(kind) as net, serving(net) as (port, clients):
        run = handshake_probe(net, f"{host_of(net)}:{port}", "-c", "20", "--interval", "0.01", "--format", "jsonl")
        assert (run.returncode, run.stderr) == (0, "")
        *lines, last = map(json.loads, run.stdout.splitlines())
        for document in (*lines, last):
            Draft202012Validator(schema).validate(document)
        assert passive_opens(net) == len(clients) == len(set(clients)) == 20
    assert sorted(line["number"] for line in lines) == [*range(1, 21)]
    assert (last["probes"], last["answered"], last["outcomes"]) == (20, 20, {"established": 20})
    times = [line["timing"]["syn_to_synack_ns"] for line in lines]
    figures = last["times"]["syn_to_synack_ns"]
    assert (figures["count"], figures["min"], figures["max"]) == (20, min(times), max(times))
    assert figures["avg"] == pytest.approx(fmean(times), abs=1)
    assert figures["mdev"] == pytest.approx(pstdev(times), abs=1)
    assert figures["p50"] == sorted(times)[9]
    assert figures["p95"] == sorted(times)[18]


@pytest.mark.parametrize("kind", NETWORKS)
def test_as_many_connections_as_were_asked_for_and_their_statistics(kind: str) -> None:
    privately(counted, kind)


def mixed() -> None:
    with network("lo IPv4") as net, network("lo IPv6") as net6, ExitStack() as stack:
        port, _ = stack.enter_context(serving(net))
        port6, _ = stack.enter_context(serving(net6))
        silent = stack.enter_context(PortHold(LOOPBACK))
        with net.listen() as gone:
            closed = gone.getsockname()[1]
        targets = (f"127.0.0.1:{port},{closed},{silent.port}", f"[::1]:{port6}")
        run = handshake_probe(net, *targets, "--timeout", "0.4")
        rows = dict(re.findall(r"^(\S+:\d+)\s+(?:\S+\s+)??(established|refused|unanswered)", run.stdout, re.MULTILINE))
        assert rows == {
            f"127.0.0.1:{port}": "established",
            f"127.0.0.1:{closed}": "refused",
            f"127.0.0.1:{silent.port}": "unanswered",
            f"[::1]:{port6}": "established",
        }
        assert list(rows) == [f"127.0.0.1:{port}", f"127.0.0.1:{closed}", f"127.0.0.1:{silent.port}", f"[::1]:{port6}"]
        assert "2 established" in run.stdout
        assert "25 % loss" in run.stdout
        assert run.returncode == 1
        assert handshake_probe(net, f"127.0.0.1:{port}", f"[::1]:{port6}").returncode == 0


def test_open_closed_and_silent_ports_in_one_table() -> None:
    privately(mixed)


def one_sniffer() -> None:
    """Two IP versions, more silent targets than may be under way at once: one packet socket, bounded ports."""
    with network("lo IPv6") as net6, serving(net6) as (port6, _), ExitStack() as stack:
        silent = [stack.enter_context(PortHold(LOOPBACK)).port for _ in range(AT_ONCE + 40)]
        approaches = [*prepare_ports(f"[::1]:{port6}"), *prepare_ports("127.0.0.1:" + ",".join(map(str, silent)))]
        listening_before = listening()
        sniffers: set[int] = set()
        held: list[int] = []

        def look(_: object) -> None:
            sniffers.add(len(Path("/proc/thread-self/net/packet").read_text().splitlines()) - 1)
            held.append(listening() - listening_before)

        outcomes = outcomes_of(Series(approaches, ["lo"], retries=0, timeout_s=1.0, on_frame=look))
        assert outcomes == {"established": 1, "unanswered": len(silent)}
        assert sniffers == {1}
        assert 10 < max(held) <= AT_ONCE
        assert listening() == listening_before


def listening() -> int:
    """Listening TCP sockets of this namespace."""
    rows = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    return sum(row.split()[3] == "0A" for row in rows)


def outcomes_of(series: Series) -> Counter[str]:
    return Counter(p.handshake.outcome.value if p.handshake else str(p.error) for p in series.run())


def test_one_sniffer_and_bounded_ports() -> None:
    privately(one_sniffer)


def few_files() -> None:
    with network("lo IPv4") as net, ExitStack() as stack:
        silent = ",".join(str(stack.enter_context(PortHold(LOOPBACK)).port) for _ in range(40))
        command = f"ulimit -n 50; exec {sys.executable} -m handshake probe 127.0.0.1:{silent} --timeout 0.3 -v"
        run = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.stdout.count("silent: filtered") == 40, run.stdout
        assert run.stderr == ""
        assert net.server_states() == []


def test_few_open_files_slow_it_down_and_break_nothing() -> None:
    privately(few_files)


def interface_gone() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        net = Network("10.0.0.2", client, server)
        with serving(net) as (port, clients), client.inside():
            command = [*HANDSHAKE, f"10.0.0.2:{port}", "-c", "0", "--interval", "0.05"]
            with subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process:
                wait_until(lambda: len(clients) >= 3, "three connections came")
                with IPRoute() as kernel:
                    kernel.link("set", index=socket.if_nametoindex("eth0"), state="down")
                out, err = process.communicate(timeout=10)
        assert process.returncode == 1
        assert re.search(r"min/avg/max/mdev = ", out)
        assert re.fullmatch(r"handshake: capture on eth0 ended: .*\n", err)


def test_an_interface_that_goes_down_ends_it_with_what_there_is() -> None:
    privately(interface_gone)


def thousands() -> None:
    with network("lo IPv4") as net, serving(net) as (port, _):
        run = handshake_probe(net, f"127.0.0.1:{port},1-3000", "--rate", "100000")
        assert "3,001 targets probed" in run.stdout
        assert "3,000 refused" in run.stdout
        assert len(run.stdout.splitlines()) < 12
        assert run.stderr == ""


def test_thousands_of_ports_fold_into_one_line() -> None:
    privately(thousands)


def rate_limit() -> None:
    with network("lo IPv4"):
        syn_ns: list[int] = []

        def look(frame: Any) -> None:
            segment = decode(frame).transport
            if isinstance(segment, Segment) and segment.flags & (SYN | ACK) == SYN:
                syn_ns.append(frame.time_ns)

        series = Series(prepare_ports("127.0.0.1:1-30"), ["lo"], gap_s=0.02, on_frame=look)
        assert outcomes_of(series) == {"refused": 30}
        report = series.report(())
        assert (report.tally.frames, report.tally.tcp, report.sources[0].dropped) == (60, 60, 0)
        assert len(syn_ns) == 30
        assert syn_ns[-1] - syn_ns[0] > 0.95 * 29 * 20_000_000


def test_the_rate_is_never_exceeded() -> None:
    privately(rate_limit)


def interrupted(kind: str) -> None:
    """The server never closes, so that many connections are open when Ctrl-C comes."""
    with network(kind) as net, net.listen() as listener:
        target = f"{host_of(net)}:{listener.getsockname()[1]}"
        command = [*HANDSHAKE, target, "-c", "0", "--interval", "0.05"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: kernel_states().count("CLOSE-WAIT") >= 3, "three connections are open")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert kernel_states() == []
        assert err == ""
        assert re.search(r"^.*: \d+ probes? in ", out, re.MULTILINE)
        assert process.returncode == (0 if "established" in out else 130)


@pytest.mark.parametrize("kind", ["lo IPv4", "lo IPv6"])
def test_ctrl_c_prints_what_there_is_and_leaves_nothing_open(kind: str) -> None:
    privately(interrupted, kind)


def interrupted_table() -> None:
    with PortHold(LOOPBACK) as silent:
        command = [*HANDSHAKE, f"127.0.0.1:1,{silent.port}", "--timeout", "30"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: sent_resets() == 1, "the closed port has answered")
            time.sleep(0.5)  # so that the answer has been read and judged
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert err == ""
        assert re.search(r"127.0.0.1:1 .*refused", out)
        assert "1 target probed, 1 not" in out
        assert listening() == 1


def sent_resets() -> int:
    """RSTs that this kernel has sent (tcpOutRsts)."""
    names, values = (
        line.split() for line in Path("/proc/thread-self/net/snmp").read_text().splitlines() if line[:4] == "Tcp:"
    )
    return int(values[names.index("OutRsts")])


def test_ctrl_c_shows_the_targets_that_are_done() -> None:
    privately(interrupted_table)


def one_cannot_be_sent() -> None:
    """A prohibited way for one of two targets does not stop the other one."""
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        net = Network("10.0.0.2", client, server)
        with serving(net) as (port, _), client.inside():
            there = prepare_ports(f"10.0.0.2:{port}")
            forbidden = [Approach(a.target, a.resolution, a.route, a.server._replace(address=bytes(4))) for a in there]
            probes = [*Series([*forbidden, *there], ["eth0"], retries=0, timeout_s=0.5).run()]
        by_number: dict[int, Probed] = {probed.number: probed for probed in probes}
        assert by_number[1].handshake is None
        assert by_number[1].error
        assert by_number[2].handshake is not None
        assert by_number[2].handshake.outcome.opened


def two_interfaces() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        net = Network("10.0.0.2", client, server)
        with serving(net) as (port, _), client.inside():
            approaches = [
                *prepare_ports(f"10.0.0.2:{port}"),
                *prepare_ports("127.0.0.1:1-5"),
                *prepare_ports("10.0.0.2:1"),
            ]
            series = Series(approaches, ["eth0", "lo"])
            assert outcomes_of(series) == {"established": 1, "refused": 6}
        sources = {source.name: source.frames for source in series.report(()).sources}
        assert sources["lo"] == 10
        assert sources["eth0"] > 7


def test_one_series_over_two_interfaces() -> None:
    privately(two_interfaces)


def test_what_goes_wrong_with_one_probe_leaves_the_others_alone() -> None:
    privately(one_cannot_be_sent)


def recorded(folder: Path) -> None:
    with network("lo IPv4") as net, serving(net) as (port, _):
        path = folder / "series.pcapng"
        run = handshake_probe(net, f"127.0.0.1:{port}", "-c", "5", "--interval", "0", "-w", str(path), "-q")
        assert run.returncode == 0
        outcomes = [handshake.outcome.value for handshake in inspect([path]).handshakes]
        assert outcomes == ["established"] * 5


def test_the_recording_replays(tmp_path: Path) -> None:
    privately(recorded, tmp_path)


def bad_targets() -> None:
    with network("lo IPv4") as net:
        before = sent_resets()
        run = handshake_probe(net, "127.0.0.1", "127.0.0.1:1-3", "8.8.8.8:53", "a:80-70", "10.1.1.1:80")
        assert run.returncode == 2
        assert run.stdout == ""
        assert [line.split(": ")[1] for line in run.stderr.splitlines()] == [
            "127.0.0.1",
            "8.8.8.8 is a public address",
            "a:80-70",
            "no route to 10.1.1.1",
            "4 of 5 targets cannot be probed; nothing was sent",
        ]
        assert sent_resets() == before


def test_bad_targets_are_told_one_by_one_and_nothing_is_sent() -> None:
    privately(bad_targets)


def endless_repeat_is_lazy() -> None:
    with network("lo IPv4") as net, serving(net) as (port, _):
        probes = Series(repeat(prepare_ports(f"127.0.0.1:{port}")[0]), ["lo"]).run()
        assert [probed.number for probed, _ in zip(probes, range(3), strict=False)] == [1, 2, 3]
        probes.close()
        wait_until(lambda: set(kernel_states()) <= {"TIME-WAIT"}, "nothing is left open")


def test_an_endless_series_ends_when_nobody_looks() -> None:
    privately(endless_repeat_is_lazy)
