"""Where an instance keeps what, below its data root."""

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
    """Folders are named after an app's number, so that renaming an app moves nothing."""

    root: Path
    folders: tuple[str, ...] = ()
    """Those of features."""

    def folder(self, name: str) -> Path:
        """Return the folder of that name below the root, which a feature has named."""
        return self.root / name

    def prepare(self) -> None:
        """Makes the folders. Others than the server's user may pass through the root, not list it."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        self.mend()

    def mend(self) -> None:
        """Make those folders that are missing: every one that is written to, apart from those of the web and nginx."""
        own = self.apps, self.jobs, self.runs, self.work, self.host_keys, self._ssh
        for folder in (*own, *map(self.folder, self.folders)):
            folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def database(self) -> Path:
        """What is wanted and what happened."""
        return self.root / "paas.db"

    @property
    def secret_key(self) -> Path:
        """What values in the database are sealed with."""
        return self.root / "secret.key"

    @property
    def marker(self) -> Path:
        """Which database belongs here, see `paas.system.marker`."""
        return self.root / "instance"

    def app_numbers(self) -> set[int]:
        """The numbers of the apps that have a repository, or files of the proxy."""
        repositories = (path.parent.name for path in self.apps.glob("*/repo.git"))
        served = (path.name.partition(".")[0] for path in (self.nginx / "apps").glob("*.conf"))
        return {int(name) for name in (*repositories, *served) if name.isdecimal()}

    @property
    def torn_down(self) -> Path:
        """There while the instance is being removed: service managers must not start it again."""
        return self.root / "torn-down"

    def mark_torn_down(self) -> None:
        """Nothing of the instance starts from now on."""
        self.torn_down.touch()

    def refuse_torn_down(self) -> None:
        """Raises `PaasError` while the instance is being removed."""
        if self.torn_down.exists():
            raise PaasError(
                f"the instance in {self.root} is being removed",
                why="'paas teardown' was run for it, and may not have come to its end.",
                fix=f"Run it again: paas --root {self.root} teardown --force",
                code="torn-down",
            )

    @property
    def apps(self) -> Path:
        """A folder for each app."""
        return self.root / "apps"

    @property
    def jobs(self) -> Path:
        """The logs of jobs."""
        return self.root / "jobs"

    @property
    def runs(self) -> Path:
        """The logs of one-off and cron runs that have ended."""
        return self.root / "runs"

    @property
    def work(self) -> Path:
        """Temporary files of builds and fetches, which may hold credentials; the server's start removes all of it."""
        return self.root / "work"

    @property
    def host_keys(self) -> Path:
        """The SSH server's own keys."""
        return self.root / "ssh"

    @property
    def authorized_keys(self) -> Path:
        """What the host's OpenSSH reads for the account whose home is the root."""
        return self._ssh / "authorized_keys"

    @property
    def _ssh(self) -> Path:
        return self.root / ".ssh"

    @property
    def control_socket(self) -> Path:
        """Where the local command line talks to the server."""
        return self.root / "control.sock"

    @property
    def hooks(self) -> Path:
        """Programs that the administrator adds; they go before those that come with the platform."""
        return self.root / "hooks"

    @property
    def reserve(self) -> Path:
        """What is given up when the disk is full."""
        return self.root / "reserve"

    @property
    def buildpacks(self) -> Path:
        """Buildpacks that were added, in folders named after their content."""
        return self.root / "buildpacks"

    @property
    def web(self) -> Path:
        """Where the web's process has its socket, and who is signed in."""
        return self.root / "web"

    @property
    def web_socket(self) -> Path:
        """Where nginx passes requests for the dashboard and the HTTP API to.

        It is below the root where nginx's workers, another user as a rule, can get there, and where its path is not
        longer than a socket's may be (unix(7)); else in a folder of the system for such files.
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
        """The prefix of the private nginx."""
        return self.root / "nginx"

    def static(self, app: App) -> Path:
        """The files of its releases that nginx serves itself."""
        return self.root / "static" / str(app.id)

    def app(self, app: App) -> Path:
        """The folder of one app."""
        return self.apps / str(app.id)

    def repository(self, app: App) -> Path:
        """Its bare git repository."""
        return self.app(app) / "repo.git"

    def tree(self, app: App) -> Path:
        """Its kept work tree, the build context."""
        return self.app(app) / "tree"

    def index(self, app: App) -> Path:
        """The git index of the work tree."""
        return self.app(app) / "index"

    def logs(self, app_id: int) -> Path:
        """The logs of its containers that are gone."""
        return self.apps / str(app_id) / "logs"

    @property
    def access_log(self) -> Path:
        """Where nginx writes down every request."""
        return self.nginx / "logs" / "access.log"

    def drain(self, drain_id: int) -> Path:
        """What waits for the receiver of a drain."""
        return self.drains / str(drain_id)

    @property
    def drains(self) -> Path:
        """A folder for each drain for whose receiver something waits."""
        return self.root / "drains"

    def remove_app(self, app: App) -> None:
        """Removes the folders of the app with all that is in them.

        They are put aside first: what is just being written there, the log of a container or a push that waits, must
        not get into the way.
        """
        for number, folder in enumerate((self.app(app), self.static(app))):
            aside = self.apps / f".{app.id}-{number}.gone"
            with suppress(FileNotFoundError):
                folder.rename(aside)
            shutil.rmtree(aside, onerror=_bear)

    def remove_leftovers(self) -> None:
        """Removes what is left of apps that were removed, and of builds and fetches whose server was killed."""
        for aside in (*self.apps.glob(".*.gone"), *self.work.iterdir()):
            shutil.rmtree(aside, onerror=_bear)

    def remove_all(self) -> bool:
        """Removes the data root itself with all that is in it; False if it is a mount point, which stays.

        So does the file there that keeps services from starting in it again.
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
    """Somebody wrote or removed there at the same time: the next start of the server takes what is left."""
    error = problem[1]
    if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
        raise error
