"""Unused items of an instance. Decides only; `paas.server.cleanup` removes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from paas.core.containers.image import StoredImage
from paas.core.model import Container, Release, ReleaseState, Replica, Summary

DEAD = ("exited", "dead")
SERVED = (ReleaseState.CURRENT, ReleaseState.SUPERSEDED)


@dataclass(frozen=True)
class Kept:
    """Items that an app keeps: the versions whose images stay, and the ids of those images."""

    versions: frozenset[int] = frozenset()
    images: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Garbage:
    """Removable items of one app:

    ``names`` are versions of releases that lose the name of their image, ``images`` are removed completely.
    """

    names: tuple[int, ...] = ()
    images: tuple[StoredImage, ...] = ()
    containers: tuple[Container, ...] = ()


def kept(releases: Sequence[Release | Summary], keep: int) -> Kept:
    """Return the newest ``keep`` releases that served, and pending ones. ``releases``: newest first."""
    served = [release for release in releases if release.state in SERVED]
    stay = [*served[:keep], *(release for release in releases if release.state is ReleaseState.PENDING)]
    images = frozenset(release.image for release in stay)
    # Another release with the same image costs nothing.
    return Kept(frozenset(release.version for release in served if release.image in images), images)


def of_app(
    app_id: int,
    keeps: Kept,
    replicas: Iterable[Replica],
    containers: Collection[Container],
    stored: Iterable[StoredImage],
) -> Garbage:
    """Return the removable items of the app while no deployment is running.

    ``containers`` and ``stored`` are of all apps.
    """
    wanted = {replica.place for replica in replicas}
    dead = tuple(
        found
        for found in containers
        if found.app_id == app_id
        and found.status in DEAD
        # A cluster removes its own containers.
        and not found.node
        and found.place not in wanted
    )
    gone = {found.id for found in dead}
    in_use = {found.image for found in containers if found.id not in gone}
    names: list[int] = []
    images: list[StoredImage] = []
    for image in stored:
        own = [version for owner, version in image.releases if owner == app_id]
        others = [owner for owner, _ in image.releases if owner != app_id]
        stale = [version for version in own if version not in keeps.versions]
        unnamed = not others and not image.other_names and len(stale) == len(own)
        # An image without a name belongs to the app that it was built for.
        ours = bool(own) or image.app_id == app_id
        if ours and unnamed and image.id not in in_use and image.id not in keeps.images:
            images.append(image)
        elif image.id not in in_use:
            names += stale
    return Garbage(tuple(names), tuple(images), dead)
