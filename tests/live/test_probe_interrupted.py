"""A probe that is stopped in the middle, politely or with kill -9, leaves nothing behind."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from handshake.probe.hold import PortHold
from tests.live.probing import kernel_states, privately, wait_until
from tests.support import ROOT, require

LOOPBACK = "127.0.0.1"

PROBE = """
import sys
from handshake.probe.approach import prepare
from handshake.probe.run import Probe, sigterm_interrupts
from handshake.source.live import Sniffer
approach = prepare(sys.argv[1])
with sigterm_interrupts(), Probe(approach, timeout_s=30, close_wait_s=30) as probe:
    with Sniffer(approach.route.interface, program=probe.program) as sniffer:
        print(probe.endpoint.port, flush=True)
        for frame in probe.run(sniffer):
            pass
"""

SYN_ONLY = """
import sys, time
from handshake.probe.approach import prepare
from handshake.probe.run import Probe
approach = prepare(sys.argv[1])
with Probe(approach) as probe:
    probe.attempt.start()
    print(probe.endpoint.port, flush=True)
    time.sleep(30)
"""


@contextmanager
def probing(port: int, script: str = PROBE) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A probe of a loopback port in a process of its own, and the source port that it holds."""
    command = [sys.executable, "-c", script, f"{LOOPBACK}:{port}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def ruleset() -> str:
    """All firewall rules of this namespace, with counters if there were any."""
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def is_free(port: int) -> bool:
    """Whether the loopback port can be bound."""
    with socket.socket() as sock:
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def stopped_by(number: int) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        with probing(listener.getsockname()[1]) as (process, port):
            wait_until(lambda: kernel_states() == ["CLOSE-WAIT"], "the probe is open and waits for our FIN")
            process.send_signal(number)
            process.wait(5)
            assert process.returncode == -signal.SIGINT
            assert process.stderr is not None
            assert process.stderr.read().endswith("KeyboardInterrupt\n")
        assert kernel_states() == []
        assert is_free(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_resets_the_open_connection(number: int) -> None:
    privately(stopped_by, number)


def killed_while_silent() -> None:
    before = ruleset()
    with PortHold(socket.inet_aton(LOOPBACK)) as silent, probing(silent.port) as (process, port):
        assert not is_free(port)
        assert ruleset() == before
        process.kill()
        process.wait(5)
        assert is_free(port)
    assert kernel_states() == []
    assert ruleset() == before


def test_kill_9_frees_the_port_and_no_firewall_rule_was_touched() -> None:
    require(shutil.which("nft") is not None, "no nft on this machine (Debian: sudo apt-get install nftables)")
    privately(killed_while_silent)


def killed_while_open() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        with probing(listener.getsockname()[1]) as (process, port):
            accepted, _ = listener.accept()
            wait_until(lambda: kernel_states() == ["CLOSE-WAIT"], "the probe is open and waits for our FIN")
            process.kill()
            process.wait(5)
        with accepted:
            accepted.sendall(b"anyone there?")
            wait_until(lambda: kernel_states() == [], "the kernel answers the server's next segment with RST")
        assert is_free(port)


def test_kill_9_of_an_open_connection_ends_it_at_the_servers_next_segment() -> None:
    privately(killed_while_open)


def killed_while_half_open() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        with probing(listener.getsockname()[1], SYN_ONLY) as (process, _):
            assert kernel_states() == ["SYN-RECEIVED"]
            process.kill()
            process.wait(5)
        wait_until(lambda: kernel_states() == [], "the kernel answers the repeated SYN-ACK with RST")


def test_kill_9_leaves_the_server_half_open_until_its_syn_ack_is_repeated() -> None:
    privately(killed_while_half_open)
