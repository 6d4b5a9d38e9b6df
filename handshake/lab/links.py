"""Links between hosts of the lab: veth pairs that carry only what a scenario sends.

Offloads are off, so that captures hold whole frames with valid checksums. Neighbours know each other
from the start (no ARP, no neighbour discovery) and interfaces make up no addresses of their own, so
that a recording starts with the first SYN and has the same packets every time.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import socket
import struct

from pyroute2 import IPRoute

from handshake.lab.netns import Host
from handshake.model.record import dataclass

_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17
_ADDRESS_NODAD = 0x02
_NEIGHBOUR_PERMANENT = 0x80
_NO_LINK_LOCAL = 1


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a link: an interface of a host."""

    host: Host
    name: str
    """Interface name, at most 15 characters."""
    addresses: tuple[str, ...] = ()
    """With prefix length, e.g. `10.0.0.1/24`, `fd00::1/64`."""

    @property
    def ips(self) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
        """The addresses without prefix length."""
        return tuple(ipaddress.ip_interface(address).ip for address in self.addresses)

    @property
    def mac(self) -> str | None:
        """A locally administered MAC made of the first address, the same in every recording."""
        return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + self.ips[0].packed[-4:]) if self.addresses else None


def connect(a: Port, b: Port) -> None:
    """Lay a cable between two ports whose hosts know each other from then on."""
    cable(a, b)
    introduce(a, b)


def cable(a: Port, b: Port) -> None:
    """Lay a cable: a veth pair, addressed, up, offloads off."""
    with a.host.inside(), IPRoute() as kernel:
        kernel.link("add", kind="veth", ifname=a.name, peer={"ifname": b.name, "net_ns_fd": b.host.fileno()})
    for port in (a, b):
        with port.host.inside(), IPRoute() as kernel:
            _configure(kernel, port)


def introduce(a: Port, b: Port) -> None:
    """Make the hosts of two ports know each other's MAC addresses for good."""
    for here, there in ((a, b), (b, a)):
        with here.host.inside(), IPRoute() as kernel:
            index = socket.if_nametoindex(here.name)
            for ip in there.ips:
                kernel.neigh("replace", ifindex=index, dst=str(ip), lladdr=there.mac, state=_NEIGHBOUR_PERMANENT)


def route(host: Host, destination: str, via: str = "", kind: str = "unicast") -> None:
    """Add a route: `via` a router's address, or of a kind that answers with ICMP: `unreachable`, `prohibit`."""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    way = {"gateway": via} if via else {}
    with host.inside(), IPRoute() as kernel:
        kernel.route("add", dst=destination, family=family, type=kind, **way)


def _configure(kernel: IPRoute, port: Port) -> None:
    index = socket.if_nametoindex(port.name)
    _checksum_in_software(port.name)
    identity = {"address": port.mac} if port.mac else {}
    inet6 = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _NO_LINK_LOCAL)]})]}
    kernel.link("set", index=index, arp=False, IFLA_AF_SPEC=inet6, **identity)
    for address in port.addresses:
        interface = ipaddress.ip_interface(address)
        no_dad = {"flags": _ADDRESS_NODAD} if interface.version == 6 else {}
        kernel.addr("add", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen, **no_dad)
    kernel.link("set", index=index, state="up")


def _checksum_in_software(interface: str) -> None:
    """Switch transmit checksumming off (ethtool -K tx off); segmentation offload, which needs it, goes too."""
    value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCETHTOOL, request)
