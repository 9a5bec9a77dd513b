"""Runs the programs that put records into DNS and take them out again; ``hooks/README.md`` has their contract."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paas.core.errors import NotFound, PaasError

_log = logging.getLogger(__name__)
SECONDS = 300.0
LINES = 5


class DnsHooks:
    """The programs ``dns-NAME`` of some folders; the first folder that has one counts, and is where settings are."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def names(self) -> list[str]:
        """The names of those there are."""
        found = {path.name.removeprefix("dns-") for folder in self._folders for path in folder.glob("dns-*")}
        return sorted(name for name in found if self._path(name))

    @contextmanager
    def record(self, name: str, domain: str, record: str, value: str) -> Iterator[None]:
        """Inside, DNS has the TXT record: the program was called with ``present``, and is with ``cleanup`` after it.

        Raises `PaasError` with the last that the program said if it fails or takes longer than five minutes.
        """
        program = self._path(name)
        if program is None:
            raise NotFound(
                f"there is no hook program dns-{name}",
                why=f"It would be an executable file in {' or '.join(map(str, self._folders))}. "
                f"There are: {', '.join(self.names()) or 'none'}.",
                fix="Put it there, or set another one: 'letsencrypt:set --global dns-provider NAME'.",
                code="no-dns-hook",
            )
        try:
            self._run(program, "present", domain, record, value)
            yield
        finally:
            try:
                self._run(program, "cleanup", domain, record, value)
            except PaasError as error:
                # What the record was for has been done, or has failed for a reason of its own.
                _log.warning("%s: %s", error.what, error.why)

    def _path(self, name: str) -> Path | None:
        paths = [folder / f"dns-{name}" for folder in self._folders]
        return next((path for path in paths if path.is_file() and os.access(path, os.X_OK)), None)

    def _run(self, program: Path, verb: str, domain: str, record: str, value: str) -> None:
        # Of the daemon's environment only what a program needs to be found and to speak.
        environment = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "TZ") if key in os.environ}
        environment |= {"PAAS_DOMAIN": domain, "PAAS_RECORD": record, "PAAS_VALUE": value}
        environment |= {"PAAS_HOOKS": str(self._folders[0]), "PAAS_PYTHON": sys.executable}
        try:
            done = subprocess.run(
                [str(program), verb, record, value],
                cwd=program.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failed(program, verb, record, f"It did not end within {SECONDS:g} s.") from error
        except OSError as error:
            raise _failed(program, verb, record, f"It can't be run: {error.strerror}.") from error
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").splitlines()[-LINES:]
            raise _failed(program, verb, record, "\n".join([*said, f"Its exit status was {done.returncode}."]))


def _failed(program: Path, verb: str, record: str, why: str) -> PaasError:
    return PaasError(
        f"{program.name} {verb} failed for {record}", why=why, fix=f"The program is {program}.", code="dns-hook-failed"
    )
