"""What this machine allows nginx: a user for its workers, open files, a path for its socket."""

from __future__ import annotations

import grp
import hashlib
import ipaddress
import os
import pwd
import re
import resource
from dataclasses import dataclass
from pathlib import Path

from paas.core.errors import ProxyError

RESOLV_CONF = Path("/etc/resolv.conf")
LONGEST_SOCKET = 107
MOST_FILES = 65_536


@dataclass(frozen=True)
class SystemUser:
    """User and group, by name."""

    user: str
    group: str


def worker_account() -> SystemUser | None:
    """Return the user of the workers: None for the user that starts nginx, if that is not root. Raise `ProxyError`."""
    if os.geteuid() != 0:
        return None

    for user in ("www-data", "nobody"):
        try:
            return SystemUser(user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name)
        except KeyError:
            continue

    raise ProxyError("there is no user for the workers of nginx", why="Neither www-data nor nobody is a user here.")


def open_files() -> int:
    """Return how many files a worker may open: as many as the kernel allows this process, within limits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)


def socket_paths(prefix: Path) -> tuple[Path, Path]:
    """Return two paths for the status socket.

    The kernel limits them to 107 bytes (unix(7)), and a data folder may be longer.

    There are two, because nginx creates a socket whose file was removed only under another name.
    """
    folder = prefix / "run"

    if len(os.fsencode(folder / "status-2.sock")) > LONGEST_SOCKET:
        name = hashlib.sha256(os.fsencode(prefix)).hexdigest()[:16]
        folder = Path("/run" if os.geteuid() == 0 else "/tmp") / f"paas-{os.geteuid()}-{name}"

    return folder / "status.sock", folder / "status-2.sock"


@dataclass(frozen=True)
class NginxBuild:
    """Capabilities of an nginx; ``version`` as (1, 22, 1)."""

    version: tuple[int, ...]
    http3: bool

    @property
    def http2_by_listen(self) -> bool:
        """True if HTTP/2 is a parameter of ``listen``: https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2"""
        return self.version < (1, 25, 1)

    @property
    def early_hints(self) -> bool:
        """True if it passes on 103: https://nginx.org/en/docs/http/ngx_http_core_module.html#early_hints"""
        return self.version >= (1, 29, 0)


def build(text: str) -> NginxBuild:
    """Parse the output of ``nginx -V``."""
    found = re.search(r"nginx/([0-9]+(?:\.[0-9]+)*)", text)
    version = tuple(int(part) for part in found[1].split(".")) if found else ()
    return NginxBuild(version, "--with-http_v3_module" in text.split() and version >= (1, 25, 1))


def resolvers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Return the name servers of this host in nginx's notation; none without the file."""
    try:
        words = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ()

    return tuple(filter(None, (_address(line[1]) for line in words if line[:1] == ["nameserver"] and len(line) > 1)))


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""

    # A link-local address ends with its link, which nginx does not support.
    if address.version == 4:
        return str(address)

    return "" if "%" in text else f"[{address}]"
