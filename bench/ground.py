"""Where everything is measured: a folder with an instance of the platform and the floor beside it, on loopback."""

from __future__ import annotations

import functools
import getpass
import json
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

# Of tests/real, which scripts/bench puts into the path: a whole instance and a person who uses it.
from instance import Server

from bench import own_engine, waiting
from bench.apps import Source
from bench.floor.hand import HandContainers, HandNginx, HandRepository, OpenSsh
from bench.programs import environment, run
from paas.builders import buildkit
from paas.builders import stack as stacks

BASE = """\
FROM {stack}
LABEL {label}
RUN apt-get update && apt-get install -y --no-install-recommends python3 nginx-light \\
 && rm -rf /var/lib/apt/lists/*
"""


class Ground:
    """Parts are made when they are first used; `close` removes all of them."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(4)
        self.folder = Path(tempfile.mkdtemp(prefix="paas-bench-"))
        self.folder.chmod(0o755)
        self._servers: list[Server] = []
        self._sources = 0

    # The platform

    @functools.cached_property
    def server(self) -> Server:
        """The instance that most rows share."""
        return self.new_server()

    def new_server(self, *flags: str, program: tuple[str, ...] = ()) -> Server:
        """Another instance, for a row that needs one of its own. ``program`` is run in place of ``paas``."""
        folder = self.folder / f"instance{len(self._servers)}"
        folder.mkdir()
        self._servers.append(Server(folder, *flags, program=program))
        return self._servers[-1]

    def succeed(self, line: str, server: Server | None = None) -> str:
        """What the command answers over the control socket. Raises `RuntimeError` when it fails."""
        result = (server or self.server).paas(line)
        if result.status:
            raise RuntimeError(f"{line}: {result.err}")
        return str(result.out)

    def ssh(self, line: str, server: Server | None = None) -> list[str]:
        """The words of a command over SSH."""
        one = server or self.server
        return [*one.ssh_command(), "-p", str(one.ssh_port), "paas@127.0.0.1", line]

    def address(self, server: Server | None = None) -> tuple[str, int]:
        """Where the platform's nginx listens."""
        return "127.0.0.1", (server or self.server).http_port

    def trace(self, app: str) -> dict[str, Any]:
        """The step profile of the app's last change."""
        profile: dict[str, Any] = json.loads(self.succeed(f"deploy:trace {app} --format json"))
        return profile

    # The floor

    @functools.cached_property
    def sshd(self) -> OpenSsh:
        """The OpenSSH server."""
        return OpenSsh(self.folder / "sshd", self.server.key.with_suffix(".pub").read_text())

    @functools.cached_property
    def nginx(self) -> HandNginx:
        """The nginx with files that are written by hand."""
        return HandNginx(self.folder / "nginx")

    @functools.cached_property
    def containers(self) -> HandContainers:
        """The engine, without the platform."""
        return HandContainers(self.id)

    def repository(self, name: str) -> HandRepository:
        """A repository with the script as its hook."""
        # An image needs a name of its own, as other runs use the same engine.
        return HandRepository(
            self.folder / "repositories", f"bench-{self.id}-{name}", self.nginx, self.docker, self.containers.label
        )

    def floor_ssh(self, line: str) -> list[str]:
        """The same client with the same options, to the OpenSSH server."""
        return [*self.server.ssh_command(), "-p", str(self.sshd.port), f"{getpass.getuser()}@127.0.0.1", line]

    def floor_url(self, path: Path) -> str:
        """A repository behind the OpenSSH server."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.sshd.port}{path}"

    # Both

    @functools.cached_property
    def docker(self) -> str:
        """The docker command with BuildKit, the same for both."""
        return buildkit.cli()[0]

    @functools.cached_property
    def base(self) -> str:
        """The image that the apps start from: the stack with python3 and nginx."""
        given = own_engine.given_base(self.docker)
        if given:
            return given
        name = f"paas-bench/base:{self.id}"
        stack = stacks.ensure(stacks.default_suite(), docker_cli=self.docker, progress=lambda text: None)
        folder = self.folder / "base"
        folder.mkdir()
        (folder / "Dockerfile").write_text(BASE.format(stack=stack, label=self.containers.label))
        env = environment(DOCKER_BUILDKIT="1")
        run([self.docker, "build", "--quiet", "--tag", name, str(folder)], env=env, timeout=600)
        return name

    def git_environment(self) -> dict[str, str]:
        """With which git gets in on both sides."""
        return environment(GIT_SSH_COMMAND=self.server.git_environment()["GIT_SSH_COMMAND"])

    def source(self, files: dict[str, str]) -> Source:
        """A developer's work tree with these files, committed."""
        self._sources += 1
        return Source(self.folder / f"source{self._sources}", files)

    def close(self) -> None:
        """Removes everything, whatever else fails."""
        made = vars(self)
        # Containers by hand may run images of the platform, which can't go before them.
        closes = [made[name].close for name in ("containers", "sshd", "nginx") if name in made]
        closes += [server.close for server in self._servers]
        failures = []
        for close in closes:
            try:
                close()
            except Exception as error:  # noqa: BLE001  # what comes after has to go, too
                failures.append(error)
        shutil.rmtree(self.folder, ignore_errors=True)
        if failures:
            raise ExceptionGroup("the ground is not clean", failures)


def answers(address: tuple[str, int], host: str, text: str) -> bool:
    """Whether the app answers with the text."""
    return waiting.body(address, host).startswith(text)


