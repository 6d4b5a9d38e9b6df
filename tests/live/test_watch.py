"""`handshake watch` as a person runs it, on traffic in private networks."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pyroute2 import IPRoute

from handshake.api import Watch, inspect
from handshake.cli.watching import Watching
from handshake.lab.links import Port, connect, route
from handshake.lab.netns import Host
from handshake.lab.servers import tcp_echo
from handshake.model.packet import Segment, Tag
from handshake.model.totals import Totals
from handshake.render.watching import JsonLines
from handshake.source.wide import sniffer_on
from handshake.wire.bpf import PASS_ALL, Instruction
from handshake.wire.decode import decode
from handshake.wire.sieve import handshakes
from tests.live.probing import privately, running, wait_until
from tests.packets import ethernet, ip, tcp
from tests.support import ROOT

LOOPBACK = "127.0.0.1"
PORT, PORT6 = 7000, 7006
COMMAND = [sys.executable, "-m", "handshake", "watch"]
SCHEMA = json.loads(files("handshake.render").joinpath("schema/report-v1.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


@contextmanager
def watching(*options: str, out: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """A watch in a process of its own, once its packet socket is there."""
    environment = {**os.environ, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        [*COMMAND, *options], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            wait_until(lambda: process.poll() is not None or listens(), "the watch has begun", 20)
            yield process
        finally:
            process.kill()


def program() -> tuple[Instruction, ...]:
    """The kernel's filter of a watch that has just begun."""
    return (*handshakes(), *PASS_ALL)


def listens() -> bool:
    """Whether there is a running packet socket in the namespace (column `Running`)."""
    rows = Path("/proc/thread-self/net/packet").read_text().splitlines()[1:]
    return any(row.split()[5] == "1" for row in rows)


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[list[dict[str, Any]], str]:
    """Interrupt the watch: its documents, each checked against the schema, and what it said on standard error."""
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    documents = [json.loads(line) for line in out.splitlines()]
    for document in documents:
        VALIDATOR.validate(document)
    return documents, err


def converse(port: int, times: int = 1, host: str = LOOPBACK) -> None:
    """Connections that open, say something, and close."""
    for _ in range(times):
        with socket.create_connection((host, port), timeout=5) as sock:
            sock.sendall(b"hello")
            assert sock.recv(100) == b"hello"


