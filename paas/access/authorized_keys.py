"""The authorized_keys file, which admits the server's keys through the host's own OpenSSH.

Format: AUTHORIZED_KEYS FILE FORMAT in sshd(8). Every key is bound to one command, which hands the session to the
daemon with the key's role.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from paas.core.model import Key


def write(path: Path, keys: Sequence[Key]) -> None:
    """Replace the file. It belongs to the platform: other content is lost."""
    program = Path(sys.argv[0]).resolve() if Path(sys.argv[0]).name == "paas" else Path(sys.executable).parent / "paas"
    root = path.parent.parent
    command = f"{program} --root {root} shell --key"
    lines = [
        f'command="{command} {key.fingerprint}",restrict,pty {key.kind} {key.blob} {key.name}\n' for key in keys
    ]
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(lines))
    temporary.replace(path)
