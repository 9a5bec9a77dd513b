"""The part of the fake engine that gives images to others and takes them from others."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from paas.core.access.remote_credentials import Login
from paas.core.containers.image import Image, from_inspect
from paas.core.containers.image_name import ImageName
from paas.core.errors import DockerError, InvalidValue
from paas.core.model import App


class FakeTransfers:
    """Registries and streams of images, as part of an `Engine`.

    ``registry`` has the images that can be pulled, by full name; ``wants`` the credentials that a server requires;
    ``pushed`` the pushed images; ``tags`` the ids by known names; ``folders`` tar files of folders that every image
    has, ``inside`` its files, by path.
    """

    def __init__(self) -> None:
        self.images: dict[str, Image] = {}
        self.tags: dict[str, str] = {}
        self.registry: dict[str, Image] = {}
        self.wants: dict[str, Login] = {}
        self.pushed: dict[str, str] = {}
        self.pulls = 0
        self.foreign: set[str] = set()
        self.folders: dict[str, bytes] = {}
        self.inside: dict[str, bytes] = {}

    def image(self, reference: str) -> Image | None:
        known = self.tags.get(reference) or self.tags.get(f"{reference}:latest", reference)
        return self.images.get(known)

    def read_files(self, app: App, image: str, paths: Sequence[str]) -> dict[str, bytes]:
        return {path: self.inside[path] for path in paths if path in self.inside}

    @contextmanager
    def files(self, app: App, image: str, path: str) -> Iterator[Iterator[bytes]]:
        if path not in self.folders:
            raise InvalidValue(f"paas.yml: edge: the image has no folder {path}", code="no-static-folder")
        yield iter((self.folders[path],))

    def pull(self, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event) -> None:
        self.pulls += 1
        self._let_in(name, login, "pulled")
        if name.full not in self.registry:
            raise DockerError(f"{name} could not be pulled", why="manifest unknown", code="image-transfer")
        self._take(name.full, self.registry[name.full])

    def push(
        self, image_id: str, name: ImageName, login: Login | None, show: Callable[[str], None], cancelled: Event
    ) -> None:
        self._let_in(name, login, "pushed")
        self.pushed[str(name)] = image_id

    def check_login(self, server: str, login: Login) -> None:
        if self.wants.get(server, login) != login:
            raise DockerError("Docker refused: logging in to a registry", why="unauthorized")

    def loaded_name(self, app: App, key: str) -> str:
        return f"paas-abcdef/{app.id}:loaded-{key}"

    def load(self, chunks: Iterator[bytes]) -> None:
        """Load all images and names in the stream, as Docker does."""
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as stream:

            def read(path: str) -> bytes:
                file = stream.extractfile(path)
                assert file is not None
                return file.read()

            for row in json.loads(read("manifest.json")):
                config = read(row["Config"])
                for layer in row["Layers"]:
                    read(layer)
                said = json.loads(config)
                facts = {"Id": f"sha256:{hashlib.sha256(config).hexdigest()}", "Size": 1 << 20}
                found = from_inspect({**facts, "Architecture": said["architecture"], "Config": said["config"]})
                for name in row["RepoTags"]:
                    self._take(name, found)

    def drop_pulled(self, reference: str) -> None:
        image = self.tags.pop(reference, reference)
        if image not in self.tags.values() and image in self.foreign:
            self.images.pop(image)
            self.foreign.discard(image)

    def drop_loaded(self, app: App, keep: str) -> None:
        for name in [name for name in self.tags if name.startswith(self.loaded_name(app, "")) and name != keep]:
            image = self.tags.pop(name)
            self.images.pop(image, None)
            self.foreign.discard(image)

    def _take(self, name: str, image: Image) -> None:
        self.images[image.id] = image
        self.tags[name] = image.id
        self.foreign.add(image.id)

    def _let_in(self, name: ImageName, login: Login | None, doing: str) -> None:
        if self.wants.get(name.server, login) != login:
            raise DockerError(f"{name} could not be {doing}", why="unauthorized", code="image-transfer")
