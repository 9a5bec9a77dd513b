"""Whether the database is the one that belongs to what runs and to what is on the disk. Decides only.

A file can be lost, emptied, or come back as it was at an earlier time. Whoever serves such a database runs older code,
or takes every app off line, while nothing says so. What is known apart from the database tells: the marker beside it,
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
    """What the file beside the database says of it: whose it is, and a checkpoint that it has certainly reached.

    ``accepted`` are the newest releases of apps, by number, that an administrator has agreed to go on without.
    """

    instance: str
    checkpoint: int = 0
    accepted: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recorded:
    """What a database says of itself: ``last_app`` is the highest number that an app ever had, ``newest`` has the
    newest release of each app."""

    instance: str
    checkpoint: int = 0
    last_app: int = 0
    newest: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DiskTraces:
    """What is there apart from the database: the numbers of apps with files, and the containers of the instance."""

    apps: Collection[int] = ()
    containers: Sequence[Container] = ()


def damaged(path: str, words: str) -> PaasError:
    """The error for a database that cannot be read."""
    return PaasError(
        f"the database {path} is damaged",
        why=f"SQLite says: {words}\n{SERVES_ON}",
        fix="Stop the server and restore the database from a backup (docs/operations.md, 'When files are damaged or"
        " lost'). See 'dmesg' and the disk's health, too: a file seldom breaks alone.",
        code="database-damaged",
    )


def judge(root: str, marker: Marker | None, recorded: Recorded | None, traces: DiskTraces) -> PaasError | None:
    """Why this database must not be served; None if it may. ``recorded`` is None where it is missing or empty."""
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
    """A new instance has nothing; one that had a database before has lost it."""
    reasons = [f"{root} was set up as the instance {marker.instance} before."] if marker else []

    if traces.apps:
        reasons.append(f"There are files of {_apps(traces.apps)}.")

    if not reasons:
        return None

    reasons.append("If its file system is not mounted yet, mount it and start the server again.")
    return _refusal(root, f"the database in {root} is empty or missing", reasons, "database-lost")


def _missing_apps(recorded: Recorded, traces: DiskTraces) -> Iterable[str]:
    """Numbers are given to apps once, so what belongs to a higher one was made by a newer database."""
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
    """By app, the running container of the newest release that the database does not know.

    A candidate that did not run yet proves nothing: a power failure may take its release, which never served.
    """
    found: dict[int, Container] = {}

    for container in traces.containers:
        if container.status not in RUNNING or container.app_id > recorded.last_app:
            continue

        # An app that was destroyed has no releases; its containers may be on their way out.
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
        f"To go on with it as it is, and lose what it lacks: paas --root {root} accept-database",
        code=code,
    )
