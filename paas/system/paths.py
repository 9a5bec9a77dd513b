"""Locations of an instance's files below its data root."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paas.core.errors import PaasError
from paas.core.model import App

LONGEST_SOCKET = 107


@dataclass(frozen=True)
class Paths:
    """Paths of one instance. Folders have an app's number as name, so that renaming an app moves nothing."""

    root: Path
    folders: tuple[str, ...] = ()
    """Folders of features."""

    def folder(self, name: str) -> Path:
        """Return the folder of that name below the root, which a feature has declared."""
        return self.root / name

    def prepare(self) -> None:
        """Create the folders. Users other than the server's may pass through the root, but not list it."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        self.mend()

    def mend(self) -> None:
        """Create missing folders: all that are written to, except those of the web process and nginx."""
        own = self.apps, self.jobs, self.runs, self.work, self.host_keys, self._ssh
        for folder in (*own, *map(self.folder, self.folders)):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def database(self) -> Path:
        """The database."""
        return self.root / "paas.db"

    @property
    def secret_key(self) -> Path:
        """The key that encrypts values in the database."""
        return self.root / "secret.key"

    @property
    def marker(self) -> Path:
        """The marker of the database, see `paas.system.marker`."""
        return self.root / "instance"

    def app_numbers(self) -> set[int]:
        """Return the numbers of the apps that have a repository, or files of the proxy."""
        repositories = (path.parent.name for path in self.apps.glob("*/repo.git"))
        served = (path.name.partition(".")[0] for path in (self.nginx / "apps").glob("*.conf"))
        return {int(name) for name in (*repositories, *served) if name.isdecimal()}

    @property
    def torn_down(self) -> Path:
        """File that exists while the instance is being removed: service managers must not start it again."""
        return self.root / "torn-down"

    def mark_torn_down(self) -> None:
        """Prevent any start of the instance from now on."""
        self.torn_down.touch()

    def refuse_torn_down(self) -> None:
        """Raise `PaasError` while the instance is being removed."""
        if self.torn_down.exists():
            raise PaasError(
                f"the instance in {self.root} is being removed",
                why="A 'paas teardown' was started and may not have finished.",
                fix=f"Run it again: paas --root {self.root} teardown --force",
                code="torn-down",
            )

    @property
    def apps(self) -> Path:
        """Folders of apps."""
        return self.root / "apps"

    @property
    def jobs(self) -> Path:
        """Logs of jobs."""
        return self.root / "jobs"

    @property
    def runs(self) -> Path:
        """Logs of ended one-off and cron runs."""
        return self.root / "runs"

    @property
    def work(self) -> Path:
        """Temporary files of builds and fetches, which may contain credentials; the server removes them at its start.
        """
        return self.root / "work"

    @property
    def host_keys(self) -> Path:
        """Host keys of the SSH server."""
        return self.root / "ssh"

    @property
    def authorized_keys(self) -> Path:
        """File that the host's OpenSSH reads for the account whose home is the root."""
        return self._ssh / "authorized_keys"

    @property
    def _ssh(self) -> Path:
        return self.root / ".ssh"

    @property
    def control_socket(self) -> Path:
        """Socket for the local command line."""
        return self.root / "control.sock"

    @property
    def hooks(self) -> Path:
        """Programs that the administrator adds; they override those that come with the platform."""
        return self.root / "hooks"

    @property
    def reserve(self) -> Path:
        """File that is given up when the disk is full."""
        return self.root / "reserve"

    @property
    def buildpacks(self) -> Path:
        """Imported buildpacks, in folders named after their content."""
        return self.root / "buildpacks"

    @property
    def web(self) -> Path:
        """Folder of the web process, with its socket and sessions."""
        return self.root / "web"

    @property
    def web_socket(self) -> Path:
        """Socket of the dashboard and the HTTP API, for nginx.

        It is below the root if nginx's workers, usually another user, can access it there, and the path is short enough
        for a socket (unix(7)); else in a system folder for such files.
        """
        path = self.web / "web.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET and all(folder.stat().st_mode & 0o001 for folder in self._above()):
            return path
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/run" if os.geteuid() == 0 else "/tmp") / f"paas-{os.geteuid()}-{name}-web" / "web.sock"

    def _above(self) -> list[Path]:
        return [folder for folder in self.root.parents if folder.exists()]

    @property
    def nginx(self) -> Path:
        """Prefix of the private nginx."""
        return self.root / "nginx"

    def static(self, app: App) -> Path:
        """Return the folder of the app's files that nginx serves."""
        return self.root / "static" / str(app.id)

    def app(self, app: App) -> Path:
        """Return the folder of the app."""
        return self.apps / str(app.id)

    def repository(self, app: App) -> Path:
        """Return its bare git repository."""
        return self.app(app) / "repo.git"

    def tree(self, app: App) -> Path:
        """Return its permanent work tree, the build context."""
        return self.app(app) / "tree"

    def index(self, app: App) -> Path:
        """Return the git index of the work tree."""
        return self.app(app) / "index"

    def logs(self, app_id: int) -> Path:
        """Return the folder of the logs of its removed containers."""
        return self.apps / str(app_id) / "logs"

    @property
    def access_log(self) -> Path:
        """nginx's log of all requests."""
        return self.nginx / "logs" / "access.log"

    def drain(self, drain_id: int) -> Path:
        """Return the folder of unsent lines of a drain."""
        return self.drains / str(drain_id)

    @property
    def drains(self) -> Path:
        """Folders of drains with unsent lines."""
        return self.root / "drains"

    def remove_app(self, app: App) -> None:
        """Remove the folders of the app.

        They are renamed first, so that a concurrent writer, such as the log of a container or a waiting push, does not
        interfere.
        """
        for number, folder in enumerate((self.app(app), self.static(app))):
            aside = self.apps / f".{app.id}-{number}.gone"
            with suppress(FileNotFoundError):
                folder.rename(aside)
            shutil.rmtree(aside, onerror=_bear)

    def remove_leftovers(self) -> None:
        """Remove the remains of removed apps, and of builds and fetches whose server was killed."""
        for aside in (*self.apps.glob(".*.gone"), *self.work.iterdir()):
            shutil.rmtree(aside, onerror=_bear)

    def remove_all(self) -> bool:
        """Remove the data root with all its content. Return False if it is a mount point, which stays.

        Then the file that prevents services from starting stays there, too.
        """
        if self.web_socket.parent != self.web:
            shutil.rmtree(self.web_socket.parent, ignore_errors=True)
        try:
            shutil.rmtree(self.root)
        except OSError as error:
            if error.errno != errno.EBUSY or Path(error.filename) != self.root:
                raise
            self.mark_torn_down()
            return False
        return True


def _bear(function: object, path: str, problem: tuple[type[BaseException], BaseException, object]) -> None:
    """Ignore a concurrent write or removal: the next start of the server removes the rest."""
    error = problem[1]
    if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
        raise error
