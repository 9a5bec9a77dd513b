"""Copies of an instance, each for one test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Copies:
    """Copies of an instance's folder that share its files: all are replaced and none is changed in place, but the
    database. The repositories of users are left to the server, which copies them for those tests that push again."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        found = [path for path in sorted(root.rglob("*")) if path.relative_to(root).parts[0] != "users"]
        self._folders = ["", *(f"/{path.relative_to(root)}" for path in found if path.is_dir())]
        self._files = [f"/{path.relative_to(root)}" for path in found if path.is_file() and path.name != "paas.db"]

    def make(self, target: Path) -> Path:
        """Make another copy."""
        made = str(target)
        for name in self._folders:
            os.mkdir(made + name)  # noqa: PTH102 - it is called a thousand times
        for name in self._files:
            os.link(self._root + name, made + name)
        shutil.copyfile(f"{self._root}/paas.db", f"{made}/paas.db")
        return target
