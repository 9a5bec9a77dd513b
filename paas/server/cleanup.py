"""Removing what nobody needs any more: of this instance only, and never a volume."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from paas.builders import isolation
from paas.builders.rootless import Rootless
from paas.core.containers.image import StoredImage
from paas.core.model import App, Container
from paas.core.server import garbage
from paas.core.server.garbage import Garbage, Kept
from paas.core.sizes import size
from paas.jobs.context import Context

_log = logging.getLogger(__name__)
CLEANED_AT = "cleaned-at"


@dataclass(frozen=True)
class Item:
    """One thing that goes. ``size`` in bytes, about; 0 where it is not known."""

    kind: str
    name: str
    app: str
    size: int
    why: str


@dataclass(frozen=True)
class Found:
    """``items`` go; ``busy`` are names of apps that were left alone, because something was under way for them."""

    items: tuple[Item, ...]
    busy: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that this frees, about."""
        return sum(item.size for item in self.items)


def survey(ctx: Context, app: App | None = None, *, although: App | None = None) -> Found:
    """What `clean` would remove now. ``although``: looked at even if something is under way for it."""
    items: list[Item] = []
    busy: list[str] = []
    stored = ctx.scheduler.stored_images(sizes=True)
    containers = ctx.scheduler.containers()
    for app_id, one in _subjects(ctx, app, stored, containers):
        if one is not None and one != although and ctx.jobs.of(one):
            busy.append(one.name)
            continue
        items += _items(app_id, one, _garbage(ctx, app_id, one, stored, containers))
    if app is None:
        items += _cache(ctx) + _logs(ctx)
    return Found(tuple(items), tuple(busy))


def clean(ctx: Context, app: App | None = None) -> Found:
    """Removes it, of one app or of all. An app for which something is under way is left alone."""
    items: list[Item] = []
    busy: list[str] = []
    sized = ctx.scheduler.stored_images(sizes=True)
    for app_id, one in _subjects(ctx, app, sized, ctx.scheduler.containers()):
        if one is None:
            items += _remove(ctx, app_id, None, sized)
            continue
        if ctx.jobs.of(one):
            busy.append(one.name)
            continue
        with ctx.jobs.hold(one, "cleanup"):
            items += _remove(ctx, app_id, one, sized)
    if app is None:
        items += _prune_cache(ctx) + _remove_logs(ctx)
        ctx.store.instance.set(CLEANED_AT, str(ctx.clock.now()))
    for item in items:
        _log.info("cleanup: removed %s %s %s", item.kind, item.name, item.why)
    return Found(tuple(items), tuple(busy))


def when_due(ctx: Context) -> None:
    """Cleans up if the last time is longer ago than the setting says."""
    interval = ctx.settings.value("cleanup-interval")
    last = float(ctx.store.instance.get(CLEANED_AT) or 0)
    now = ctx.clock.now()
    # A clock that was set back must not put it off for long.
    if interval and not 0 <= now - last < interval:
        clean(ctx)


def would_free(ctx: Context, although: App) -> str:
    """A sentence on what a clean-up would bring."""
    found = survey(ctx, although=although)
    if not found.items:
        return "'cleanup' would find nothing to remove: make room by other means."
    return f"'cleanup' would free about {size(found.size)}; 'cleanup --dry-run' lists what."


def _subjects(
    ctx: Context, app: App | None, stored: Collection[StoredImage], containers: Collection[Container]
) -> Iterator[tuple[int, App | None]]:
    """The apps to look at, and the numbers of apps that are gone and have left something."""
    if app is not None:
        yield app.id, app
        return
    apps = {found.id: found for found in ctx.store.apps.all()}
    yield from apps.items()
    seen = {image.app_id for image in stored} | {owner for image in stored for owner, _ in image.releases}
    seen |= {found.app_id for found in containers}
    for app_id in sorted(number for number in seen if number is not None and number not in apps):
        yield app_id, None


