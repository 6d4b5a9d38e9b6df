"""Which handshakes of a report to draw."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.handshake import Exchange, Handshake, Outcome
    from handshake.model.report import Report


@dataclass(frozen=True, slots=True)
class Selection:
    """What the reader asked for; what is empty or None does not restrict."""

    flow: int | None = None
    """Number of the handshake."""
    outcomes: Collection[Outcome] = ()
    codes: Collection[str] = ()
    """Codes of findings, at least one of which the handshake has."""
    network: IPv4Network | IPv6Network | None = None
    """Either end is in it."""
    port: int | None = None
    """Either end has it."""

    def __bool__(self) -> bool:
        """Whether it restricts anything."""
        return any(wanted not in (None, (), set()) for wanted in astuple(self))

    def apply(self, report: Report) -> Report:
        """The report with only the chosen handshakes and UDP exchanges; everything else stays.

        An exchange has no outcome, no findings and numbers of its own: it goes when one of these is asked for.
        """
        handshakes = tuple(handshake for handshake in report.handshakes if self._wants(handshake))
        exchanges = tuple(exchange for exchange in report.exchanges if self._takes(exchange))
        unchosen: tuple[Handshake | Exchange, ...] = (
            *(handshake for handshake in report.handshakes if not self._wants(handshake)),
            *(exchange for exchange in report.exchanges if not self._takes(exchange)),
        )
        return replace(report, handshakes=handshakes, exchanges=exchanges, unchosen=unchosen)

    def _takes(self, exchange: Exchange) -> bool:
        tcp_only = self.flow is not None or self.outcomes or self.codes
        return not tcp_only and self._touches(exchange.client, exchange.server)

    def _wants(self, handshake: Handshake) -> bool:
        return (
            self.flow in (None, handshake.number)
            and (not self.outcomes or handshake.outcome in self.outcomes)
            and (not self.codes or any(finding.code in self.codes for finding in handshake.findings))
            and self._touches(handshake.client.endpoint, handshake.server.endpoint)
        )

    def _touches(self, *ends: Endpoint) -> bool:
        network = self.network
        near = network is None or any(ip_address(end.address) in network for end in ends)
        return near and (self.port is None or any(end.port == self.port for end in ends))
