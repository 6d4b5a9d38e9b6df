"""Any bytes from either side, in any pieces: no dialogue raises, and the pieces make no difference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.app.dialogue import Dialogue
from handshake.app.dns import Dns
from handshake.app.ftp import Ftp
from handshake.app.http import Http
from handshake.app.smtp import Smtp
from handshake.app.ssh import Ssh
from handshake.app.tls import Tls
from handshake.model.application import MOST_LINES
from handshake.model.handshake import Side
from tests.unit.app.talking import heard, pieces

WORDS = st.sampled_from(
    (
        b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
        b"HTTP/1.1 200 OK\r\n", b"3\r\n", b"0\r\n", b"220 x ESMTP\r\n", b"EHLO a\r\n", b"250-a\r\n", b"250 b\r\n",
        b"DATA\r\n", b"354 go\r\n", b".\r\n", b"BDAT 4\r\n", b"AUTH LOGIN\r\n", b"334 x\r\n", b"PASV\r\n",
        b"227 (1,2,3,4,5,6)\r\n", b"EPRT |1|1.2.3.4|5|\r\n", b"SSH-2.0-x\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
        b"\x17\x03\x03\x00\x01x", b"\x14\x03\x03\x00\x01\x01", b"\x00\x11" + bytes(17),
    )
)  # fmt: skip
SAID = st.lists(st.tuples(st.sampled_from(Side), st.one_of(WORDS, st.binary(min_size=1, max_size=20))), max_size=40)


@pytest.mark.parametrize("kind", [Http, Smtp, Ftp, Tls, Ssh, Dns])
@given(said=SAID, size=st.integers(1, 7))
@settings(max_examples=150, deadline=None)
def test_any_bytes_in_any_pieces(kind: type[Dialogue], said: list[tuple[Side, bytes]], size: int) -> None:
    whole, cut = heard(kind(), said), heard(kind(), pieces(said, size))
    assert len(whole.lines) <= MOST_LINES
    assert [line.text for line in whole.lines] == [line.text for line in cut.lines]
    assert (whole.fault, whole.http == (), len(whole.ftp)) == (cut.fault, cut.http == (), len(cut.ftp))
