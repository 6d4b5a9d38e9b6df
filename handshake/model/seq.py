"""Sequence numbers modulo 2^32 (RFC 9293 §3.4). Zero is a number like any other."""

from __future__ import annotations

MODULUS = 1 << 32
_HALF = 1 << 31


def add(number: int, count: int) -> int:
    """`number + count`, wrapped."""
    return (number + count) % MODULUS


def distance(start: int, end: int) -> int:
    """Signed steps from `start` to `end`, in -2^31 … 2^31 - 1."""
    return (end - start + _HALF) % MODULUS - _HALF


def less_equal(left: int, right: int) -> bool:
    """`left` is at or before `right`."""
    return (right - left) % MODULUS < _HALF


def within(low: int, number: int, high: int) -> bool:
    """`low <= number <= high` on the circle; `high` must not be before `low`."""
    return (number - low) % MODULUS <= (high - low) % MODULUS


def latest(left: int, right: int) -> int:
    """Whichever of the two comes later."""
    return right if (right - left) % MODULUS < _HALF else left
