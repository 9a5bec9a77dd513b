"""Clean-up of unused images, containers, caches and logs of this instance. It never removes a volume."""

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
    """Item to remove. ``size`` is an estimate in bytes, 0 if unknown."""

    kind: str
    name: str
    app: str
    size: int
    why: str


@dataclass(frozen=True)
class Found:
    """Items to remove; ``busy`` are names of apps that were skipped because a deployment was running."""

    items: tuple[Item, ...]
    busy: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Estimate of the bytes that this frees."""
        return sum(item.size for item in self.items)


def survey(ctx: Context, app: App | None = None, *, although: App | None = None) -> Found:
    """Return what `clean` would remove now. The app ``although`` is included even if it is busy."""
    items: list[Item] = []
    busy: list[str] = []
    stored = ctx.engine.stored_images(sizes=True)
    containers = ctx.schedulers.containers()
    for app_id, one in _subjects(ctx, app, stored, containers):
        if one is not None and one != although and ctx.jobs.of(one):
            busy.append(one.name)
            continue
        items += _items(app_id, one, _garbage(ctx, app_id, one, stored, containers))
    if app is None:
        items += _cache(ctx) + _logs(ctx)
    return Found(tuple(items), tuple(busy))


def clean(ctx: Context, app: App | None = None) -> Found:
    """Remove unused items of one app or of all. Busy apps are skipped."""
    items: list[Item] = []
    busy: list[str] = []
    sized = ctx.engine.stored_images(sizes=True)
    for app_id, one in _subjects(ctx, app, sized, ctx.schedulers.containers()):
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
        _log.info("Cleanup: removed %s %s: %s", item.kind, item.name, item.why)
    return Found(tuple(items), tuple(busy))


def when_due(ctx: Context) -> None:
    """Clean up if the last time was longer ago than the setting cleanup-interval."""
    interval = ctx.settings.value("cleanup-interval")
    last = float(ctx.store.instance.get(CLEANED_AT) or 0)
    now = ctx.clock.now()
    # If the clock was set back, clean up now.
    if interval and not 0 <= now - last < interval:
        clean(ctx)


def would_free(ctx: Context, although: App) -> str:
    """Return a sentence on how much a clean-up would free."""
    found = survey(ctx, although=although)
    if not found.items:
        return "'cleanup' would find nothing to remove: free disk space by other means."
    return f"'cleanup' would free about {size(found.size)}; 'cleanup --dry-run' lists the items."


def _subjects(
    ctx: Context, app: App | None, stored: Collection[StoredImage], containers: Collection[Container]
) -> Iterator[tuple[int, App | None]]:
    """Yield the apps to examine, and the ids of destroyed apps that left something."""
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
    items = [Item("container", one.name, name, 0, "ended, and no longer needed") for one in found.containers]
    items += [Item("image name", f"v{version}", name, 0, "release is not kept") for version in found.names]
    for image in found.images:
        versions = " ".join(f"v{version}" for _, version in image.releases)
        why = f"of {versions}, which is not kept" if versions else "of no release"
        items.append(Item("image", image.id.removeprefix("sha256:")[:12], name, image.size, why))
    return items


def _remove(ctx: Context, app_id: int, app: App | None, sized: list[StoredImage]) -> list[Item]:
    # Examined again, now that the app's lock is held.
    there = ctx.schedulers.containers()
    found = _garbage(ctx, app_id, app, ctx.engine.stored_images(), there)
    sizes = {image.id: image.size for image in sized}
    containers = []
    for one in found.containers:
        ctx.engine.remove(one.id)
        containers.append(one)
    names = tuple(version for version in found.names if app is not None and ctx.engine.drop_image(app, version))
    images = tuple(
        StoredImage(image.id, image.app_id, image.releases, image.other_names, sizes.get(image.id, 0))
        for image in found.images
        if ctx.engine.remove_image(image)
    )
    if app is not None:
        # Release ports of processes that were scaled down or removed: all apps share one range.
        replicas = {(replica.process_type, replica.index) for replica in ctx.store.apps.replicas(app)}
        busy = {(one.process_type, one.index) for one in there if one.app_id == app_id}
        ctx.store.apps.take_back_ports(app, replicas | busy)
    return _items(app_id, app, Garbage(names, images, tuple(containers)))


def _cache(ctx: Context) -> list[Item]:
    keep = ctx.settings.value("build-cache-keep")
    if keep is None:
        return []
    caches = [ctx.engine.build_cache()]
    if isolation.wanted(ctx):
        caches.append(ctx.part(Rootless).docker.build_cache())
    surplus = sum(max(0, min(cache.unused, cache.total - keep)) for cache in caches)
    return [_cache_item(surplus)] if surplus > 0 else []


def _prune_cache(ctx: Context) -> list[Item]:
    keep = ctx.settings.value("build-cache-keep")
    freed = ctx.engine.prune_build_cache(keep) if keep is not None else 0
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
