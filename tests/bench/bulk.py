"""`make bulk`: what a bulk transfer costs a watch, in a private network.

The same download over a veth pair, captured with no filter, with a filter that keeps the data in the kernel,
and with the runs of acknowledgments muted as well, as `handshake watch` does.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from handshake.api import Watch
from handshake.lab.links import Port, connect
from handshake.lab.netns import Host, run_in_private_network
from handshake.source.live import Sniffer
from handshake.wire.bpf import PASS_ALL, Instruction
from handshake.wire.sieve import handshakes

SIZE = 3_000_000_000
"""Bytes to download."""

WAYS = ("no watch", "everything", "no data", "muted")


def download(client: Host, server: Host, size: int) -> list[int]:
    """Two processes that send and receive `size` bytes; their ids."""
    with server.inside():
        listener = socket.create_server(("10.0.0.2", 80))
    block = bytearray(1 << 20)
    sender = os.fork()
    if sender == 0:
        sock, _ = listener.accept()
        while size > 0:
            size -= sock.send(block[:size])
        sock.close()
        os._exit(0)
    listener.close()
    receiver = os.fork()
    if receiver == 0:
        with client.inside():
            sock = socket.create_connection(("10.0.0.2", 80))
        while sock.recv_into(block):
            pass
        sock.close()
        os._exit(0)
    return [sender, receiver]


def program(way: str, muted: Sequence[int] = ()) -> tuple[Instruction, ...]:
    """The kernel's filter."""
    return PASS_ALL if way == "everything" else (*handshakes(muted), *PASS_ALL)


def measure(way: str, size: int) -> tuple[float, float, int, int]:
    """Seconds that the download took, CPU seconds of the watch, frames that it saw, frames that it lost."""
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        with client.inside():
            sniffer = Sniffer("eth0", program=program(way))
        with sniffer:
            watch = Watch("eth0")
            muted = watch.muted
            began, cpu = time.monotonic(), time.process_time()
            under_way = download(client, server, size)
            while under_way:
                frame = None if way == "no watch" else sniffer.read(0.05)
                if frame is not None:
                    watch.feed(frame)
                    watch.events()
                    if way == "muted" and watch.muted is not muted:
                        muted = watch.muted
                        sniffer.refilter(program(way, muted))
                elif os.waitpid(under_way[0], os.WNOHANG if way != "no watch" else 0)[0]:
                    under_way.pop(0)
            return time.monotonic() - began, time.process_time() - cpu, watch.tally.frames, sniffer.drops


def main() -> None:
    """Print one row for each way."""
    print(f"{SIZE / 1e9:g} GB         download   CPU of the watch    frames seen    frames lost")
    for way in WAYS:
        took, cpu, frames, lost = run_in_private_network(measure, way, SIZE, timeout_s=300)
        if way == "no watch":
            print(f"{way:12}{took:9.2f} s")
        else:
            print(f"{way:12}{took:9.2f} s{cpu:17.2f} s{frames:15,}{lost:15,}")


if __name__ == "__main__":
    main()
