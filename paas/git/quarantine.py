"""A received push that is not part of the repository yet."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from paas.core.errors import PushRefused
from paas.core.git.refs import MOVED, RefUpdate
from paas.git import process as git_process
from paas.git.repository import QUARANTINE, Repository, stored_in
from paas.system.spans import span

logger = logging.getLogger(__name__)

# Rules that old and widely copied histories break without harm; git hosting services allow that, too.
_STRICT = "--strict=badTimezone=ignore,missingSpaceBeforeDate=ignore,zeroPaddedFilemode=ignore"

# A ref that was reported as moved survives a power failure. Each takes milliseconds: too much for a thousand tags.
_DURABLE = ["-c", "core.fsync=committed,reference"]
_MOST_DURABLE = 20


class Quarantine:
    """Objects of one push, in their own folder beside those of the repository, which are visible, too.

    With ``atomic`` all refs move or none. Objects that were not accepted by the end of the context are removed.
    """

    def __init__(self, repository: Repository, *, atomic: bool = False) -> None:
        self.repository = repository
        self.atomic = atomic
        self._outcome: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        shelter = self.repository.path / QUARANTINE
        shelter.mkdir(exist_ok=True)
        self.objects = Path(tempfile.mkdtemp(dir=shelter))
        (self.objects / "pack").mkdir()
        (self.objects / "info").mkdir()
        (self.objects / "info/alternates").write_text(f"{(self.repository.path / 'objects').resolve()}\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.objects, ignore_errors=True)
        if self.objects.exists():
            logger.warning("%s could not be removed; the next start of the server tries again", self.objects)

    def environment(self) -> dict[str, str]:
        """Return the additional environment with which git sees these objects."""
        return {"GIT_OBJECT_DIRECTORY": str(self.objects)}

    def stored(self) -> int:
        """Return the size of its packs in bytes."""
        return stored_in(self.objects)

    def take_in(self, stdin: socket.socket, max_pack_bytes: int) -> None:
        """Receive a pack from the socket and check every object in it. Raise `PushRefused`.

        git reads the socket directly: no bytes pass through this process.
        """
        options = ["--stdin", "--fix-thin", _STRICT, f"--max-input-size={max_pack_bytes}"]
        try:
            self._run(["index-pack", *options], stdin=stdin.fileno())
        except git_process.GitFailed as error:
            code = error.code if isinstance(error, git_process.GitHungry) else None
            raise PushRefused(error.reason, why=error.why, fix=error.fix, code=code) from error

    def check_connected(self, tips: Sequence[str]) -> None:
        """Raise `PushRefused` unless all objects reachable from the tips are here or in the repository."""
        options = ["--objects", "--stdin", "--not", "--all", "--quiet"]
        try:
            self._run(["rev-list", *options], text="".join(f"{tip}\n" for tip in tips).encode())
        except git_process.GitFailed as error:
            raise PushRefused("missing necessary objects", why=error.reason) from error

    def keep(self) -> None:
        """Move the objects into the repository now; `accept` still has to move the refs."""
        self._migrate()

    def rehearse(self, updates: Sequence[RefUpdate]) -> dict[str, str | None]:
        """Return what `accept` would return now, without moving anything."""
        return self._move(updates, commit=False)

    def accept(self, updates: Sequence[RefUpdate]) -> dict[str, str | None]:
        """Move the objects into the repository and each ref that still has its old value.

        Return None for every ref that moved, else the reason. A receiver that must move refs before it releases a lock
        calls this itself; a ref that was requested before gets the same answer again.
        """
        fresh = [update for update in updates if update.ref not in self._outcome]
        if fresh:
            self._outcome |= self._move(fresh, commit=True)
        return {update.ref: self._outcome[update.ref] for update in updates}

    @property
    def moved(self) -> frozenset[str]:
        """Return the refs that were accepted and have moved."""
        return frozenset(ref for ref, reason in self._outcome.items() if reason is None)

    def _move(self, updates: Sequence[RefUpdate], *, commit: bool) -> dict[str, str | None]:
        try:
            with span("git update-ref"):
                self._transaction(updates, commit)
        except (git_process.GitFailed, OSError) as error:
            logger.info("refs of %s can't be moved: %s", self.repository.path.name, error)
            if len(updates) == 1 or self.atomic:
                reason = error.reason if isinstance(error, git_process.GitFailed) else str(error.strerror)
                return {update.ref: self._why_not(update, reason) for update in updates}
            return {ref: reason for update in updates for ref, reason in self._move([update], commit=commit).items()}
        return {update.ref: None for update in updates}

    def _why_not(self, update: RefUpdate, reason: str) -> str:
        return reason if self.repository.resolve(update.ref) == update.old else MOVED

    def _transaction(self, updates: Sequence[RefUpdate], commit: bool) -> None:
        """Move all refs or none: git locks and compares them, then the objects move, then the refs."""
        durable = _DURABLE if commit and len(updates) <= _MOST_DURABLE else []
        process = git_process.start(
            self.repository.path, [*durable, "update-ref", "--stdin"], extra=self.environment(), stdin=subprocess.PIPE
        )
        with git_process.ending(process):
            try:
                done = _tell(process, ["start", *map(_command, updates), "prepare"], ["start: ok", "prepare: ok"])
                if done and commit:
                    self._migrate()
                    done = _tell(process, ["commit"], ["commit: ok"])
            finally:
                # At the end of its input git drops uncommitted changes and its locks; killed, it could not.
                _, complaints = process.communicate()
            if not done:
                raise git_process.GitFailed("update-ref", git_process.last_words(complaints))

    def _migrate(self) -> None:
        """Move the files. A pack is visible once its index exists, so the index comes last."""
        files = [path for path in self.objects.rglob("*") if path.is_file() and path.parent.name != "info"]
        for path in sorted(files, key=lambda path: path.suffix == ".idx"):
            target = self.repository.path / "objects" / path.relative_to(self.objects)
            target.parent.mkdir(exist_ok=True)
            path.rename(target)

    def _run(self, arguments: list[str], *, stdin: int | None = None, text: bytes = b"") -> None:
        git_process.run(self.repository.path, arguments, extra=self.environment(), stdin=stdin, text=text)


def _command(update: RefUpdate) -> str:
    if update.new is None:
        return f"delete {update.ref} {update.old}"
    if update.old is None:
        return f"create {update.ref} {update.new}"
    return f"update {update.ref} {update.new} {update.old}"


def _tell(process: subprocess.Popen[bytes], lines: list[str], answers: list[str]) -> bool:
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        process.stdin.flush()
    except BrokenPipeError:
        return False
    return all(process.stdout.readline().decode().strip() == answer for answer in answers)
