"""A second Docker Engine for isolated builds, in a user namespace.

Its own unprivileged user runs it, so an escaped build is that user and not root. It has its own network, too:
slirp4netns makes its connections, none of them to the host's loopback, and routes refuse the networks that builds must
not reach. https://docs.docker.com/engine/security/rootless/, https://github.com/rootless-containers/rootlesskit

`bootstrap.sh` installs it as the service paas-builder. A server that runs as root starts it itself.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from paas.core.errors import DockerError
from paas.schedulers.docker.api import Docker

_log = logging.getLogger(__name__)

USER = "paas-builder"
SERVICE = Path("/run/paas-builder")
"""Folder of the service's socket."""
LINK_LOCAL = "169.254.0.0/16"
"""Network where clouds answer with the machine's own credentials."""
TUN = Path("/dev/net/tun")
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 30.0, 10.0, 0.02
ANSWER_SECONDS, SAVE_SECONDS = 10, 900
PROGRAMS = ("rootlesskit", "slirp4netns", "newuidmap", "setpriv", "ip", "dockerd")

_OUTSIDE, _INSIDE = "198.18.0.0/24", "198.18.1.1/24"
"""Unassigned networks (RFC 2544) for the namespace's interface and its bridge."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")

# As root of the namespace, where /run is a folder of links. Remove those to the host's Docker and its lock, and the
# remains of a killed engine: its process ids are those of another namespace, and mean others now.
_START = """\
run=$1 data=$2
shift 2
for network; do ip route add prohibit "$network"; done
rm -f /run/docker /run/containerd /run/xtables.lock
rm -rf "$run/docker.pid" "$run/docker.sock" "$run/containerd"
exec dockerd --data-root "$data/engine" --exec-root "$run" --pidfile "$run/docker.pid" \\
  --host "unix://$run/docker.sock" --group root --bip "$BRIDGE" --icc=false --log-level warn \\
  --exec-opt native.cgroupdriver=cgroupfs
