"""``paas accept-database`` and ``paas forget-secrets``: going on after a loss that no backup makes good.

Both are for the server's own user while the server does not run. Without ``--force`` they say what they would do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from paas.core.errors import PaasError, UsageError
from paas.core.server.intact import Recorded, judge
from paas.daemon.lock import Lock
from paas.daemon.serve import complain
from paas.daemon.wiring import instance_id
from paas.dispatch.features import migrations, open_store, tables
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.client import LOOK_SECONDS
from paas.server import intact
from paas.store.database import Database
from paas.store.examination import examine
from paas.store.sealed import Sealer
from paas.store.sealed_rows import SealedRows
from paas.system.marker import MarkerFile
from paas.system.paths import Paths

ACCEPT, FORGET = "accept-database", "forget-secrets"


def main(argv: list[str]) -> int:
    """Run the command that is named first."""
    command, *words = argv
    parser = argparse.ArgumentParser(prog=f"paas {command}", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR")
    parser.add_argument("--force", action="store_true", help="really do it")
    options = parser.parse_args(words)
    paths = Paths(options.root.resolve())
    work: Callable[[Paths, bool], None] = accept_database if command == ACCEPT else forget_secrets
    try:
        if not paths.root.is_dir():
            raise PaasError(f"there is no folder {paths.root}", fix="Give --root DIR.", code="no-instance")
        # Held until the end: a server that runs, or is started, must not have the database meanwhile.
        lock = Lock(paths.root)
        work(paths, options.force)
        del lock
        return 0
    except PaasError as error:
        return complain(error)


def accept_database(paths: Paths, force: bool) -> None:
    """Make the next start of the server continue with the present database."""
    marker, recorded = MarkerFile(paths.marker).read(), examine(paths.database)
    traces = intact.find_traces(paths, marker, recorded, lambda name: Docker(name, LOOK_SECONDS).containers())
    refusal = judge(str(paths.root), marker, recorded, traces)
    if refusal is None:
        print("Nothing has to be accepted: the database belongs to this server.")
        return
    print("\n".join([refusal.what, *refusal.why.splitlines()]))
    if not force:
        raise UsageError(
            "the server would continue with the present database",
            why="At its next start it serves what the database records. Apps and releases that are not in it are lost:"
            "\ntheir containers and files of nginx are removed, and apps go back to the releases that are in it.",
            fix=f"To do it: paas --root {paths.root} {ACCEPT} --force",
        )
    instance = recorded.instance if recorded else intact.instance_of(marker, recorded)
    store = open_store(paths.root)
    try:
        if instance:
            store.instance.set("id", instance)
        intact.accept(paths, store, instance or instance_id(store), traces, recorded or Recorded(instance))
    finally:
        store.close()
    _hand_over(paths)
    print("Accepted. Start the server.", file=sys.stderr)


def forget_secrets(paths: Paths, force: bool) -> None:
    """Give up the sealed values that the key does not open; where it is missing, all of them, and make a new one."""
    if examine(paths.database) is None:
        raise PaasError(f"there is no database in {paths.root}", fix="Give --root DIR.", code="no-instance")
    if not force:
        raise UsageError(
            "the values that the key of this instance does not open would be removed",
            why="These are configuration, logins, keys of certificates, drains, and what apps have at the edge:"
            "\nheaders, passwords, access rules, routes, snippets, ports. Apps that lose a rule or a password are taken"
            " off line."
            "\nContainers that run keep the configuration that they were started with, until they are replaced.",
            fix=f"Without a backup of secret.key, do it with: paas --root {paths.root} {FORGET} --force",
        )
    database = Database(paths.database, migrations())
    try:
        given = SealedRows(database, tables()).give_up(Sealer(paths.secret_key))
    finally:
        database.close()
    _hand_over(paths)
    for table, count in given.counts.items():
        print(f"{table}: gave up {count}")
    for app in given.closed:
        print(f"{app}: taken off line; set its rules and passwords again, then 'domains:enable {app}'")
    print("Start the server, and set what apps need with config:set.", file=sys.stderr)


def _hand_over(paths: Paths) -> None:
    """Give files that root created here to the user that the server runs as, the owner of the root."""
    if os.geteuid() == 0:
        owner = paths.root.stat()
        for path in (paths.marker, paths.secret_key, *paths.root.glob("paas.db*")):
            if path.exists():
                os.chown(path, owner.st_uid, owner.st_gid)
