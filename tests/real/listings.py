"""What there is in the engine, as its API lists it.

Not the lists of docker-py's own classes: those ask for every listed thing once more, and fail when somebody has
removed one of them meanwhile.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import docker


def containers(*labels: str, ended: bool = True) -> list[dict[str, Any]]:
    """The containers with all of these labels (``NAME`` or ``NAME=VALUE``), those that have ended among them or not:
    a row of ``GET /containers/json`` each, with Id, Names, Labels, Ports, Created."""
    with closing(docker.from_env()) as client:
        return client.api.containers(all=ended, filters={"label": list(labels)})  # type: ignore[no-any-return]


def images(*labels: str) -> list[str]:
    """The ids of the images with all of these labels; without any, of all that there are."""
    with closing(docker.from_env()) as client:
        return [row["Id"] for row in client.api.images(filters={"label": list(labels)})]


def networks(*labels: str) -> list[str]:
    """The names of the networks with all of these labels."""
    with closing(docker.from_env()) as client:
        return [row["Name"] for row in client.api.networks(filters={"label": list(labels)})]
