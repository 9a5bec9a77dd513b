"""The file with the server's settings, ``DIR/paas.yml``: read when it changed, edited in place."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from paas.core import settings
from paas.core.errors import InvalidValue
from paas.core.settings import Settings

_log = logging.getLogger(__name__)


class SettingsFile:
    """Effective settings.

    An invalid file is an error for every caller until it is corrected, so that nothing continues with unintended
    values.
    """

    def __init__(self, path: Path, flags: Mapping[str, str]) -> None:
        self._path = path
        self._flags = dict(flags)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._values: dict[str, str] = {}
        self.current()

    def protect(self) -> None:
        """Remove the permissions of other users: a file written by hand may be readable for them."""
        try:
            mode = self._path.stat().st_mode & 0o777
            if mode & ~0o640:
                self._path.chmod(mode & 0o640)
        except FileNotFoundError:
            return
        except PermissionError:
            _log.warning("%s may be open to other users of the host, and belongs to somebody else", self._path)

    def current(self) -> Settings:
        """Return the settings; read the file again if it changed. Raise `InvalidValue` naming file and key."""
        with self._lock:
            stamp = self._stat()
            if stamp != self._stamp:
                self._values = self._load(self._read())
                self._stamp = stamp
            return Settings(self._values, self._flags)

    def value(self, key: str) -> Any:
        """Return the value of one setting."""
        return self.current().value(key)

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        # Two changes within a tick of the kernel's clock have the same time, and may have the same size.
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> str:
        return self._path.read_text(encoding="utf-8") if self._path.exists() else ""

    def _load(self, text: str) -> dict[str, str]:
        try:
            return settings.check(yaml.safe_load(text), str(self._path))
        except yaml.YAMLError as error:
            raise InvalidValue(f"{self._path} is not YAML", why=str(error), code="invalid-settings") from error

    def set(self, key: str, value: str) -> None:
        """Set one value in the file, or remove an empty one. Comments and all other lines are unchanged."""
        row = settings.find(key)
        if value:
            row.kind.read(row.key, value)
        with self._lock:
            old = self._read()
            wanted = {**self._load(old), key: value}
            text = _edited(old, key, value)
            if self._without_empty(text) != {k: v for k, v in wanted.items() if v}:
                raise InvalidValue(
                    f"{self._path} is written in a way that settings:set can't edit",
                    fix=f"Change {key} in the file by hand; it is read again at once.",
                    code="invalid-settings",
                )
            temporary = self._path.with_suffix(".new")
            temporary.unlink(missing_ok=True)
            # Addresses of proxies and package indexes may contain passwords.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.replace(self._path)

    def _without_empty(self, text: str) -> dict[str, str] | None:
        """Return the values of an edited text, None if it is no longer valid."""
        try:
            return {key: value for key, value in self._load(text).items() if value}
        except InvalidValue:
            return None


def _edited(text: str, key: str, value: str) -> str:
    line = yaml.safe_dump({key: value}, default_flow_style=False) if value else ""
    node = yaml.compose(text)
    if isinstance(node, yaml.MappingNode):
        for name, old in node.value:
            if name.value == key:
                lines = text.splitlines(keepends=True)
                last = old.end_mark.line + (1 if old.end_mark.column else 0)
                lines[name.start_mark.line : max(last, name.start_mark.line + 1)] = [line] if line else []
                return "".join(lines)
    separator = "" if not text or text.endswith("\n") else "\n"
    return text + separator + line
