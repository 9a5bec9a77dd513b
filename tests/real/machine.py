"""Containers that stand for servers, and copies of this checkout to install there."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM = "/usr/bin:/usr/local/bin"
DOCKER = shutil.which("docker", path=f"{SYSTEM}:{os.environ['PATH']}") or "docker"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def docker(*arguments: str, stdin: str | bytes = "") -> str:
    """Run the docker command, which has to succeed. Return what it prints."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([DOCKER, *arguments], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def hand_over(image: str, machine: Machine) -> None:
    """Load an image of this machine's engine into the one of the container, under the same name."""
    with subprocess.Popen([DOCKER, "save", image], stdout=subprocess.PIPE) as save:
        command = [DOCKER, "exec", "-i", machine.name, "docker", "load"]
        loaded = subprocess.run(command, stdin=save.stdout, capture_output=True, text=True, check=False)
    assert (save.returncode, loaded.returncode) == (0, 0), loaded.stderr


def trust() -> list[str]:
    """Return the options of ``docker run`` with which pip in the container trusts and asks what this machine does."""
    certificates = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if Path(CERTIFICATES).exists() else []
    environment = [f"--env={name}" for name in ("PIP_INDEX_URL", "https_proxy", "http_proxy") if name in os.environ]
    return [*certificates, f"--env=PIP_CERT={CERTIFICATES}", *environment]


def checkout() -> bytes:
    """Return this checkout as a tar archive, without what git and the Makefile keep in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in sorted(CHECKOUT.iterdir()):
            if not path.name.startswith(".") and path.suffix != ".egg-info":
                tar.add(path, path.name, filter=lambda entry: None if "__pycache__" in entry.name else entry)
    return data.getvalue()


def previous(folder: Path) -> bytes:
    """Return the commit before this checkout's as a tar archive.

    A shallow clone lacks it: it is fetched from the clone's origin into the folder. Where there is none (no git, or a
    first commit), this is the checkout itself, and a warning says so.
    """
    try:
        if _git("rev-parse", "--is-shallow-repository").strip() != b"true":
            return _git("archive", "HEAD~1")
        head = _git("rev-parse", "HEAD").decode().strip()
        origin = _git("remote", "get-url", "origin").decode().strip()
        _git("init", "--quiet", "--bare", folder=folder)
        # A shallow clone takes no part in a fetch of its own, so that it stays as it is.
        _git("fetch", "--quiet", "--depth=2", origin, head, folder=folder)
        return _git("archive", f"{head}~1", folder=folder)
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode().strip()
        warnings.warn(f"There is no previous commit, so an upgrade is from this same code: {why}", stacklevel=2)
        return checkout()


def _git(*words: str, folder: Path = CHECKOUT) -> bytes:
    # The files of a checkout in CI may be another user's.
    command = ["git", "-C", str(folder), "-c", f"safe.directory={folder}", *words]
    return subprocess.run(command, check=True, capture_output=True).stdout


@dataclass
class Machine:
    """A container that stands for a server, by its name or id."""

    name: str

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run the lines in bash; the result has both outputs as one."""
        command = [DOCKER, "exec", self.name, "bash", "-c", script]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def read(self, script: str) -> str:
        """Run the lines, which have to succeed. Return what they print."""
        done = self.sh(script)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file that can be run."""
        docker("exec", "-i", self.name, "sh", "-c", f"cat > {path} && chmod 755 {path}", stdin=text)

    def unpack(self, archive: bytes, folder: str) -> None:
        """Make the folder hold what is in the tar archive, and nothing else."""
        script = f"rm -rf {folder} && mkdir {folder} && tar -C {folder} --no-same-owner -x"
        docker("exec", "-i", self.name, "sh", "-c", script, stdin=archive)
