"""The stack image ``paas/stack:<suite>``: the small Debian that app images start from.

It is pulled from a registry if one can be reached, and made from Debian's own packages with mmdebstrap otherwise, so
the platform works without any registry. Both ways have the same result: the suite's minimal system with its security
updates, CA certificates and time zones; no manual pages, translations or package lists.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from paas.core.errors import DockerError, InvalidValue, PaasError

SUITES = ("bookworm", "trixie")
PACKAGES = ("ca-certificates", "tzdata")

REGISTRY_ANSWERS_WITHIN = 15.0
"""Seconds. A pull without a response in that time is given up; once layers arrive it may take longer."""

Progress = Callable[[str], None]

# mmdebstrap's messages (`I: …` on stderr), and the text for the user.
STEPS = {
    "downloading packages with apt": "downloading packages",
    "extracting archives": "unpacking",
    "installing essential packages": "installing the base system",
    "installing remaining packages inside the chroot": f"installing {', '.join(PACKAGES)}",
    "creating tarball": "importing it into Docker",
}

# The same rules as in Debian's own slim images: see https://github.com/debuerreotype/debuerreotype, --slim.
LEFT_OUT = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
    "force-unsafe-io",
)

# Packages that a Dockerfile installs must not start services, nor leave archives and a 40 MB index in the layer.
FINISH = r"""
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
cat > "$1/etc/apt/apt.conf.d/90stack" <<'END'
APT::Keep-Downloaded-Packages "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1"/var/cache/apt/*.bin
"""

ON_THE_PULLED = f"""\
FROM debian:{{suite}}-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends {" ".join(PACKAGES)} \\
 && rm -rf /var/lib/apt/lists/*
LABEL paas.stack={{suite}}
ENV LANG=C.UTF-8
"""


class StackError(PaasError):
    """The stack image could not be created."""

    code = "stack"


def tag(suite: str) -> str:
    """Return the image's name: ``paas/stack:bookworm``."""
    return f"paas/stack:{suite}"


def default_suite(os_release: Mapping[str, str] | None = None) -> str:
    """Return the suite of this host if it is a supported Debian, else the first of `SUITES`.

    ``os_release`` is ``/etc/os-release`` as a mapping; None reads the host's.
    """
    release = os_release_of_host() if os_release is None else os_release
    codename = release.get("VERSION_CODENAME", "")

    return codename if release.get("ID") == "debian" and codename in SUITES else SUITES[0]


def os_release_of_host() -> dict[str, str]:
    """Return ``/etc/os-release``, empty if the host has none."""
    path = Path("/etc/os-release")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    return {key: value.strip('"') for key, found, value in (line.partition("=") for line in lines) if found}


def ensure(suite: str, *, docker_cli: str, progress: Progress, pull: bool = True, refresh: bool = False) -> str:
    """Create the suite's stack image if necessary. Return its name.

    An existing image is returned at once, unless ``refresh`` asks for a new one with today's updates. ``docker_cli`` is
    the path of the docker command; ``progress`` gets a line of text for each step; ``pull=False`` uses no registry. The
    name appears once the image is complete: a failed attempt leaves nothing behind. Raise `InvalidValue` for an unknown
    suite, `DockerError` and `StackError`.
    """
    if suite not in SUITES:
        raise InvalidValue(f"unknown stack {suite!r}", why=f"Stacks: {', '.join(SUITES)}.")

    if not refresh and _exists(suite, docker_cli):
        return tag(suite)

    if not (pull and _pulled(suite, docker_cli, progress)):
        _made(suite, docker_cli, progress)

    return tag(suite)


def step(line: str) -> str:
    """Return the step that a line of mmdebstrap's output announces, empty for none."""
    return STEPS.get(line.strip().removeprefix("I: ").rstrip("."), "")


def _exists(suite: str, docker_cli: str) -> bool:
    listed = _docker(docker_cli, "images", "--quiet", tag(suite))
    if listed.returncode:
        raise DockerError("Docker does not answer", why=listed.stderr.strip())

    return bool(listed.stdout.strip())


def _pulled(suite: str, docker_cli: str, progress: Progress) -> bool:
    """Return True if the image was made from Debian's own in a registry; False if no registry provides it."""
    source = f"debian:{suite}-slim"
    progress(f"Looking for {source} in a registry")

    if not _registry_has(source, docker_cli):
        progress("No registry answers")
        return False

    progress(f"Adding {', '.join(PACKAGES)} to {source}")
    command = [docker_cli, "build", "--tag", tag(suite), "-"]
    dockerfile = ON_THE_PULLED.format(suite=suite)
    built = subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=False)

    if built.returncode:
        progress("That failed: builds cannot reach Debian's packages")
    return built.returncode == 0


def _registry_has(source: str, docker_cli: str) -> bool:
    """Pull ``source``. Return False without a response: a registry that cannot be reached is silent for minutes."""
    with _running([docker_cli, "pull", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as pull:
        assert pull.stdout
        answered, _, _ = select.select([pull.stdout], [], [], REGISTRY_ANSWERS_WITHIN)
        if not answered:
            pull.terminate()

        pull.stdout.read()
        return pull.wait() == 0


def _made(suite: str, docker_cli: str, progress: Progress) -> None:
    """Make the image with mmdebstrap. It gets its name last, once both processes have succeeded."""
    command = _mmdebstrap(suite)
    progress(f"Creating {tag(suite)} from Debian's packages: 90 MB, about half a minute")
    started = time.monotonic()

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        _running(command, env=_environment(), **pipes) as maker,
        _running(_import(suite, docker_cli), stdin=maker.stdout, **pipes) as taker,
    ):
        assert maker.stdout and maker.stderr
        maker.stdout.close()
        said = _follow(maker.stderr, progress)
        image, refusal = (text.decode(errors="replace").strip() for text in taker.communicate())

    if maker.returncode or taker.returncode:
        if image:
            _docker(docker_cli, "rmi", image)
        raise _failed(suite, said, refusal)

    named = _docker(docker_cli, "tag", image, tag(suite))
    if named.returncode:
        raise _failed(suite, [], named.stderr)

    progress(f"Created {tag(suite)} in {time.monotonic() - started:.0f} s")


def _mmdebstrap(suite: str) -> list[str]:
    program = shutil.which("mmdebstrap")
    if program is None:
        raise StackError(
            f"{tag(suite)} cannot be created",
            why="No registry has a base image, and mmdebstrap, which creates one from packages, is not installed.",
            fix="Install it: apt-get install mmdebstrap",
        )

    if os.geteuid() != 0 and shutil.which("newuidmap") is None:
        raise StackError(
            f"{tag(suite)} cannot be created without root",
            why="mmdebstrap needs root, or the uidmap package to create a user namespace.",
            fix="Install it: apt-get install uidmap, with a range for the user in /etc/subuid and /etc/subgid.",
        )

    return [
        program,
        "--variant=minbase",
        "--format=tar",
        # Without these two the usrmerge package would be installed, and with it 50 MB of perl.
        "--hook-directory=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
        f"--include={','.join((*PACKAGES, 'usr-is-merged'))}",
        *(f"--dpkgopt={rule}" for rule in LEFT_OUT),
        '--aptopt=Acquire::Languages "none"',
        # It would remove the image's policy-rc.d at the end, as if it were its own.
        "--skip=chroot/policy-rc.d",
        f"--customize-hook={FINISH}",
        suite,
        "-",
    ]


def _import(suite: str, docker_cli: str) -> list[str]:
    changes = (f"LABEL paas.stack={suite}", "ENV LANG=C.UTF-8", 'CMD ["bash"]')

    return [docker_cli, "import", *(f"--change={change}" for change in changes), "-"]


def _environment() -> dict[str, str]:
    # mmdebstrap makes device nodes, and Debian 13 mounts /tmp as a small tmpfs with `nodev`.
    return {"TMPDIR": "/var/tmp", **os.environ, "LC_ALL": "C.UTF-8"}


def _follow(stderr: IO[bytes], progress: Progress) -> list[str]:
    """Report mmdebstrap's steps while it runs. Return its other output, for an error."""
    said = []

    for line in stderr:
        text = line.decode(errors="replace").rstrip()
        if name := step(text):
            progress(f"  {name}")
        elif not text.startswith("I: "):
            said.append(text)

    return said


def _failed(suite: str, said: list[str], refusal: str) -> StackError:
    reasons = [line for line in said if line.startswith("E: ")] or said[-5:]

    return StackError(
        f"{tag(suite)} could not be created",
        why="\n".join([*reasons[-5:], *refusal.splitlines()[-3:]]),
        fix="It needs Debian's package mirror (deb.debian.org), 500 MB in /var/tmp, and Docker.",
    )


def _docker(docker_cli: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([docker_cli, *arguments], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def _running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process. It has ended at the end of the context: on its own, or terminated after an error."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            process.terminate()
            raise
