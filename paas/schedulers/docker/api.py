"""HTTP API of Docker Engine. Only the modules of this package use the SDK.

API: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import docker
import docker.errors
import docker.types
import docker.utils

from paas.core.access.remote_credentials import Login
from paas.core.containers import container as labels
from paas.core.containers.container import ContainerSpec
from paas.core.containers.image import BuildCache, Image, from_inspect
from paas.core.containers.image_name import DOCKER_HUB, ImageName
from paas.core.containers.options import ContainerOptions
from paas.core.errors import Cancelled, DockerError
from paas.core.logs import frames as logframes
from paas.core.model import Container, Ending
from paas.schedulers.docker import exec_stream, image_files, log_stream, shell_stop, usage
from paas.schedulers.docker.client import CALL_SECONDS, DockerClient, engine, engine_call, lazily
from paas.system.spans import span

UNLIMITED = 1 << 60
REMOVAL_SECONDS = 60.0
"""How long to wait for a container that another thread or program removes."""

DETACHED_SECONDS, DETACHED_LOOK_SECONDS = 10.0, 0.1
"""How long to wait until a network has no container, and how often to try."""


@dataclass(frozen=True)
class ImageRow:
    """Image of this instance in Docker's list."""

    id: str
    app_id: int | None
    names: tuple[str, ...]


def _rotation(size: int) -> dict[str, str]:
    # Without a size, the limit in Docker's own configuration would apply.
    return {"max-size": str(size or UNLIMITED), "max-file": "3"}


def _app_id(found: Mapping[str, str] | None) -> int | None:
    text = (found or {}).get(labels.LABEL_APP_ID, "")
    return int(text) if text.isdecimal() else None


def host_options(options: ContainerOptions) -> dict[str, Any]:
    """Return the options for the SDK's host configuration."""
    return {
        "nano_cpus": int(options.cpus * 1e9) or None,
        "shm_size": options.shm_size or None,
        "read_only": options.read_only,
        "tmpfs": dict(options.tmpfs) or None,
        "ulimits": [
            docker.types.Ulimit(name=name, soft=soft, hard=hard) for name, (soft, hard) in options.ulimits.items()
        ],
        "extra_hosts": dict(options.hosts) or None,
        "dns": list(options.dns) or None,
        "sysctls": dict(options.sysctls) or None,
    }


def _auth(login: Login | None) -> dict[str, str] | None:
    # It is sent in a header of the request to Docker, and never written to a file.
    return {"username": login.user, "password": login.password.reveal()} if login else None


def _follow(lines: Iterator[Mapping[str, Any]], show: Callable[[str], None], cancelled: Event, failed: str) -> None:
    """Read Docker's progress to its end; lines of single layers are not shown."""
    for line in lines:
        if cancelled.is_set():
            raise Cancelled("the transfer was cancelled")
        if "error" in line:
            raise DockerError(failed, why=str(line["error"]), code="image-transfer")
        if "status" in line and "id" not in line:
            show(str(line["status"]))


