"""Private networks hold nothing but what one puts in, and leave nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from handshake.lab.links import Port, connect
from handshake.lab.netns import ChildError, Host, run_in_private_network
from tests.support import ROOT

pytestmark = pytest.mark.usefixtures("private_networks")

OWN = Path("/proc/self/ns/net")

BUILD_AND_WAIT = """
import os, time
from handshake.lab.links import Port
from handshake.lab.netns import Host, enter_private_network
from handshake.lab.servers import tcp_echo
from handshake.lab.wire import Wire

enter_private_network()
with Host("client") as client, Host("server") as server:
    near, far = Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",))
    with Wire(near, far), tcp_echo(("10.0.0.2", 7), server):
        print("ready", flush=True)
        time.sleep(60)
"""

FORK_AND_WAIT = """
import os, time
from handshake.lab.netns import run_in_private_network

def wait():
    print(os.getpid(), flush=True)
    time.sleep(60)

run_in_private_network(wait)
"""


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def test_has_only_a_working_lo_and_pytest_stays_where_it_is() -> None:
    def look() -> tuple[list[str], str]:
        with socket.create_server(("127.0.0.1", 8080)) as server, socket.create_connection(server.getsockname()):
            return interfaces(), os.readlink(OWN)

    before = os.readlink(OWN)
    inside, namespace = run_in_private_network(look)
    assert inside == ["lo"]
    assert namespace != before == os.readlink(OWN)


def test_errors_come_back_as_they_were() -> None:
    def fail() -> None:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here") as caught:
        run_in_private_network(fail)
    assert "in fail" in "".join(caught.value.__notes__)


def test_what_cannot_be_sent_back_is_told_in_words() -> None:
    with pytest.raises(ChildError, match=r"while sending back <function .*<lambda>"):
        run_in_private_network(lambda: lambda: None)


def test_time_is_bounded() -> None:
    started = time.monotonic()
    with pytest.raises(ChildError, match=r"no result from the private network within 0\.2 s"):
        run_in_private_network(time.sleep, 30, timeout_s=0.2)
    assert time.monotonic() - started < 5


def test_a_child_that_dies_is_noticed() -> None:
    with pytest.raises(ChildError, match="ended early"):
        run_in_private_network(os._exit, 3)


def test_one_thread_holds_sockets_of_two_hosts() -> None:
    def talk() -> tuple[bytes, list[str]]:
        with Host("a") as a, Host("b") as b:
            connect(Port(a, "eth0", ("10.0.0.1/24", "fd00::1/64")), Port(b, "eth0", ("10.0.0.2/24", "fd00::2/64")))
            with b.inside():
                listener = socket.create_server(("fd00::2", 80), family=socket.AF_INET6)
            with listener, a.inside(), socket.create_connection(("fd00::2", 80), timeout=5) as client:
                accepted, _ = listener.accept()
                with accepted:
                    client.sendall(b"hello")
                    return accepted.recv(5), interfaces()

    assert run_in_private_network(talk) == (b"hello", ["lo", "eth0"])


def test_sysctls_are_per_host() -> None:
    def set_and_read() -> list[str]:
        with Host("a") as a, Host("b") as b:
            a.sysctl("net.ipv4.tcp_syn_retries", 3)
            b.sysctl("net.ipv4.tcp_syn_retries", 4)
            values = []
            for host in (a, b):
                with host.inside():
                    values.append(Path("/proc/sys/net/ipv4/tcp_syn_retries").read_text().strip())
            return values

    assert run_in_private_network(set_and_read) == ["3", "4"]


def test_nobody_may_have_one_too() -> None:
    if os.geteuid() != 0:
        assert run_in_private_network(interfaces) == ["lo"]
        return
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(theirs,))
    process.start()
    assert ours.poll(30)
    answer = ours.recv()
    process.join(10)
    ours.close()
    theirs.close()
    assert answer == ["lo"]


def _as_nobody(answer: Connection) -> None:
    """Give up root for good, then ask for a private network; needs a machine that allows user namespaces."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    pr_set_dumpable = 4
    ctypes.CDLL(None).prctl(pr_set_dumpable, 1)  # after setresuid /proc/self belongs to root without it
    try:
        answer.send(run_in_private_network(interfaces))
    except BaseException as error:
        answer.send(repr(error))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_after_kill(end: signal.Signals) -> None:
    names_before = _named_namespaces()
    with _python(BUILD_AND_WAIT) as process:
        assert _first_line(process) == "ready"
        built = _namespaces_of(process.pid) - _namespaces_of(os.getpid())
        assert len(built) == 4  # its own, client, server, the wire's middle
        process.send_signal(end)
        process.wait(10)
    deadline = time.monotonic() + 5
    while (left := built & _all_namespaces()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    assert _named_namespaces() == names_before


def test_the_child_dies_with_its_parent() -> None:
    with _python(FORK_AND_WAIT) as process:
        child = Path("/proc", _first_line(process))
        assert child.exists()
        process.kill()
        process.wait(10)
    deadline = time.monotonic() + 5
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


@contextlib.contextmanager
def _python(program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _alive(process: Path) -> bool:
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _namespaces_of(pid: int | str) -> set[str]:
    """Network namespaces that a process is in or has a descriptor of, as `net:[inode]`."""
    links = set()
    with contextlib.suppress(OSError):  # processes come and go, or are not ours
        for link in (*Path(f"/proc/{pid}/task").glob("*/ns/net"), *Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(OSError):
                links.add(os.readlink(link))
    return {link for link in links if link.startswith("net:[")}


def _all_namespaces() -> set[str]:
    """All that live: by a process, a descriptor or a mount (namespaces(7))."""
    mounted = {word for word in Path("/proc/self/mountinfo").read_text().split() if word.startswith("net:[")}
    return mounted.union(*(_namespaces_of(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()))


def _named_namespaces() -> list[str]:
    return sorted(path.name for path in Path("/run/netns").glob("*"))
