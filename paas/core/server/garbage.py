"""What of an instance's own things nobody needs any more. Decides only; `paas.server.cleanup` carries out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from paas.core.containers.image import StoredImage
from paas.core.model import Container, Release, ReleaseState, Replica, Summary

DEAD = ("exited", "dead")
SERVED = (ReleaseState.CURRENT, ReleaseState.SUPERSEDED)


@dataclass(frozen=True)
class Kept:
    """What an app keeps: the versions whose images stay, and the ids of those images."""

    versions: frozenset[int] = frozenset()
    images: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Garbage:
    """What can go of one app: ``names`` are versions of releases whose name for an image goes, ``images`` go whole."""

    names: tuple[int, ...] = ()
    images: tuple[StoredImage, ...] = ()
    containers: tuple[Container, ...] = ()


def kept(releases: Sequence[Release | Summary], keep: int) -> Kept:
    """The newest ``keep`` releases that served, and any that is on its way. ``releases``: newest first."""
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
    """What can go of the app while nothing is under way for it. ``containers`` and ``stored`` are of all apps."""
    wanted = {replica.place for replica in replicas}
    dead = tuple(
        found
        for found in containers
        if found.app_id == app_id
        and found.status in DEAD
        # A cluster removes its own.
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
