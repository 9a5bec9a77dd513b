"""``git:from-image`` and ``git:load-image``: apps whose code is an image."""

import gzip
import io
import json
import tarfile

import pytest

from fakes import VIEWER, Behaviour
from paas.core.access.remote_credentials import Login
from paas.core.containers.image import Image
from paas.core.errors import DockerError
from paas.core.secret import Secret
from paas.store.access import Logins

pytestmark = pytest.mark.real("git")

NGINX = Image("sha256:" + "1" * 64, (80,), True, "amd64")


@pytest.fixture
def empty(server):
    server.run("apps:create hello")
    server.scheduler.registry["nginx:1.28"] = NGINX
    return server


def current(server):
    return server.ctx.store.releases.current(server.app())


def saved(names=("hello:1",), architecture="amd64", layers=(b"layer",), config=None, extra=()):
    """What ``docker save`` writes of one image."""
    settings = {"Cmd": ["/app"], "ExposedPorts": {"8080/tcp": {}}} if config is None else config
    files = {"abc.json": json.dumps({"architecture": architecture, "config": settings}).encode()}
    files |= {f"{number}/layer.tar": content for number, content in enumerate(layers)}
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    row = {"Config": "abc.json", "RepoTags": list(names), "Layers": paths}
    other = {"Config": "abc.json", "RepoTags": ["other:latest"], "Layers": []}
    files |= {"manifest.json": json.dumps([other, row]).encode(), **dict(extra)}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return data.getvalue()


def test_an_image_from_a_registry_is_deployed_as_a_commit(empty):
    result = empty.run("git:from-image hello nginx:1.28")
    assert result.status == 0, result.err
    assert "-----> Pulling nginx:1.28\n" in result.err
    assert "-----> Released v1: http://hello.localhost:8080\n" in result.err
    assert empty.scheduler.running("web.1").port == 80
    assert empty.run("apps:report hello --apps-deploy-source").out == "docker-image\n"
    assert empty.run("apps:report hello --apps-deploy-source-metadata").out == "nginx:1.28\n"
    assert current(empty).cause == "git:from-image nginx:1.28"
    assert empty.run("git:report hello --git-subject").out == "Image nginx:1.28\n"
    # ps:rebuild builds what the commit names, without a registry.
    pulls = empty.scheduler.pulls
    assert empty.run("ps:rebuild hello").status == 0
    assert empty.scheduler.pulls == pulls


def test_the_same_image_again_does_nothing_unless_it_is_forced(empty):
    empty.run("git:from-image hello nginx:1.28")
    again = empty.run("git:from-image hello nginx:1.28")
    assert (again.status, again.err) == (0, "-----> No changes: nginx:1.28 is already live\n")
    assert empty.scheduler.pulls == 1
    assert empty.run("git:from-image --force hello nginx:1.28").status == 0
    assert (empty.scheduler.pulls, current(empty).version) == (2, 2)
    assert empty.run("releases:rollback hello").status == 0


def test_labels_of_the_image_give_process_types(empty):
    empty.scheduler.registry["app:2"] = Image("sha256:" + "2" * 64, commands={"worker": "./work", "web": "./serve"})
    assert empty.run("git:from-image hello app:2").status == 0
    empty.run("ps:scale hello worker=1")
    assert empty.scheduler.running("worker.1").command == "./work"
    assert empty.scheduler.running("web.1").command == "./serve"


def test_an_image_with_a_procfile_and_an_app_json_has_its_processes_and_phases(empty):
    described = {
        "scripts": {"dokku": {"predeploy": "./prepare"}},
        "formation": {"worker": {"quantity": 2}},
        "healthchecks": {"web": [{"type": "startup", "path": "/health"}]},
        "cron": [{"command": "./nightly", "schedule": "0 3 * * *"}],
    }
    empty.scheduler.inside = {
        "Procfile": b"web: ./serve\nworker: ./work\nrelease: ./migrate\n",
        "app.json": json.dumps(described).encode(),
    }
    empty.scheduler.tell("release", Behaviour(exits=0))
    empty.scheduler.tell("web", Behaviour(answers={"/health": 200}, answer=500))
    empty.scheduler.registry["app:2"] = Image("sha256:" + "2" * 64, commands={"clock": "./label"})
    result = empty.run("git:from-image hello app:2")
    assert result.status == 0, result.err
    assert "Running the predeploy script: ./prepare" in result.err
    assert "Running the release phase: ./migrate" in result.err
    assert empty.scheduler.labels() == ["web.1", "worker.1", "worker.2"]
    assert empty.scheduler.running("web.1").command == "./serve"
    assert [entry.command for entry in current(empty).cron] == ["./nightly"]
    # It is still an image when it is built again.
    assert empty.run("ps:rebuild hello").status == 0
    assert [process.type for process in current(empty).processes] == ["web", "worker"]


