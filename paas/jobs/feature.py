"""A feature: everything that one subject adds to the platform, in one value.

`paas.dispatch.features` has the list of them. Nothing else has to be edited for a new one.
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
    # Which has the features.
    from paas.jobs.context import Context

_T = TypeVar("_T")
Facts = Mapping[str, str]


class Background(Protocol):
    """Something that goes on in threads of its own while the daemon lives, as `Loop` does."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Begin nothing new."""


@dataclass(frozen=True)
class Part(Generic[_T]):
    """A part of the context: ``ctx.part(kind)`` is what ``make`` made at the start of the daemon."""

    kind: type[_T]
    make: Callable[[Context], _T]


@dataclass(frozen=True)
class Look:
    """One look of `doctor`: at apps, or at the host, which is left out when one app is examined."""

    subject: str
    find: Callable[[Context, Sequence[App]], Iterable[Finding]]
    host: bool = False


@dataclass(frozen=True)
class Timer:
    """Something that is due at a time of day. ``tick`` does what is, and returns when the next will be, if ever."""

    name: str
    tick: Callable[[Context], float | None]


@dataclass(frozen=True)
class Feature:
    """What one subject adds. Every field but the name may be left out.

    ``commands``: modules whose import declares commands.
    ``properties``: rows, from which ``…:set``, ``…:report`` and the reference page follow.
    ``facts``: by namespace of properties, what its report says of an app besides.
    ``tables`` are asked for with ``ctx.store.table(kind)``; ``migrations`` are scripts that do not belong to the
    platform's own in ``store/migrations``.
    ``changes``: the kinds of changes of apps that it starts, as ``builds:list --kind`` takes them.
    ``parts`` are made in the order of the list; a part may ask for those before it.
    ``folders`` below the data root are made at the start, and again when somebody removes them: ``paths.folder(name)``.
    ``started`` is called at the start, before anything is served: it undoes what a crash has left.
    ``loops`` and ``timers`` begin with the daemon; ``stopped`` is called at its end, beside those of the others.
    ``findings``: looks of `doctor`.
    ``changed``: a property was set, for the app or for None globally. If it raises, the former value is back.
    ``copied``: the second app is to be like the first (apps:clone); rows and files of it that fail it are removed.
    ``ending``: the app is being destroyed, and its containers are about to be removed.
    ``destroyed``: the same, in the transaction that removes it. Rows that refer to the app go with it by themselves.
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
