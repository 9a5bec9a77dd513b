"""An OpenSSH server, an nginx and containers by hand, on loopback, in a folder, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
import docker.types
import docker.utils

from bench import waiting
from bench.programs import environment, run

LABEL = "paas.bench"
SCRIPT = Path(__file__).with_name("post-receive")

SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
# As if bash were not the first shell: then it reads no ~/.bashrc, which may take longer than all else.
SetEnv SHLVL=1
"""

NGINX = """\
user {user};
worker_processes auto;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log {folder}/access.log combined buffer=64k flush=1s;
    keepalive_requests 10000;
    client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp; scgi_temp_path {folder}/temp;
    server_names_hash_bucket_size 512;
    server_names_hash_max_size 16384;
    include {folder}/apps/*.conf;
}}
"""

APP = """\
upstream {name} {{
    server {address};
    keepalive 64;
}}
server {{
    listen {listen};
    server_name {host};
    location / {{
        proxy_pass http://{name};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
    }}
}}
"""


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections on the loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OpenSsh:
    """An OpenSSH server with Debian's own settings, whose user is the one who runs this."""

    def __init__(self, folder: Path, public_key: str) -> None:
        self.port = free_port()
        folder.mkdir()
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")])
        (folder / "authorized_keys").write_text(public_key)
        config = folder / "sshd_config"
        config.write_text(SSHD.format(port=self.port, folder=folder))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd", path=environment()["PATH"])
        if program is None:
            raise RuntimeError("there is no sshd: apt-get install openssh-server")
        self._process = subprocess.Popen(
            [program, "-D", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        waiting.until(lambda: listens(self.port), "sshd", 15)

    @property
    def pid(self) -> int:
        """Of the listening process."""
        return self._process.pid

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(10)


class HandNginx:
    """An nginx with a file for each app, written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.listen = f"127.0.0.1:{self.port}"
        (folder / "apps").mkdir(parents=True)
        user = "www-data" if os.geteuid() == 0 else run(["id", "-un"]).strip()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user))
        self._generation = 0
        self.write("bench", "127.0.0.1:9", "bench.localhost")
        run(self.command())
        waiting.until(lambda: listens(self.port), "nginx", 15)

    def command(self, *more: str) -> list[str]:
        """The nginx program on this folder."""
        return ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e",
                str(self.folder / "error.log"), *more]  # fmt: skip

    def write(self, name: str, address: str, host: str, *, more: Sequence[str] = ()) -> None:
        """The file of one app."""
        text = APP.format(name=name, address=address, host=host, listen=self.listen)
        text = text.replace("    keepalive 64;", "".join(f"    server {one};\n" for one in more) + "    keepalive 64;")
        aside = self.folder / "apps" / f"{name}.new"
        aside.write_text(text)
        aside.replace(self.folder / "apps" / f"{name}.conf")

    def pid(self) -> int:
        """Of the master."""
        return int((self.folder / "nginx.pid").read_text())

    def reload(self) -> None:
        """``nginx -t`` and a reload, as in the manual; returns when nginx was told."""
        run(self.command("-t", "-q"))
        os.kill(self.pid(), signal.SIGHUP)

    def close(self) -> None:
        """Ends it."""
        pid = self.pid()
        os.kill(pid, signal.SIGTERM)
        waiting.until(lambda: not Path(f"/proc/{pid}").exists(), "the end of nginx", 15)


class HandContainers:
    """Containers through the engine's API over a kept connection, with this run's label."""

    def __init__(self, run_id: str) -> None:
        self.label = f"{LABEL}={run_id}"
        self.api: Any = docker.APIClient(version="auto", timeout=120, **docker.utils.kwargs_from_env())
        self._labels = dict([self.label.split("=")])

    def start(self, image: str, *, rotate: bool = True, network: str = "bridge", port: int | None = None) -> str:
        """A new container that runs, in the network, published on the loopback port if one is given; its id."""
        limits = {"max-size": "10m", "max-file": "3"} if rotate else {}
        host = self.api.create_host_config(
            init=True,
            log_config=docker.types.LogConfig(type="json-file", config=limits),
            network_mode=network,
            port_bindings={5000: ("127.0.0.1", port)} if port else None,
        )
        made = self.api.create_container(
            image=image, environment={"PORT": "5000"}, host_config=host, labels=self._labels,
            ports=[5000] if port else None,
        )["Id"]  # fmt: skip
        self.api.start(made)
        return str(made)

    def network(self, name: str) -> str:
        """A new network with a small range of its own, as the platform gives one to each app; its name."""
        for third in range(256):
            pool = docker.types.IPAMPool(subnet=f"10.251.{third}.0/24")
            ipam = docker.types.IPAMConfig(pool_configs=[pool])
            try:
                self.api.create_network(name, driver="bridge", ipam=ipam, labels=self._labels)
            except docker.errors.APIError as error:
                if "overlap" not in str(error):
                    raise
                continue
            return name
        raise RuntimeError("no network in 10.251.0.0/16 is free")

    def address(self, container: str) -> str:
        """The container's own address, with the app's port."""
        networks = self.api.inspect_container(container)["NetworkSettings"]["Networks"].values()
        return f"{next(iter(networks))['IPAddress']}:5000"

    def image(self, container: str) -> str:
        """The image that it runs."""
        return str(self.api.inspect_container(container)["Image"])

    def stop(self, container: str) -> None:
        """SIGTERM, and its end."""
        self.api.stop(container, timeout=10)

    def remove(self, container: str) -> None:
        """Killed and gone."""
        self.api.remove_container(container, force=True, v=True)

    def close(self) -> None:
        """Nothing of this run is left."""
        wanted = {"label": self.label}
        for found in self.api.containers(all=True, filters=wanted):
            self.remove(found["Id"])
        for row in self.api.networks(filters=wanted):
            self.api.remove_network(row["Id"])
        for row in self.api.images(filters=wanted):
            for name in row["RepoTags"] or [row["Id"]]:
                with contextlib.suppress(docker.errors.APIError):
                    self.api.remove_image(name if name != "<none>:<none>" else row["Id"], force=True)
        self.api.close()


class HandRepository:
    """A bare repository whose post-receive hook deploys what is pushed."""

    def __init__(self, folder: Path, name: str, nginx: HandNginx, docker_cli: str, label: str) -> None:
        self.name = name
        self.path = folder / f"{name}.git"
        self.tree = folder / f"{name}.tree"
        self.tree.mkdir(parents=True)
        self.host = f"{name}.localhost"
        run(["git", "init", "-q", "--bare", "-b", "main", str(self.path)])
        facts = {"app": name, "tree": self.tree, "nginx": nginx.folder, "docker": docker_cli, "label": label,
                 "served": self.host, "listen": nginx.listen}  # fmt: skip
        lines = [f"{key}={shlex.quote(str(value))}\n" for key, value in facts.items()]
        lines.append(f"PATH={shlex.quote(environment()['PATH'])}\n")
        (self.path / "deploy.conf").write_text("".join(lines))
        shutil.copy(SCRIPT, self.path / "hooks" / "post-receive")
