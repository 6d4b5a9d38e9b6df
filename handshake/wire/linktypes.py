"""Names of link types: the LINKTYPE_ registry of tcpdump.org, so that none is only a number to the reader."""

from __future__ import annotations

_MAY_CARRY_IP = {
    0: "BSD loopback", 1: "Ethernet", 2: "experimental Ethernet", 3: "AX.25", 4: "PRONET", 5: "Chaosnet",
    6: "token ring", 7: "ARCnet (BSD)", 8: "SLIP", 9: "PPP", 10: "FDDI", 11: "ATM (RFC 1483)", 12: "raw IP",
    14: "raw IP", 15: "BSD/OS SLIP", 16: "BSD/OS PPP", 19: "ATM (classical IP)", 50: "PPP in HDLC-like framing",
    51: "PPPoE", 99: "Symantec firewall", 100: "ATM (RFC 1483)", 101: "raw IP", 102: "BSD/OS SLIP",
    103: "BSD/OS PPP", 104: "Cisco HDLC", 105: "802.11", 106: "ATM (classical IP)", 107: "Frame Relay",
    108: "OpenBSD loopback", 109: "OpenBSD enc", 110: "ATM LAN emulation", 111: "HIPPI", 112: "NetBSD HDLC",
    113: "Linux cooked v1", 114: "LocalTalk", 115: "Econet", 116: "OpenBSD ipfilter", 117: "OpenBSD pflog",
    118: "Cisco IOS internal", 119: "802.11 with Prism header", 120: "802.11 with Aironet header",
    121: "Siemens HiPath HDLC", 122: "IP over Fibre Channel", 123: "SunATM", 127: "802.11 with radiotap",
    128: "Tazmen Sniffer Protocol", 129: "ARCnet (Linux)", 130: "Juniper MLPPP", 131: "Juniper MLFR",
    132: "Juniper ES", 133: "Juniper GGSN", 134: "Juniper MFR", 135: "Juniper ATM2", 136: "Juniper services",
    137: "Juniper ATM1", 138: "Apple IP over IEEE 1394", 143: "DOCSIS", 145: "IBM SP switch",
    146: "IBM Federation switch", 163: "802.11 with AVS header", 164: "Juniper monitor", 166: "PPP of pppd",
    167: "Juniper PPPoE", 168: "Juniper PPPoE over ATM", 169: "GPRS LLC", 170: "GFP-T", 171: "GFP-F",
    172: "Gcom T1/E1", 173: "Gcom serial", 174: "Juniper PIC peer", 175: "ERF Ethernet",
    176: "ERF packet over SONET", 177: "vISDN LAPD", 178: "Juniper Ethernet", 179: "Juniper PPP",
    180: "Juniper Frame Relay", 181: "Juniper Cisco HDLC", 182: "multilink Frame Relay (FRF.16)",
    183: "Juniper voice", 188: "IEEE 802.16", 192: "PPI", 193: "IEEE 802.16 with radio header",
    194: "Juniper ISM", 196: "SITA", 197: "ERF", 198: "u10 Networks Ethernet", 200: "Juniper secure tunnel",
    202: "AX.25 with KISS header", 203: "LAPD", 204: "PPP with direction", 205: "Cisco HDLC with direction",
    206: "Frame Relay with direction", 207: "LAPB with direction", 217: "GSM Um", 218: "GSM Abis", 219: "MPLS",
    221: "DECT", 222: "AOS space data link", 224: "Fibre Channel", 225: "Fibre Channel with delimiters",
    226: "Solaris ipnet", 228: "raw IPv4", 229: "raw IPv6", 191: "IEEE 802.15.4 (Linux)", 195: "IEEE 802.15.4",
    215: "IEEE 802.15.4 with PHY header", 230: "IEEE 802.15.4 without FCS", 232: "Juniper virtual server",
    233: "Juniper SRX", 234: "Juniper Fibre Channel", 236: "GSM 27.010 multiplexer", 237: "STANAG 5066",
    238: "Juniper ATM CEMIC", 239: "NFLOG", 240: "netANALYZER Ethernet",
    241: "netANALYZER Ethernet with preamble", 242: "IP over InfiniBand", 243: "MPEG-2 transport stream",
    244: "ng40", 246: "pfsync", 247: "InfiniBand", 248: "SCTP", 252: "Wireshark exported PDU", 253: "netlink",
    258: "Apple PKTAP", 259: "Ethernet PON", 267: "OpenBSD OpenFlow", 268: "SDLC", 271: "Linux vsock",
    273: "DOCSIS 3.1 XRA-31", 274: "Ethernet mPacket", 276: "Linux cooked v2", 280: "VPP dispatch trace",
    281: "Ethernet with Broadcom tag", 282: "Ethernet behind Broadcom tag", 283: "IEEE 802.15.4 TAP",
    284: "Ethernet with DSA tag", 285: "Ethernet with EDSA tag", 286: "ELEE lawful intercept", 289: "ATSC ALP",
    290: "Event Tracing for Windows", 291: "netANALYZER NG",
}  # fmt: skip
_WITHOUT_IP = {
    124: "RapidIO", 125: "PCI Express", 126: "Xilinx Aurora", 139: "SS7 MTP2 with header", 140: "SS7 MTP2",
    141: "SS7 MTP3", 142: "SS7 SCCP", 144: "Linux IrDA", 165: "BACnet MS/TP", 184: "ARINC 429", 185: "ARINC 653",
    186: "USB (FreeBSD)", 187: "Bluetooth HCI", 189: "USB", 190: "CAN 2.0B", 199: "IPMB", 201: "Bluetooth HCI",
    209: "IPMB", 210: "FlexRay", 211: "MOST", 212: "LIN", 213: "X2E serial", 214: "X2E Xoraya", 216: "Linux evdev",
    220: "USB", 223: "WirelessHART", 227: "CAN", 231: "D-Bus", 235: "DVB-CI", 245: "NFC LLCP", 249: "USB (USBPcap)",
    250: "RTAC serial", 251: "Bluetooth LE", 254: "Bluetooth (Linux monitor)", 255: "Bluetooth baseband",
    256: "Bluetooth LE", 257: "PROFIBUS", 260: "IPMI trace", 261: "Z-Wave R1/R2", 262: "Z-Wave R3",
    263: "WattStopper DLM", 264: "ISO 14443", 265: "Radio Data System", 266: "USB (Darwin)", 269: "TI sniffer",
    270: "LoRaTap", 272: "Bluetooth LE (Nordic)", 275: "DisplayPort AUX", 277: "SERCOS", 278: "USB (OpenVizsla)",
    279: "EBHSCR", 287: "Z-Wave serial", 288: "USB 2.0", 292: "ZBOSS NCP",
}  # fmt: skip
_PRIVATE = range(147, 163)


def link_name(number: int) -> str:
    """What people call a link type; with a word where no IP packet can be expected in it."""
    if number in _WITHOUT_IP:
        return f"{_WITHOUT_IP[number]} (no IP here)"
    if number in _PRIVATE:
        return f"private link type {number}"
    return _MAY_CARRY_IP.get(number, f"link type {number}")