def test_the_files_of_an_image_are_looked_for_where_the_app_says(empty):
    empty.run("ps:set hello procfile-path deploy/Procfile")
    empty.scheduler.inside = {"deploy/Procfile": b"web: ./there\n", "Procfile": b"web: ./here\n"}
    assert empty.run("git:from-image hello nginx:1.28").status == 0
    assert empty.scheduler.running("web.1").command == "./there"


def test_a_procfile_in_an_image_that_is_wrong_names_it(empty):
    empty.scheduler.inside = {"Procfile": b"web\n"}
    result = empty.run("git:from-image hello nginx:1.28")
    assert result.status != 0
    assert "Procfile of the image:1: 'web' is not of the form 'type: command'" in result.err


def test_code_does_not_take_a_procfile_from_what_it_is_built_on(hello):
    hello.scheduler.inside = {"Procfile": b"web: ./elsewhere\n"}
    assert hello.push("hello", {"file": "2"}).status == 0
    assert hello.scheduler.running("web.1").command == "./web"


@pytest.mark.parametrize("commands", [{"worker": "./work"}, {}])
def test_an_image_that_runs_no_commands_is_refused_where_there_are_some(empty, commands):
    shell = ("/bin/sh", "-c", "./serve")
    empty.scheduler.registry["app:2"] = Image("sha256:" + "2" * 64, commands=commands, entrypoint=shell)
    result = empty.run("git:from-image hello app:2")
    if commands:
        assert "the image's ENTRYPOINT would not run the app's commands: 'worker'" in result.err
        assert "[shell-entrypoint]" in result.err
        assert current(empty) is None
    else:
        assert "The image's ENTRYPOINT is a shell command line, so 'run' cannot run other commands in it." in result.err
        assert current(empty).version == 1


def test_an_image_goes_when_the_app_is_another_and_nobody_else_is_it(empty):
    empty.scheduler.registry["nginx:1.29"] = Image("sha256:" + "5" * 64)
    empty.run("git:from-image hello nginx:1.28")
    empty.run("apps:create other")
    empty.run("git:from-image other nginx:1.28")
    assert empty.run("git:from-image hello nginx:1.29").status == 0
    assert set(empty.scheduler.tags) == {"nginx:1.28", "nginx:1.29"}
    assert empty.run("git:from-image other nginx:1.29").status == 0
    assert set(empty.scheduler.tags) == {"nginx:1.29"}
    assert empty.run("releases:rollback hello").status == 0
    assert empty.run("git:load-image hello hello:1", stdin=saved()).status == 0
    assert "nginx:1.29" in empty.scheduler.tags
    assert empty.run("git:load-image other hello:1", stdin=saved()).status == 0
    assert "nginx:1.29" not in empty.scheduler.tags


def test_a_tag_that_moved_does_not_leave_the_image_that_it_was_at(empty):
    empty.run("git:from-image hello nginx:1.28")
    moved = Image("sha256:" + "6" * 64)
    empty.scheduler.registry["nginx:1.28"] = moved
    assert empty.run("git:from-image --force hello nginx:1.28").status == 0
    assert moved.id in empty.scheduler.images
    assert NGINX.id not in empty.scheduler.images


def test_what_somebody_else_put_on_the_server_stays(empty):
    empty.scheduler._take("nginx:1.28", NGINX)
    empty.scheduler.registry["nginx:1.29"] = Image("sha256:" + "5" * 64)
    empty.run("git:from-image hello nginx:1.28")
    empty.run("git:from-image hello nginx:1.29")
    assert set(empty.scheduler.tags) == {"nginx:1.28", "nginx:1.29"}


