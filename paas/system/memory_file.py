"""Files in memory, for programs that take a secret as a path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_memory(text: str) -> Iterator[Path]:
    """Yield the path of a file with the text, which is never on disk. Other programs of the same user can open it."""
    descriptor = os.memfd_create("paas", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode()) if text else None
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)
