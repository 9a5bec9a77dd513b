"""What this machine grants an nginx: a user for its workers, open files, a path for its socket."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import resource
from dataclasses import dataclass
from pathlib import Path

from paas.core.errors import ProxyError

LONGEST_SOCKET = 107
MOST_FILES = 65_536


@dataclass(frozen=True)
class Account:
    """A user and a group, by name."""

    user: str
    group: str


def worker_account() -> Account | None:
    """Whom workers run as: None for the user that starts nginx, who then is not root. Raises `ProxyError`."""
    if os.geteuid() != 0:
        return None

    for user in ("www-data", "nobody"):
        try:
            return Account(user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name)
        except KeyError:
            continue

    raise ProxyError("there is no user for the workers of nginx", why="Neither www-data nor nobody is a user here.")


def open_files() -> int:
    """How many files a worker may have open: as many as the kernel grants this process, within reason."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)


def socket_path(prefix: Path) -> Path:
    """Where the status socket goes: the kernel takes 107 bytes of path (unix(7)), and a data folder may have more."""
    path = prefix / "run" / "status.sock"

    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path

    name = hashlib.sha256(os.fsencode(prefix)).hexdigest()[:16]
    return Path("/run" if os.geteuid() == 0 else "/tmp") / f"paas-{os.geteuid()}-{name}" / "status.sock"
