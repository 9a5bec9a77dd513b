"""``paas teardown``: removes one instance."""

from __future__ import annotations

import argparse
from pathlib import Path

from paas.assembly import build_context
from paas.core.errors import PaasError, UsageError
from paas.daemon import complain
from paas.drivers.paths import Paths
from paas.engine import room
from paas.lock import Lock


def main(argv: list[str]) -> int:
    """Stops and removes everything of one instance, and nothing else."""
    parser = argparse.ArgumentParser(prog="paas teardown", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR")
    parser.add_argument("--force", action="store_true", help="really do it")
    options = parser.parse_args(argv)
    try:
        return _teardown(Paths(options.root.resolve()), force=options.force)
    except PaasError as error:
        return complain(error)


def _teardown(paths: Paths, *, force: bool) -> int:
    if not (paths.root / "paas.db").exists():
        raise PaasError(f"{paths.root} is not the data root of an instance", fix="Give --root DIR.", code="no-instance")
    if not force:
        raise UsageError(
            f"this would remove all apps, images and data of {paths.root}", fix="Run it with --force to do it."
        )
    # A service manager starts the daemon and nginx again as soon as they end; this keeps them from coming back.
    paths.mark_torn_down()
    lock = Lock.take_over(paths.root)
    ctx = build_context(paths, {})
    ctx.proxy.stop()
    for line in ctx.scheduler.teardown():
        print(f"removed {line}")
    ctx.host.remove_group(room.group(ctx))
    ctx.store.close()
    paths.remove_all()
    del lock
    print(f"removed {paths.root}")
    return 0
