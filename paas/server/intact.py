"""Check at the start, before anything is changed, that the database belongs to this data root."""

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
"""Return the containers of the instance with that id. Raise `DockerError`."""


def check(paths: Paths, look: Look) -> None:
    """Raise `PaasError` if the database must not be used: it is damaged, lost, or older than files and containers."""
    marker, recorded = MarkerFile(paths.marker).read(), examine(paths.database)
    traces = find_traces(paths, marker, recorded, look)
    refusal = intact.judge(str(paths.root), marker, recorded, traces)
    if refusal:
        raise refusal


def find_traces(paths: Paths, marker: Marker | None, recorded: Recorded | None, look: Look) -> DiskTraces:
    """Return traces of apps outside the database. If Docker does not answer, log it and leave out containers."""
    instance = instance_of(marker, recorded)
    containers: Sequence[Container] = ()
    try:
        containers = look(instance) if instance else ()
    except DockerError as error:
        _log.warning("Could not compare the database with the containers: %s (%s)", error.what, error.why)
    return DiskTraces(paths.app_numbers(), containers)


def instance_of(marker: Marker | None, recorded: Recorded | None) -> str:
    """Return the id of the instance from the marker, else from the database; empty if unknown."""
    return marker.instance if marker else recorded.instance if recorded else ""


def find_instance(paths: Paths) -> str:
    """Return the id of the instance, read from its files; empty if neither can be read."""
    marker = MarkerFile(paths.marker).read()
    try:
        return instance_of(marker, None if marker else examine(paths.database))
    except PaasError as error:
        _log.warning("%s: %s", error.what, error.why)
        return ""


def keep(store: Store, paths: Paths, instance: str) -> None:
    """Make a checkpoint of the database, then record its number in the marker file.

    In this order the marker never names a checkpoint that a power failure could lose.
    """
    number = store.checkpoint()
    if number is None:
        return
    file = MarkerFile(paths.marker)
    before = file.read()
    file.write(Marker(instance, number, before.accepted if before else {}))


def accept(paths: Paths, store: Store, instance: str, traces: DiskTraces, recorded: Recorded) -> None:
    """Accept the database as it is for the next start.

    Ids of apps that are missing in it are not assigned again, since their files and containers still exist.
    """
    taken = [*traces.apps, *(found.app_id for found in traces.containers)]
    store.apps.reserve_numbers(max(taken, default=0))
    newer = {app_id: found.release for app_id, found in intact.newer(recorded, traces).items()}
    number = store.checkpoint()
    MarkerFile(paths.marker).write(Marker(instance, number or recorded.checkpoint, newer))
