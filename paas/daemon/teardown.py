"""``paas teardown``: removes one instance."""

from __future__ import annotations

import argparse
from pathlib import Path

from paas.builders.rootless import Rootless
from paas.core.errors import PaasError, UsageError
from paas.daemon.lock import Lock
from paas.daemon.serve import complain
from paas.daemon.wiring import nginx
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.removal import remove_everything
from paas.server import intact, resources
from paas.system.host import Host
from paas.system.paths import Paths
from paas.system.settings_file import SettingsFile


def main(argv: list[str]) -> int:
    """Stop and remove everything of one instance, and nothing else."""
    parser = argparse.ArgumentParser(prog="paas teardown", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR")
    parser.add_argument("--force", action="store_true", help="really do it")
    options = parser.parse_args(argv)
    try:
        return _teardown(Paths(options.root.resolve()), force=options.force)
    except PaasError as error:
        return complain(error)


def _teardown(paths: Paths, *, force: bool) -> int:
    if not paths.database.exists() and not paths.marker.exists():
        raise PaasError(f"{paths.root} is not the data root of an instance", fix="Give --root DIR.", code="no-instance")
    if not force:
        raise UsageError(
            f"this would remove all apps, images and data of {paths.root}", fix="Run it with --force to do it."
        )
    # A service manager starts the daemon and nginx again as soon as they end; this keeps them from coming back.
    paths.mark_torn_down()
    lock = Lock.take_over(paths.root)
    nginx(paths, SettingsFile(paths.root / "paas.yml", {})).stop()
    if Rootless(paths.root, "", list, list).remove():
        print("removed the builder for isolated builds")
    # The database may be damaged: that is a reason to remove an instance, too.
    instance = intact.find_instance(paths)
    if instance:
        remove_all(instance)
    else:
        print("The id of the instance is not known: its containers, images and networks, if there are any, stay.")
    whole = paths.remove_all()
    del lock
    if whole:
        print(f"removed {paths.root}")
    else:
        print(f"removed all that was in {paths.root}, which is a mount point and stays")
        print(f"{paths.torn_down} keeps services from starting there again: remove it to use the folder for a new one")
    return 0


def remove_all(instance: str) -> None:
    """Remove everything of the instance from Docker, and the control group of its builds."""
    for line in remove_everything(Docker(instance)):
        print(f"removed {line}")
    Host().remove_group(resources.group_of(instance))
