"""`handshake` and `python -m handshake`."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import Any

_USAGE = 2
_NEW_OBJECTS = 100_000
"""Between two looks for garbage: a capture makes objects by the million that stay, and hardly a cycle among them."""


def main() -> None:
    """Run the command line; what goes wrong on purpose is one line on standard error and an exit status."""
    usual = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        _run()
    finally:
        gc.set_threshold(*usual)


def _run() -> None:
    import typer

    from handshake.cli.app import app
    from handshake.cli.output import say
    from handshake.errors import HandshakeError

    usage_error: Any = typer.BadParameter.__base__  # a command line that cannot be understood, whichever click it is
    try:
        status = app(prog_name="handshake", standalone_mode=False)
    except usage_error as error:
        command = error.ctx.command_path if error.ctx else "handshake"
        say(f"{error.format_message().rstrip('.')} (options: {command} --help)")
        sys.exit(_USAGE)
    except HandshakeError as error:
        say(str(error))
        sys.exit(error.exit_status)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not written at exit either
        say(f"cannot write: {error.strerror}")
        sys.exit(HandshakeError.exit_status)
    sys.exit(status)


if __name__ == "__main__":
    main()
