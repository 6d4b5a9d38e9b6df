"""A lab without the servers of other projects says so in one line."""

from __future__ import annotations

import pytest

from handshake.errors import ToolError
from handshake.lab.applications import borrowed


def test_a_missing_server_is_one_clear_line() -> None:
    with pytest.raises(ToolError, match=r"^nosuchserver is not installed; .* pip install 'handshake\[lab\]'$"):
        borrowed("nosuchserver.part")
