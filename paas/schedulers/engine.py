"""The Docker Engine of this server: it builds and keeps images, whatever scheduler runs an app."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Protocol

from paas.core.access.remote_credentials import Login
from paas.core.containers.image import BuildCache, Image, StoredImage
from paas.core.containers.image_name import ImageName
from paas.core.model import App, Release


class Images(Protocol):
    """Access to images and registries. `DockerError` if something fails."""

    def image(self, reference: str) -> Image | None:
        """Return the image, None if it is gone."""

    def architecture(self) -> str:
        """Return the architecture that the server runs, as images name it: amd64, arm64, …"""

    def commit(self, container_id: str, image: str) -> str | None:
        """Return the id of the image with the files that its ended container wrote; None if it wrote none."""

    def files(self, app: App, image: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """Yield a folder of the image as chunks of a tar file. ``path`` is relative to its WORKDIR.

        Raise `InvalidValue` if the image has no such folder.
        """

    def read_files(self, app: App, image: str, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of those files that the image has; paths are relative to its WORKDIR."""

    def pull(self, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event) -> None:
        """Pull the image from its registry."""

    def push(
        self, image_id: str, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event
    ) -> None:
        """Push the image to a registry under that name."""

    def check_login(self, server: str, login: Login) -> None:
        """Raise `DockerError` unless the registry accepts the credentials."""

    def loaded_name(self, app: App, key: str) -> str:
        """Return the name for an image that a client sends for the app."""

    def load(self, chunks: Iterator[bytes]) -> None:
        """Load images with their names, in the format of ``docker save``; all names come from `loaded_name`."""

    def drop_pulled(self, reference: str) -> None:
        """Remove a pulled image, by name or id, unless something else uses it. Images built from it stay whole."""

    def drop_loaded(self, app: App, keep: str) -> None:
        """Remove the images sent for the app, except the one of that name."""

    def name_image(self, app: App, release: Release) -> None:
        """Give the release's image the name that keeps it."""

    def drop_image(self, app: App, version: int) -> bool:
        """Remove that name. Return True if it existed."""

    def stored_images(self, *, sizes: bool = False) -> list[StoredImage]:
        """Return the images that this instance built. Sizes, which may take a while, are 0 unless asked for."""

    def remove_image(self, image: StoredImage) -> bool:
        """Remove the image with the names of its releases. Return False if it is in use or gone."""


class Upkeep(Protocol):
    """What `doctor` and `cleanup` ask of Docker Engine."""

    instance: str

    def version(self) -> str:
        """Return the version of Docker Engine. Raise `DockerError` if it does not answer."""

    def live_restore(self) -> bool:
        """Return True if containers keep running while Docker Engine is stopped, such as for an upgrade."""

    def written(self) -> dict[str, int]:
        """Return the bytes that each container, by name, wrote on top of its image. Slow if that is much."""

    def briefly(self) -> AbstractContextManager[None]:
        """Context in which this thread waits at most 5 s for an answer. After one timeout every call fails at once."""

    def storage(self) -> Path | None:
        """Return the folder of images and containers on this server, None if it is on another one."""

    def build_cache(self) -> BuildCache:
        """Return the size of the build cache, which all programs that build there share."""

    def prune_build_cache(self, keep: int) -> int:
        """Remove the parts that were not used for the longest time, down to ``keep`` bytes. Return the bytes freed."""

    def remove(self, container_id: str) -> None:
        """Remove a container at once. One that is gone is no error."""

    def teardown(self) -> list[str]:
        """Remove everything of this instance. Return a line for each item."""


class Engine(Images, Upkeep, Protocol):
    """All roles of the Docker Engine of this server."""
