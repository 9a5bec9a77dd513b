"""``cleanup``, and what a build needs before it begins."""

import json
import re
from dataclasses import replace

import pytest

from fakes import EPOCH, eventually
from fakes.host import GIB
from paas.core.containers.image import Image
from paas.server import cleanup


def rows(server, line=""):
    found = json.loads(server.run(f"cleanup {line} --format json").out)
    return [(row["kind"], row["name"], row["app"]) for row in found]


def test_nothing_to_remove(hello):
    assert hello.run("cleanup --dry-run") == (0, "", "-----> Would free about 0 B\n")
    assert rows(hello) == []
    assert hello.scheduler.labels() == ["web.1"]


def litter(server):
    """An image of a build that failed later on, a container that ended, a log of nobody, and one of another program."""
    server.scheduler.add_image(Image("sha256:" + "f" * 64, size=5 << 20), server.app().id)
    server.scheduler.add_image(Image("sha256:" + "e" * 64, size=5 << 20), None)
    server.run("ps:scale hello worker=1")
    server.ctx.store.apps.set_replicas(
        server.app(), [r for r in server.ctx.store.apps.replicas(server.app()) if r.process_type == "web"]
    )
    server.scheduler.crash("worker.1")
    (server.paths.jobs / "77.log").write_text("of an app that is gone\n")


LITTER = [("container", "hello.worker.1", "hello"), ("image", "ffffffffffff", "hello"), ("log", "77", "")]


def test_dry_run_lists_what_would_go_and_removes_nothing(hello):
    litter(hello)
    found = rows(hello, "--dry-run")
    assert [(kind, name.partition(".a-")[0], app) for kind, name, app in found] == LITTER
    assert "worker.1" in hello.scheduler.labels()
    assert hello.run("cleanup --dry-run").err == "-----> Would free about 5.0 MiB\n"


def test_cleanup_removes_that_and_nothing_else(hello):
    litter(hello)
    planned = rows(hello, "--dry-run")
    assert rows(hello) == planned
    assert rows(hello) == []
    assert hello.scheduler.labels() == ["web.1"]
    assert "sha256:" + "e" * 64 in hello.scheduler.images
    assert not (hello.paths.jobs / "77.log").exists()
    # No change of the app, so none is recorded.
    assert hello.run("builds:list hello").out.count("\n") == 2
    assert hello.run("releases:rollback hello").status == 1


def test_cleanup_of_one_app_leaves_the_others_alone(hello):
    litter(hello)
    hello.deployed("other")
    assert rows(hello, "other --dry-run") == []
    assert {app for _, _, app in rows(hello, "hello")} == {"hello"}


def test_images_of_releases_beyond_the_setting_go(hello):
    for number in range(3):
        hello.deployed("hello", {"file": str(number)})
    hello.run("settings:set keep-images 1")
    first = [image for _, image, _ in rows(hello)]
    assert len(first) == 3
    assert [version for _, version in hello.scheduler.names] == [4]
    assert hello.run("ps:restart hello").status == 0


@pytest.mark.real("git")
def test_an_app_with_a_change_under_way_is_left_alone(hello):
    litter(hello)
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        result = hello.run("cleanup")
        assert "Skipped hello: a deployment is running." in result.err
        assert "worker.1" in hello.scheduler.labels()
        gate.open()
    assert push.wait().status == 0


def test_what_an_app_left_that_is_gone_goes(hello):
    hello.scheduler.add_image(Image("sha256:" + "d" * 64), 99)
    assert rows(hello) == [("image", "dddddddddddd", "(gone: 99)")]


def test_the_build_cache_is_pruned_only_where_the_setting_says_so(hello):
    hello.scheduler.cache = 3 * GIB
    assert rows(hello) == []
    hello.run("settings:set build-cache-keep 2g")
    assert rows(hello, "--dry-run") == rows(hello) == [("build cache", "least recently used", "")]
    assert hello.scheduler.cache == 2 * GIB