def events(documents: Sequence[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """(event, outcome, server's port)."""
    return [
        (each["event"], each["handshake"]["outcome"], each["handshake"]["server"]["port"])
        for each in documents
        if each["type"] == "event"
    ]


def tells_what_happens(tmp_path: Path) -> None:
    recording = tmp_path / "watch.pcapng"
    with tcp_echo((LOOPBACK, PORT)), watching("--write", str(recording)) as process:
        converse(PORT, 2)
        with socket.socket() as sock:
            assert sock.connect_ex((LOOPBACK, 1))
        wait_until(lambda: len(inspect([recording]).handshakes) == 3, "the recording can be read while it grows")
        time.sleep(0.3)
        documents, err = end(process)
    assert process.returncode == 130
    assert err == ""
    happened = [("opened", "established", PORT), ("closed", "established", PORT)] * 2 + [("failed", "refused", 1)]
    assert sorted(events(documents)) == sorted(happened)
    summary = documents[-1]
    assert summary["type"] == "summary"
    assert summary["outcomes"] == {"established": 2, "refused": 1}
    assert summary["sources"][0] == {
        "name": "all interfaces", "format": "live", "frames": summary["tally"]["frames"], "dropped": 0, "damage": None,
    }  # fmt: skip
    replayed = subprocess.run(
        [sys.executable, "-m", "handshake", "replay", str(recording), "-f", "jsonl"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    again = json.loads(replayed[-1])
    assert {key: again[key] for key in ("tally", "outcomes", "times", "findings")} == {
        key: summary[key] for key in ("tally", "outcomes", "times", "findings")
    }


def test_json_lines_in_a_pipe_and_a_recording_that_grows(tmp_path: Path) -> None:
    privately(tells_what_happens, tmp_path)


def terminated() -> None:
    with watching() as process, socket.socket() as sock:
        assert sock.connect_ex((LOOPBACK, 7))
        time.sleep(0.3)
        documents, _ = end(process, signal.SIGTERM)
    assert process.returncode == 130
    assert events(documents) == [("failed", "refused", 7)]


def test_sigterm_ends_it_as_ctrl_c_does() -> None:
    privately(terminated)


def silent_server() -> None:
    """A server whose accept queue is full drops SYNs: nothing answers, and the watch says so by its own clock."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()), watching("--for", "7") as process, socket.socket() as sock:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            out, err = process.communicate(timeout=20)
    assert err == ""
    assert process.returncode == 0
    (failed, summary) = map(json.loads, out.splitlines())
    handshake = failed["handshake"]
    assert (failed["event"], handshake["outcome"]) == ("failed", "unanswered")
    assert failed["time_ns"] - handshake["start_ns"] == 5_000_000_000
    assert summary["outcomes"] == {"unanswered": 1}


def test_what_nobody_answers_fails_when_time_is_up() -> None:
    privately(silent_server)


def chosen(*options: str) -> None:
    with tcp_echo((LOOPBACK, PORT)), tcp_echo(("::1", PORT6)), watching(*options) as process:
        converse(PORT)
        converse(PORT6, host="::1")
        time.sleep(0.3)
        documents, err = end(process)
    assert err == ""
    wanted = PORT6 if "6" in options[-1] else PORT
    assert events(documents) == [("opened", "established", wanted), ("closed", "established", wanted)]


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "7000"), ("--port", "7006"), ("--host", "127.0.0.0/8"), ("--host", "::1", "ip6"),
        ("tcp", "dst", "port", "7000", "or", "src", "port", "7000"), ("-i", "lo", "ip6 and port 7006"),
    ],
)  # fmt: skip
def test_filters(options: tuple[str, ...]) -> None:
    privately(chosen, *options)


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (("-i", "nowhere0"), 1, "there is no interface 'nowhere0'"),
        (("prot 80",), 2, "the filter 'prot 80' makes no sense"),
        (("--host", "10.0.0.300"), 2, "neither an address nor a network"),
        (("--write", "/nowhere/x.pcapng"), 2, "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_one_line(options: tuple[str, ...], status: int, says: str) -> None:
    def body(*options: str) -> None:
        done = subprocess.run([*COMMAND, *options], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert (done.returncode, done.stdout) == (status, "")

    privately(body, *options)


def rewrites_itself() -> None:
    master, slave = pty.openpty()
    seen = bytearray()

    def read() -> None:
        try:
            while piece := os.read(master, 4096):
                seen.extend(piece)
        except OSError:  # the other side was closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with tcp_echo((LOOPBACK, PORT)), watching(out=slave) as process:
            os.close(slave)
            converse(PORT)
            wait_until(lambda: b"FIN client" in seen, "the connection is shown as closed")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
    finally:
        reader.join(20)
        os.close(master)
    text = seen.decode()
    assert text.startswith("\x1b[?1049h")
    inside, _, after = text.partition("\x1b[?1049l")
    assert inside.count("\x1b[?2026h\x1b[H") == inside.count("\x1b[?2026l") > 1
    assert "all interfaces" in inside
    assert "established" in after
    assert "opened    1 handshake" in after


def test_on_a_terminal_a_table_rewrites_itself_and_gives_the_terminal_back() -> None:
    privately(rewrites_itself)


def forwarded(tmp_path: Path) -> None:
    with Host("client") as client, Host("router") as router, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(router, "near", ("10.0.0.254/24",)))
        connect(Port(router, "far", ("10.0.1.254/24",)), Port(server, "eth0", ("10.0.1.2/24",)))
        router.sysctl("net.ipv4.ip_forward", 1)
        route(client, "default", via="10.0.0.254")
        route(server, "default", via="10.0.1.254")
        recording = tmp_path / "router.pcapng"
        with tcp_echo(("10.0.1.2", 7), server), router.inside(), watching("-w", str(recording)) as process:
            with client.inside():
                converse(7, 2, "10.0.1.2")
            time.sleep(0.3)
            documents, _ = end(process)
    assert sorted(events(documents)) == [("closed", "established", 7)] * 2 + [("opened", "established", 7)] * 2
    summary = documents[-1]
    assert summary["findings"] == []
    assert summary["tally"]["copies"] == summary["tally"]["frames"] / 2
    report = inspect([recording])
    assert report.tally.copies == summary["tally"]["copies"]
    assert [each.findings for each in report.handshakes] == [(), ()]


def test_what_a_router_forwards_is_one_handshake(tmp_path: Path) -> None:
    privately(forwarded, tmp_path)


def bulk() -> None:
    size = 1 << 30
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        with server.inside():
            listener = socket.create_server(("10.0.0.2", 80))

        def serve() -> None:
            with listener, listener.accept()[0] as sock:
                block, left = bytes(1 << 20), size
                while left:
                    left -= sock.send(block[:left])

        def download() -> None:
            with client.inside():
                sock = socket.create_connection(("10.0.0.2", 80))
            with sock:
                room = bytearray(1 << 20)
                while sock.recv_into(room):
                    pass

        with client.inside(), running(serve), watching("-i", "eth0") as process:
            with running(download):
                pass
            time.sleep(0.3)
            documents, _ = end(process)
    assert events(documents) == [("opened", "established", 80), ("closed", "established", 80)]
    summary = documents[-1]
    assert summary["findings"] == []
    assert summary["sources"][0]["dropped"] == 0
    assert summary["tally"]["frames"] < size / 1448 / 100  # of the segments that a gigabyte takes


def test_bulk_data_and_its_acknowledgments_stay_in_the_kernel() -> None:
    privately(bulk)


def interface_gone() -> None:
    with Host("here") as here, Host("there") as there:
        connect(Port(here, "eth0", ("10.0.0.1/24",)), Port(there, "eth0", ("10.0.0.2/24",)))
        with here.inside(), watching("-i", "eth0") as process:
            with there.inside(), IPRoute() as kernel:
                kernel.link("del", index=socket.if_nametoindex("eth0"))
            out, err = process.communicate(timeout=20)
    assert err == "handshake: capture on eth0 ended: Network is down\n"
    assert process.returncode == 1
    assert json.loads(out)["type"] == "summary"


def test_an_interface_that_goes_away_ends_it_with_a_summary() -> None:
    privately(interface_gone)


def tagged() -> None:
    """Frames with a VLAN tag, put on the wire as they are: the sieve and the decoder look inside."""
    syn = ip(("10.0.5.1", "10.0.5.2"), 6, tcp(("10.0.5.1", "10.0.5.2"), (40001, 80), seq=1, flags=2))
    data = ip(("10.0.5.1", "10.0.5.2"), 6, tcp(("10.0.5.1", "10.0.5.2"), (40001, 80), seq=2, flags=16, payload=b"x"))
    with Host("here") as here, Host("there") as there:
        connect(Port(here, "eth0", ("10.0.0.1/24",)), Port(there, "eth0", ("10.0.0.2/24",)))
        with there.inside():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with wire, here.inside(), sniffer_on((), program()) as wide, sniffer_on(("eth0",), program()) as plain:
            wire.bind(("eth0", 0))
            wire.send(ethernet(data, (5,)))
            wire.send(ethernet(syn, (5,)))
            for sniffer in (wide, plain):
                packet = decode(sniffer.read(1) or pytest.fail("nothing came"))
                assert isinstance(packet.transport, Segment)
                assert (packet.transport.flags, packet.transport.tags) == (2, (Tag("vlan", 5),))


def test_tagged_frames() -> None:
    privately(tagged)


def overrun() -> None:
    """A queue with room for a few packets, and many at once."""
    out = io.StringIO()

    def knock() -> None:
        time.sleep(0.3)
        for _ in range(2000):
            with socket.socket() as sock:
                sock.connect_ex((LOOPBACK, 1))

    with pytest.MonkeyPatch.context() as patch, running(knock):
        patch.setattr("handshake.cli.watching._QUEUE_BYTES", 4096)
        assert Watching((), (), JsonLines(out)).run(seconds=3) == 0
    summary = json.loads(out.getvalue().splitlines()[-1])
    (source,) = summary["sources"]
    assert source["dropped"] > 0
    assert source["dropped"] + source["frames"] == 4000


def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    privately(overrun)


CONNECTIONS, BATCH, LIMIT = 20_000, 50, 1_000


def memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connect_by_batches(listener: socket.socket, go_on: int) -> None:
    """Short connections from many addresses, the next batch when a byte says that the last one was seen."""
    for number in range(CONNECTIONS):
        source = f"127.1.{number >> 8}.{number & 255}"
        with socket.create_connection((LOOPBACK, 80), source_address=(source, 0)):
            listener.accept()[0].close()
        if number % BATCH == BATCH - 1:
            os.read(go_on, 1)


def soak() -> None:
    """The watch's pipeline is in this process, so its memory can be read; the connections are made by another."""
    reader, writer = os.pipe()
    with (
        sniffer_on((), program(), 32 << 20) as sniffer,
        socket.create_server((LOOPBACK, 80)) as listener,
    ):
        pair = os.fork()
        if pair == 0:
            connect_by_batches(listener, reader)
            os._exit(0)
        watch, totals, taken, closed = Watch("lo", LIMIT), Totals(), [], 0
        while closed < CONNECTIONS and (frame := sniffer.read(5)):
            for handshake in watch.feed(frame):
                totals.add(handshake)
            for event in watch.events():
                if event.kind.value == "closed":
                    closed += 1
                    if closed % BATCH == 0:
                        os.write(writer, b"!")
                    if closed % 2_000 == 0:
                        taken.append(memory_bytes())
        os.kill(pair, signal.SIGKILL)
        os.waitpid(pair, 0)
        for handshake in watch.finish():
            totals.add(handshake)
        assert sniffer.drops == 0
    assert totals.handshakes == closed == CONNECTIONS
    assert {outcome.value for outcome in totals.outcomes} == {"established"}
    assert taken[-1] - taken[1] < 4 << 20, f"memory in MiB: {[each >> 20 for each in taken]}"


def test_twenty_thousand_connections_in_flat_memory() -> None:
    privately(soak)
