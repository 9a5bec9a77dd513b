"""Configuration files of one nginx instance: the live ones, and a staged tree that nginx tests first."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from paas.core.errors import ProxyError
from paas.core.secret import Secret
from paas.proxies.nginx.host import worker_account

MAIN = "nginx.conf"
GENERATION = "generation.conf"
APPS = "apps"
PRIVATE = ".users"
CERTIFICATES = "certificates"
LOGS = ("logs/access.log", "logs/error.log")
FOLDERS = (APPS, f"stage/{APPS}", "run", "logs", "temp", CERTIFICATES)


class Tree:
    """Files, named by their path below the prefix, as ``nginx.conf`` and ``apps/<key>.conf``.

    The live files are in the prefix; below ``stage`` is what nginx tests. The generation file is separate from both: it
    only distinguishes reloads. Not thread-safe. Raise `ProxyError` when the disk fails.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.stage_folder = prefix / "stage"
        self.staged_main = self.stage_folder / MAIN

    def prepare(self) -> dict[str, str]:
        """Create the folders. Return the live files' text by name."""
        try:
            for folder in FOLDERS:
                (self.prefix / folder).mkdir(parents=True, exist_ok=True)

            self._close()
            live = {name: (self.prefix / name).read_text(errors="replace") for name in self._names()}
        except OSError as error:
            raise _refused(error) from error

        if not (self.prefix / GENERATION).exists():
            self.mark("return 404;\n")

        return live

    def _close(self) -> None:
        """Remove the access of other users of the host: logs contain addresses with tokens, files contain rules and
        ports.
        """
        account = worker_account()

        # Only the master opens these files.
        for folder in ("run", CERTIFICATES, "stage"):
            (self.prefix / folder).chmod(0o700)

        # Workers reopen the logs after a rotation, and files with users at each request.
        for folder in (APPS, "logs"):
            path = self.prefix / folder

            if account is not None:
                shutil.chown(path, group=account.group)

            path.chmod(0o750)

        for name in LOGS:
            begin_log(self.prefix / name)

        for log in (self.prefix / "logs").glob("*.log*"):
            log.chmod(0o640)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return which of these files and folders, and of those that every tree has, are missing."""
        there = {f"{folder}{name}" for folder in ("", f"{APPS}/", f"{CERTIFICATES}/") for name in self._listed(folder)}
        stage = [folder for folder in FOLDERS if not (self.prefix / folder).is_dir()]
        return [*stage, *(name for name in (GENERATION, *names) if name not in there)]

    def _listed(self, folder: str) -> list[str]:
        try:
            return [path.name for path in (self.prefix / folder).iterdir()]
        except OSError:
            return []

    def stage(self, texts: Mapping[str, str], beside: Mapping[str, str]) -> None:
        """Make the stage contain exactly these texts, and links to the live files named ``beside``."""
        try:
            for path in (self.stage_folder / APPS).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

            for name in beside:
                if name not in texts and name != MAIN:
                    os.link(self.prefix / name, self.stage_folder / name)
        except OSError as error:
            raise _refused(error) from error

        for name, text in texts.items():
            self._put(self.stage_folder / name, text)

    def install(self, name: str, text: str | None) -> None:
        """Write the live file atomically, so that nginx reads the old one or the new one; None removes it."""
        self._put(self.prefix / name, text)

    def mark(self, text: str) -> None:
        """Write what the next generation of workers answers when asked which it is."""
        self._put(self.prefix / GENERATION, text)
        self._put(self.stage_folder / GENERATION, text)

    def keep(self, name: str, secret: Secret) -> None:
        """Write a file with a key where it is not there yet, or not as it should be.

        It is on the disk before it has its name: nginx starts with none of its apps where one of them names a file that
        a power failure left empty.
        """
        path = self.prefix / CERTIFICATES / name
        aside = path.with_name(f".{name}.new")

        try:
            if path.exists() and path.read_text(errors="replace") == secret.reveal():
                return

            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secret.reveal())
                file.flush()
                os.fsync(file.fileno())

            aside.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink()

            raise _refused(error) from error

    def keep_only(self, names: Iterable[str]) -> None:
        """Remove the files with keys that no file names any more."""
        kept = set(names)

        for path in (self.prefix / CERTIFICATES).iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def name_of(self, staged: Path | None) -> str:
        """Return the name of the staged file at a path; empty if it is not one."""
        return str(staged.relative_to(self.stage_folder)) if staged and staged.is_relative_to(self.stage_folder) else ""

    def _names(self) -> list[str]:
        main = [MAIN] if (self.prefix / MAIN).exists() else []
        return main + sorted(
            f"{APPS}/{path.name}" for path in (self.prefix / APPS).iterdir() if not path.name.startswith(".")
        )

    @staticmethod
    def _put(path: Path, text: str | None) -> None:
        aside = path.with_name(f".{path.name}.new")

        try:
            if text is None:
                path.unlink(missing_ok=True)
                return

            _write(aside, text)

            if path.suffix == PRIVATE:
                _let_workers_read(aside)

            aside.replace(path)
        except OSError as error:
            # Remains do no harm: the next write begins anew.
            with contextlib.suppress(OSError):
                aside.unlink()

            raise _refused(error) from error


def begin_log(path: Path) -> None:
    """Create the log if it is missing, without access for other users.

    nginx would make it readable for all users: it forgets its umask when it goes to the background. It keeps the mode
    of an existing file, and gives the file to the workers before they open it.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640))


def _write(path: Path, text: str) -> None:
    """Write the file anew, for the server's user and group."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)

    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _let_workers_read(path: Path) -> None:
    """They read it at each request."""
    account = worker_account()

    if account is not None:
        shutil.chown(path, group=account.group)


def _refused(error: OSError) -> ProxyError:
    return ProxyError(
        f"the nginx configuration could not be written: {os.strerror(error.errno or 0)}",
        why=f"The file is {error.filename}.",
        fix="Make room on the disk, or give the folder back to the user that the server runs as.",
    )
