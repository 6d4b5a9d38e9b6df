"""The three targets of the demo behave as their descriptions say, towards an ordinary client."""

from __future__ import annotations

import errno
import socket

import pytest

from handshake.lab.demo import demo_network
from handshake.lab.netns import run_in_private_network
from handshake.model.handshake import Outcome

ERRNO_OF = {Outcome.ESTABLISHED: 0, Outcome.REFUSED: errno.ECONNREFUSED, Outcome.UNANSWERED: errno.EAGAIN}


@pytest.mark.usefixtures("private_networks")
def test_targets_are_what_they_claim() -> None:
    def connect_to_each() -> list[tuple[int, int]]:
        with demo_network() as targets:
            return [(_connect(target.target), ERRNO_OF[target.outcome]) for target in targets]

    results = run_in_private_network(connect_to_each)
    assert len(results) == 3
    assert all(got == expected for got, expected in results), results


def _connect(target: str) -> int:
    host, _, port = target.rpartition(":")
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex((host, int(port)))