def test_the_server_cleans_up_by_itself_when_it_is_time(hello):
    litter(hello)
    cleanup.when_due(hello.ctx)
    assert "worker.1" not in hello.scheduler.labels()
    litter(hello)
    hello.clock.advance(86_399)
    cleanup.when_due(hello.ctx)
    assert "worker.1" in hello.scheduler.labels()
    hello.clock.advance(1)
    cleanup.when_due(hello.ctx)
    assert "worker.1" not in hello.scheduler.labels()
    litter(hello)
    # A clock that was set back does not put it off.
    hello.ctx.store.instance.set(cleanup.CLEANED_AT, str(EPOCH + 10_000_000))
    cleanup.when_due(hello.ctx)
    assert "worker.1" not in hello.scheduler.labels()
    hello.run("settings:set cleanup-interval 0")
    litter(hello)
    hello.clock.advance(10_000_000)
    cleanup.when_due(hello.ctx)
    assert "worker.1" in hello.scheduler.labels()


@pytest.mark.real("git")
def test_a_build_without_room_is_refused_with_what_is_missing(hello):
    hello.scheduler.add_image(Image("sha256:" + "f" * 64, size=300 << 20), hello.app().id)
    hello.host.free = replace(hello.host.free, free=GIB // 2)
    pushed = hello.push("hello", {"file": "2"})
    assert pushed.status == 1
    assert "remote:  !     there is not enough room on the server to build " in pushed.err
    assert f"{hello.root}: 512 MiB of disk are free, 1.0 GiB are wanted: 512 MiB are missing" in pushed.err
    assert "'cleanup' would free about 300 MiB; 'cleanup --dry-run' lists the items." in pushed.err
    assert "The floors are settings: build-min-disk. [no-room]" in pushed.err
    assert hello.app().version == 1
    hello.run("settings:set build-min-disk 100m")
    assert hello.begin_push("hello").wait().status == 0


def test_what_needs_no_build_needs_no_room(hello):
    hello.host.free = replace(hello.host.free, free=0)
    assert hello.run("config:set hello A=1").status == 0


def test_a_build_is_put_under_limits(hello):
    hello.deployed("hello", {"file": "2"})
    [(group, mark, weight, memory)] = hello.host.limits
    assert group == f"paas-{hello.scheduler.instance}"
    assert hello.builder.sources[-1].arguments["NO_PROXY"] == mark
    assert (weight, memory) == (25, 6 * GIB)
    # An app that knew the mark of a build could say that it is part of it.
    assert re.fullmatch(rf"build-[0-9a-f]{{32}}\.{hello.scheduler.instance}\.paas\.invalid", mark)
    hello.run("settings:set build-memory-limit 1g")
    hello.run("settings:set build-no-proxy .example")
    hello.deployed("hello", {"file": "3"})
    assert hello.host.limits[-1][3] == GIB
    assert hello.host.limits[-1][1] != mark
    assert hello.builder.sources[-1].arguments["no_proxy"] == f".example,{hello.host.limits[-1][1]}"


def test_limits_can_be_switched_off_or_be_impossible(hello):
    hello.run("settings:set build-memory-limit 0")
    hello.run("settings:set build-cpu-weight 0")
    hello.deployed("hello", {"file": "2"})
    assert hello.host.limits == []
    hello.run("settings:set build-cpu-weight 10")
    hello.host.no_limits = "/sys/fs/cgroup: Read-only file system"
    hello.deployed("hello", {"file": "3"})
    assert "NO_PROXY" not in hello.builder.sources[-1].arguments
    eventually(hello.ctx.jobs.idle)


def test_ports_of_what_was_scaled_away_are_taken_back(hello):
    apps, app = hello.ctx.store.apps, hello.app()
    for index in (1, 2):
        apps.give_port(app, "web", index, 0, 21_000 + index)
    hello.run("cleanup")
    assert apps.ports_taken() == {21_001}
    hello.run("ps:scale hello web=2")
    hello.quiet()
    apps.give_port(app, "web", 2, 0, 21_002)
    hello.run("cleanup")
    assert apps.ports_taken() == {21_001, 21_002}
