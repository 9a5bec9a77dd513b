"""The tests of what Docker Engine does, with the newer engine of Debian 13: 26.1, in a box.

They run inside, as they look at processes of containers and at ports of loopback.
"""

from __future__ import annotations

import pytest
from machine import checkout, hand_over
from systemd_box import Box

pytestmark = pytest.mark.real("docker")

SUITE = "trixie"
CHOSEN = {
    "test_containers": "",
    "test_engine_restart": "not fills_the_disk",
    "test_runs": "not gigabyte",
    "test_scheduler_docker": "deploy or scaling or lost or crash",
    "test_stop_signals": "not bookworm",
}
"""The files, and which tests of each, as pytest's option ``-k`` has it: those that look at what the engine does."""


@pytest.fixture(scope="module")
def developer(box: Box, stack_of) -> Box:
    """The box with this checkout, its environment for development, and what the tests need."""
    box.unpack(checkout(), "/clone")
    box.read("cd /clone && scripts/install-deps certificates engine builder nginx git venv ssh curl")
    hand_over(stack_of(SUITE), box)
    box.read("cd /clone && scripts/make-venv .tmp/venv dev")
    assert box.read("docker version --format '{{.Server.Version}}'").startswith("26.")
    return box


@pytest.mark.parametrize("file", CHOSEN)
def test_it_passes_with_the_newer_engine(developer: Box, file: str) -> None:
    # Where CI is set, a test that can't run fails.
    command = f"CI=true .tmp/venv/bin/python -m pytest -p no:xdist -m real -k '{CHOSEN[file]}' tests/real/{file}.py"

    ran = developer.sh(f"cd /clone && {command} --durations=0")

    assert ran.returncode == 0, ran.stdout