def test_an_app_that_is_built_with_buildpacks_takes_no_image(empty):
    empty.run("builder:set hello selected buildpack")
    assert "[builder-not-image]" in empty.run("git:from-image hello nginx:1.28").err


def test_an_image_that_can_not_be_pulled_is_told_and_changes_nothing(hello):
    result = hello.run("git:from-image hello registry.example.org:5000/team/app:1")
    assert result.status == 1
    assert result.err.endswith(
        " !     registry.example.org:5000/team/app:1 could not be pulled\n"
        " !     manifest unknown\n"
        " !     Check the name. If the registry needs credentials: 'registry:login registry.example.org:5000 USER'. "
        "[pull-failed]\n"
    )
    assert current(hello).version == 1
    assert hello.proxy.vhost("hello").live


def test_an_image_that_is_on_the_server_alone_is_taken(empty):
    empty.scheduler.images[NGINX.id] = NGINX
    empty.scheduler.tags["local/thing:latest"] = NGINX.id
    result = empty.run("git:from-image hello local/thing")
    assert result.status == 0, result.err
    assert "It cannot be pulled. The server has an image of that name and uses it." in result.err


def test_an_image_for_another_machine_is_refused(empty):
    empty.scheduler.registry["arm:1"] = Image("sha256:" + "3" * 64, architecture="arm64")
    result = empty.run("git:from-image hello arm:1")
    assert result.status == 1
    assert " !     arm:1 is for arm64, and this server is amd64\n" in result.err
    assert empty.scheduler.tags == {}


def test_an_image_without_a_command_says_so(empty):
    empty.scheduler.registry["base:1"] = Image("sha256:" + "4" * 64, has_command=False, architecture="amd64")
    assert "[no-command]" in empty.run("git:from-image hello base:1").err


@pytest.mark.parametrize("name", ["--privileged", "UPPER", "a b", "http://x/y", "a:b:c", "x@sha256:12", "", "a//b"])
def test_a_name_that_is_none_is_refused(empty, name):
    result = empty.run(["git:from-image", "hello", "--", name])
    assert result.status == 2
    assert "[invalid-image]" in result.err


def test_private_registries_get_the_credentials_of_their_server(empty):
    empty.scheduler.registry["ghcr.io/team/app:1"] = NGINX
    empty.scheduler.wants["ghcr.io"] = Login("bot", Secret("token"))
    assert "unauthorized" in empty.run("git:from-image hello ghcr.io/team/app:1").err
    empty.ctx.store.table(Logins).set("registry", "ghcr.io", Login("bot", Secret("token")))
    assert empty.run("git:from-image hello ghcr.io/team/app:1").status == 0


def test_an_image_that_is_sent_is_deployed_under_a_name_of_its_own(empty):
    result = empty.run("git:load-image hello hello:1", stdin=saved())
    assert result.status == 0, result.err
    assert "-----> Loading hello:1\n" in result.err
    assert empty.scheduler.running("web.1").port == 8080
    assert empty.run("apps:report hello --apps-deploy-source-metadata").out == "hello:1\n"
    # Neither the name that it had, nor the other image of the stream, reaches the engine.
    assert [name.partition("-")[0] for name in empty.scheduler.tags] == ["paas"]
    assert len(empty.scheduler.tags) == 1
    again = empty.run("git:load-image hello hello:1", stdin=gzip.compress(saved()))
    assert again.err.endswith("-----> No changes: hello:1 is already live\n")
    assert empty.run("ps:rebuild hello").status == 0


def test_the_next_one_takes_the_place_of_the_one_before(empty):
    empty.run("git:load-image hello hello:1", stdin=saved())
    before = set(empty.scheduler.tags)
    config = {"Cmd": ["/app", "2"]}
    assert empty.run("git:load-image hello hello:2", stdin=saved(["hello:2"], config=config)).status == 0
    assert len(empty.scheduler.tags) == 1
    assert not before & set(empty.scheduler.tags)
    kept = set(empty.scheduler.tags)
    # One that does not deploy goes again, and the one that serves stays.
    refused = empty.run("git:load-image hello hello:3", stdin=saved(["hello:3"], config={}))
    assert "[no-command]" in refused.err
    assert set(empty.scheduler.tags) == kept