def _garbage(
    ctx: Context, app_id: int, app: App | None, stored: list[StoredImage], containers: list[Container]
) -> Garbage:
    if app is None:
        return garbage.of_app(app_id, Kept(), (), containers, stored)
    keeps = garbage.kept(ctx.store.releases.summaries(app), ctx.settings.value("keep-images"))
    return garbage.of_app(app_id, keeps, ctx.store.apps.replicas(app), containers, stored)


def _items(app_id: int, app: App | None, found: Garbage) -> list[Item]:
    name = app.name if app else f"(gone: {app_id})"
    items = [Item("container", one.name, name, 0, "ended, and not wanted any more") for one in found.containers]
    items += [Item("image name", f"v{version}", name, 0, "release is not kept") for version in found.names]
    for image in found.images:
        versions = " ".join(f"v{version}" for _, version in image.releases)
        why = f"of {versions}, which is not kept" if versions else "of no release"
        items.append(Item("image", image.id.removeprefix("sha256:")[:12], name, image.size, why))
    return items


def _remove(ctx: Context, app_id: int, app: App | None, sized: list[StoredImage]) -> list[Item]:
    # Looked at again, now that nothing can begin for the app.
    there = ctx.scheduler.containers()
    found = _garbage(ctx, app_id, app, ctx.scheduler.stored_images(), there)
    sizes = {image.id: image.size for image in sized}
    containers = []
    for one in found.containers:
        ctx.scheduler.remove(one.id)
        containers.append(one)
    names = tuple(version for version in found.names if app is not None and ctx.scheduler.drop_image(app, version))
    images = tuple(
        StoredImage(image.id, image.app_id, image.releases, image.other_names, sizes.get(image.id, 0))
        for image in found.images
        if ctx.scheduler.remove_image(image)
    )
    if app is not None:
        # Of what was scaled away, or is no process type any more: all apps share one range.
        replicas = {(replica.process_type, replica.index) for replica in ctx.store.apps.replicas(app)}
        busy = {(one.process_type, one.index) for one in there if one.app_id == app_id}
        ctx.store.apps.take_back_ports(app, replicas | busy)
    return _items(app_id, app, Garbage(names, images, tuple(containers)))


def _cache(ctx: Context) -> list[Item]:
    keep = ctx.settings.value("build-cache-keep")
    if keep is None:
        return []
    caches = [ctx.scheduler.build_cache()]
    if isolation.wanted(ctx):
        caches.append(ctx.part(Rootless).docker.build_cache())
    surplus = sum(max(0, min(cache.unused, cache.total - keep)) for cache in caches)
    return [_cache_item(surplus)] if surplus > 0 else []


def _prune_cache(ctx: Context) -> list[Item]:
    keep = ctx.settings.value("build-cache-keep")
    freed = ctx.scheduler.prune_build_cache(keep) if keep is not None else 0
    if keep is not None and isolation.wanted(ctx):
        freed += ctx.part(Rootless).docker.prune_build_cache(keep)
    return [_cache_item(freed)] if freed else []


def _cache_item(count: int) -> Item:
    return Item("build cache", "least recently used", "", count, "more than build-cache-keep")


def _old_logs(ctx: Context) -> list[int]:
    keep = ctx.store.deployments.newest(ctx.settings.value("keep-job-logs"))
    return sorted(number for number in ctx.jobs.logs() if number not in keep and ctx.jobs.find(number) is None)


def _logs(ctx: Context) -> list[Item]:
    paths = ctx.jobs.logs()
    old = [number for number in _old_logs(ctx) if paths[number].exists()]
    return [Item("log", str(number), "", paths[number].stat().st_size, "of an old build") for number in old]


def _remove_logs(ctx: Context) -> list[Item]:
    items = _logs(ctx)
    for item in items:
        ctx.jobs.remove_log(int(item.name))
    return items
