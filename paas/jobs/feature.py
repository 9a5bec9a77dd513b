"""A feature: everything that one subject adds to the platform, in one value.

`paas.dispatch.features` is the list of them. A new feature requires no other change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from paas.core.model import App
from paas.core.properties import Property
from paas.core.server.doctor import Finding
from paas.store.migrate import Migrations
from paas.store.table import Table

if TYPE_CHECKING:
    # It has the features.
    from paas.jobs.context import Context

_T = TypeVar("_T")
Facts = Mapping[str, str]


class Background(Protocol):
    """Background activity in its own threads while the daemon runs, such as `Loop`."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Begin nothing new."""


@dataclass(frozen=True)
class Part(Generic[_T]):
    """Part of the context: ``ctx.part(kind)`` returns what ``make`` returned at the start of the daemon."""

    kind: type[_T]
    make: Callable[[Context], _T]


@dataclass(frozen=True)
class Look:
    """Examination of `doctor`: of apps, or with ``host`` of the host, which is skipped for a single app."""

    subject: str
    find: Callable[[Context, Sequence[App]], Iterable[Finding]]
    host: bool = False


@dataclass(frozen=True)
class Timer:
    """Activity that is due at certain times. ``tick`` does what is due, and returns the next time, None for never."""

    name: str
    tick: Callable[[Context], float | None]


@dataclass(frozen=True)
class Feature:
    """Everything that one subject adds. All fields except the name are optional.

    ``commands``: modules whose import declares commands.
    ``properties``: rows, from which ``…:set``, ``…:report`` and the reference page follow.
    ``facts``: by namespace of properties, additional facts about an app in its report.
    ``tables`` are returned by ``ctx.store.table(kind)``; ``migrations`` are scripts in addition to the platform's own
    in ``store/migrations``.
    ``changes``: the kinds of deployments that it starts, as ``builds:list --kind`` takes them.
    ``parts`` are made in the order of the list; a part may use those before it.
    ``folders`` below the data root are created at the start, and again if they are removed: ``paths.folder(name)``.
    ``started`` is called at the start, before anything is served: it undoes what a crash left.
    ``loops`` and ``timers`` start with the daemon; ``stopped`` is called at its end, in parallel with those of other
    features.
    ``findings``: examinations of `doctor`.
    ``changed``: a property was set, for the app or for None globally. If it raises, the former value is restored.
    ``copied``: make the second app like the first (apps:clone); if it raises, the copy is removed with its rows and
    files.
    ``ending``: the app is being destroyed, and its containers are about to be removed.
    ``destroyed``: the same, in the transaction that removes it. Rows that refer to the app are removed automatically.
    """

    name: str
    commands: tuple[ModuleType, ...] = ()
    properties: tuple[Property, ...] = ()
    facts: Mapping[str, Callable[[Context, App], Facts]] = field(default_factory=dict)
    tables: tuple[type[Table], ...] = ()
    migrations: Migrations | None = None
    changes: tuple[str, ...] = ()
    parts: tuple[Part[Any], ...] = ()
    folders: tuple[str, ...] = ()
    started: Callable[[Context], None] | None = None
    loops: Callable[[Context], Sequence[Background]] | None = None
    timers: tuple[Timer, ...] = ()
    stopped: Callable[[Context], None] | None = None
    findings: tuple[Look, ...] = ()
    changed: Callable[[Context, App | None, Property], None] | None = None
    copied: Callable[[Context, App, App], None] | None = None
    ending: Callable[[Context, App], None] | None = None
    destroyed: Callable[[Context, App], None] | None = None


def background(ctx: Context) -> list[Background]:
    """Make the loops of all features, in their order."""
    return [loop for feature in ctx.features if feature.loops for loop in feature.loops(ctx)]
