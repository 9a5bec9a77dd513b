"""A Debian with systemd as process 1, in a container: a server to install on, to upgrade and to reboot.

Its Docker Engine is Debian's own: 20.10 on bookworm, 26.1 on trixie. What it takes from the machine's engine is a
container with all capabilities that there are. Its control groups are below the container's own, and it makes no
hierarchy of them that the machine has not. Only where one exists that the machine has not mounted, empty groups stay.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from instance import eventually
from machine import Machine, docker, trust

from paas.builders import buildkit

LABEL = "paas.test=systemd"

DOCKERFILE = """\
FROM {stack}
RUN rm -f /usr/sbin/policy-rc.d && apt-get update && \
    apt-get install -y --no-install-recommends dbus iproute2 procps systemd systemd-sysv && \
    rm -rf /var/lib/apt/lists/*
COPY boot /boot/boot
CMD ["/boot/boot"]
"""

BOOT = r"""#!/bin/bash
# What has to be there before systemd.
set -euo pipefail

# The control groups of a container are mounted for reading. Those of cgroup v1 share their options with the machine's,
# so it is the mount that changes.
while read -r _ folder type _; do
  case $type in cgroup | cgroup2) mount -o remount,bind,rw "$folder" ;; esac
done </proc/self/mounts

# With cgroup v1, a container has only those that the machine has mounted. Of the others, an engine needs each one that
# exists: without, it finds no statistics, nor who was out of memory. systemd needs the one of version 2, which tells it
# when a service has ended. It would make those that do not exist, for the machine, too, if it could make their folders.
if grep -q ' /sys/fs/cgroup tmpfs' /proc/self/mounts; then
  while IFS=: read -r _ controllers _; do
    case $controllers in
      name=*) continue ;;
      '') folder=/sys/fs/cgroup/unified how=(-t cgroup2) ;;
      *) folder=/sys/fs/cgroup/$controllers how=(-t cgroup -o "$controllers") ;;
    esac
    mountpoint -q "$folder" || { mkdir "$folder" && mount "${how[@]}" cgroup "$folder"; }
  done </proc/self/cgroup
  mount -o remount,ro /sys/fs/cgroup
fi

# For builds apart from the host.
mkdir -p /dev/net
mknod -m 666 /dev/net/tun c 10 200
mknod -m 666 /dev/fuse c 10 229

# systemd of Debian 13 wants to be told that cgroup v1 is meant.
export container=docker SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
exec /lib/systemd/systemd
"""

# linux/capability.h, in its order. Engines before 23 know none of the later ones.
CAPABILITIES = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
]  # fmt: skip


@dataclass
class Box(Machine):
    """A server that has booted, with that suite of Debian."""

    suite: str

    def reboot(self) -> None:
        """Have systemd go down, and come up again. Return once everything has started."""
        # The command dies with the rest.
        self.sh("systemctl reboot")
        docker("wait", self.name)
        self.boot()

    def boot(self) -> None:
        """Start it. Return once everything has started; fail if something did not."""
        docker("start", self.name)
        state = eventually(self._state)
        assert state == "running", self.read("systemctl --no-pager --failed")

    def _state(self) -> str:
        """Return how the boot ended, empty while it goes on."""
        said = self.sh("systemctl is-system-running").stdout.strip()
        return said if said in ("running", "degraded", "maintenance") else ""

    def address(self) -> str:
        """Return the IPv4 address at which the machine reaches it; it may be another after a reboot."""
        return self.read("ip -4 -o address show eth0 | sed -E 's,.* inet ([0-9.]+)/.*,\\1,'")


@contextmanager
def booted(stack: str, folder: Path) -> Iterator[Box]:
    """A box made of the stack image, while the context lasts. The folder is for what it is made from."""
    image = _image(stack, folder)
    try:
        box = Box(docker("create", *_options(), image), stack.rpartition(":")[2])
        try:
            box.boot()
            yield box
        finally:
            docker("rm", "--force", "--volumes", box.name)
    finally:
        docker("rmi", image)


def _image(stack: str, folder: Path) -> str:
    """Build the image under a name that only this process uses; the layers come from the cache of builds."""
    (folder / "Dockerfile").write_text(DOCKERFILE.format(stack=stack))
    (folder / "boot").write_text(BOOT)
    (folder / "boot").chmod(0o755)
    name = f"paas-test/systemd-{stack.rpartition(':')[2]}:{os.getpid()}"
    built = subprocess.run(
        [*buildkit.cli(), "-q", "-t", name, "--label", LABEL, str(folder)],
        env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return name


def _options() -> list[str]:
    """Options of ``docker create``: what a machine gives its first process."""
    return [
        f"--label={LABEL}", "--hostname=box", *trust(),
        # Not --privileged: it is refused where the machine itself lacks a capability.
        "--cap-add=ALL", *(f"--cap-drop={name}" for name in _missing()),
        "--device-cgroup-rule=a *:* rwm", "--cgroupns=private",
        *(f"--security-opt={what}=unconfined" for what in ("seccomp", "apparmor", "systempaths")),
        # The container's own file system is an overlay, on which an engine can put none.
        "--volume=/var/lib",
    ]  # fmt: skip


def _missing() -> list[str]:
    """Return the capabilities that the machine lacks, and the one to load modules into its kernel."""
    (bounding,) = re.findall(r"^CapBnd:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    there = int(bounding, 16)
    lacking = [name for number, name in enumerate(CAPABILITIES) if not there >> number & 1]
    return sorted({*lacking, "SYS_MODULE"})
