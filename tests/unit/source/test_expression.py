"""pcap-filter expressions through the machine's libpcap."""

from __future__ import annotations

import ctypes.util

import pytest

from handshake.errors import ToolError
from handshake.source.expression import FilterError, compile_expression
from handshake.wire.bpf import NET
from tests.support import require


@pytest.fixture
def libpcap() -> None:
    require(ctypes.util.find_library("pcap") is not None, "no libpcap (Debian: sudo apt-get install libpcap0.8)")


@pytest.mark.usefixtures("libpcap")
def test_loads_are_relative_to_the_ip_header() -> None:
    program = compile_expression("tcp dst port 80")
    loads = [line for line in program if line.code in (0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xB1)]
    assert loads
    assert all(NET <= line.k < NET + 64 for line in loads)


@pytest.mark.usefixtures("libpcap")
@pytest.mark.parametrize("expression", ["prot 80", "port", "ether host 02:00:00:00:00:01", "port http and ("])
def test_what_makes_no_sense_is_said(expression: str) -> None:
    with pytest.raises(FilterError, match="makes no sense: ") as caught:
        compile_expression(expression)
    assert expression in str(caught.value)


def test_without_libpcap_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: None)
    with pytest.raises(ToolError, match="apt-get install libpcap"):
        compile_expression("port 80")
