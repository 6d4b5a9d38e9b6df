"""`handshake` and `python -m handshake`."""

from __future__ import annotations

import sys

from handshake.cli.app import app
from handshake.cli.output import say
from handshake.errors import HandshakeError


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on standard error and an exit status."""
    try:
        app(prog_name="handshake")
    except HandshakeError as error:
        say(str(error))
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
