"""Measuring on an engine as the installer sets it up, beside whatever engine this machine has.

A second Docker Engine with ``userland-proxy: false`` runs in a network namespace of its own, in which everything else
of the run takes place, too: its firewall rules and networks are nobody else's, and nothing there reaches the network.
Needs root. What can't be made without a network, the base image, is made on the machine's own engine before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import waiting
from bench.programs import environment, run

BASE = "PAAS_BENCH_BASE"
"""The environment variable that names the archive with the base image."""


def measure(argv: list[str], base: str, docker_cli: str) -> int:
    """Runs ``python -m bench ARGV`` on the engine of its own; its exit status. ``base``: the image to take there."""
    folder = Path(tempfile.mkdtemp(prefix="paas-bench-engine-"))
    try:
        archive = folder / "base.tar"
        run([docker_cli, "save", "--output", str(archive), base])
        return subprocess.run(
            ["unshare", "--net", sys.executable, "-m", "bench.own_engine", str(folder), docker_cli, *argv],
            env=environment(**{BASE: str(archive)}),
            check=False,
        ).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: Path, docker_cli: str, argv: list[str]) -> int:
    """Inside of the namespace: the engine, then the measurements, then no engine."""
    run(["ip", "link", "set", "lo", "up"])
    socket = f"unix://{folder / 'docker.sock'}"
    command = ["dockerd", f"--data-root={folder / 'root'}", f"--exec-root={folder / 'exec'}", f"--host={socket}"]
    # What this machine's engine is told does not count here, and may contradict.
    (folder / "daemon.json").write_text("{}")
    command += [f"--pidfile={folder / 'pid'}", f"--config-file={folder / 'daemon.json'}", "--userland-proxy=false"]
    with (folder / "dockerd.log").open("wb") as log:
        engine = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), start_new_session=True
        )
    env = environment(DOCKER_HOST=socket)

    def answers() -> bool:
        if engine.poll() is not None:
            raise RuntimeError(f"dockerd ended: {(folder / 'dockerd.log').read_text()[-2000:]}")
        return subprocess.run([docker_cli, "version"], env=env, capture_output=True, check=False).returncode == 0

    try:
        waiting.until(answers, "the engine", 60)
        return subprocess.run([sys.executable, "-m", "bench", *argv], env=env, check=False).returncode
    finally:
        engine.terminate()
        engine.wait(60)


def given_base(docker_cli: str) -> str | None:
    """The base image that was taken here, loaded; None where the run makes its own."""
    archive = os.environ.get(BASE)
    if archive is None:
        return None
    return run([docker_cli, "load", "--quiet", "--input", archive]).strip().removeprefix("Loaded image: ")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
