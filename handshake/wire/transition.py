"""IPv6 in UDP, for hosts behind address translation: Teredo and AYIYA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.wire.guess import ip_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import AYIYA, TEREDO_AUTHENTICATION, ayiya_size

if TYPE_CHECKING:
    from handshake.wire.walk import Layer, Walk

_AUTHENTICATION, _ORIGIN = b"\0\1", b"\0\0"
_NONCE_AND_CONFIRMATION, _ORIGIN_SIZE = 9, 8
_FORWARD = 1
_IP = (4, 41)


def teredo(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """Teredo (RFC 4380 §5.1.1): IPv6, maybe behind an authentication and an origin indication."""
    if walk.data[at : at + 2] == _AUTHENTICATION and at + TEREDO_AUTHENTICATION.size <= walk.captured:
        _, id_length, value_length = TEREDO_AUTHENTICATION.read(walk.data, at)
        at += TEREDO_AUTHENTICATION.size + id_length + value_length + _NONCE_AND_CONFIRMATION
    if walk.data[at : at + 2] == _ORIGIN:
        at += _ORIGIN_SIZE
    if not ip_follows(walk, at) or walk.data[at] >> 4 != 6:
        return None
    walk.layers.append("teredo")
    walk.enter("teredo")
    return by_version(walk, at)


def ayiya(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """AYIYA (draft-massar-v6ops-ayiya-02 §3); heartbeats and queries are an exchange like any other."""
    if at + AYIYA.size > walk.captured:
        return None
    identity, signature, opcode, following, _ = AYIYA.read(walk.data, at)
    after = at + ayiya_size(identity, signature)
    if opcode & 0xF != _FORWARD or following not in _IP or not ip_follows(walk, after):
        return None
    walk.layers.append("ayiya")
    walk.enter("ayiya")
    return by_version(walk, after)
