"""Well-known service names by port (IANA Service Name and Port Number Registry), the common ones.

A table of our own, because the machine's /etc/services differs from machine to machine and a
capture has to read the same everywhere.
"""

from __future__ import annotations

SERVICES = {
    7: "echo", 9: "discard", 13: "daytime", 19: "chargen", 20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet",
    25: "smtp", 37: "time", 43: "whois", 53: "domain", 67: "dhcp", 68: "dhcp", 69: "tftp", 79: "finger",
    80: "http", 88: "kerberos", 110: "pop3", 111: "sunrpc", 113: "ident", 119: "nntp", 123: "ntp",
    135: "epmap", 137: "netbios-ns", 138: "netbios-dgm", 139: "netbios-ssn", 143: "imap", 161: "snmp",
    162: "snmptrap", 179: "bgp", 194: "irc", 389: "ldap", 443: "https", 445: "microsoft-ds", 465: "submissions",
    514: "syslog", 515: "printer", 546: "dhcpv6", 547: "dhcpv6", 554: "rtsp", 587: "submission", 631: "ipp",
    636: "ldaps", 853: "domain-s", 873: "rsync", 989: "ftps-data", 990: "ftps", 993: "imaps", 995: "pop3s",
    1080: "socks", 1194: "openvpn", 1433: "ms-sql-s", 1521: "oracle", 1723: "pptp", 1883: "mqtt", 1900: "ssdp",
    2049: "nfs", 2181: "zookeeper", 3128: "squid", 3268: "msft-gc", 3306: "mysql", 3389: "ms-wbt-server",
    4317: "otlp", 4789: "vxlan", 5000: "commplex", 5060: "sip", 5061: "sips", 5222: "xmpp-client", 5353: "mdns",
    5355: "llmnr", 5432: "postgresql", 5671: "amqps", 5672: "amqp", 5900: "rfb", 6379: "redis", 6443: "kubernetes",
    6667: "irc", 8000: "http-alt", 8008: "http-alt", 8080: "http-alt", 8443: "https-alt", 8883: "mqtts",
    9092: "kafka", 9200: "elasticsearch", 11211: "memcache", 27017: "mongodb",
}  # fmt: skip


def service_name(port: int) -> str | None:
    """The usual service on this port, None if there is no well-known one. A guess by number only."""
    return SERVICES.get(port)
