"""Segments to handshakes: the table of flows, the state machine, the timeline. Sans I/O."""
