"""A bare Debian 13 of our own making, and the production installer in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from machine import DOCKER, Machine, checkout, docker, trust

from paas.builders import stack

pytestmark = pytest.mark.real("docker")

LABEL = "--label=paas.test=install"

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


def test_a_package_that_a_dockerfile_installs_starts_no_service(image: str) -> None:
    assert docker("run", "--rm", LABEL, image, "sh", "-c", "policy-rc.d; echo $?") == "101"


@pytest.fixture(scope="module")
def machine(image: str) -> Iterator[Machine]:
    """A server with Debian 13, without systemd."""
    name = docker("run", "--detach", "--init", LABEL, *trust(), image, "sleep", "inf")
    machine = Machine(name)
    machine.write("/usr/bin/docker", ENGINE)
    machine.write("/usr/sbin/dockerd", ENGINE)
    machine.unpack(checkout(), "/clone")

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
