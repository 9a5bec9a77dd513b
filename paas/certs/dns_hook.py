"""Run the hook programs that add and remove DNS records; ``hooks/README.md`` defines their interface."""

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
    """Programs ``dns-NAME`` in some folders; earlier folders win. The first folder also has their settings."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def names(self) -> list[str]:
        """Return the names of the installed programs, sorted."""
        found = {path.name.removeprefix("dns-") for folder in self._folders for path in folder.glob("dns-*")}
        return sorted(name for name in found if self._path(name))

    @contextmanager
    def record(self, name: str, domain: str, record: str, value: str) -> Iterator[None]:
        """Return a context in which DNS has the TXT record: the program is called with ``present`` before, and with
        ``cleanup`` after it.

        Raise `PaasError` with the program's last message if it fails or takes longer than five minutes.
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
                # The order has succeeded or failed already, so its result stands.
                _log.warning("%s: %s", error.what, error.why)

    def _path(self, name: str) -> Path | None:
        paths = [folder / f"dns-{name}" for folder in self._folders]
        return next((path for path in paths if path.is_file() and os.access(path, os.X_OK)), None)

    def _run(self, program: Path, verb: str, domain: str, record: str, value: str) -> None:
        # Pass only path, locale and time zone of the daemon's environment.
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
            raise _failed(program, verb, record, f"It did not finish within {SECONDS:g} s.") from error
        except OSError as error:
            raise _failed(program, verb, record, f"It could not be started: {error.strerror}.") from error
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").splitlines()[-LINES:]
            raise _failed(program, verb, record, "\n".join([*said, f"Its exit status was {done.returncode}."]))


def _failed(program: Path, verb: str, record: str, why: str) -> PaasError:
    return PaasError(
        f"{program.name} {verb} failed for {record}", why=why, fix=f"The program is {program}.", code="dns-hook-failed"
    )
