"""The features of the platform: the one list. A new one is a line here, and all it adds is in its own package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from paas.access.feature import FEATURE as ACCESS
from paas.apps.feature import FEATURE as APPS
from paas.builders.feature import FEATURE as BUILDERS
from paas.certs.feature import FEATURE as CERTS
from paas.core import properties
from paas.cron.feature import FEATURE as CRON
from paas.dispatch import completion, help, openapi, property_commands
from paas.edge.feature import FEATURE as EDGE
from paas.git.feature import FEATURE as GIT
from paas.health.feature import FEATURE as HEALTH
from paas.jobs import kinds
from paas.jobs.feature import Feature
from paas.logs.feature import FEATURE as LOGS
from paas.releases.feature import FEATURE as RELEASES
from paas.runs.feature import FEATURE as RUNS
from paas.sandboxes.feature import FEATURE as SANDBOXES
from paas.server.feature import FEATURE as SERVER
from paas.sources.feature import FEATURE as SOURCES
from paas.store import Store
from paas.store.migrate import OWN, Migrations
from paas.store.table import Table

FEATURES: tuple[Feature, ...] = (
    GIT,
    ACCESS,
    EDGE,
    BUILDERS,
    HEALTH,
    RELEASES,
    CERTS,
    APPS,
    SOURCES,
    RUNS,
    SANDBOXES,
    CRON,
    LOGS,
    SERVER,
    Feature("dispatch", commands=(completion, help, openapi)),
)
"""In the order of the packages: what comes first is made, copied and told first."""


def load(features: Iterable[Feature] = FEATURES) -> None:
    """Declare kinds of changes, properties, and the commands that follow from these. Again changes nothing.

    Their own commands are declared as their modules are imported.
    """
    for feature in features:
        properties.declare(*feature.properties)
        kinds.declare(*feature.changes)
        for namespace in dict.fromkeys(row.namespace for row in feature.properties):
            property_commands.declare(namespace, feature.facts.get(namespace))


def tables(features: Iterable[Feature] = FEATURES) -> list[type[Table]]:
    """Return the tables that the features register."""
    return [table for feature in features for table in feature.tables]


def migrations(features: Iterable[Feature] = FEATURES) -> list[Migrations]:
    """Return the scripts for the database: the platform's own, and those that features bring."""
    return [OWN, *(feature.migrations for feature in features if feature.migrations)]


def open_store(root: Path, features: Iterable[Feature] = FEATURES) -> Store:
    """Open the database of an instance, with the tables of the features."""
    known = tuple(features)
    return Store(root, tables(known), migrations(known))
