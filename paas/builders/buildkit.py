"""Build images with BuildKit, through the docker command: the API alone has no sessions for it.

Reference: https://docs.docker.com/reference/cli/docker/buildx/build/
"""

from __future__ import annotations

import base64
import functools
import json
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paas.core.access.remote_credentials import Login
from paas.core.builds.log import SAME_BY_HAND, BuildLog, build_failure
from paas.core.containers.image_name import DOCKER_HUB
from paas.core.errors import BuildFailed, Cancelled, DockerError
from paas.system.spans import span

_POLL_SECONDS = 0.1
HUB_ADDRESS = "https://index.docker.io/v1/"
"""Name of Docker Hub in configurations of the docker command."""
SYSTEM_FOLDERS = ("/usr/bin", "/usr/local/bin")


@dataclass(frozen=True)
class BuildRequest:
    """Request of a build.

    ``context`` is the folder that is sent, ``dockerfile`` a path; ``secrets`` are files by their BuildKit id.

    ``hint`` is the fix for a step that failed for an unknown reason. Credentials and temporary files are in a folder
    below ``work``. ``host`` is the address of Docker Engine, empty for the default.
    """

    context: Path
    dockerfile: Path
    labels: Mapping[str, str]
    arguments: Mapping[str, str]
    secrets: Mapping[str, Path]
    timeout: float
    work: Path
    options: tuple[str, ...] = ()
    logins: Mapping[str, Login] = field(default_factory=dict)
    hint: str = SAME_BY_HAND
    host: str = ""


@functools.cache
def cli() -> tuple[str, ...]:
    """Return the beginning of a command line that builds with BuildKit.

    A docker command before 23.0 contains it, later ones need the buildx plugin. The first command on PATH, or in the
    system's folders, that can build is used.
    """
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *SYSTEM_FOLDERS]
    candidates = dict.fromkeys(str(Path(folder) / "docker") for folder in folders if folder)
    for candidate in candidates:
        if not os.access(candidate, os.X_OK):
            continue
        if _succeeds(candidate, "buildx", "version"):
            return (candidate, "buildx", "build", "--load")
        if _major_version(candidate) < 23:
            return (candidate, "build")
    raise DockerError(
        "no docker command with BuildKit was found",
        why="Builds need BuildKit: docker 20.10 has it built in; later versions need the buildx plugin.",
        fix="Install it: 'apt-get install docker-cli docker-buildx' (Debian 13), or 'docker.io' (Debian 12).",
        code="no-buildkit",
    )


def _succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0


def _major_version(binary: str) -> int:
    text = subprocess.run([binary, "--version"], capture_output=True, check=False, text=True).stdout
    digits = text.removeprefix("Docker version ").partition(".")[0]
    return int(digits) if digits.isdecimal() else 1 << 30


def build(request: BuildRequest, show: Callable[[str], None], cancelled: threading.Event) -> str:
    """Build the image. Return its id (``sha256:…``). ``show`` gets each readable line as it comes.

    Raise `BuildFailed` with BuildKit's error, or `Cancelled` once the event is set; then the command is ended.
    """
    with tempfile.TemporaryDirectory(prefix="build-", dir=request.work) as folder:
        iidfile = Path(folder) / "iid"
        argv = [*cli(), "--progress=plain", f"--iidfile={iidfile}", f"--file={request.dockerfile}"]
        argv += request.options
        argv += [f"--label={key}={value}" for key, value in sorted(request.labels.items())]
        argv += [f"--build-arg={key}" for key in sorted(request.arguments)]
        argv += [f"--secret=id={key},src={path}" for key, path in sorted(request.secrets.items())]
        # Pass values of arguments in the environment: every user of the host can read command lines.
        environment = {**os.environ, **request.arguments, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        # Never that of the server's own user, whose credentials are not the app's.
        environment["DOCKER_CONFIG"] = str(docker_config(Path(folder), request.logins))
        environment.pop("DOCKER_AUTH_CONFIG", None)
        if request.host:
            environment["DOCKER_HOST"] = request.host
            environment.pop("DOCKER_CONTEXT", None)

        log = BuildLog()
        with span("docker build"), subprocess.Popen(
            [*argv, str(request.context)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        ) as process:
            _read(process, log, show, cancelled, request.timeout)
        if process.returncode or not iidfile.exists():
            raise build_failure(log, request.hint)
        return iidfile.read_text(encoding="ascii").strip()


def docker_config(folder: Path, logins: Mapping[str, Login]) -> Path:
    """Write a configuration of the docker command with these credentials, and with the user's plugins.

    Only this user can read it; it is removed with the folder.
    """
    path = folder / "docker"
    path.mkdir(mode=0o700)
    auths = {
        HUB_ADDRESS if server == DOCKER_HUB else server: {
            "auth": base64.b64encode(f"{login.user}:{login.password.reveal()}".encode()).decode()
        }
        for server, login in logins.items()
    }
    file = os.open(path / "config.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as config:
        json.dump({"auths": auths}, config)
    plugins = Path.home() / ".docker" / "cli-plugins"
    if plugins.is_dir():
        (path / "cli-plugins").symlink_to(plugins)
    return path


def _read(
    process: subprocess.Popen[bytes],
    log: BuildLog,
    show: Callable[[str], None],
    cancelled: threading.Event,
    timeout: float,
) -> None:
    deadline = time.monotonic() + timeout
    pending = b""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if cancelled.is_set() or time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if cancelled.is_set():
                    raise Cancelled("the build was cancelled")
                raise BuildFailed(
                    f"the build took longer than {timeout:g} s",
                    fix="Raise the limit with 'settings:set build-timeout 2h'.",
                    code="build-timeout",
                )
            if not selector.select(_POLL_SECONDS):
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            *lines, pending = (pending + chunk).split(b"\n")
            if not chunk and pending:
                lines.append(pending)
            for line in lines:
                text = log.feed(line.decode("utf-8", "replace"))
                if text is not None:
                    show(text)
            if not chunk:
                return
