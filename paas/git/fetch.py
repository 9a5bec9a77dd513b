"""Fetch from a repository on another server into a quarantine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.parse import quote

from paas.core.access.remote_credentials import Fetched, Login, RemoteCredentials
from paas.core.errors import Cancelled, InvalidValue
from paas.core.git import url as giturl
from paas.core.git.url import Remote
from paas.git import addresses
from paas.git import process as git_process
from paas.git.addresses import FetchFailed, Way
from paas.git.quarantine import Quarantine
from paas.system import https
from paas.system.spool import size_of

SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_POLL_SECONDS = 0.05
_LONGEST_LISTING = 1 << 20
# All git programs keep to these protocols, regardless of redirects; file and ext are not among them.
_PROTOCOLS = ":".join(giturl.SCHEMES)
_REDIRECTED = re.compile(r"returned error: 30[12378]$")
_ASKED = "/info/refs?service=git-upload-pack"
"""Path of git's first request to a repository, after its address."""
_HTTP_SECONDS = 30
_CHECKS = ("badTimezone", "missingSpaceBeforeDate", "zeroPaddedFilemode")


class _Redirected(FetchFailed):
    """The server redirects to another address."""


def fetch(
    quarantine: Quarantine, remote: Remote, ref: str, means: RemoteCredentials, cancelled: threading.Event, work: Path
) -> Fetched:
    """Fetch as `Remotes.fetch` does. Credentials are stored in files below ``work`` meanwhile."""
    deadline = time.monotonic() + means.timeout

    def taken(found: Remote, means: RemoteCredentials) -> Fetched:
        way = addresses.checked(found, means)
        with _surroundings(found, means, work, way) as (options, environment):
            git = _Git(quarantine, options, environment, found, means, deadline, cancelled, way.url)
            spec, branch = (ref, "") if giturl.is_commit(ref) else _choose(git.listing(ref), ref, found)
            return Fetched(git.take(spec), branch)

    try:
        fetched = taken(remote, means)
    except _Redirected:
        moved = _redirected(remote, means)
        # Credentials are only for their own host.
        fetched = taken(moved, means if moved.address == remote.address else replace(means, login=None))
    quarantine.check_connected([fetched.commit])
    return fetched


def _redirected(remote: Remote, means: RemoteCredentials) -> Remote:
    """Return the new address of a moved repository. git itself would follow a redirect to any address."""
    try:
        with https.opened(f"{remote.url}{_ASKED}", means, _HTTP_SECONDS) as response:
            base = str(response.geturl()).removesuffix(_ASKED)
        return giturl.repository(base)
    except (OSError, ValueError, HTTPException, InvalidValue) as error:
        reason = getattr(error, "reason", error)
        raise FetchFailed(
            f"{remote.url} could not be fetched", why=f"The redirect failed: {reason}"
        ) from error


def _choose(listing: str, ref: str, remote: Remote) -> tuple[str, str]:
    """Return the object to request, and its branch. A branch wins over a tag of the same name, as in git."""
    rows = [line.split("\t") for line in listing.splitlines() if "\t" in line]
    names = {name: value for value, name in rows}
    if not ref:
        head = names.get("HEAD", "")
        branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
        if head:
            return "HEAD", branch
        raise FetchFailed(f"{remote.url} has no commit yet", fix="Push to it, or name a branch.", code="no-such-ref")
    if f"refs/heads/{ref}" in names:
        return f"refs/heads/{ref}", ref
    if f"refs/tags/{ref}" in names:
        return f"refs/tags/{ref}", ""
    raise FetchFailed(
        f"{remote.url} has no branch or tag {ref!r}",
        fix="Give a branch, a tag, or all 40 digits of a commit.",
        code="no-such-ref",
    )


