"""Application protocols: bytes of a connection, in order, to a dialogue that people can read. Sans I/O, bounded.

Each protocol is a small class with `feed`, `gap`, `end` and `application` (`app.dialogue.Dialogue`). It never raises,
keeps no more than it needs, and says itself when it wants no more. Passwords are left out unless asked for.
"""
