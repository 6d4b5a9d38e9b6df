"""Live tests run in private networks, never on the machine's own."""

from __future__ import annotations

import pytest

from handshake.lab.netns import private_network_refusal
from tests.support import require

pytest.register_assert_rewrite("tests.live.lab_stories")  # a failure shows both stories


@pytest.fixture(scope="session")
def private_networks() -> None:
    """Skip where neither root nor user namespaces give us a private network."""
    refusal = private_network_refusal()
    require(refusal is None, refusal or "")
