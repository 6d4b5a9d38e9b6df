"""Crafted handshakes a second on loopback, beside other ways of doing it: `make throughput`.

Every round runs all contestants one after the other in one private network, against the same server, so that a
noisy machine is noisy to all of them. A handshake is complete when the server's kernel has it: the third segment
was sent. Trust the ratios more than the numbers.
"""

from __future__ import annotations

import random
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable
from itertools import repeat

from tabulate import tabulate

from handshake.lab.netns import run_in_private_network
from handshake.model.report import Approach
from handshake.probe.approach import prepare
from handshake.probe.attempt import Attempt
from handshake.probe.engine import Engine
from handshake.probe.hold import PortHold, PortSpan
from handshake.series import Series
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter
from tests.bench.loopback import PORT, server

ROUNDS = 5
MANY, FEW = 500, 50
"""Handshakes of a contestant in a round: of a quick and of a slow one."""
ADDRESS = "127.0.0.1"

Contestant = Callable[[], float]
"""Does its work and tells handshakes (or SYNs) a second."""


def rate(number: int, action: Callable[[], object]) -> float:
    """Times a second."""
    start = time.perf_counter()
    action()
    return number / (time.perf_counter() - start)


def judged(approach: Approach) -> float:
    """`handshake probe -c`: crafted, captured, closed with FIN, and judged."""

    def work() -> None:
        for probed in Series(repeat(approach, MANY), ["lo"]).run():
            assert probed.handshake is not None
            assert probed.handshake.outcome.opened

    return rate(MANY, work)


def engine(approach: Approach) -> float:
    """The engine alone: the same packets, not judged."""

    def work() -> None:
        ports = PortSpan()
        with Engine() as driver, Sniffer("lo", program=tcp_port_filter(ports.first, ports.last)) as sniffer:
            attempts = (Attempt(approach, ports=ports) for _ in range(MANY))
            for attempt, _ in driver.run(attempts, {"lo": sniffer}):
                assert attempt.error is None

    return rate(MANY, work)


def scapy_sr1() -> float:
    """The handshake of every scapy tutorial: sr1 of a SYN, send of an ACK, then RST; one socket for all of them."""
    from scapy.layers.inet import IP, TCP
    from scapy.supersocket import L3RawSocket

    def work() -> None:
        raw = L3RawSocket(iface="lo")
        try:
            for _ in range(FEW):
                with PortHold(socket.inet_aton(ADDRESS)) as hold:
                    seq, port = random.getrandbits(31), hold.port
                    syn = IP(dst=ADDRESS) / TCP(sport=port, dport=PORT, flags="S", seq=seq)
                    answer = raw.sr1(syn, timeout=2, verbose=0)
                    assert answer is not None
                    ack = answer[TCP].seq + 1
                    for flags in ("A", "RA"):
                        raw.send(IP(dst=ADDRESS) / TCP(sport=port, dport=PORT, flags=flags, seq=seq + 1, ack=ack))
        finally:
            raw.close()

    return rate(FEW, work)


def kernel_connect() -> float:
    """The kernel's own client."""

    def work() -> None:
        for _ in range(MANY):
            socket.create_connection((ADDRESS, PORT)).close()

    return rate(MANY, work)


def nping() -> float:
    """SYN only; by its own clock, without start-up and the second that it waits at the end."""
    command = ["nping", "--tcp", "-p", str(PORT), "-c", str(MANY), "--rate", "100000", "-v1", "-H", ADDRESS]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Tx time: ([\d.]+)s", text)
    assert found, text
    return MANY / float(found[1])


def hping3() -> float:
    """SYN only, one every 100 µs (faster than that it leaves before the answers come); the whole process."""
    command = ["hping3", "-S", "-p", str(PORT), "-c", str(MANY), "-i", "u100", "-q", "-n", "-I", "lo", ADDRESS]
    return rate(MANY, lambda: subprocess.run(command, capture_output=True, check=True))


def race() -> dict[str, list[float]]:
    """Rates of each contestant, round by round. Runs in a private network."""
    approach = prepare(f"{ADDRESS}:{PORT}")
    contestants: dict[str, Contestant] = {
        "handshake, judged": lambda: judged(approach),
        "handshake, engine only": lambda: engine(approach),
        "scapy sr1 and send": scapy_sr1,
        "connect() and close()": kernel_connect,
    }
    peers = {"nping --tcp (SYN only)": ("nping", nping), "hping3 -S (SYN only)": ("hping3", hping3)}
    contestants |= {name: run for name, (tool, run) in peers.items() if shutil.which(tool)}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    with server(ADDRESS):
        for run in contestants.values():  # imports, caches
            run()
        for _ in range(ROUNDS):
            for name, run in contestants.items():
                rates[name].append(run())
    return rates


def main() -> None:
    """Race and show."""
    rates = run_in_private_network(race, timeout_s=300)
    ours = rates["handshake, judged"]
    rows = []
    for name, each in rates.items():
        ratios = sorted(own / other for own, other in zip(ours, each, strict=True))
        spread = (f"{min(each):,.0f}", f"{statistics.median(each):,.0f}", f"{max(each):,.0f}")
        rows.append((name, *spread, f"{ratios[0]:.2f}", f"{statistics.median(ratios):.2f}", f"{ratios[-1]:.2f}"))
    headers = ("a second", "min", "median", "max", "ours ÷ it: min", "median", "max")
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", *["right"] * 6)))
    missing = [tool for tool in ("nping", "hping3") if not shutil.which(tool)]
    for tool in missing:
        package = {"nping": "nmap"}.get(tool, tool)
        print(f"{tool} is not installed; to have it in the race: sudo apt-get install {package}")


if __name__ == "__main__":
    main()
