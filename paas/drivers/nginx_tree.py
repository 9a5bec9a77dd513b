"""The configuration files of one nginx instance: the live ones, and a staged copy of them that nginx tests first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from paas.core.errors import ProxyError
from paas.core.secret import Secret

MAIN = "nginx.conf"
GENERATION = "generation.conf"
CERTIFICATES = "certificates"
FOLDERS = ("apps", "stage/apps", "run", "logs", "temp", CERTIFICATES)


class Tree:
    """Files are named by their path below the prefix, as ``nginx.conf`` and ``apps/<key>.conf``.

    The live files lie in the prefix, the staged ones below ``stage``. The generation file is apart from both: it
    exists only to tell one reload from another. Not for several threads at a time. Raises `ProxyError` when the disk
    refuses.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.stage_folder = prefix / "stage"
        self.staged_main = self.stage_folder / MAIN

    def prepare(self) -> dict[str, str]:
        """Make the folders, make the stage equal to what is live, and return the live files' text by name."""
        try:
            for folder in FOLDERS:
                (self.prefix / folder).mkdir(parents=True, exist_ok=True)

            # Only the master opens the socket and the pid file in there.
            (self.prefix / "run").chmod(0o700)
            (self.prefix / CERTIFICATES).chmod(0o700)

            live = {name: (self.prefix / name).read_text(errors="replace") for name in self._names(self.prefix)}

            staged = {name: (self.stage_folder / name).read_bytes() for name in self._names(self.stage_folder)}

            for name in staged:
                if name not in live:
                    (self.stage_folder / name).unlink()
        except OSError as error:
            raise _refused(error) from error

        for name, text in live.items():
            # Writing takes eight times as long as reading, and most are equal.
            if staged.get(name) != text.encode():
                self.stage(name, text)

        if not (self.prefix / GENERATION).exists():
            self.mark("return 404;\n")

        return live

    def stage(self, name: str, text: str | None) -> None:
        """Write the staged file; None removes it."""
        self._put(self.stage_folder / name, text)

    def install(self, name: str, text: str | None) -> None:
        """Write the live file in one step, so that nginx reads the old one or the new one; None removes it."""
        self._put(self.prefix / name, text)

    def mark(self, text: str) -> None:
        """Write what the next generation of workers answers when asked which it is."""
        self._put(self.prefix / GENERATION, text)
        self._put(self.stage_folder / GENERATION, text)

    def keep(self, name: str, secret: Secret) -> None:
        """Write a file with a key where it is not there yet. Its content never changes, so nothing is replaced."""
        path = self.prefix / CERTIFICATES / name

        if path.exists():
            return

        aside = path.with_name(f".{name}.new")

        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secret.reveal())

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
        """The name of the staged file at a path; empty when it is none."""
        return str(staged.relative_to(self.stage_folder)) if staged and staged.is_relative_to(self.stage_folder) else ""

    def staged_line(self, name: str, number: int) -> str:
        """A line of a staged file, counted from 1, without the white space around; empty when there is none."""
        path = self.stage_folder / name

        if number < 1 or not path.is_file():
            return ""

        return "".join(path.read_text(errors="replace").splitlines()[number - 1 : number]).strip()

    @staticmethod
    def _names(folder: Path) -> list[str]:
        main = [MAIN] if (folder / MAIN).exists() else []
        return main + sorted(f"apps/{path.name}" for path in (folder / "apps").glob("*.conf"))

    @staticmethod
    def _put(path: Path, text: str | None) -> None:
        aside = path.with_name(f".{path.name}.new")

        try:
            if text is None:
                path.unlink(missing_ok=True)
                return

            aside.write_text(text)
            aside.replace(path)
        except OSError as error:
            # What is left of it is in nobody's way: the next write begins anew.
            with contextlib.suppress(OSError):
                aside.unlink()

            raise _refused(error) from error


def _refused(error: OSError) -> ProxyError:
    return ProxyError(
        f"the nginx configuration could not be written: {os.strerror(error.errno or 0)}",
        why=f"The file is {error.filename}.",
        fix="Make room on the disk, or give the folder back to the user that the server runs as.",
    )
