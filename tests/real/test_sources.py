"""Deploying what nobody pushed: from real git servers, archives over ssh, images, a registry."""

from __future__ import annotations

import base64
import gzip
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from agreement import releases
from git_servers import Https, Sshd
from instance import FAULTY, SECONDS, Server, eventually, run
from test_service import app

from paas.builders import buildkit
from paas.core.jobs.journal import Step

pytestmark = pytest.mark.real
# bcrypt of the word, as htpasswd -B writes it.
T0KEN = "$2b$04$DQF5XyayOYp8kZ1PlIIUpOSAmbQUsBghDrnMnuodrh3xW.NGz9ZL2"


class Origin:
    """A repository on another server, with the clone that its owner works in."""

    def __init__(self, root: Path, instance: Server, stack: str) -> None:
        self.root = root
        self.bare = root / "team" / "app.git"
        self._instance = instance
        self._code = root / "work"
        self._stack = stack
        run("git", "init", "-q", "--bare", "-b", "main", str(self.bare))

    def publish(self, text: str, *branch: str) -> str:
        """Pushes an app that answers with the text; the commit."""
        app(self._code, self._stack, text)
        git = self._instance.git
        if not (self._code / ".git").exists():
            assert git(self._code, "init", "-q", "-b", "main").status == 0
        assert git(self._code, "add", "-A").status == git(self._code, "commit", "-qm", text).status == 0
        pushed = git(self._code, "push", "-q", str(self.bare), f"HEAD:{branch[0] if branch else 'main'}")
        assert pushed.status == 0, pushed.err
        return git(self._code, "rev-parse", "HEAD").out.strip()


