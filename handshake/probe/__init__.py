"""Probing: find the way to a target, hold a port, craft segments, and be the client of one handshake."""
