"""What all tests share: a server made of fakes, and what becomes of real tests where a tool is missing."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from fakes import Copies, PushSession, Server
from paas.core.errors import PaasError
from paas.jobs import locks, log
from paas.logs import follow
from paas.releases import phases
from paas.runs import runs
from paas.schedulers import container_stream
from paas.schedulers.docker.api import Docker

# The same examples each time, and nothing written into the checkout.
# Most of what there is to find is found by the first ones; where everything runs (CI is set) there are more.
hypothesis.settings.register_profile(
    "tests", database=None, deadline=None, derandomize=True, max_examples=100 if os.environ.get("CI") else 10
)
hypothesis.settings.load_profile("tests")

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _program(name: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name, path=PATH) else f"there is no {name} on this machine"


def _engine() -> str:
    try:
        Docker("tests").version()
    except PaasError as error:
        return f"{error.what}: {error.why}"
    return ""


TOOLS: dict[str, Callable[[], str]] = {
    "chromium": _program("chromium"),
    "curl": _program("curl"),
    "docker": _engine,
    "git": _program("git"),
    "nginx": _program("nginx"),
    "openssl": _program("openssl"),
    "pebble": _program("pebble"),
    "ssh": _program("ssh"),
}
"""What the marker `real` may name; each tells why it can't be used, or nothing."""


@functools.cache
def trouble(tool: str) -> str:
    """Why the tool can't be used here, empty if it can."""
    return TOOLS[tool]()


def pytest_collection_finish() -> None:
    """What is there by now stays: no collection of garbage has to look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_sessionfinish() -> None:
    """The same for what tests have kept: pytest collects garbage ten times before it ends."""
    pytest_collection_finish()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A real test without its tools fails where everything has to run (CI is set), and is skipped elsewhere.

    ``@pytest.mark.real("git", "docker")`` names the tools; ``@pytest.mark.real`` needs all of them.
    """
    named = {tool for marker in item.iter_markers("real") for tool in marker.args}
    real = item.get_closest_marker("real") is not None
    reasons = [trouble(tool) for tool in sorted(named or TOOLS)] if real else []
    missing = "; ".join(reason for reason in reasons if reason)
    if missing and os.environ.get("CI"):
        pytest.fail(f"a real test can't run: {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)
    # A test that is not real runs no git client, and neither do its fixtures.
    PushSession.allowed = real


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_developer() -> Iterator[None]:
    """Git and the platform see nothing of the account that runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        # A hook of git that runs the tests has GIT_DIR, and much else, point to the checkout.
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.delenv("PAAS_ROOT", raising=False)
        yield


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders that do not exist yet."""
    base = tmp_path_factory.getbasetemp()
    return (base / f"t{os.getpid()}-{number}" for number in itertools.count())


@pytest.fixture
def tmp_path(folders: Iterator[Path]) -> Path:
    """An empty folder. Pytest's own looks through all the others to find a name for it, thousands of times."""
    folder = next(folders)
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Instances that nobody has used yet, whose databases have their tables."""
    root = tmp_path_factory.mktemp("blank") / "root"
    Server(root).close()
    return Copies(root)


@pytest.fixture
def server(blank: Copies, tmp_path: Path) -> Iterator[Server]:
    """An instance made of fakes, without any app."""
    made = Server(blank.make(tmp_path / "root"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """What `hello` is a copy of: a copy takes a tenth of the time that a deploy takes."""
    made = Server(tmp_path_factory.mktemp("template") / "root")
    made.deployed("hello", {"Procfile": "web: ./web\nworker: ./work\n"})
    made.close()
    return made


@pytest.fixture(scope="session", autouse=True)
def no_patience() -> Iterator[None]:
    """Where the product looks now and then whether somebody has gone, it looks more often."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (container_stream, log, locks, follow, phases, runs):
            patch.setattr(module, "_RECHECK_SECONDS", 0.01)
        yield


@pytest.fixture(scope="session")
def copies(template: Server) -> Copies:
    """Copies of the template."""
    return Copies(template.root)


@pytest.fixture
def hello(template: Server, copies: Copies, tmp_path: Path) -> Iterator[Server]:
    """An instance made of fakes with the app hello, which was pushed once: process types web and worker, one web."""
    made = Server(copies.make(tmp_path / "root"), like=template, settled=True)
    yield made
    made.close()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes further servers, of other folders below the test's own, and closes them in the end."""
    servers: list[Server] = []

    def make(name: str, build: Callable[[Path], Server] = Server) -> Server:
        servers.append(build(tmp_path / name))
        return servers[-1]

    yield make
    for one in servers:
        one.close()

