"""Where an instance keeps what, below its data root."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from paas.core.model import App


@dataclass(frozen=True)
class Paths:
    """Folders are named after an app's number, so that renaming an app moves nothing."""

    root: Path

    def prepare(self) -> None:
        """Makes the folders. Others than the server's user may pass through the root, not list it."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for folder in (self.apps, self.jobs, self.runs, self.host_keys, self.root / ".ssh"):
            folder.mkdir(mode=0o700, exist_ok=True)

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
    def host_keys(self) -> Path:
        """The SSH server's own keys."""
        return self.root / "ssh"

    @property
    def authorized_keys(self) -> Path:
        """What the host's OpenSSH reads for the account whose home is the root."""
        return self.root / ".ssh" / "authorized_keys"

    @property
    def control_socket(self) -> Path:
        """Where the local command line talks to the server."""
        return self.root / "control.sock"

    @property
    def reserve(self) -> Path:
        """What is given up when the disk is full."""
        return self.root / "reserve"

    @property
    def buildpacks(self) -> Path:
        """Buildpacks that were added, in folders named after their content."""
        return self.root / "buildpacks"

    @property
    def nginx(self) -> Path:
        """The prefix of the private nginx."""
        return self.root / "nginx"

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
        return self.root / "drains" / str(drain_id)

    def remove_app(self, app: App) -> None:
        """Removes the folder of the app with all that is in it."""
        if self.app(app).exists():
            shutil.rmtree(self.app(app))

    def remove_all(self) -> None:
        """Removes the data root itself with all that is in it."""
        shutil.rmtree(self.root)
