"""Work with limits, in the tests' own process and without them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from paas.daemon.zygote import WORKS
from paas.system.confined import Confined, Work


def work(name: str, about: str, given: Mapping[str, object]) -> Any:
    """Do the work here, with the arguments as another process would receive them."""
    return json.loads(json.dumps(WORKS[name](**json.loads(json.dumps(given))), default=str))


class FakeConfined(Confined):
    """`Confined` without a helper. ``asked`` has the names of the work and what it was about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []

    def start(self) -> None:
        """Start nothing."""

    def for_job(self, cancelled: threading.Event) -> Work:
        return self._noted

    def for_look(self, gone: threading.Event) -> Work:
        return self._noted

    def _noted(self, name: str, about: str, given: Mapping[str, object]) -> Any:
        self.asked.append((name, about))
        return work(name, about, given)
