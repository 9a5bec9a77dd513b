"""An engine on which a build gets out of it: who may build there, and what."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from fakes import DEPLOYER
from paas.core.containers.image import Image

pytestmark = pytest.mark.real("git")

OLD = "20.10.24+dfsg1"
CODE = "[unsafe-engine]"


@pytest.fixture
def old(hello):
    """An app that is deployed, on an engine that is too old."""
    hello.scheduler.engine_version = OLD
    hello.builder.sources.clear()
    return hello


def archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        data = b'FROM x\nCMD ["x"]\n'
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def test_a_push_of_the_role_deploy_is_refused_before_anything_is_built(old):
    pushed = old.push("hello", {"file": "2"}, caller=DEPLOYER)
    assert pushed.status == 1
    assert "users with the role deploy cannot build" in pushed.err
    assert f"on Docker {OLD}, builds can gain root on this server" in pushed.err
    assert "settings:set allow-unsafe-builds true" in pushed.err
    assert "settings:set build-isolation rootless" in pushed.err
    assert CODE in pushed.err
    assert old.builder.sources == []


@pytest.mark.parametrize(
    "line", ["ps:rebuild hello", "git:from-archive hello --", "git:sync hello https://git.example/x --build"]
)
def test_so_is_everything_else_that_builds(old, line, tmp_path):
    old.remotes.repositories["https://git.example/x"] = old.source("hello")
    result = old.run(line, caller=DEPLOYER, stdin=archive() if "archive" in line else b"")
    assert (result.status, CODE in result.err) == (1, True), result.err
    assert old.builder.sources == []


def test_without_a_dockerfile_it_is_the_same(old):
    pushed = old.push("hello", {"Dockerfile": None, "requirements.txt": "flask\n"}, caller=DEPLOYER)
    assert CODE in pushed.err


def test_a_setting_of_an_admin_allows_it(old):
    assert old.run("settings:set allow-unsafe-builds true", caller=DEPLOYER).status == 1
    assert old.run("settings:set allow-unsafe-builds true").status == 0
    pushed = old.push("hello", {"Dockerfile": '# syntax=x\nFROM x\nCMD ["x"]\n'}, caller=DEPLOYER)
    assert pushed.status == 0, pushed.err
    assert "can reach the host" not in pushed.err


def test_an_admin_builds_and_is_warned_once(old):
    pushed = old.push("hello", {"file": "2"})
    assert pushed.status == 0
    assert pushed.err.count("A build on Docker 20.10.24+dfsg1 can reach the host: 'doctor' says why") == 1


def test_a_newer_engine_is_for_all(old):
    old.scheduler.engine_version = "24.0.9"
    pushed = old.push("hello", {"file": "2"}, caller=DEPLOYER)
    assert (pushed.status, "can reach the host" in pushed.err) == (0, False)


def test_what_is_known_to_lead_out_is_refused_for_an_admin_too_with_its_line(old):
    pushed = old.push("hello", {"Dockerfile": 'FROM x\nRUN --mount=type=cache,target=/c,source=s true\nCMD ["x"]\n'})
    assert pushed.status == 1
    assert f"Dockerfile, line 2: RUN --mount=type=cache,target=/c,source=s is refused on Docker {OLD}" in pushed.err
    assert "[unsafe-dockerfile]" in pushed.err
    assert old.builder.sources == []


def test_so_is_a_frontend_that_is_chosen_by_a_build_argument(old):
    old.run("docker-options:add hello build --build-arg BUILDKIT_SYNTAX=evil/frontend")
    pushed = old.push("hello", {"file": "2"})
    assert "the build option --build-arg BUILDKIT_SYNTAX=evil/frontend is refused" in pushed.err


def test_an_image_that_brings_no_steps_of_its_own_runs_nothing(old):
    old.scheduler.registry["ghcr.io/me/plain:1"] = Image("sha256:aa", architecture="amd64")
    old.scheduler.registry["ghcr.io/me/steps:1"] = Image(
        "sha256:bb", architecture="amd64", triggers=("RUN --mount=type=cache,target=/c,source=s true",)
    )
    assert old.run("git:from-image hello ghcr.io/me/plain:1", caller=DEPLOYER).status == 0
    refused = old.run("git:from-image hello ghcr.io/me/steps:1", caller=DEPLOYER)
    assert (refused.status, CODE in refused.err) == (1, True)


def test_doctor_tells_it_as_a_problem_until_an_admin_takes_it_as_it_is(old):
    def levels():
        found = json.loads(old.run("doctor --format json").out)
        return [row["level"] for row in found if row["code"] == "engine-builds-escape"]

    assert levels() == ["problem"]
    assert old.run("doctor").status == 1
    old.run("settings:set allow-unsafe-builds true")
    assert levels() == ["advice"]
    old.scheduler.engine_version = "25.0.2"
    assert levels() == []
