"""The images of one instance on the Docker Engine of this host."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import Event

from paas.core.access.remote_credentials import Login
from paas.core.containers.container import network_of
from paas.core.containers.image import Image, StoredImage
from paas.core.containers.image_name import ImageName
from paas.core.errors import DockerError
from paas.core.model import App, Release
from paas.schedulers.docker import committed
from paas.schedulers.docker.api import Docker, ImageRow

_log = logging.getLogger(__name__)
_LOADED = "loaded-"
_RELEASE_NAME = re.compile(r"paas-([0-9a-f]{6})/(\d+):v(\d+)")


class LocalImages:
    """Part of `Engine` for images. The image of a release is named ``paas-INSTANCE/APP:vN``."""

    def __init__(self, docker: Docker) -> None:
        self.instance = docker.instance
        self._docker = docker

    def image(self, reference: str) -> Image | None:
        return self._docker.image(reference)

    def written(self) -> dict[str, int]:
        return self._docker.written()

    def _repository(self, app_id: int) -> str:
        return f"paas-{self.instance[:6]}/{app_id}"

    def pull(self, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event) -> None:
        self._docker.pull(name, login, show, cancelled)

    def push(
        self, image_id: str, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event
    ) -> None:
        self._docker.push(image_id, name, login, show, cancelled)

    def check_login(self, server: str, login: Login) -> None:
        self._docker.check_login(server, login)

    def loaded_name(self, app: App, key: str) -> str:
        return f"{self._repository(app.id)}:{_LOADED}{key}"

    def load(self, chunks: Iterator[bytes]) -> None:
        self._docker.load(chunks)

    def drop_pulled(self, reference: str) -> None:
        self._docker.remove_image(reference)

    def drop_loaded(self, app: App, keep: str) -> None:
        repository = self._repository(app.id)
        for name in self._docker.names_in(repository):
            if name.startswith(f"{repository}:{_LOADED}") and name != keep:
                self._docker.remove_image(name)

    def name_image(self, app: App, release: Release) -> None:
        self._docker.tag(release.image, self._repository(app.id), f"v{release.version}")

    def drop_image(self, app: App, version: int) -> bool:
        return self._docker.remove_image(f"{self._repository(app.id)}:v{version}")

    def stored_images(self, *, sizes: bool = False) -> list[StoredImage]:
        unique = self._sizes() if sizes else {}
        return [self._stored(row, unique) for row in self._docker.images()]

    def _sizes(self) -> Mapping[str, int]:
        """Return all sizes, or none if Docker has no answer: unused images are known without them."""
        try:
            return self._docker.image_sizes()
        except DockerError as error:
            # Docker examines all volumes first, which may take very long; before version 23 it refuses while another
            # program waits for the same.
            _log.warning("the sizes of images are not known: %s (%s)", error.what, error.why)
            return {}

    def _stored(self, row: ImageRow, unique: Mapping[str, int]) -> StoredImage:
        matches = {name: _RELEASE_NAME.fullmatch(name) for name in row.names}
        own = {name: match for name, match in matches.items() if match and match[1] == self.instance[:6]}
        return StoredImage(
            id=row.id,
            app_id=row.app_id,
            releases=tuple((int(match[2]), int(match[3])) for match in own.values()),
            other_names=tuple(name for name in row.names if name not in own),
            size=unique.get(row.id, 0),
        )

    def remove_image(self, image: StoredImage) -> bool:
        names = [f"paas-{self.instance[:6]}/{app_id}:v{version}" for app_id, version in image.releases]
        # The image is removed with its last name.
        return all([self._docker.remove_image(name) for name in names or [image.id]])

    def files(self, app: App, image: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        return self._docker.files(image, path, f"{network_of(app.id, self.instance)}-files", app.id)

    def commit(self, container_id: str, image: str) -> str | None:
        return committed.commit(self._docker.client, container_id, image)

    def read_files(self, app: App, image: str, paths: Sequence[str]) -> dict[str, bytes]:
        return self._docker.read_files(image, paths, f"{network_of(app.id, self.instance)}-files", app.id)
