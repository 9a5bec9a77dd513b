"""What a server with systemd goes through: installation, reboot, removal, upgrade. Each suite of Debian has a file."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from instance import Answer, eventually, run
from load import Load
from machine import checkout, previous
from systemd_box import Box
from test_service import app

DOMAIN = "apps.test"
HOST = f"hello.{DOMAIN}"
NEW_VERSION = "0.999"
TWO = [("web.1", "running"), ("web.2", "running")]


class Owner:
    """A person on this machine, with a key that the platform in the box knows."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.box = box
        self.key = folder / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f", str(self.key))

    def install(self, archive: bytes) -> str:
        """Install what is in the archive with the installer in it, and let the owner in. Return what it printed."""
        self.box.unpack(archive, "/clone")
        printed = self.box.read(f"/clone/bootstrap.sh --domain {DOMAIN}")
        public = shlex.quote(self.key.with_suffix(".pub").read_text())
        self.box.read(f"paas ssh-keys:add owner --role admin <<< {public}")
        return printed

    def push(self, code: Path) -> None:
        """Push what is in the folder to the app hello, over SSH."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
        ssh = ["ssh", "-F", "/dev/null", "-i", str(self.key), *(word for option in options for word in ("-o", option))]
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        url = f"ssh://paas@{self.box.address()}:2222/hello"
        for command in ("init -q -b main", "add -A", "commit -qm change", f"push {url} main"):
            done = subprocess.run(
                ["git", *author, *command.split()], cwd=code, env={**os.environ, "GIT_SSH_COMMAND": shlex.join(ssh)},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

    def get(self) -> Answer:
        """``GET /`` of the app from outside the box; status 0 where nobody answers."""
        connection = http.client.HTTPConnection(self.box.address(), 80, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": HOST})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode(), dict(response.getheaders()))
        except ConnectionError as error:
            return Answer(0, str(error), {})
        finally:
            connection.close()

    def processes(self) -> list[tuple[str, str]]:
        """Return the name and state of each process of the app; none while the server does not answer."""
        asked = self.box.sh("paas ps hello --format json")
        rows = json.loads(asked.stdout) if asked.returncode == 0 else []
        return sorted((row["process"], row["state"]) for row in rows)


@pytest.fixture(scope="module")
def owner(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """A person who has a box without the platform."""
    return Owner(box, tmp_path_factory.mktemp("owner"))


@pytest.fixture(scope="module")
def served(owner: Owner, tmp_path_factory: pytest.TempPathFactory) -> Owner:
    """The same, with the platform of this checkout installed, and with the app hello, which has two processes."""
    printed = owner.install(checkout())
    assert "The server is running. Apps will be at http://APP.apps.test" in printed
    owner.push(app(tmp_path_factory.mktemp("code") / "code", f"paas/stack:{owner.box.suite}"))
    owner.box.read("paas ps:scale hello web=2")
    return owner


class Story:
    """The chapters, in their order. The box that a chapter leaves is the next one's."""

    def test_an_app_is_pushed_to_a_new_server_and_scaled(self, served: Owner) -> None:
        assert served.get().body == "v1 one"
        assert served.processes() == TWO
        units = "paas.service paas-nginx.service paas-builds.socket"
        assert served.box.read(f"systemctl is-active {units}").split() == ["active"] * 3

    def test_after_a_reboot_the_apps_answer_on_their_old_ports(self, served: Owner) -> None:
        before = self._addresses(served.box)

        served.box.reboot()

        eventually(lambda: served.get().body == "v1 one")
        eventually(lambda: served.processes() == TWO)
        assert self._addresses(served.box) == before
        served.box.read("paas ps:scale hello web=1")
        assert served.get().body == "v1 one"

    def test_the_removal_leaves_nothing(self, served: Owner) -> None:
        box = served.box
        assert self._left(box), "there is something to remove"

        box.read("/clone/bootstrap.sh --uninstall --purge")

        assert self._left(box) == []

    def test_during_an_upgrade_no_request_fails_and_the_release_stays(self, owner: Owner, tmp_path: Path) -> None:
        box = owner.box
        (tmp_path / "history").mkdir()
        owner.install(previous(tmp_path / "history"))
        owner.push(app(tmp_path / "code", f"paas/stack:{box.suite}"))
        releases = box.read("paas releases hello")
        box.unpack(checkout(), "/clone")
        box.read(f"sed -i 's/^__version__ = .*/__version__ = \"{NEW_VERSION}\"/' /clone/paas/__init__.py")
        assert NEW_VERSION not in box.read("paas version")

        with Load(80, HOST, address=box.address()) as load:
            box.read("/clone/bootstrap.sh")
            asked = load.total()
            eventually(lambda: load.total() > asked + 60)

        assert load.failures() == {}
        assert load.steady()
        assert box.read("paas version") == f"paas {NEW_VERSION}", "this is what the server says of itself"
        assert box.read("paas releases hello") == releases
        box.read("paas ps:scale hello web=2")
        assert owner.processes() == TWO

    def _addresses(self, box: Box) -> list[str]:
        """Return where each process is published, and what nginx's file of the app is."""
        ports = box.read("docker ps --filter label=paas.instance --format '{{.Names}} {{.Ports}}'").splitlines()
        assert len(ports) == 2, ports
        return [*sorted(ports), *box.read("sha256sum /var/lib/paas/nginx/apps/*.conf").splitlines()]

    def _left(self, box: Box) -> list[str]:
        """Return what there is of the platform: files, sockets, users, processes, and things in the engine."""
        looks = """
            find / /run -xdev -iname '*paas*' -not -path '/clone/*' -not -path '/proc/*' -not -path '/sys/*'
            grep -i paas /etc/passwd /etc/group /etc/shadow /etc/subuid /etc/subgid
            systemctl list-units --all --plain --no-legend 'paas*'
            ps -eo args | grep -i paas | grep -vE '^(bash|grep) '
            ss --listening --no-header --tcp --unix --processes | grep -iE 'paas|:(80|443|2222) '
            docker ps --all --quiet --filter label=paas.instance
            docker images --quiet --filter label=paas.instance
            docker network ls --quiet --filter label=paas.instance
            docker volume ls --quiet --filter label=paas.instance
        """
        return box.sh(looks).stdout.splitlines()
