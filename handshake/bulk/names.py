"""Addresses by the words that stand for them in arrays."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np

from handshake.model.address import Endpoint
from handshake.wire.columns import Bytes, Endpoints, Ints, Words

_SIX = 1 << 63


class Names:
    """Remembers IPv6 addresses, whose words are hashes; those of IPv4 addresses are the addresses."""

    def __init__(self) -> None:
        self.endpoints = Endpoints()
        self._hosts: dict[int, bytes] = {}

    def note(self, end: Endpoint) -> int:
        """Remember the address of an endpoint, and give its word."""
        host = self.endpoints.of(*end)[0]
        if host & _SIX:
            self._hosts.setdefault(host, end.address)
        return host

    def learn(self, hosts: Words, data: Bytes, at: Ints) -> None:
        """Remember IPv6 addresses, which stand in `data` at these places."""
        for index in np.flatnonzero(hosts >> np.uint64(63)).tolist():
            word = int(hosts[index])
            if word not in self._hosts:
                place = int(at[index])
                self._hosts[word] = data[place : place + 16].tobytes()

    def endpoint(self, host: int, port: int) -> Endpoint:
        """An endpoint from its words."""
        return Endpoint(self._hosts[host] if host & _SIX else host.to_bytes(4), port)

    def text(self, host: int) -> str:
        """An address as text."""
        return inet_ntop(AF_INET6, self._hosts[host]) if host & _SIX else inet_ntop(AF_INET, host.to_bytes(4))
