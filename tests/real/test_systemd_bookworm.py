"""A server with Debian 12: systemd, and Docker Engine 20.10."""

from __future__ import annotations

import pytest
from systemd_story import Story, owner, served

pytestmark = pytest.mark.real("docker", "git", "ssh")

SUITE = "bookworm"

__all__ = ["owner", "served"]


class TestServer(Story):
    """See `systemd_story`."""
