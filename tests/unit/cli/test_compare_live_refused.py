"""`handshake compare --live` where the machine gives no private network."""

from __future__ import annotations

from pathlib import Path

import pytest

import handshake.lab.netns
from handshake.cli.contesting import played
from handshake.errors import PrivilegeError
from handshake.lab.contest import Contest
from handshake.model.comparison import Service


def test_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> None:
        raise PrivilegeError("this machine gives us no private network: ask its owner")

    monkeypatch.setattr(handshake.lab.netns, "enter_private_network", refuse)
    with pytest.raises(PrivilegeError, match="ask its owner"):
        played(Contest(1, 1, services=(Service.ECHO,)), tmp_path / "x.pcap", quiet=True)
    assert not (tmp_path / "x.pcap").exists()
