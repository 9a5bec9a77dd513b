"""Plan of a rollout: which containers to start and which to retire."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from paas.core import names
from paas.core.errors import InvalidValue
from paas.core.model import WEB, Place, Process, Release, Replica

MAX_QUANTITY = 100


@dataclass(frozen=True)
class Candidate:
    """Container to start: its place, and its process."""

    replica: Replica
    process: Process


@dataclass(frozen=True)
class Started:
    """Started candidate. ``id`` identifies it for its scheduler, also after the scheduler replaced it."""

    candidate: Candidate
    id: str


@dataclass(frozen=True)
class Rollout:
    """Plan: ``start`` become replicas once all are healthy; ``keep`` are not touched; ``retire`` are removed."""

    start: tuple[Candidate, ...]
    keep: tuple[Replica, ...]
    retire: tuple[Replica, ...]

    def replicas(self) -> tuple[Replica, ...]:
        """Return the desired replicas after the rollout."""
        return (*self.keep, *(candidate.replica for candidate in self.start))

    @property
    def changes(self) -> bool:
        """True if any container starts or is retired."""
        return bool(self.start or self.retire)


def quantities(release_types: Sequence[str], formation: Mapping[str, int]) -> dict[str, int]:
    """Return the quantity of each process type: the requested one, else one web and none of the others."""
    return {kind: formation.get(kind, 1 if kind == WEB else 0) for kind in release_types}


def plan(
    release: Release,
    formation: Mapping[str, int],
    current: Collection[Replica],
    occupied: Collection[Place],
    port_of: Callable[[str, int, int], int],
    *,
    fresh: Collection[str] | None = None,
) -> Rollout:
    """Return the change from ``current`` to ``release`` in its ``formation``.

    A replica that already runs this release is kept, unless its process type is in ``fresh`` (None: replace all; an
    empty collection: only the difference). ``occupied`` are the places that have a container, desired or not; a
    candidate takes the lowest free slot. ``port_of`` returns the recorded port of a place.
    """
    existing = {(replica.process_type, replica.index): replica for replica in current}
    taken = set(occupied)
    start: list[Candidate] = []
    keep: list[Replica] = []

    for process in release.processes:
        count = quantities([process.type], formation)[process.type]
        for index in range(1, count + 1):
            present = existing.get((process.type, index))
            if present and present.release == release.version and fresh is not None and process.type not in fresh:
                keep.append(present)
                continue
            slot = next(slot for slot in range(len(taken) + 1) if (process.type, index, slot) not in taken)
            port = port_of(process.type, index, slot) if process.port is not None else None
            replica = Replica(process.type, index, slot, release.version, port, process.protocol)
            start.append(Candidate(replica, process))

    kept = set(keep)
    retire = tuple(replica for replica in current if replica not in kept)
    return Rollout(tuple(start), tuple(keep), retire)


def plan_services(
    release: Release,
    formation: Mapping[str, int],
    current: Collection[Replica],
    occupied: Collection[tuple[str, int]],
    *,
    fresh: Collection[str] | None = None,
) -> Rollout:
    """Return the change as `plan` does, for a cluster, where all replicas of a process type share a slot.

    There a slot is a service: it is scaled while the release stays the same; another release gets a service beside it.
    ``occupied`` are the (type, slot) of all existing services. The cluster chooses the ports.
    """
    start: list[Candidate] = []
    keep: list[Replica] = []
    for process in release.processes:
        standing = [one for one in current if one.process_type == process.type and one.release == release.version]
        stays = {one.index: one for one in standing} if fresh is not None and process.type not in fresh else {}
        free = (slot for slot in range(len(occupied) + 1) if (process.type, slot) not in occupied)
        slot = next(iter(stays.values())).slot if stays else next(free)
        for index in range(1, quantities([process.type], formation)[process.type] + 1):
            if index in stays:
                keep.append(stays[index])
            else:
                replica = Replica(process.type, index, slot, release.version, None, process.protocol)
                start.append(Candidate(replica, process))
    kept = set(keep)
    return Rollout(tuple(start), tuple(keep), tuple(replica for replica in current if replica not in kept))


def parse_scale(pairs: Sequence[str]) -> dict[str, int]:
    """Parse quantities such as ``web=2 worker=1``."""
    wanted: dict[str, int] = {}
    for text in pairs:
        kind, equals, number = text.partition("=")
        if not equals or not re.fullmatch(r"[0-9]{1,4}", number) or int(number) > MAX_QUANTITY:
            raise InvalidValue(
                f"{text!r} is not of the form TYPE=NUMBER",
                why=f"The number is from 0 to {MAX_QUANTITY}.",
                fix="Write for instance web=2.",
                code="invalid-scale",
            )
        wanted[names.process_type(kind)] = int(number)
    return wanted


def check_scale(wanted: Mapping[str, int], types: Sequence[str] | None) -> None:
    """Raise an error for process types that the release does not have, unless they are set to 0.

    ``types`` None: no release yet.
    """
    unknown = [kind for kind, number in wanted.items() if types is not None and kind not in types and number]
    if unknown:
        raise InvalidValue(
            f"the app has no process type {', '.join(unknown)}",
            why="Its process types are: " + ", ".join(types or ()),
            fix="Add it to the Procfile and push, then scale it.",
            code="no-such-process-type",
        )
