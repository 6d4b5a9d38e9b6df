"""The first words of each protocol, by which it is known; the protocol itself is imported once it is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.handshake import Side

if TYPE_CHECKING:
    from handshake.app.dialogue import Dialogue

METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE ",
           b"PROPFIND ", b"REPORT ", b"NOTIFY ", b"M-SEARCH ", b"SUBSCRIBE ")  # fmt: skip
"""How a request of HTTP begins."""
DNS_PORTS = frozenset({53, 5353, 5355})
"""DNS, multicast DNS (RFC 6762), LLMNR (RFC 4795)."""
SMTP_PORTS = frozenset({25, 465, 587, 2525})
_GREETINGS = (b"220 ", b"220-", b"421 ", b"554 ", b"120 ")
"""How a server of FTP or SMTP begins."""


def recognised(sender: Side, said: bytes, server_port: int) -> type[Dialogue] | None:
    """The protocol that begins with these bytes; the port only tells apart what begins alike."""
    if said.startswith(b"SSH-"):
        from handshake.app.ssh import Ssh

        return Ssh
    if len(said) >= 6 and said[0] == 22 and said[1] == 3 and said[5] == (1 if sender is Side.CLIENT else 2):
        from handshake.app.tls import Tls

        return Tls
    if server_port in DNS_PORTS:
        from handshake.app.dns import Dns

        return Dns
    if said.startswith(METHODS if sender is Side.CLIENT else b"HTTP/1."):
        from handshake.app.http import Http

        return Http
    if sender is Side.SERVER and said.startswith(_GREETINGS):
        if server_port == 21 or b"FTP" in said.upper():
            from handshake.app.ftp import Ftp

            return Ftp
        if server_port in SMTP_PORTS or b"SMTP" in said.upper():
            from handshake.app.smtp import Smtp

            return Smtp
    return None
