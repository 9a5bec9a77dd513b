"""The docker command that builds: which one, how it is called, and how it ends. Its place is taken by a script."""

import json
import os
import threading
from pathlib import Path

import pytest

from fakes import eventually
from paas.builders import buildkit
from paas.builders.buildkit import BuildRequest
from paas.core.errors import BuildFailed, Cancelled, DockerError

BUILDS = """\
printf '%s\\n' "$@" >"$HERE/argv"
env >"$HERE/env"
cp "$DOCKER_CONFIG/config.json" "$HERE/config.json"
cat >"$HERE/stdin"
echo '#5 [1/1] RUN x'
echo '#5 0.1 working' >&2
for word in "$@"; do
  case $word in --iidfile=*) echo sha256:1234 >"${word#--iidfile=}" ;; esac
done
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """Puts docker commands made of shell scripts on the PATH, each in a folder of its own."""
    monkeypatch.setattr(buildkit, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setenv("HERE", str(tmp_path))
    buildkit.cli.cache_clear()
    folders = []

    def add(name, version, *, buildx=False, build="exit 1"):
        folder = tmp_path / name
        folder.mkdir()
        script = folder / "docker"
        script.write_text(
            "#!/bin/sh\n"
            f'if [ "$1" = --version ]; then echo "Docker version {version}, build abc"; exit; fi\n'
            f'if [ "$1 $2" = "buildx version" ]; then exit {0 if buildx else 1}; fi\n'
            f"{build}\n"
        )
        script.chmod(0o755)
        folders.append(str(folder))
        return str(script)

    def choose():
        monkeypatch.setenv("PATH", os.pathsep.join(folders))
        buildkit.cli.cache_clear()
        chosen = buildkit.cli()
        monkeypatch.setenv("PATH", "/bin:/usr/bin")
        return chosen

    add.choose = choose
    yield add
    buildkit.cli.cache_clear()


@pytest.fixture
def request_(tmp_path):
    context = tmp_path / "context"
    context.mkdir()
    secret = tmp_path / "ca.pem"
    arguments = {"GIT_REV": "c0ffee", "HTTP_PROXY": "http://user:password@proxy"}
    labels = {"b": "2", "a": "1"}
    return BuildRequest(context, context / "Dockerfile", labels, arguments, {"ca": secret}, 60.0, tmp_path)


def test_the_first_command_that_can_build_is_taken(docker):
    docker("new", "28.2.2")
    old = docker("old", "20.10.24+dfsg1")
    docker("plugin", "28.2.2", buildx=True)
    assert docker.choose() == (old, "build")


def test_the_plugin_is_used_where_it_is(docker):
    plugin = docker("plugin", "26.1.5+dfsg1", buildx=True)
    docker("old", "20.10.24")
    assert docker.choose() == (plugin, "buildx", "build", "--load")


def test_what_is_not_a_docker_command_is_passed_over(docker):
    docker("odd", "unknown")
    docker("edge", "23.0.0")
    assert_none(docker)


def assert_none(docker):
    with pytest.raises(DockerError) as raised:
        docker.choose()
    assert raised.value.lines() == [
        "no docker command with BuildKit was found",
        "Builds need BuildKit: docker 20.10 has it built in; later versions need the buildx plugin.",
        "Install it: 'apt-get install docker-cli docker-buildx' (Debian 13), or 'docker.io' (Debian 12). [no-buildkit]",
    ]


def test_there_may_be_none(docker):
    assert_none(docker)


def test_what_the_command_is_called_with(docker, request_, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", '{"auths": {"ghcr.io": {}}}')
    docker("old", "20.10.24", build=BUILDS)
    docker.choose()
    shown = []
    assert buildkit.build(request_, shown.append, threading.Event()) == "sha256:1234"
    assert shown == ["[1/1] RUN x", "  working"]

    argv = (tmp_path / "argv").read_text().splitlines()
    iidfile = argv.pop(2)
    assert iidfile.startswith("--iidfile=")
    assert argv == [
        "build",
        "--progress=plain",
        f"--file={request_.dockerfile}",
        "--label=a=1",
        "--label=b=2",
        "--build-arg=GIT_REV",
        "--build-arg=HTTP_PROXY",
        f"--secret=id=ca,src={tmp_path / 'ca.pem'}",
        str(request_.context),
    ]
    environment = (tmp_path / "env").read_text().splitlines()
    assert "HTTP_PROXY=http://user:password@proxy" in environment
    assert "DOCKER_BUILDKIT=1" in environment
    assert not any(line.startswith("DOCKER_AUTH_CONFIG=") for line in environment)
    assert (tmp_path / "stdin").read_text() == ""


def test_without_logins_the_credentials_of_the_servers_own_user_are_not_used(docker, request_, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".docker").mkdir(parents=True)
    (home / ".docker" / "config.json").write_text('{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}')
    monkeypatch.setenv("HOME", str(home))
    docker("old", "20.10.24", build=BUILDS)
    docker.choose()
    buildkit.build(request_, print, threading.Event())
    assert json.loads((tmp_path / "config.json").read_text()) == {"auths": {}}
    assert "paas-build" not in (tmp_path / "env").read_text()
    # What it was given is gone with the build.
    assert not list(tmp_path.glob("build-*"))


def test_a_failure_names_the_step_and_the_reason(docker, request_):
    docker(
        "old",
        "20.10.24",
        build="echo '#5 [2/2] RUN x'\necho '#5 0.1 oh no'\necho '#5 ERROR: executor failed'\n"
        "echo '------'\necho 'executor failed running [x]: exit code: 2'\nexit 1",
    )
    docker.choose()
    shown = []
    with pytest.raises(BuildFailed) as raised:
        buildkit.build(request_, shown.append, threading.Event())
    assert shown == ["[2/2] RUN x", "  oh no"]
    assert raised.value.lines() == [
        "the image could not be built at [2/2] RUN x",
        "executor failed running [x]: exit code: 2",
        "The step's output is above. 'docker build .' in the repository does the same. [build-failed]",
    ]


def test_what_fails_before_any_step_has_no_output_to_look_at(docker, request_):
    reason = "failed to solve: dockerfile parse error on line 2: unknown instruction: FORM (did you mean FROM?)"
    docker("old", "20.10.24", build=f"echo '{reason}'\nexit 1")
    docker.choose()
    with pytest.raises(BuildFailed) as raised:
        buildkit.build(request_, print, threading.Event())
    assert raised.value.lines() == [
        "the image could not be built",
        reason,
        "'docker build .' in the repository does the same. [build-failed]",
    ]


def test_a_command_that_says_nothing_and_makes_nothing_has_failed(docker, request_):
    docker("old", "20.10.24", build="exit 0")
    docker.choose()
    with pytest.raises(BuildFailed, match="the image could not be built"):
        buildkit.build(request_, print, threading.Event())


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_a_build_is_ended_with_all_that_it_started(docker, request_, tmp_path, how):
    docker(
        "old",
        "20.10.24",
        build='trap "" TERM\nsleep 600 & echo $! >"$HERE/child"\necho "#5 [1/1] RUN x"\nwait\nwait',
    )
    docker.choose()
    cancelled = threading.Event()
    if how == "timeout":
        request_ = BuildRequest(request_.context, request_.dockerfile, {}, {}, {}, 0.3, tmp_path)

    def show(line):
        if how == "cancelled":
            cancelled.set()

    expected = Cancelled if how == "cancelled" else BuildFailed
    with pytest.raises(expected) as raised:
        buildkit.build(request_, show, cancelled)
    assert raised.value.code == {"cancelled": "cancelled", "timeout": "build-timeout"}[how]
    child = int((tmp_path / "child").read_text())
    eventually(lambda: not is_running(child))


def is_running(pid):
    """A process that has ended may wait for whoever takes its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_lines_without_an_end_and_strange_bytes_are_shown(docker, request_, tmp_path):
    docker(
        "old",
        "20.10.24",
        build=BUILDS.replace("'#5 0.1 working'", "").replace("echo  >&2", "printf '#5 0.1 \\377\\n#5 0.2 last'"),
    )
    docker.choose()
    shown = []
    buildkit.build(request_, shown.append, threading.Event())
    assert shown == ["[1/1] RUN x", "  \ufffd", "  last"]
