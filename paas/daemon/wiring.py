"""Wires the parts of one instance together."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Sequence
from dataclasses import replace

from paas.builders import isolation
from paas.builders.base import Builder
from paas.builders.buildpack import BuildpackBuilder
from paas.builders.dockerfile import DockerfileBuilder
from paas.builders.places import Places
from paas.builders.rootless import LINK_LOCAL, Rootless
from paas.core.access.caller import Access, Caller
from paas.core.edge.hosts import host_name
from paas.dispatch.features import FEATURES, load, open_store
from paas.jobs.context import Context
from paas.jobs.events import EventLog
from paas.jobs.feature import Feature
from paas.jobs.jobs import Jobs
from paas.jobs.locks import Broadcast
from paas.jobs.output import Output
from paas.jobs.parts import Parts
from paas.proxies.base import Proxy
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy
from paas.schedulers.base import Scheduler
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.local import DockerLocal
from paas.schedulers.docker.tasks import DockerTasks
from paas.schedulers.engine import Engine
from paas.schedulers.registry import Schedulers
from paas.schedulers.tasks import Tasks
from paas.server import resources
from paas.store import Store
from paas.system.build_limits.cgroups import BuildGroup
from paas.system.clock import Clock
from paas.system.host import Host
from paas.system.paths import Paths
from paas.system.probe import Probe
from paas.system.reserve import Reserve
from paas.system.settings_file import SettingsFile

_log = logging.getLogger(__name__)


def build_context(paths: Paths, flags: dict[str, str], *, external_nginx: bool = False) -> Context:
    """Everything the daemon works with, wired together."""
    settings_file = SettingsFile(paths.root / "paas.yml", flags)
    store = open_store(paths.root)
    probe = Probe()
    docker = Docker(instance_id(store))
    clock = Clock()
    rootless = builder_apart(paths, settings_file, instance_id(store))
    places = Places(
        docker,
        rootless,
        paths.work,
        lambda: int(settings_file.value("image-max-size")),
        lambda: settings_file.value(isolation.SETTING) == isolation.ROOTLESS,
    )
    parts = Parts()
    tasks = DockerTasks(docker)
    local = DockerLocal(docker, store, settings_file, probe, tasks)
    parts.put(Tasks, tasks)
    parts.put(Rootless, rootless)
    parts.put(Probe, probe)
    return wire(
        paths,
        settings_file,
        store,
        schedulers=[local],
        engine=local,
        proxy=NginxProxy(nginx(paths, settings_file, external=external_nginx), cut=EventLog(store, clock).cut),
        builder=BuildpackBuilder(places, DockerfileBuilder(places)),
        clock=clock,
        host=Host(),
        parts=parts,
    )


def nginx(paths: Paths, settings: SettingsFile, *, external: bool = False) -> Nginx:
    """Return the private nginx of the instance; it needs no database."""
    return Nginx(
        paths.nginx,
        settings.value("listen"),
        settings.value("http-port"),
        https_port=settings.value("https-port"),
        managed=external,
    )


def builder_apart(paths: Paths, settings: SettingsFile, instance: str) -> Rootless:
    """Return the Docker Engine for isolated builds, which runs if the settings ask for it."""
    group = BuildGroup(resources.group_of(instance))
    return Rootless(paths.root, instance, group.entrances, lambda: [LINK_LOCAL, str(settings.value("network-pool"))])


def wire(
    paths: Paths,
    settings: SettingsFile,
    store: Store,
    *,
    schedulers: Sequence[Scheduler],
    engine: Engine,
    proxy: Proxy,
    builder: Builder,
    clock: Clock,
    host: Host,
    parts: Parts,
    features: Sequence[Feature] = FEATURES,
) -> Context:
    """Return the context of an instance with these parts; the features create missing ones."""
    load(features)
    paths = replace(paths, folders=tuple(name for feature in features for name in feature.folders))
    paths.mend()
    changed = Broadcast()
    reserve = Reserve(paths.reserve)
    _first_domain(store, settings.value("domain"))
    ctx = Context(
        paths=paths,
        settings=settings,
        store=store,
        schedulers=Schedulers(schedulers),
        engine=engine,
        proxy=proxy,
        builder=builder,
        clock=clock,
        host=host,
        jobs=Jobs(
            store,
            clock,
            paths.jobs,
            reserve,
            build_limit=lambda: int(settings.value("build-concurrency")),
            keep_logs=lambda: int(settings.value("keep-job-logs")),
        ),
        events=EventLog(store, clock),
        changed=changed,
        features=features,
        parts=parts,
        out=Output(lambda data: None, lambda data: _log.info("%s", data.decode("utf-8", "replace").rstrip())),
        caller=Caller("paas", Access.ADMIN, "local"),
        gone=threading.Event(),
    )
    parts.put(Reserve, reserve)
    for feature in features:
        for part in feature.parts:
            if not parts.has(part.kind):
                parts.put(part.kind, part.make(ctx))
    return ctx


def instance_id(store: Store) -> str:
    """Return the id of the instance, 12 hex digits; create it on first use."""
    found = store.instance.get("id")
    if found is None:
        found = secrets.token_hex(6)
        store.instance.set("id", found)
    return found


def _first_domain(store: Store, domain: str) -> None:
    """Make the setting the first global domain; once recorded, ``domains:…-global`` changes it."""
    if store.instance.get("domain") != domain:
        others = [name for name in store.apps.domains(None) if name != domain]
        store.apps.set_domains(None, [host_name(domain), *others])
        store.instance.set("domain", domain)
