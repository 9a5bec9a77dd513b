"""At the start of the server, before anything is changed: is the database the one that belongs here?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from paas.core.errors import DockerError, PaasError
from paas.core.model import Container
from paas.core.server import intact
from paas.core.server.intact import DiskTraces, Marker, Recorded
from paas.store import Store
from paas.store.examination import examine
from paas.system.marker import MarkerFile
from paas.system.paths import Paths

_log = logging.getLogger(__name__)

Look = Callable[[str], Sequence[Container]]
"""The containers of the instance with that id; raises `DockerError`."""


def check(paths: Paths, look: Look) -> None:
    """Raise `PaasError` where the database must not be served: it is damaged, lost, or older than what is here."""
    marker, recorded = MarkerFile(paths.marker).read(), examine(paths.database)
    traces = find_traces(paths, marker, recorded, look)
    refusal = intact.judge(str(paths.root), marker, recorded, traces)
    if refusal:
        raise refusal


def find_traces(paths: Paths, marker: Marker | None, recorded: Recorded | None, look: Look) -> DiskTraces:
    """What is there apart from the database. An engine that does not answer tells nothing, and that is logged."""
    instance = instance_of(marker, recorded)
    containers: Sequence[Container] = ()
    try:
        containers = look(instance) if instance else ()
    except DockerError as error:
        _log.warning("the database is not compared with what runs: %s (%s)", error.what, error.why)
    return DiskTraces(paths.app_numbers(), containers)


def instance_of(marker: Marker | None, recorded: Recorded | None) -> str:
    """The id of the instance, as far as it is known; the marker goes first."""
    return marker.instance if marker else recorded.instance if recorded else ""


def find_instance(paths: Paths) -> str:
    """The same, from the files; empty where neither of them can be read."""
    marker = MarkerFile(paths.marker).read()
    try:
        return instance_of(marker, None if marker else examine(paths.database))
    except PaasError as error:
        _log.warning("%s: %s", error.what, error.why)
        return ""


def keep(store: Store, paths: Paths, instance: str) -> None:
    """Fold the database's log into its file, and write down that it has come so far.

    In this order: what the marker says is on the disk, whatever happens to the power.
    """
    number = store.checkpoint()
    if number is None:
        return
    file = MarkerFile(paths.marker)
    before = file.read()
    file.write(Marker(instance, number, before.accepted if before else {}))


def accept(paths: Paths, store: Store, instance: str, traces: DiskTraces, recorded: Recorded) -> None:
    """Have the next start go on with the database as it is.

    Numbers of apps that are not in it are not given to others, whose files and containers are still here.
    """
    taken = [*traces.apps, *(found.app_id for found in traces.containers)]
    store.apps.reserve_numbers(max(taken, default=0))
    newer = {app_id: found.release for app_id, found in intact.newer(recorded, traces).items()}
    number = store.checkpoint()
    MarkerFile(paths.marker).write(Marker(instance, number or recorded.checkpoint, newer))
