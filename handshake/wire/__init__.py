"""Bytes to segments: link layers, IP, TCP, UDP, ICMP. Sans I/O; malformed input is data, never an exception."""
