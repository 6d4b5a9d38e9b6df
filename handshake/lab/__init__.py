"""A private world to watch handshakes in: hosts, wires, real servers, a recorder and its scenarios."""