"""

# A process enters its control group before it starts others.
_ENTER = """\
while [ "$1" != -- ]; do echo $$ >"$1"; shift; done
shift
exec "$@"
"""


def command(run: Path, data: Path, refused: Sequence[str]) -> list[str]:
    """Return the command of the engine: its sockets are in ``run``, its data in ``data``.

    It cannot connect to the ``refused`` networks.
    """
    return [
        *("rootlesskit", f"--state-dir={run}/rootlesskit", "--pidns", "--propagation=rslave"),
        *("--net=slirp4netns", "--mtu=65520", f"--cidr={_OUTSIDE}", "--disable-host-loopback", "--port-driver=none"),
        *("--slirp4netns-sandbox=auto", "--slirp4netns-seccomp=auto", "--copy-up=/etc", "--copy-up=/run"),
        *("/bin/sh", "-euc", _START, "sh", str(run), str(data), *refused),
    ]


def environment(run: Path, data: Path) -> dict[str, str]:
    """Return its complete environment."""
    proxies = {name: os.environ[name] for name in _PROXIES if name in os.environ}
    return {"PATH": _PATH, "HOME": str(data), "XDG_RUNTIME_DIR": str(run), "BRIDGE": _INSIDE, **proxies}


class Rootless:
    """Docker Engine of one instance for isolated builds: started and stopped here, or a separate service.

    ``entrances`` returns the files by which a process enters the control group of builds, none if there is no such
    group; ``refused`` the networks that builds can't reach.
    """

    def __init__(
        self, root: Path, instance: str, entrances: Callable[[], list[Path]], refused: Callable[[], list[str]]
    ) -> None:
        self._data = root / "builder"
        self._own = Path("/run") / f"paas-builder-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
        self._entrances = entrances
        self._refused = refused
        self._starting = threading.Lock()
        self.host = f"unix://{self.run}/docker.sock"
        # Docker sends the first byte of a large image after packing all of it.
        self.docker = Docker(instance, SAVE_SECONDS, host=self.host)
        self._asked = Docker(instance, ANSWER_SECONDS, host=self.host)
        self._tidied = False

    @property
    def managed(self) -> bool:
        """True if this server starts and stops it."""
        return os.geteuid() == 0

    @property
    def run(self) -> Path:
        """Folder with its socket."""
        return self._own / "run" if self.managed else SERVICE

    def version(self) -> str:
        """Return the version. Raise `DockerError` if it does not answer."""
        if not (self.run / "docker.sock").is_socket():
            raise self._down(self._lacking())
        try:
            return self._asked.version()
        except DockerError as error:
            raise self._down(error.why) from error

    def start(self) -> None:
        """Start it if necessary. Return once it answers. Raise `DockerError` with the reason if it does not."""
        with self._starting:
            if not self.managed or self._pid():
                self._wait()
            else:
                lacking = self._lacking()
                if lacking:
                    raise self._down(lacking)
                self._spawn()
                self._wait()
            self._tidy()

    def _tidy(self) -> None:
        """Remove, once, the images of builds that ran when a server was killed: none belongs to a present build."""
        if not self._tidied:
            for row in self.docker.images():
                self.docker.remove_image(row.id)
            self._tidied = True

    def stop(self) -> None:
        """End it with all its processes, if this server started it."""
        with self._starting:
            pid = self._pid()
            if pid is None:
                return
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(pid, number)
                if self._ended():
                    return

    def remove(self) -> bool:
        """End it and remove its sockets and data. Return True if there were any."""
        if not self.managed or not (self._own.exists() or self._data.exists()):
            return False
        self.stop()
        for folder in (self._own, self._data):
            if folder.exists():
                shutil.rmtree(folder)
        return True

    def _lacking(self) -> str:
        if not self.managed:
            return f"There is no {SERVICE}/docker.sock."
        missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
        if missing:
            return f"These programs are missing: {', '.join(missing)}."
        try:
            uid = pwd.getpwnam(USER).pw_uid
        except KeyError:
            return f"There is no user {USER}."
        for file in (Path("/etc/subuid"), Path("/etc/subgid")):
            if not file.exists() or f"{USER}:" not in file.read_text(encoding="utf-8"):
                return f"{USER} has no range of ids in {file}."
        if not TUN.exists() or TUN.stat().st_mode & 0o006 != 0o006:
            return "Only root may open /dev/net/tun. Debian allows all users: chmod 666 /dev/net/tun."
        closed = [str(path) for path in self._data.parents if path.exists() and not path.stat().st_mode & 0o001]
        if closed:
            return f"{USER} (user id {uid}) cannot enter {', '.join(closed)}."
        return ""

    def _down(self, why: str) -> DockerError:
        fix = (
            "'bootstrap.sh --build-isolation rootless' installs it as a service; its log: journalctl -u paas-builder."
            if not self.managed
            else f"'scripts/builder-user' installs what it needs; its log is {self._own}/log."
        )
        return DockerError(
            "the isolated builder does not answer (build-isolation rootless)",
            why=why,
            fix=f"{fix} 'settings:set build-isolation none' builds with the host's Docker Engine.",
            code="builder-down",
        )

    def _spawn(self) -> None:
        user = pwd.getpwnam(USER)
        # Files that root writes are not in folders where that user could put a link in their place.
        self._own.mkdir(mode=0o711, exist_ok=True)
        for folder in (self.run, self._data):
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, user.pw_uid, user.pw_gid)
        enter = ["/bin/sh", "-euc", _ENTER, "sh", *map(str, self._entrances()), "--"]
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--inh-caps=-all"]
        with (self._own / "log").open("ab") as log:
            process = subprocess.Popen(
                [*enter, *become, *command(self.run, self._data, self._refused())],
                cwd="/",
                env=environment(self.run, self._data),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self._own / "pid").write_text(str(process.pid), encoding="ascii")
        # It outlives this server, and the next one finds it; until then its exit status must be read.
        threading.Thread(target=process.wait, name="builder", daemon=True).start()
        _log.info("started the isolated builder, process %d", process.pid)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.version()
                return
            except DockerError:
                if time.monotonic() > deadline or not self.managed or self._gone():
                    raise
            time.sleep(POLL_SECONDS)

    def _gone(self) -> bool:
        """Return True if the started process has ended. Its command line is not enough: it is empty during an exec."""
        try:
            return not Path("/proc", (self._own / "pid").read_text(encoding="ascii")).exists()
        except FileNotFoundError:
            return True

    def _pid(self) -> int | None:
        """Return its process, which leads its own group; None if it does not run."""
        if not self.managed:
            return None
        try:
            pid = int((self._own / "pid").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return pid if os.fsencode(self._own) in _command_line(Path(f"/proc/{pid}")) else None

    def _ended(self) -> bool:
        """Wait until none of its processes is left. A zombie has an empty command line."""
        deadline = time.monotonic() + STOP_SECONDS
        while any(os.fsencode(self._own) in _command_line(entry) for entry in Path("/proc").iterdir()):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def _command_line(process: Path) -> bytes:
    if not process.name.isdecimal():
        return b""
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def main(arguments: Sequence[str]) -> None:
    """Become the engine, as its service does.

    The arguments are its folders, ``run`` and ``data``, and the refused networks.
    """
    run, data = Path(arguments[0]), Path(arguments[1])
    argv = command(run, data, arguments[2:])
    os.execvpe(argv[0], argv, environment(run, data))


if __name__ == "__main__":
    main(sys.argv[1:])
