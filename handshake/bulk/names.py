"""Addresses by the words that stand for them in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np

from handshake.model.address import Endpoint
from handshake.wire.columns.arrays import Bytes, Ints, Words
from handshake.wire.columns.endpoints import Endpoints

_SIX = 1 << 63
_MOST_TEXTS = 1 << 16
"""Addresses that are remembered as text."""


class Names:
    """Remembers IPv6 addresses, whose words are hashes; those of IPv4 addresses are the addresses."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._hosts: dict[int, bytes] = {}
        self._texts = _Texts(self._hosts)

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

    def merge(self, other: Names) -> None:
        """Remember what another one does, for the same endpoints."""
        self._hosts |= other._hosts

    def endpoint(self, host: int, port: int) -> Endpoint:
        """An endpoint from its words."""
        return Endpoint(self._hosts[host] if host & _SIX else host.to_bytes(4), port)

    def texts(self, hosts: Iterable[int]) -> list[str]:
        """Addresses as text."""
        if len(self._texts) > _MOST_TEXTS:
            self._texts.clear()
        return [*map(self._texts.__getitem__, hosts)]


class _Texts(dict[int, str]):
    """Addresses as text by their words, made when asked for."""

    def __init__(self, hosts: Mapping[int, bytes]) -> None:
        self._hosts = hosts

    def __missing__(self, host: int) -> str:
        six = host & _SIX
        text = self[host] = inet_ntop(AF_INET6, self._hosts[host]) if six else inet_ntop(AF_INET, host.to_bytes(4))
        return text
