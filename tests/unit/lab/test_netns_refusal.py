"""Machines that give us no private network say why, in one line."""

from __future__ import annotations

import errno

import pytest

from handshake.errors import PrivilegeError
from handshake.lab import netns


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSPC, errno.ENOSYS])
def test_refusal_is_one_line_that_says_what_to_do(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(netns, "call", refuse)
    with pytest.raises(PrivilegeError, match=r"^this machine gives us no private network \(refused\): run with sudo"):
        netns.enter_private_network()


def test_other_errors_are_not_disguised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EINVAL, "more than one thread")

    monkeypatch.setattr(netns, "call", fail)
    with pytest.raises(OSError, match="more than one thread"):
        netns.enter_private_network()
