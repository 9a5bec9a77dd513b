"""The seam between a release and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from paas.core.access.remote_credentials import Login
from paas.core.containers.image import BuildCache, Image, StoredImage
from paas.core.containers.image_name import ImageName
from paas.core.containers.options import ContainerOptions
from paas.core.model import App, Container, Ending, Release
from paas.core.releases.rollout import Candidate


@dataclass(frozen=True)
class ContainerLimits:
    """What each container may use. ``memory`` in bytes, 0 for no limit; ``stop_timeout`` in seconds.

    ``options`` are the app's own; ``log_max_size`` is the size in bytes of a file of its log, 0 for no limit.
    """

    memory: int
    pids: int
    stop_timeout: int
    options: ContainerOptions = field(default_factory=ContainerOptions)
    log_max_size: int = 10 << 20


Opened = Callable[[Callable[[], None]], None]
"""Told, once something is being followed, what ends that from another thread."""


class Scheduler(Protocol):
    """One way of running containers."""

    instance: str
    before_removal: Callable[[str], None]
    """Called with the id of a container that has ended, before `stop` or `remove` takes it away with its log."""

    def version(self) -> str:
        """The version of the engine; `DockerError` if it does not answer."""

    def live_restore(self) -> bool:
        """Whether containers go on while the engine is stopped, as it is for an upgrade."""

    def written(self) -> dict[str, int]:
        """The bytes that each container, by name, has written on top of its image; takes long where that is much."""

    def briefly(self) -> AbstractContextManager[None]:
        """Inside, in this thread, no answer of the engine is waited for longer than 5 s; once one did not come, what
        asks it is an `DockerError` at once."""

    def prepare(self, app: App) -> None:
        """Makes what the app's containers need to be there, for instance their network. Cheap when it is there."""

    def port(self, app: App, process_type: str, index: int, slot: int) -> int:
        """The loopback port that belongs to the slot; given on first use, and again if something else took it."""

    def start(
        self, app: App, release: Release, candidate: Candidate, rev_variable: str, limits: ContainerLimits
    ) -> str:
        """Creates and starts the candidate's container and returns its id. It is not restarted when it ends yet."""

    def revive(self, container_id: str) -> None:
        """Starts a container again that ended, as it is: same slot, same port."""

    def keep_running(self, container_id: str) -> None:
        """From now on it is started again whenever it ends, and after a reboot."""

    def inspect(self, container_id: str) -> Container | None:
        """What there is to know of it, None once it is gone."""

    def containers(self, app: App | None = None) -> list[Container]:
        """The containers of the app, or of all."""

    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        """Runs the command inside: its exit status, None if it did not end in ``timeout`` seconds, and what it said."""

    def restart(self, container_id: str, grace: int) -> None:
        """SIGTERM, SIGKILL after ``grace`` seconds, and started again in its place. Gone already is fine."""

    def halt(self, container_id: str, grace: int) -> None:
        """SIGTERM, SIGKILL after ``grace`` seconds; it stays, ended, until `revive` or `remove`."""

    def architecture(self) -> str:
        """What its machine runs, in the words of images: amd64, arm64, …"""

    def stop(self, container_id: str, grace: int) -> None:
        """SIGTERM, SIGKILL after ``grace`` seconds, then removed."""

    def remove(self, container_id: str) -> None:
        """Removed at once."""

    def log_file(self, container_id: str) -> Path | None:
        """The file that the engine writes its log to, as `core.jsonlog` reads it, if this process may read it."""

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        """Its last lines, each with a timestamp before a space, oldest first."""

    def read_log(self, container_id: str, since: float) -> AbstractContextManager[Iterator[bytes]]:
        """The lines of its log from that moment on, as in `logs`, one after the other."""

    def follow(
        self, container_id: str, tail: int | None, since: float = 0.0, opened: Opened = lambda end: None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Chunks of its log, as they come, from the last ``tail`` lines on (None: all), and from that moment on."""

    def endings(self) -> AbstractContextManager[Iterator[Ending]]:
        """The containers that ended or were removed, as it happens; ends when the engine does."""

    def files(self, app: App, image: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """A folder of the image as chunks of a tar file; ``path`` counts from its working folder. `InvalidValue` if it
        has none there."""

    def image(self, reference: str) -> Image | None:
        """The image, None if it is gone."""

    def commit(self, container_id: str, image: str) -> str | None:
        """Return the id of the image with what its container, which has ended, wrote; None if it wrote nothing."""

    def read_files(self, app: App, image: str, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of those of the files that the image has; paths count from its WORKDIR."""

    def pull(self, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event) -> None:
        """Fetches the image from its registry. `DockerError` says why it could not."""

    def push(
        self, image_id: str, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event
    ) -> None:
        """Puts the image into a registry under that name."""

    def check_login(self, server: str, login: Login) -> None:
        """`DockerError` unless the registry takes the credentials."""

    def loaded_name(self, app: App, key: str) -> str:
        """The name that an image gets which somebody sent for the app."""

    def load(self, chunks: Iterator[bytes]) -> None:
        """Takes in images with their names, as ``docker save`` writes them; the names are `loaded_name`'s alone."""

    def drop_pulled(self, reference: str) -> None:
        """Removes an image that was pulled, by its name or id, if nothing else has it; those made of it are whole."""

    def drop_loaded(self, app: App, keep: str) -> None:
        """Removes the images that were sent for the app, but the one of that name."""

    def name_image(self, app: App, release: Release) -> None:
        """Gives the release's image the name that keeps it."""

    def drop_image(self, app: App, version: int) -> bool:
        """Takes that name away again; says whether it was there and is gone now."""

    def stored_images(self, *, sizes: bool = False) -> list[StoredImage]:
        """The images that this instance built; their sizes, which may take the engine a while, only if wanted,
        and 0 where it does not tell them."""

    def remove_image(self, image: StoredImage) -> bool:
        """Takes its releases' names away, and removes it; False if something uses it or it is gone."""

    def storage(self) -> Path | None:
        """The folder of this host in which images and containers are, None if they are elsewhere."""

    def build_cache(self) -> BuildCache:
        """How large the cache of builds is, which all programs that build there share."""

    def prune_build_cache(self, keep: int) -> int:
        """Removes what was not used for the longest time, down to ``keep`` bytes; the bytes that this freed."""

    def forget(self, app: App) -> None:
        """Removes all containers of the app, at once."""

    def clear(self, app_id: int) -> None:
        """Removes what an app without containers has left: images and its network. Nothing left is fine."""

    def networked(self) -> set[int]:
        """The numbers of the apps, gone ones included, that have a network."""

    def teardown(self) -> list[str]:
        """Removes everything of this instance, and says what, a line each."""
