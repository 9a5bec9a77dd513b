"""Properties of apps: each declared once, and served by ``<namespace>:set`` and ``<namespace>:report``.

To add a property, add a row to the ``properties`` of a Feature; parsing, validation, storage, reports, completion and
the reference page follow from it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paas.core.errors import NotFound
from paas.core.spelling import meant
from paas.core.values import Kind


class Effect(enum.Enum):
    """What makes a changed value count; the platform does it at once."""

    NEXT_USE = "used from the next time on that it is needed"
    PROXY = "the proxy configuration is written anew"
    SERVER = "the proxy configuration of all apps is written anew"


class Scope(enum.Enum):
    """Where a property may be set."""

    BOTH = "app or global"
    GLOBAL = "global"


@dataclass(frozen=True)
class Property:
    """One property. ``default`` is text in the same form in which a person sets it."""

    namespace: str
    key: str
    kind: Kind
    default: str
    help: str
    effect: Effect = Effect.NEXT_USE
    scope: Scope = Scope.BOTH

    @property
    def name(self) -> str:
        """``git deploy-branch``: for messages."""
        return f"{self.namespace} {self.key}"


PROPERTIES: list[Property] = []
"""Those of all features, by namespace; `declare` fills it when they are loaded."""

_BY_NAME: dict[tuple[str, str], Property] = {}


def declare(*rows: Property) -> None:
    """Add rows to the table. An identical row may exist already. Raise an error if another one has its name."""
    for row in rows:
        name = (row.namespace, row.key)
        if _BY_NAME.setdefault(name, row) != row:
            raise ValueError(f"the property {row.name} is declared twice")
        if row not in PROPERTIES:
            PROPERTIES.append(row)
    PROPERTIES.sort(key=lambda row: row.namespace)


def withdraw(*rows: Property) -> None:
    """Remove rows from the table, for tests of features that do not exist."""
    for row in rows:
        PROPERTIES.remove(row)
        del _BY_NAME[row.namespace, row.key]


def namespaces() -> list[str]:
    """Return the namespaces that have properties, sorted."""
    return sorted({row.namespace for row in PROPERTIES})


def of(namespace: str) -> list[Property]:
    """Return the properties of one namespace, in the order of the table."""
    return [row for row in PROPERTIES if row.namespace == namespace]


def find(namespace: str, key: str) -> Property:
    """Return the property. Raise `NotFound` with a similar name, or with all that exist."""
    found = _BY_NAME.get((namespace, key))
    if found is not None:
        return found
    keys = [row.key for row in of(namespace)]
    raise NotFound(
        f"{namespace}:set has no property {key!r}",
        why=meant(key, keys) or f"It has: {', '.join(keys)}",
        code="no-such-property",
    )


@dataclass(frozen=True)
class Properties:
    """Effective values for one app: its own, else the global ones, else the defaults."""

    own: Mapping[tuple[str, str], str]
    shared: Mapping[tuple[str, str], str]

    def raw(self, namespace: str, key: str) -> str:
        """Return the effective text."""
        row = find(namespace, key)
        for values in (self.own, self.shared):
            if (namespace, key) in values:
                return values[namespace, key]
        return row.default

    def value(self, namespace: str, key: str) -> Any:
        """Return the effective value; None for an empty text."""
        text = self.raw(namespace, key)
        row = find(namespace, key)
        return row.kind.read(row.name, text) if text else None

    def text(self, namespace: str, key: str) -> str:
        """Return the effective value as text, empty for none."""
        return str(self.value(namespace, key) or "")

    def report(self, namespace: str) -> dict[str, str]:
        """Return raw, global and computed value of each property, by the keys of reports."""
        rows: dict[str, str] = {}
        for row in of(namespace):
            name = (namespace, row.key)
            if row.scope is Scope.BOTH:
                rows[row.key] = self.own.get(name, "")
            rows[f"global-{row.key}"] = self.shared.get(name, "")
            rows[f"computed-{row.key}"] = self.raw(namespace, row.key)
        return rows
