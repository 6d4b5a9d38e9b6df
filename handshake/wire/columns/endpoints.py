"""Addresses and endpoints, each as one word."""

from __future__ import annotations

import numpy as np

from handshake.wire.columns.arrays import Ints, Words, odd_keys, scrambled

_SIX = np.uint64(1 << 63)
"""Set in the word that stands for an IPv6 address or endpoint: a keyed hash; without it the word is an IPv4 one."""


class Endpoints:
    """Addresses and endpoints as words, alike in each window. The keys are chosen anew for each reading."""

    def __init__(self) -> None:
        self._keys = odd_keys(6)
        self._single: dict[int, int] = {}
        """Words of endpoints over IPv6 that were asked for one by one, and those of their addresses."""

    def host6(self, halves: Words) -> Words:
        """IPv6 addresses, two 64-bit halves each."""
        high = scrambled(halves[:, 0] ^ self._keys[0]) + self._keys[2]
        return scrambled(high + scrambled(halves[:, 1] ^ self._keys[1]) * self._keys[3]) | _SIX

    def ends(self, host: Words, port: Ints) -> Words:
        """Endpoints as words, from addresses as words and ports."""
        ports: Words = port.astype(np.uint64)
        ends = host << np.uint64(16) | ports
        rows = np.flatnonzero(host >> np.uint64(63))
        if len(rows):
            ends[rows] = scrambled(host[rows] ^ (ports[rows] * self._keys[4])) | _SIX
        return ends

    def of(self, address: bytes, port: int) -> tuple[int, int]:
        """One address and one endpoint as words."""
        if len(address) == 4:
            host = int.from_bytes(address)
            return host, host << 16 | port
        word = self.host6(np.frombuffer(address, ">u8").astype(np.uint64).reshape(1, 2))
        host, end = int(word[0]), int(self.ends(word, np.array([port]))[0])
        self._single[end] = host
        return host, end

    def host_of(self, end: int) -> int:
        """The address of an endpoint over IPv6 that was asked for one by one."""
        return self._single[end]

    def pair_of(self, one: tuple[bytes, int], other: tuple[bytes, int]) -> int:
        """The word for two endpoints, addresses and ports."""
        words = (np.array([self.of(*end)[1]], np.uint64) for end in (one, other))
        return int(self.pair(*words)[0])

    def pair(self, one: Words, other: Words) -> Words:
        """A word for two endpoints, whichever comes first."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        return scrambled(low * self._keys[5] + (high ^ self._keys[1]) * self._keys[0])
