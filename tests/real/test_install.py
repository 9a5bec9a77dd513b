"""A bare Debian 13 of our own making, and the production installer in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from paas.builders import stack

pytestmark = pytest.mark.real("docker")

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM = "/usr/bin:/usr/local/bin"
DOCKER = shutil.which("docker", path=f"{SYSTEM}:{os.environ['PATH']}") or "docker"
LABEL = "--label=paas.test=install"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRAK/jaW2rY7xZGuqCaqdiqEg4Id1qszXeNJki1z2YD"

# An engine that is there already, as far as an installer can tell.
ENGINE = """#!/bin/sh
case "$1" in
  version | info) echo 20.10.24 ;;
  --version) echo "Docker version 20.10.24" ;;
  images) echo 0123456789ab ;;
  *) exit 64 ;;
esac
"""


def docker(*arguments: str, stdin: str | bytes = "") -> str:
    done = subprocess.run(
        [DOCKER, *arguments], input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The stack image of Debian 13 under a name of the test's own."""
    patch = pytest.MonkeyPatch()
    patch.setattr(stack, "tag", lambda suite: f"paas-test/stack:{suite}")
    name = stack.ensure("trixie", docker_cli=DOCKER, progress=print, pull=False)

    yield name

    docker("rmi", name)
    patch.undo()


def test_the_stack_image_is_small_and_labelled(image: str) -> None:
    assert docker("image", "inspect", "--format", '{{index .Config.Labels "paas.stack"}}', image) == "trixie"
    assert int(docker("image", "inspect", "--format", "{{.Size}}", image)) < 120_000_000


def test_an_app_finds_certificates_and_time_zones_and_no_ballast_in_it(image: str) -> None:
    looks = """
        . /etc/os-release && echo $VERSION_CODENAME
        test -s /etc/ssl/certs/ca-certificates.crt && echo certificates
        TZ=Europe/Berlin date +%Z | grep -q CE && echo zones
        find /usr/share/man /usr/share/locale /var/lib/apt/lists -type f -size +0 2>/dev/null | wc -l
    """

    found = docker("run", "--rm", LABEL, image, "sh", "-c", looks).splitlines()

    assert found == ["trixie", "certificates", "zones", "0"]


@dataclass
class Machine:
    """A container that stands for a server: root, Debian 13, a network, no systemd."""

    name: str

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        command = [DOCKER, "exec", self.name, "bash", "-c", script]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def read(self, script: str) -> str:
        done = self.sh(script)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        docker("exec", "-i", self.name, "sh", "-c", f"cat > {path} && chmod 755 {path}", stdin=text)


@pytest.fixture(scope="module")
def machine(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    # pip trusts what this machine trusts, and asks the index that this machine asks.
    certificates = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if Path(CERTIFICATES).exists() else []
    environment = [f"--env={name}" for name in ("PIP_INDEX_URL", "https_proxy", "http_proxy") if name in os.environ]
    options = ["--detach", "--init", LABEL, *certificates, f"--env=PIP_CERT={CERTIFICATES}", *environment]
    name = docker("run", *options, image, "sleep", "inf")
    machine = Machine(name)
    machine.write("/usr/bin/docker", ENGINE)
    machine.write("/usr/sbin/dockerd", ENGINE)

    archive = tmp_path_factory.mktemp("checkout") / "checkout.tar"
    with tarfile.open(archive, "w") as tar:
        for part in ("paas", "buildpacks", "hooks", "nginx", "packaging", "scripts", "bootstrap.sh", "setup.cfg",
                     "pyproject.toml", "requirements.lock", "README.md", "LICENSE"):  # fmt: skip
            if (CHECKOUT / part).exists():
                tar.add(CHECKOUT / part, part, filter=lambda entry: None if "__pycache__" in entry.name else entry)
    docker("exec", "-i", name, "sh", "-c", "mkdir /clone && tar -C /clone -x", stdin=archive.read_bytes())

    yield machine

    docker("rm", "--force", "--volumes", name)


def test_the_installer_sets_up_a_server_and_upgrades_it(machine: Machine) -> None:
    """One story, because each chapter takes its time: a port that is taken, the installation, a start, an upgrade."""
    machine.read("apt-get update -q && apt-get install -qy --no-install-recommends python3")
    machine.read("setsid python3 -m http.server 80 >/dev/null 2>&1 & echo $! > /taken")
    machine.read("until : > /dev/tcp/127.0.0.1/80; do :; done")

    refused = machine.sh("/clone/bootstrap.sh --domain example.org")

    assert refused.returncode == 1
    assert "80 (--http-port)" in refused.stdout
    assert machine.sh("id paas || test -e /opt/paas").returncode == 1, "nothing was changed"

    machine.read("kill $(cat /taken); while kill -0 $(cat /taken); do :; done")
    said = machine.read("/clone/bootstrap.sh --domain example.org")

    assert "There is no systemd here: start it by hand" in said
    assert machine.read("getent passwd paas | cut -d: -f6-") == "/var/lib/paas:/bin/sh"
    assert machine.read("stat -c '%U %a' /var/lib/paas") == "paas 711"
    assert machine.read("readlink /usr/local/bin/paas") == "/opt/paas/bin/paas"
    assert machine.sh("test -e /etc/docker").returncode == 1, "an engine that was there is not configured"
    assert machine.sh("ls /etc/rc2.d/S*nginx || cat /run/nginx.pid").returncode != 0, "Debian's own nginx stays off"

    command = said[said.index("  setpriv") : said.index("--root /var/lib/paas") + len("--root /var/lib/paas")]
    machine.read(f"({command} > /log 2>&1 < /dev/null &) && until grep -q ready /log; do :; done")

    assert machine.read("cat /log | grep ready") == "ready ssh=0.0.0.0:2222 http=0.0.0.0:80"
    assert machine.read("paas version").startswith("paas ")

    machine.read(f"paas ssh-keys:add me <<< '{KEY}'")
    said = machine.read("/clone/bootstrap.sh --ssh-port 2223")

    assert "domain: example.org" in said, "what was set stays"
    assert machine.read("sed -n s/ssh-port://p /var/lib/paas/paas.yml").strip() == "'2223'"
    assert 'command="/opt/paas/bin/paas --root /var/lib/paas shell --key SHA256:' in machine.read(
        "cat /var/lib/paas/.ssh/authorized_keys"
    )


def test_an_option_that_makes_no_sense_changes_nothing(machine: Machine) -> None:
    refused = machine.sh("/clone/bootstrap.sh --http-port web")

    assert refused.returncode == 1
    assert "--http-port: web is not a port" in refused.stdout