class _Git:
    """Running git process against one remote, limited in size and time, and cancellable."""

    def __init__(
        self,
        quarantine: Quarantine,
        options: list[str],
        environment: dict[str, str],
        remote: Remote,
        means: RemoteCredentials,
        deadline: float,
        cancelled: threading.Event,
        url: str,
    ) -> None:
        self._url = url
        self._quarantine = quarantine
        self._repository = quarantine.repository.path
        self._options = options
        self._environment = environment | quarantine.environment()
        self._remote = remote
        self._means = means
        self._deadline = deadline
        self._cancelled = cancelled

    def listing(self, ref: str) -> str:
        """Return the refs of that name; the first row of HEAD names its branch."""
        wanted = [f"refs/heads/{ref}", f"refs/tags/{ref}"] if ref else ["HEAD"]
        found = self._run(["ls-remote", "--symref", "--", self._url, *wanted])
        rows = [line for line in found.splitlines() if not line.startswith("ref: ")]
        return "\n".join([*rows, *(line for line in found.splitlines() if line.startswith("ref: "))])

    def take(self, spec: str) -> str:
        """Fetch it into the quarantine. Return the commit."""
        head = self._repository / "FETCH_HEAD"
        head.unlink(missing_ok=True)
        try:
            flags = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance"]
            flags += ["--depth=1"] if self._means.newest_only else []
            self._run(["fetch", *flags, "--", self._url, f"+{spec}"])
            sha = head.read_text(encoding="utf-8").split()[0]
        finally:
            head.unlink(missing_ok=True)
        return self._quarantine.repository.commit_info(sha, self._quarantine).sha

    def _run(self, arguments: list[str]) -> str:
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaints:
            process = git_process.start(
                self._repository,
                [*self._options, *arguments],
                extra=self._environment,
                stdout=said.fileno(),
                stderr=complaints,
            )
            with git_process.ending(process):
                self._watch(process, said, complaints)
            if process.returncode:
                complaints.seek(0)
                raise self._failed(git_process.last_words(complaints.read(1 << 16)))
            said.seek(0)
            return said.read(_LONGEST_LISTING).decode(errors="replace")

    def _watch(self, process: subprocess.Popen[bytes], *written: IO[bytes]) -> None:
        while True:
            try:
                process.wait(_POLL_SECONDS)
                return
            except subprocess.TimeoutExpired:
                pass
            if self._cancelled.is_set():
                raise Cancelled("the fetch was cancelled")
            if time.monotonic() > self._deadline:
                raise FetchFailed(
                    f"fetching from {self._remote.url} took longer than {self._means.timeout:g} s",
                    fix="An administrator can raise the limit: 'settings:set fetch-timeout 1h'.",
                    code="fetch-timeout",
                )
            # Output of the other server counts, too: git prints it.
            if _bytes_in(self._quarantine.objects) + sum(map(size_of, written)) > self._means.limit:
                raise FetchFailed(
                    f"{self._remote.url} has more than {self._means.limit} bytes to fetch",
                    fix="An administrator can raise the limit: 'settings:set max-pack-size 4g'.",
                    code="fetch-too-large",
                )

    def _failed(self, reason: str) -> FetchFailed:
        if self._remote.scheme == "https" and _REDIRECTED.search(reason):
            return _Redirected(f"{self._remote.url} is redirected", why=reason)
        host = self._remote.address
        if self._remote.scheme == "ssh":
            fix = f"Does {host} know the deploy key ('git:public-key'), and is its host key right ('git:allow-host')?"
        elif self._remote.scheme == "https" and self._means.login is None:
            fix = f"If it needs credentials: 'git:auth {host} USER', with the password or token on standard input."
        elif self._means.login is not None:
            fix = f"Check the address and the credentials ('git:auth-status {host}')."
        else:
            fix = "Look at the address."
        return FetchFailed(f"{self._remote.url} could not be fetched", why=reason, fix=fix)


@contextmanager
def _surroundings(
    remote: Remote, means: RemoteCredentials, work: Path, way: Way
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Return options and environment of git.

    Secrets are in files that only this user can read, and that are removed afterwards.
    """
    settings = {
        "transfer.fsckObjects": "true",
        "fetch.unpackLimit": "1",
        "fetch.writeCommitGraph": "false",
        "http.followRedirects": "false",
        "http.lowSpeedLimit": "100",
        "http.lowSpeedTime": "60",
        "credential.helper": "",
        **{f"fetch.fsck.{rule}": "ignore" for rule in _CHECKS},
    }
    options = [word for key, value in {**settings, **way.settings}.items() for word in ("-c", f"{key}={value}")]
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=work) as name:
        folder = Path(name)
        protocols = giturl.FILE if remote.scheme == giturl.FILE else _PROTOCOLS
        environment = {"GIT_ALLOW_PROTOCOL": protocols, "GIT_ASKPASS": "/bin/false", **means.proxies}
        environment |= way.environment
        if remote.scheme == "https":
            if means.login is not None:
                store = _private(folder / "login", _credential(remote, means.login))
                options += ["-c", f"credential.helper=store --file={store}"]
            if means.ca_file:
                environment["GIT_SSL_CAINFO"] = str(_authorities(folder, means.ca_file))
        elif remote.scheme == "ssh":
            environment |= _ssh(folder, means, way)
        yield options, environment


def _credential(remote: Remote, login: Login) -> str:
    user, password = (quote(text, safe="") for text in (login.user, login.password.reveal()))
    return f"https://{user}:{password}@{remote.address}\n"


def _authorities(folder: Path, extra: str) -> Path:
    system = SYSTEM_CA.read_text(encoding="utf-8") if SYSTEM_CA.is_file() else ""
    return _private(folder / "ca.pem", f"{system}\n{Path(extra).read_text(encoding='utf-8')}")


def _ssh(folder: Path, means: RemoteCredentials, way: Way) -> Mapping[str, str]:
    hosts = _private(folder / "known_hosts", "".join(f"{line}\n" for line in means.known_hosts))
    options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=20"]
    options += [f"UserKnownHostsFile={hosts}", "GlobalKnownHostsFile=/dev/null", "ServerAliveInterval=15"]
    options += ["ClearAllForwardings=yes", "IdentityAgent=none", "LogLevel=ERROR", *way.ssh]
    argv = ["ssh", "-F", "/dev/null", *(word for option in options for word in ("-o", option))]
    if means.key is not None:
        argv += ["-i", str(_private(folder / "key", means.key.reveal()))]
    # git passes this to a shell; no word of it comes from a user.
    return {"GIT_SSH_COMMAND": shlex.join(argv), "GIT_SSH_VARIANT": "ssh"}


def _private(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            # git renames its temporary files.
            continue
    return total
