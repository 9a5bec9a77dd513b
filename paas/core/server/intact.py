"""Check that the database belongs to the running containers and to the files on disk. Decides only.

A file can be lost, emptied, or restored from an earlier time. A server with such a database would run older code, or
take every app off line, without any error. The check uses facts from outside the database: the marker beside it,
folders and files of apps, and the labels of containers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from paas.core.errors import PaasError
from paas.core.model import Container

RUNNING = ("running", "restarting", "paused")
SERVES_ON = "Nothing was changed: apps and nginx serve on as they did."


@dataclass(frozen=True)
class Marker:
    """Content of the file beside the database: the instance, and a checkpoint that the database has certainly reached.

    ``accepted`` are the newest releases of apps, by number, whose loss an administrator has accepted.
    """

    instance: str
    checkpoint: int = 0
    accepted: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """Facts in a database:

    ``last_app`` is the highest number that an app ever had, ``newest`` has the newest release of each app.
    """

    instance: str
    checkpoint: int = 0
    last_app: int = 0
    newest: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DiskTraces:
    """Facts outside the database: the numbers of apps with files, and the containers of the instance."""

    apps: Collection[int] = ()
    containers: Sequence[Container] = ()


def damaged(path: str, words: str) -> PaasError:
    """Return the error for an unreadable database."""
    return PaasError(
        f"the database {path} is damaged",
        why=f"SQLite says: {words}\n{SERVES_ON}",
        fix="Stop the server and restore the database from a backup (docs/operations.md, 'When files are damaged or"
        " lost'). See 'dmesg' and the disk's health, too: a file seldom breaks alone.",
        code="database-damaged",
    )


def judge(root: str, marker: Marker | None, recorded: Recorded | None, traces: DiskTraces) -> PaasError | None:
    """Return the reason why this database must not be served, or None. ``recorded`` is None if it is missing or empty.
    """
    if recorded is None:
        return _lost(root, marker, traces)

    if marker and marker.instance != recorded.instance:
        return _refusal(
            root,
            f"the database in {root} belongs to another instance",
            [f"It is of the instance {recorded.instance}, and what is in {root} belongs to {marker.instance}."],
            "database-foreign",
        )

    reasons = [*_missing_apps(recorded, traces), *_missing_releases(marker, recorded, traces)]

    if marker and recorded.checkpoint < marker.checkpoint:
        reasons.append(
            f"It is at checkpoint {recorded.checkpoint}, and was at checkpoint {marker.checkpoint} before."
        )

    if not reasons:
        return None

    return _refusal(root, f"the database in {root} is older than what it belongs to", reasons, "database-behind")


def _lost(root: str, marker: Marker | None, traces: DiskTraces) -> PaasError | None:
    """Return the error for a lost database. A new instance has no files yet."""
    reasons = [f"{root} was set up as the instance {marker.instance} before."] if marker else []

    if traces.apps:
        reasons.append(f"There are files of {_apps(traces.apps)}.")

    if not reasons:
        return None

    reasons.append("If its file system is not mounted yet, mount it and start the server again.")
    return _refusal(root, f"the database in {root} is empty or missing", reasons, "database-lost")


def _missing_apps(recorded: Recorded, traces: DiskTraces) -> Iterable[str]:
    """Return traces of apps with numbers above the recorded ones: numbers are never reused, so a newer database made
    them.
    """
    owners = {*traces.apps, *(found.app_id for found in traces.containers)}
    unknown = sorted(number for number in owners if number > recorded.last_app)

    if unknown:
        yield f"There are files or containers of {_apps(unknown)}, and the database never had one of that number."


def _missing_releases(marker: Marker | None, recorded: Recorded, traces: DiskTraces) -> Iterable[str]:
    for app_id, found in sorted(newer(recorded, traces).items()):
        if marker and found.release <= marker.accepted.get(app_id, 0):
            continue

        newest = recorded.newest.get(app_id)
        known = f"no release after v{newest}" if newest else "no release of it"
        yield f"The container {found.name} runs release v{found.release}, and the database has {known}."


def newer(recorded: Recorded, traces: DiskTraces) -> dict[int, Container]:
    """Return, by app, the running container of the newest release that the database does not know.

    A candidate that does not run yet proves nothing: a power failure may lose its release, which never served.
    """
    found: dict[int, Container] = {}

    for container in traces.containers:
        if container.status not in RUNNING or container.app_id > recorded.last_app:
            continue

        # A destroyed app has no releases; its containers may be about to be removed.
        newest = recorded.newest.get(container.app_id)
        before = found.get(container.app_id)

        if newest is not None and container.release > max(newest, before.release if before else 0):
            found[container.app_id] = container

    return found


def _apps(numbers: Collection[int]) -> str:
    words = ", ".join(map(str, sorted(numbers)[:5])) + (", …" if len(numbers) > 5 else "")
    return f"the app{'' if len(numbers) == 1 else 's'} number {words}"


def _refusal(root: str, what: str, reasons: Iterable[str], code: str) -> PaasError:
    return PaasError(
        what,
        why="\n".join([*reasons, SERVES_ON]),
        fix="Restore the database from a backup (docs/operations.md, 'When files are damaged or lost').\n"
        f"To continue with it, without the missing data: paas --root {root} accept-database",
        code=code,
    )
