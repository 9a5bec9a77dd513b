"""Builds apart from the host, as the settings and what looks after the server see them."""

from __future__ import annotations

import json

import pytest

from fakes import DEPLOYER
from paas.builders import isolation
from paas.core.containers.image import BuildCache


@pytest.fixture
def apart(hello):
    assert hello.run("settings:set build-isolation rootless").status == 0
    isolation.BuilderSupervisor(hello.ctx).tick()
    return hello


def codes(server):
    return [row["code"] for row in json.loads(server.run("doctor --format json").out) if row["level"] != "ok"]


@pytest.mark.real("git")
def test_on_an_old_engine_the_role_deploy_builds_apart_from_it(apart):
    apart.scheduler.engine_version = "20.10.24+dfsg1"
    pushed = apart.push("hello", {"Dockerfile": '# syntax=x\nFROM x\nCMD ["x"]\n'}, caller=DEPLOYER)
    assert pushed.status == 0, pushed.err
    assert "can reach the host" not in pushed.err
    assert "engine-builds-escape" not in codes(apart)


def test_it_runs_as_long_as_it_is_wanted(apart):
    assert apart.rootless.runs
    apart.run("settings:set build-isolation none")
    isolation.BuilderSupervisor(apart.ctx).tick()
    assert not apart.rootless.runs


def test_there_is_no_other_kind(hello):
    assert hello.run("settings:set build-isolation vm").status == 2


def test_doctor_looks_at_it(apart):
    assert "       builds: isolated, in a rootless Docker 28.5.1\n" in apart.run("doctor").out
    apart.rootless.engine_version = "20.10.24+dfsg1"
    assert "builder-builds-escape" in codes(apart)
    apart.rootless.why = "There is no user paas-builder."
    result = apart.run("doctor")
    assert (result.status, "builder-down" in codes(apart)) == (1, True)
    assert "There is no user paas-builder." in result.out


def test_clean_ups_prune_its_cache_too(apart):
    apart.run("settings:set build-cache-keep 1g")
    apart.rootless.docker.cache = BuildCache(3 << 30, 3 << 30)
    assert "build cache" in apart.run("cleanup --dry-run").out
    assert apart.rootless.docker.keeps == []
    assert apart.run("cleanup").status == 0
    assert apart.rootless.docker.keeps == [1 << 30]


def test_why_it_does_not_run_is_logged_once(apart, caplog):
    keeper = isolation.BuilderSupervisor(apart.ctx)
    lacking = "There is no user paas-builder."
    for why in (lacking, lacking, "", lacking):
        apart.rootless.why = why
        keeper.tick()
    assert [record.getMessage() for record in caplog.records if "paas-builder" in record.getMessage()] == [
        f"the builder apart from the host does not answer: {lacking}"
    ] * 2
