"""A server with Debian 13: systemd, and Docker Engine 26.1."""

from __future__ import annotations

import pytest
from systemd_story import Story, owner, served

pytestmark = pytest.mark.real("docker", "git", "ssh")

SUITE = "trixie"

__all__ = ["owner", "served"]


class TestServer(Story):
    """See `systemd_story`."""