class Docker:
    """Docker Engine as one instance sees it: only items with its label are listed or removed."""

    def __init__(self, instance: str, seconds: int = CALL_SECONDS, *, host: str = "") -> None:
        self.instance = instance
        self._seconds, self._host = seconds, host

    @lazily
    def _api(self) -> Any:
        # Created on first use, since it requests Docker's version, and Docker may start after the daemon. The pool is
        # as large as the number of threads that may wait for Docker at the same time.
        where = {"base_url": self._host} if self._host else docker.utils.kwargs_from_env()
        return DockerClient(version="auto", timeout=self._seconds, max_pool_size=64, **where)

    @property
    def client(self) -> Any:
        """SDK client, for the other modules of this package."""
        return self._api

    def _own(self, app_id: int | None = None) -> dict[str, list[str]]:
        """Return the filter of lists for this instance, or for one app of it."""
        of_app = [] if app_id is None else [f"{labels.LABEL_APP_ID}={app_id}"]
        return {"label": [f"{labels.LABEL_INSTANCE}={self.instance}", *of_app]}

    @engine_call("asking for its version")
    def version(self) -> str:
        """Return the version. Raise `DockerError` if Docker does not answer."""
        return str(self._api.version()["Version"])

    @engine_call("asking for its configuration")
    def live_restore(self) -> bool:
        """Return True if containers keep running while Docker is stopped."""
        return bool(self._api.info().get("LiveRestoreEnabled"))

    @functools.cached_property
    def architecture(self) -> str:
        """Architecture of Docker's machine, as images name it: amd64, arm64, …"""
        with engine("asking for its architecture"):
            return str(self._api.version()["Arch"])

    @engine_call("creating a container")
    def create(self, spec: ContainerSpec) -> str:
        """Create the container. Return its id."""
        port = spec.container_port
        bound = {f"{port}/{spec.protocol}": ("127.0.0.1", spec.host_port)} if port and spec.host_port else None
        host = self._api.create_host_config(
            init=True,
            port_bindings=bound,
            restart_policy={"Name": "no"},
            cap_drop=["ALL"],
            cap_add=list(labels.CAPABILITIES),
            security_opt=["no-new-privileges"],
            pids_limit=spec.pids_limit,
            oom_score_adj=labels.OOM_APP,
            mem_limit=spec.memory_limit or None,
            log_config=docker.types.LogConfig(type="json-file", config=_rotation(spec.log_max_size)),
            network_mode=spec.network,
            **host_options(spec.options),
        )
        endpoint = self._api.create_endpoint_config(aliases=list(spec.aliases))
        created = self._api.create_container(
            image=spec.image,
            command=spec.argv,
            name=spec.name,
            environment=dict(spec.environment),
            labels={**spec.options.labels, **spec.labels},
            stop_signal=spec.options.stop_signal or None,
            ports=[(port, spec.protocol)] if port else None,
            host_config=host,
            networking_config=self._api.create_networking_config({spec.network: endpoint}),
            stop_timeout=spec.stop_timeout,
        )
        return str(created["Id"])

    @engine_call("starting a container")
    def start(self, container_id: str) -> None:
        """Start a created container. Raise an error if Docker can't run its command."""
        self._api.start(container_id)

    @engine_call("setting a restart policy")
    def keep_running(self, container_id: str) -> None:
        """From now on Docker restarts it whenever it exits, and after a reboot."""
        self._api.update_container(container_id, restart_policy={"Name": "unless-stopped"})

    @engine_call("restarting a container")
    def restart(self, container_id: str, timeout: int) -> None:
        """Send SIGTERM to its programs, SIGKILL after ``timeout`` seconds, and start it again.

        A container that is gone is no error.
        """
        if timeout:
            shell_stop.tell(self._api, container_id)
        try:
            self._api.restart(container_id, timeout=timeout)
        except docker.errors.NotFound:
            return

    @engine_call("running a command in a container")
    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        """Run the command in the container.

        Return its exit status, None after ``timeout`` seconds, and the beginning of its output. Kill it after the
        timeout.
        """
        return exec_stream.run(self._api, container_id, argv, timeout)

    @engine_call("stopping a container")
    def stop(self, container_id: str, timeout: int) -> None:
        """Send SIGTERM to its programs, SIGKILL after ``timeout`` seconds.

        Return once it has ended. A container that is gone is no error.
        """
        if timeout:
            shell_stop.tell(self._api, container_id)
        try:
            self._api.stop(container_id, timeout=timeout)
        except docker.errors.NotFound:
            return

    @engine_call("removing a container")
    def remove(self, container_id: str) -> None:
        """Kill and remove it, but never its named volumes.

        Return once it is gone. A container that is gone is no error.
        """
        try:
            self._api.remove_container(container_id, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.response is None or error.response.status_code != 409:
                raise
            # Another thread or a previous daemon is removing it: until then its image is in use.
            with suppress(docker.errors.NotFound):
                self._api.wait(container_id, timeout=REMOVAL_SECONDS, condition="removed")

    @engine_call("listing containers")
    def containers(self, app_id: int | None = None) -> list[Container]:
        """Return the containers of this instance, or of one app of it, running or not."""
        rows = self._api.containers(all=True, filters=self._own(app_id))
        found = [
            labels.from_labels(row["Id"], row["Names"][0].lstrip("/"), row["Labels"], row["State"], row["ImageID"])
            for row in rows
            if row["Names"]
        ]
        return [container for container in found if container]

    @engine_call("listing containers")
    def everything(self, app_id: int | None = None) -> dict[str, str]:
        """Return the names by id of all containers of this instance, or of one app of it, including one-off ones."""
        rows = self._api.containers(all=True, filters=self._own(app_id))
        return {row["Id"]: (row["Names"] or [row["Id"][:12]])[0].lstrip("/") for row in rows}

    @engine_call("measuring what containers have written")
    def written(self) -> dict[str, int]:
        """Return the bytes that each container of this instance, by name, has written into its own file system."""
        rows = self._api.containers(all=True, size=True, filters=self._own(None))
        return {(row["Names"] or [row["Id"][:12]])[0].lstrip("/"): row.get("SizeRw") or 0 for row in rows}

    @engine_call("inspecting a container")
    def inspect(self, container_id: str) -> Container | None:
        """Return all details of one container of this instance, None once it is gone."""
        try:
            data = self._api.inspect_container(container_id)
        except docker.errors.NotFound:
            return None
        return labels.from_inspect(data)

    def log_path(self, container_id: str) -> Path | None:
        """Return the path of the container's log; None if it is not on this host."""
        return self._logs_folder and self._logs_folder / container_id / f"{container_id}-json.log"

    @functools.cached_property
    def _logs_folder(self) -> Path | None:
        # Docker reports the path of each log, but that takes a millisecond for each.
        root = self.root_folder()
        return root and root / "containers"

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        """Return the last lines (all for None), each with Docker's timestamp before a space, oldest first; at most
        `logframes.MOST_BYTES`.
        """
        try:
            with self.follow(container_id, tail, follow=False) as lines:
                return logframes.newest(lines, logframes.MOST_BYTES)
        except DockerError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return []
            raise

    @contextmanager
    def follow(
        self,
        container_id: str,
        tail: int | None,
        since: float = 0.0,
        *,
        follow: bool = True,
        opened: Callable[[Callable[[], None]], None] = lambda end: None,
    ) -> Iterator[Iterator[bytes]]:
        """Yield the lines of the log, each after its timestamp, from the last ``tail`` (all for None) and from that
        time on; with ``follow`` as they come until its end, or until the function passed to ``opened`` is called.
        """
        with engine("reading logs"):
            asked: dict[str, object] = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": since or None}
            asked |= {"follow": int(follow), "tail": "all" if tail is None else tail}
            with log_stream.opened(self._api, container_id, asked) as (frames, end):
                opened(end)
                yield logframes.joined(frames)

    @contextmanager
    def endings(self) -> Iterator[Iterator[Ending]]:
        """Yield ends and removals of processes as they happen, until Docker stops."""
        wanted = [f"{labels.LABEL_INSTANCE}={self.instance}", labels.LABEL_INDEX]
        with engine("following its events"):
            if self._api.version(api_version=False)["ApiVersion"] != self._api.api_version:
                # Docker was upgraded and restarted, and may no longer support the negotiated API version.
                self.__dict__.pop("_api", None)
            stream = self._api.events(
                decode=True, filters={"type": "container", "event": ["die", "destroy", "oom"], "label": wanted}
            )
            try:
                yield labels.endings(stream)
            finally:
                stream.close()

    @engine_call("inspecting an image")
    def image(self, reference: str) -> Image | None:
        """Return the image of that id or name, or None."""
        try:
            data = self._api.inspect_image(reference)
        except docker.errors.ImageNotFound:
            return None
        return from_inspect(data)

    @contextmanager
    def files(self, image: str, path: str, name: str, app_id: int) -> Iterator[Iterator[bytes]]:
        """Yield a folder of the image as chunks of a tar file, from a container ``name`` that never runs."""
        with engine("reading files of an image"), self._unstarted(image, name, app_id) as made:
            yield image_files.folder(self._api, made, path)

    @engine_call("reading files of an image")
    def read_files(self, image: str, paths: Sequence[str], name: str, app_id: int) -> dict[str, bytes]:
        """Return the contents of existing files, by their paths relative to WORKDIR."""
        with self._unstarted(image, name, app_id) as made:
            return image_files.contents(self._api, made, paths)

    def _unstarted(self, image: str, name: str, app_id: int) -> AbstractContextManager[str]:
        own = labels.complete({labels.LABEL_INSTANCE: self.instance, labels.LABEL_APP_ID: str(app_id)})
        return image_files.unstarted(self._api, self.remove, image, name, own)

    @engine_call("tagging an image")
    def tag(self, image_id: str, repository: str, tag: str) -> None:
        """Give the image a name, so that it is not pruned as unnamed."""
        self._api.tag(image_id, repository, tag, force=True)

    @engine_call("removing an image")
    def remove_image(self, reference: str) -> bool:
        """Remove the name, and the image with its last name. Return False if a container uses it or it is gone."""
        try:
            self._api.remove_image(reference)
        except docker.errors.ImageNotFound:
            return False
        except docker.errors.APIError as error:
            if error.response is not None and error.response.status_code == 409:
                return False
            raise
        return True

    @engine_call("listing images")
    def image_names(self) -> list[str]:
        """Return the names (``repository:tag``, or the id of an unnamed one) of the images that this instance built."""
        rows = self._api.images(filters=self._own(), all=False)
        # Older versions name an unnamed image "<none>:<none>".
        tags = [[tag for tag in row["RepoTags"] or [] if "<none>" not in tag] for row in rows]
        return [name for row, names in zip(rows, tags, strict=True) for name in (names or [row["Id"]])]

    @engine_call("listing images")
    def images(self) -> list[ImageRow]:
        """Return the images that this instance built, with their names and their app."""
        rows = self._api.images(filters=self._own(), all=False)
        return [
            ImageRow(row["Id"], _app_id(row["Labels"]), tuple(tag for tag in row["RepoTags"] or [] if "<" not in tag))
            for row in rows
        ]

    @engine_call("asking for its disk usage")
    def image_sizes(self) -> dict[str, int]:
        """Return the bytes of each image that are not shared with others, by id."""
        return usage.image_sizes(self._api)

    @engine_call("asking for its disk usage")
    def build_cache(self) -> BuildCache:
        """Return the size of the build cache, which all users of this Docker Engine share."""
        return usage.build_cache(self._api)

    @engine_call("pruning its build cache")
    def prune_build_cache(self, keep: int) -> int:
        """Remove the least recently used parts of the build cache, down to ``keep`` bytes. Return the bytes freed."""
        return usage.prune_build_cache(self._api, keep)

    def root_folder(self) -> Path | None:
        """Return Docker's own folder, None if it is not on this host."""
        return Path(self._root) if self._root and Path(self._root).parent.is_dir() else None

    @functools.cached_property
    def _root(self) -> str:
        # Requested once: Docker examines everything it has for the answer, and each build needs it.
        with span("asking for its folder"), engine("asking for its folder"):
            return str(self._api.info().get("DockerRootDir") or "")

    @engine_call("pulling an image")
    def pull(self, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event) -> None:
        """Pull the image from its registry. Raise `DockerError` with the reason if that fails."""
        lines = self._api.pull(
            name.repository, tag=name.digest or name.tag or "latest", stream=True, decode=True, auth_config=_auth(login)
        )
        _follow(lines, show, cancelled, f"{name} could not be pulled")

    @engine_call("pushing an image")
    def push(
        self, image_id: str, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event
    ) -> None:
        """Push the image to a registry under that name, which exists here only meanwhile."""
        self._api.tag(image_id, name.repository, name.tag, force=True)
        try:
            lines = self._api.push(name.repository, tag=name.tag, stream=True, decode=True, auth_config=_auth(login))
            _follow(lines, show, cancelled, f"{name} could not be pushed")
        finally:
            self.remove_image(str(name))

    @engine_call("loading an image")
    def load(self, chunks: Iterator[bytes]) -> None:
        """Load a stream of ``docker save`` with all names in it: they must be checked before."""
        _follow(self._api.load_image(chunks, quiet=True), lambda line: None, Event(), "the image could not be loaded")

    @engine_call("logging in to a registry")
    def check_login(self, server: str, login: Login) -> None:
        """Raise `DockerError` unless the registry accepts the credentials. They are not stored."""
        # A separate client: it would remember them for all pulls.
        client = docker.APIClient(version="auto", timeout=60, **docker.utils.kwargs_from_env())
        try:
            address = "https://index.docker.io/v1/" if server == DOCKER_HUB else server
            client.login(login.user, login.password.reveal(), registry=address, reauth=True, dockercfg_path=os.devnull)
        finally:
            client.close()

    @engine_call("listing images")
    def names_in(self, repository: str) -> list[str]:
        """Return all matching names (``repository:tag``) of images, also of other users; ``*`` stands for one part."""
        rows = self._api.images(filters={"reference": f"{repository}:*"})
        start = f"{repository.removesuffix('*')}" if repository.endswith("*") else f"{repository}:"
        return [tag for row in rows for tag in row["RepoTags"] or [] if tag.startswith(start)]

    @engine_call("creating a network")
    def create_network(self, name: str, subnet: str, app_id: int) -> None:
        """Create the bridge network. Raise `DockerError` with code network-overlap if another network has the range."""
        pool = docker.types.IPAMPool(subnet=subnet)
        try:
            self._api.create_network(
                name,
                driver="bridge",
                ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                labels={labels.LABEL_INSTANCE: self.instance, labels.LABEL_APP_ID: str(app_id)},
                check_duplicate=True,
            )
        except docker.errors.APIError as error:
            text = str(error.explanation or error)
            if "overlap" in text.lower():
                raise DockerError(f"the network {subnet} is in use", why=text, code="network-overlap") from error
            if "already exists" not in text:
                raise

    @engine_call("listing networks")
    def networks(self) -> dict[str, list[str]]:
        """Return all networks by name, with their IPv4 and IPv6 ranges."""
        return {
            row["Name"]: [pool["Subnet"] for pool in (row["IPAM"] or {}).get("Config") or [] if "Subnet" in pool]
            for row in self._api.networks()
        }

    @engine_call("listing networks")
    def own_networks(self) -> list[str]:
        """Return the names of this instance's networks."""
        return [row["Name"] for row in self._api.networks(filters=self._own())]

    @engine_call("removing a network")
    def remove_network(self, name: str) -> None:
        """Remove it, once no container is attached. A network that is gone is no error."""
        deadline = monotonic() + DETACHED_SECONDS
        while True:
            try:
                self._api.remove_network(name)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                # Docker detaches a container a moment after it has reported its removal.
                if "active endpoints" not in str(error.explanation) or monotonic() > deadline:
                    raise
                Event().wait(DETACHED_LOOK_SECONDS)
            else:
                return