@pytest.fixture(scope="module")
def origin(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return Origin(tmp_path_factory.mktemp("origin"), instance, stack)


@pytest.fixture(scope="module")
def https(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Https]:
    site = Https(tmp_path_factory.mktemp("https"), origin.root)
    yield site
    site.close()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


def test_sync_over_https_with_a_private_authority_and_credentials(
    instance: Server, origin: Origin, https: Https
) -> None:
    commit = origin.publish("over https")
    https.password = "s3cr%t /:@"
    url = https.url("team/app.git")
    assert instance.paas("apps:create synced").status == 0

    refused = instance.ssh(f"git:sync --build synced {url}")
    assert refused.status == 1
    assert "certificate" in refused.err
    assert instance.paas(f"settings:set build-ca-file {https.authority}").status == 0
    refused = instance.ssh(f"git:sync --build synced {url}")
    assert f"'git:auth {https.address} USER'" in refused.err

    kept = instance.ssh(f"git:auth {https.address} bot", stdin=https.password + "\n")
    assert kept.status == 0, kept.err
    done = instance.ssh(f"git:sync --build synced {url}")
    assert done.status == 0, done.err
    assert instance.get("synced").body == "v1 over https"
    assert instance.paas("apps:report synced --apps-deploy-source-metadata").out == f"{url}#main\n"
    assert commit in instance.paas("git:report synced").out

    origin.publish("a fix")
    assert instance.ssh(f"git:sync --build-if-changes synced {url}").status == 0
    assert instance.get("synced").body == "v2 a fix"
    assert "No changes" in instance.ssh(f"git:sync --build-if-changes synced {url}").err
    assert instance.ssh(f"git:sync synced {url} {commit}").status == 0
    assert commit in instance.paas("git:status synced").out
    assert https.password not in instance.said()


def test_a_redirect_leads_neither_to_a_file_nor_the_password_to_another(
    instance: Server, origin: Origin, https: Https
) -> None:
    origin.publish("redirected")
    assert instance.paas("apps:create strict").status == 0
    https.redirect = f"file://{origin.bare}/info/refs"
    refused = instance.ssh(f"git:sync strict {https.url('team/app.git')}")
    assert refused.status == 1, refused.err
    assert "could not be fetched" in refused.err
    https.redirect = f"http://{https.address}/x.tar"
    refused = instance.ssh(f"git:from-archive strict {https.url('x.tar')}")
    assert "it is redirected to an address that is not https" in refused.err
    https.redirect = ""


def test_a_repository_that_has_moved_is_found_and_only_where_the_server_connects(
    instance: Server, origin: Origin, https: Https
) -> None:
    commit = origin.publish("moved")
    https.password = "s3cr%t /:@"
    https.moved = {"/old.git": https.url("team/app.git"), "/inside.git": "https://169.254.169.254/x.git"}
    assert instance.paas(f"settings:set build-ca-file {https.authority}").status == 0
    assert instance.ssh(f"git:auth {https.address} bot", stdin=https.password + "\n").status == 0
    assert instance.paas("apps:create moving").status == 0
    done = instance.ssh(f"git:sync moving {https.url('old.git')}")
    assert done.status == 0, done.err
    assert commit in instance.paas("git:status moving").out

    refused = instance.ssh(f"git:sync moving {https.url('inside.git')}")
    assert "[egress-refused]" in refused.err, refused.err
    assert "169.254.169.254: link-local" in refused.err
    https.moved = {}


def test_nothing_on_loopback_is_reached_unless_an_administrator_opens_it(instance: Server, https: Https) -> None:
    assert instance.paas("settings:set egress-allow").status == 0
    assert instance.paas("apps:create closed").status == 0
    before = len(https.seen)
    for line in (
        f"git:sync closed {https.url('team/app.git')}",
        f"git:from-archive closed {https.url('x.tar')}",
        f"buildpacks:add closed {https.url('team/app.git')}",
        f"git:from-image closed {https.address}/x:1",
        f"logs:drain add closed https://{https.address}/in",
    ):
        assert "[egress-refused]" in instance.ssh(line).err
    assert len(https.seen) == before
    assert instance.paas("settings:set egress-allow 127.0.0.0/8,::1/128").status == 0


def test_sync_over_ssh_with_the_deploy_key_to_a_known_host(instance: Server, origin: Origin, sshd: Sshd) -> None:
    origin.publish("over ssh")
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    url = f"ssh://{me}@127.0.0.1:{sshd.port}{origin.bare}"
    assert instance.paas("apps:create keyed").status == 0
    assert instance.paas("git:generate-deploy-key").status == 0
    assert "[unknown-host]" in instance.ssh(f"git:sync keyed {url}").err
    allowed = instance.ssh(f"git:allow-host 127.0.0.1:{sshd.port}")
    assert allowed.status == 0, allowed.err
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.folder / "host.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert fingerprint in allowed.err

    refused = instance.ssh(f"git:sync keyed {url}")
    assert "deploy key" in refused.err
    sshd.authorized.write_text(instance.ssh("git:public-key").out)
    done = instance.ssh(f"git:sync keyed {url}")
    assert done.status == 0, done.err

    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    stranger = instance.ssh(f"git:sync keyed {url}")
    assert stranger.status == 1
    assert "[fetch-failed]" in stranger.err


def test_option_injection_runs_nothing(instance: Server, tmp_path: Path) -> None:
    assert instance.paas("apps:create calm").status == 0
    mark = tmp_path / "pwned"
    for url in (
        f"ext::sh -c touch% {mark}",
        f"ssh://-oProxyCommand=touch%20{mark}/x",
        f"--upload-pack=touch {mark}",
        f"file://{tmp_path}",
    ):
        refused = instance.ssh(f"git:sync --build calm -- '{url}'")
        assert refused.status == 2, refused
    assert not mark.exists()


def _tar_gz(folder: Path) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        made.add(folder, "app-1.0")
    return data.getvalue()


def _send(instance: Server, line: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    argv = [*instance.ssh_command(), "-p", str(instance.ssh_port), "paas@127.0.0.1", line]
    return subprocess.run(argv, input=data, capture_output=True, timeout=120, check=False)


def test_an_archive_over_ssh_and_a_bomb(instance: Server, stack: str, tmp_path: Path) -> None:
    assert instance.paas("apps:create packed").status == 0
    done = _send(instance, "git:from-archive packed --", _tar_gz(app(tmp_path / "code", stack, "from a tar")))
    assert done.returncode == 0, done.stderr.decode()
    assert instance.get("packed").body == "v1 from a tar"
    clone = instance.git(tmp_path, "clone", "-q", instance.url("packed"), "cloned")
    assert clone.status == 0, clone.err
    assert (tmp_path / "cloned" / "web.py").exists()

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as bomb, bomb.open("zero", "w") as file:
        for _ in range(1200):
            file.write(bytes(1 << 20))
    before = _disk(instance)
    for name, kind, target in (
        ("/etc/cron.d/x", tarfile.REGTYPE, ""),
        ("../x", tarfile.REGTYPE, ""),
        ("x", tarfile.SYMTYPE, "/etc/passwd"),
        ("null", tarfile.CHRTYPE, ""),
    ):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        refused = _send(instance, "git:from-archive packed --", info.tobuf() + bytes(1024))
        assert refused.returncode == 1
        assert b"[archive-" in refused.stderr
    refused = _send(instance, "git:from-archive packed --", data.getvalue())
    assert refused.returncode == 1
    assert b"archive-" in refused.stderr

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as many:
        for number in range(100_000):
            many.writestr(f"f{number}", b"")
    refused = _send(instance, "git:from-archive packed --", data.getvalue())
    assert b"[archive-too-many]" in refused.stderr, refused.stderr
    assert _disk(instance) == before
    assert instance.get("packed").body == "v1 from a tar"


def _disk(instance: Server) -> dict[str, int]:
    """The files of apps and repositories with their sizes."""
    return {str(path): path.stat().st_size for path in (instance.root / "apps").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def image(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image on this machine's engine that no registry has; its name is gone afterwards."""
    name = f"paas-test/{uuid.uuid4().hex}:1"
    folder = app(tmp_path_factory.mktemp("image"), stack, "from an image")
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    docker = buildkit.cli()
    subprocess.run([*docker, "-q", "-t", name, str(folder)], check=True, capture_output=True, env=environment)
    yield name
    run(docker[0], "rmi", name)


def test_an_image_is_taken_from_the_engine_and_over_ssh(instance: Server, image: str) -> None:
    assert instance.paas("apps:create shipped").status == 0
    done = instance.ssh(f"git:from-image shipped {image}")
    assert done.status == 0, done.err
    assert instance.get("shipped").body == "v1 from an image"
    assert "No changes" in instance.ssh(f"git:from-image shipped {image}").err

    saved = subprocess.run([buildkit.cli()[0], "save", image], capture_output=True, check=True).stdout
    sent = _send(instance, f"git:load-image shipped {image}", gzip.compress(saved, 1))
    assert sent.returncode == 0, sent.stderr.decode()
    assert instance.get("shipped").body == "v2 from an image"
    assert instance.paas("apps:report shipped --apps-deploy-source-metadata").out == f"{image}\n"
    rebuilt = instance.ssh("ps:rebuild shipped")
    assert rebuilt.status == 0, rebuilt.err
    assert instance.get("shipped").body == "v3 from an image"
    assert "[image-broken]" in _send(instance, f"git:load-image shipped {image}", saved[:90_000]).stderr.decode()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry on loopback, over plain http, which asks for the user bot with the password t0ken."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users").write_text(f"bot:{T0KEN}\n")
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nauth: {{htpasswd: {{realm: tests, path: {folder}/users}}}}\n"
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    eventually(lambda: _answers(port))
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _manifest(registry: str, repository: str, tag: str) -> int:
    connection = http.client.HTTPConnection(registry, timeout=10)
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    login = "Basic " + base64.b64encode(b"bot:t0ken").decode()
    connection.request(
        "GET", f"/v2/{repository}/manifests/{tag}", headers={"Authorization": login, "Accept": accept}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_releases_go_to_a_registry_and_apps_and_builds_come_from_it(
    instance: Server, registry: str, stack: str, tmp_path: Path
) -> None:
    assert instance.paas("apps:create published").status == 0
    refused = instance.ssh(f"registry:login published {registry} bot --password-stdin", stdin="wrong\n")
    assert "[login-refused]" in refused.err
    for line in (f"server {registry}", "image-repo team/app", "push-on-release true", "push-extra-tags latest"):
        assert instance.paas(f"registry:set published {line}").status == 0

    code = app(tmp_path / "code", stack, "published")
    pushed = instance.git_push(code, "published")
    assert pushed.status == 1
    assert "[push-failed]" in pushed.err, pushed.err
    kept = instance.ssh(f"registry:login --global {registry} bot --password-stdin", stdin="t0ken\n")
    assert kept.status == 0, kept.err
    pushed = instance.git_push(code, "published")
    assert pushed.status == 0, pushed.err
    assert [_manifest(registry, "team/app", tag) for tag in ("2", "latest", "1")] == [200, 200, 404]

    # Another app is that image, pulled with the credentials; a third builds on it.
    assert instance.paas("apps:create pulled").status == 0
    done = instance.ssh(f"git:from-image pulled {registry}/team/app:latest")
    assert done.status == 0, done.err
    assert instance.get("pulled").body == "v1 published"
    again = instance.ssh(f"git:from-image pulled {registry}/team/app:2")
    assert again.status == 0, again.err
    names = subprocess.run([buildkit.cli()[0], "images", "-q", f"{registry}/team/app:latest"], capture_output=True)
    assert names.stdout == b""

    derived = tmp_path / "derived" / "services" / "api"
    derived.mkdir(parents=True)
    (derived / "Dockerfile").write_text(
        f"FROM {registry}/team/app:2 AS base\nARG GREETING\nRUN sed -i \"s/published/$GREETING/\" web.py\n"
        "FROM base AS unused\nRUN false\n"
    )
    for line in (
        "apps:create derived",
        "builder:set derived build-dir services/api",
        "docker-options:add derived build --build-arg GREETING=derived --target base",
        "docker-options:add derived deploy --memory 128m --ulimit nofile=512:512 --tmpfs /scratch:size=1m",
    ):
        assert instance.ssh(line).status == 0
    pushed = instance.git_push(tmp_path / "derived", "derived")
    assert pushed.status == 0, pushed.err
    assert instance.get("derived").body == "v1 derived"
    (container,) = [row["container"] for row in json.loads(instance.paas("ps derived --format json").out)]
    shown = "{{.HostConfig.Memory}} {{json .HostConfig.Tmpfs}} {{range .HostConfig.Ulimits}}{{.Name}} {{.Hard}}{{end}}"
    argv = [buildkit.cli()[0], "inspect", "--format", shown, container]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert found == '134217728 {"/scratch":"size=1m"} nofile 512\n'
    run(buildkit.cli()[0], "rmi", f"{registry}/team/app:2")


def test_options_for_one_off_runs_are_those_of_the_container(instance: Server) -> None:
    assert instance.ssh("docker-options:add shipped run --read-only --tmpfs /scratch:size=1m").status == 0
    refused = instance.ssh("run shipped touch /app/x")
    assert "Read-only file system" in refused.err + refused.out
    assert instance.ssh("run shipped touch /scratch/x").status == 0


@pytest.mark.parametrize(("step", "when"), list(product((Step.FETCH, Step.PUSH), ("before", "after"))))
def test_a_crash_while_fetching_or_pushing_leaves_the_old(
    instance: Server, origin: Origin, https: Https, registry: str, step: Step, when: str
) -> None:
    fault = instance.folder / "fault"
    fault.write_text("")
    https.password = ""
    origin.publish(f"{step.value} {when} one")
    sync = f"git:sync --build crashed {https.url('team/app.git')}"
    instance.paas("apps:create crashed")
    for line in (f"server {registry}", "image-repo team/crashed", "push-on-release true"):
        assert instance.paas(f"registry:set crashed {line}").status == 0
    assert instance.ssh(f"registry:login --global {registry} bot --password-stdin", stdin="t0ken\n").status == 0
    assert instance.ssh(f"settings:set build-ca-file {https.authority}").status == 0
    done = instance.ssh(sync)
    assert done.status == 0, done.err
    old = instance.get("crashed").body
    instance.stop()
    instance.program = (sys.executable, str(FAULTY), str(fault))
    instance.start()
    origin.publish(f"{step.value} {when} two")

    fault.write_text(f"{step.value} {when} kill")
    died = instance.ssh(sync)
    assert (died.status != 0, fault.read_text()) == (True, ""), died.err
    assert instance.daemon is not None
    assert instance.daemon.wait(SECONDS) == -signal.SIGKILL
    assert instance.get("crashed").body == old
    instance.program = ()
    instance.start()

    assert [row["state"] for row in releases(instance, "crashed")].count("current") == 1
    again = instance.ssh(sync)
    assert again.status == 0, again.err
    assert instance.get("crashed").body.endswith(f"{step.value} {when} two")
