"""The file in the data root that names its database, and a checkpoint that the database has reached."""

from __future__ import annotations

import json
import os
from pathlib import Path

from paas.core.server.intact import Marker


class MarkerFile:
    """Marker file: read at the start of the server, and written after checkpoints. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Marker | None:
        """Return the marker; None if it is missing or unreadable: then other facts decide."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            accepted = {int(app): int(version) for app, version in found.get("accepted", {}).items()}
            return Marker(str(found["instance"]), int(found["checkpoint"]), accepted)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, marker: Marker) -> None:
        """Replace it atomically and durably."""
        aside = self._path.with_name(f".{self._path.name}.new")
        accepted = {str(app): version for app, version in marker.accepted.items()}
        text = json.dumps({"instance": marker.instance, "checkpoint": marker.checkpoint, "accepted": accepted})

        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())

        aside.replace(self._path)