def test_a_name_in_full_or_short_is_the_same(empty):
    stream = saved(["hello:latest"])
    assert empty.run("git:load-image hello docker.io/library/hello", stdin=stream).status == 0


MANIFEST = "manifest.json"
REFUSED = {
    "another name": (saved(["hello:2"]), "image-not-in-stream"),
    "another machine": (saved(architecture="arm64"), "wrong-architecture"),
    "cut off": (saved()[:1500], "image-broken"),
    "no tar": (b"hello " * 1000, "image-broken"),
    "nothing": (b"", "image-broken"),
    "no manifest": (saved()[:1024] + bytes(1024), "image-broken"),
    "manifest is no json": (saved(extra={MANIFEST: b"{"}.items()), "image-broken"),
    "manifest is no list": (saved(extra={MANIFEST: b"{}"}.items()), "image-broken"),
    "missing layer": (
        saved(extra={MANIFEST: b'[{"Config":"abc.json","RepoTags":["hello:1"],"Layers":["x"]}]'}.items()),
        "image-broken",
    ),
    "layer outside": (
        saved(extra={MANIFEST: b'[{"Config":"abc.json","RepoTags":["hello:1"],"Layers":["../../x"]}]'}.items()),
        "archive-path",
    ),
    "zstd layer": (saved(layers=(b"\x28\xb5\x2f\xfd" + bytes(99),)), "image-zstd"),
    "layer bomb": (saved(layers=(gzip.compress(bytes(3 << 20)),)), "image-too-large"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_stream_that_can_not_be_taken_is_refused_and_nothing_reaches_the_engine(hello, what):
    stream, code = REFUSED[what]
    hello.run("settings:set image-max-size 2m")
    before = dict(hello.scheduler.images)
    result = hello.run("git:load-image hello hello:1", stdin=stream)
    assert result.status == 1
    assert f"[{code}]" in result.err, result.err
    assert (hello.scheduler.images, hello.scheduler.tags) == (before, {})
    assert current(hello).version == 1


def test_more_than_is_allowed_is_not_taken_in(hello):
    hello.run("settings:set image-max-size 1m")
    assert "[image-too-large]" in hello.run("git:load-image hello hello:1", stdin=bytes(1_100_000)).err


def test_an_app_that_is_told_to_be_an_image_takes_no_code(empty):
    assert empty.run("builder:set hello selected image").status == 0
    refused = empty.push("hello")
    assert refused.status == 1
    assert "[not-an-image]" in refused.err
    assert empty.run("git:from-image hello nginx:1.28").status == 0
    assert empty.run("builder:set hello selected nonsense").status == 2


def test_only_keys_that_deploy_may(hello):
    assert hello.run("git:from-image hello nginx", caller=VIEWER).status == 1
    assert hello.run("git:load-image hello nginx", caller=VIEWER).status == 1


def test_a_build_folder_that_is_not_there_names_one_that_is(hello):
    hello.run("builder:set hello build-dir apps/wbe")
    result = hello.push("hello", {"apps/web/Dockerfile": "FROM scratch\nCMD x\n", "docs/x": ""})
    assert result.status == 1
    for line in (
        " !     the repository has no folder 'apps/wbe'",
        " !     Did you mean apps/web?",
        " !     Set the app's folder with 'builder:set hello build-dir FOLDER'; without a value it is the top. "
        "[no-build-dir]",
    ):
        assert line in result.err
    hello.run("builder:set hello build-dir apps/web")
    assert hello.begin_push("hello").wait().status == 0
    # An image of such an app is still one.
    hello.scheduler.registry["nginx:1.28"] = NGINX
    assert hello.run("git:from-image hello nginx:1.28").status == 0


def test_what_an_internal_service_answers_in_place_of_a_registry_is_not_shown(hello, monkeypatch):
    def pull(name, login, show, cancelled):
        page = '"<html><body>INTERNAL-SECRET hunter2</body></html>"'
        why = f"error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: {page}"
        raise DockerError(f"{name} could not be pulled", why=why, code="image-transfer")

    monkeypatch.setattr(hello.scheduler, "pull", pull)
    result = hello.run("git:from-image hello registry.example.org/x:1")
    assert (result.status, "hunter2" in result.err) == (1, False)
    assert " !     error parsing HTTP 404\n" in result.err
