"""The real parts, shared by the tests that need them: the engine, the stack image, and a whole instance."""

from __future__ import annotations

import fcntl
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import systemd_box
from instance import FAULTY, Server
from nginx_tools import App

from paas.builders import buildkit
from paas.builders import stack as stacks
from paas.schedulers.docker.api import Docker

# It holds tests, though its name does not say so.
pytest.register_assert_rewrite("systemd_story")


@pytest.fixture
def new_app() -> Iterator[Callable[[str], App]]:
    """Start app processes with the given names, on ports of their own, for one test."""
    with ExitStack() as apps:
        yield lambda name: apps.enter_context(App(name))


@pytest.fixture(scope="session")
def engine() -> Docker:
    """The Docker Engine, which answers; it sees the containers of nobody."""
    docker = Docker("tests")
    docker.version()
    return docker


def ensure_stack(suite: str) -> str:
    """Return the name of the stack image, which is there from now on; it stays, as for every instance on this engine.

    Processes that run tests beside each other don't make it twice.
    """
    with (Path(tempfile.gettempdir()) / "paas-tests-stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return stacks.ensure(suite, docker_cli=buildkit.cli()[0], progress=print)


@pytest.fixture(scope="session")
def stack(engine: Docker) -> str:
    """The name of the stack image, which is there."""
    return ensure_stack(stacks.default_suite())


@pytest.fixture(scope="session")
def stack_of(engine: Docker) -> Callable[[str], str]:
    """Makes the stack image of a suite where it is not there, and gives its name."""
    return ensure_stack


@pytest.fixture(scope="module")
def instance(engine: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An instance for all tests of a module, which use apps of different names."""
    server = Server(tmp_path_factory.mktemp("instance"))
    yield server
    server.close()


@pytest.fixture
def instances(engine: Docker, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes instances for one test alone, with the flags of ``paas serve`` that are given."""
    servers: list[Server] = []

    def make(*flags: str) -> Server:
        folder = tmp_path / f"instance{len(servers)}"
        folder.mkdir()
        servers.append(Server(folder, *flags))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that the workers of nginx may enter: they are another user, for whom pytest closes its own."""
    with tempfile.TemporaryDirectory(prefix="paas-tests-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def fault(instance: Server, code: Path) -> Iterator[Path]:
    """The file that tells the daemon what to meet where, once the module's app is there; see `faulty_daemon`.

    A daemon that a failed test left dead is started again.
    """
    file = instance.folder / "fault"
    file.write_text("")
    if not instance.program:
        instance.stop()
        instance.program = (sys.executable, str(FAULTY), str(file))
        instance.start()
    yield file
    file.write_text("")
    assert instance.daemon is not None
    if instance.daemon.poll() is not None:
        instance.start()


@pytest.fixture(scope="module")
def box(
    request: pytest.FixtureRequest, stack_of: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[systemd_box.Box]:
    """A server with systemd and nothing of the platform, with the ``SUITE`` of Debian that the module names."""
    folder = tmp_path_factory.mktemp("box")
    with systemd_box.booted(stack_of(request.module.SUITE), folder) as box:
        yield box
