"""`handshake demo` where the machine gives no private network: it says so and replays its recording."""

from __future__ import annotations

import pytest

import handshake.lab.demo
from handshake.cli.demo import demo
from handshake.errors import PrivilegeError


def test_without_a_private_network_it_replays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise PrivilegeError("this machine gives us no private network: ask its owner")

    monkeypatch.setattr(handshake.lab.demo, "enter_private_network", refuse)
    demo()
    out, err = capsys.readouterr()
    assert err == "handshake: this machine gives us no private network: ask its owner\n"
    assert "a replay of this demo" in out
    assert [word in out for word in ("established in", "refused after", "unanswered after 3 SYNs")] == [True] * 3
