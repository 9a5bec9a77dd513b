"""``paas serve`` that may not read the engine's files, as where it is not root: ``api_daemon.py serve …``."""

from __future__ import annotations

import sys
from pathlib import Path

from paas import cli
from paas.schedulers.docker.local import DockerLocal


def _none(self: DockerLocal, container_id: str) -> Path | None:
    return None


if __name__ == "__main__":
    DockerLocal.log_file = _none  # type: ignore[method-assign]
    sys.exit(cli.main(sys.argv[1:]))
