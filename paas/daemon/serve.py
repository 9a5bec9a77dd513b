"""``paas serve``: the daemon, the only process that changes anything."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from paas.access import keys, tokens
from paas.control import server as control
from paas.control.limits import on_loop
from paas.core import settings
from paas.core.access.caller import Caller
from paas.core.errors import PaasError, UsageError
from paas.daemon.lock import Lock
from paas.daemon.web_process import Website
from paas.daemon.wiring import build_context, nginx
from paas.dispatch.dispatcher import Dispatcher
from paas.jobs.context import Context
from paas.jobs.feature import Background, background
from paas.jobs.locks import Announcements
from paas.jobs.output import Output
from paas.jobs.timers import Timers
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.client import LOOK_SECONDS
from paas.server import host_keys, intact, reconcile
from paas.ssh import hostkeys as ssh_keys
from paas.ssh import server as ssh
from paas.system.paths import Paths
from paas.system.reserve import Reserve
from paas.system.settings_file import SettingsFile

_log = logging.getLogger("paas")

FLAGS = ("listen", "ssh-port", "http-port", "https-port", "domain")
STOP_SECONDS = 1.2
WATCH_SECONDS = 2.0
LONGEST_STOP_SECONDS = 1.7
"""From the signal on; who stops a daemon is promised an end within 2 s."""


def main(argv: list[str]) -> int:
    """Serve until SIGTERM. Print ``ready ssh=HOST:PORT http=HOST:PORT`` on stdout once pushes are accepted."""
    options = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _raise_file_limit()
    logging.getLogger("dulwich").setLevel(logging.WARNING)
    try:
        return asyncio.run(_serve(options))
    except PaasError as error:
        return complain(error)


def _raise_file_limit() -> None:
    """Raise the limit on open files as far as the kernel allows: every connection and command needs some."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("paas serve", description="Serve git pushes and commands.", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the data root")
    for key in FLAGS:
        row = settings.find(key)
        parser.add_argument(f"--{key}", metavar="VALUE", help=f"{row.help} (default: {row.default})")
    parser.add_argument("--external-nginx", action="store_true", help="nginx is managed by another program")
    parser.add_argument("--prepare-only", action="store_true", help="write the configuration of nginx and exit")
    return parser


def complain(error: PaasError) -> int:
    """Print the error on stderr, as commands do. Return its exit status."""
    def write(data: bytes) -> None:
        with suppress(BrokenPipeError):
            sys.stderr.buffer.write(data)
            sys.stderr.flush()

    Output(write, write).error(error)
    return error.status


def _flags(options: argparse.Namespace) -> dict[str, str]:
    flags = {key: getattr(options, key.replace("-", "_")) for key in FLAGS}
    flags = {key: value for key, value in flags.items() if value is not None}
    for key, value in flags.items():
        try:
            settings.find(key).kind.read(f"--{key}", value)
        except PaasError as error:
            raise UsageError(error.what, why=error.why) from error
    for key in ("http-port", "https-port"):
        if flags.get(key) == "0":
            flags[key] = str(_free_port(flags.get("listen", "127.0.0.1")))
    return flags


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _serve(options: argparse.Namespace) -> int:
    paths = Paths(options.root.resolve())
    paths.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # While the disk is full, neither the lock nor the database can be opened without it, so cleaning up would be
    # impossible.
    Reserve(paths.reserve).spend()
    lock = Lock(paths.root)
    paths.refuse_torn_down()
    paths.prepare()
    flags = _flags(options)
    settings_file = SettingsFile(paths.root / "paas.yml", flags)
    settings_file.protect()
    server = nginx(paths, settings_file, external=options.external_nginx)
    if options.prepare_only:
        NginxProxy(server).prepare()
        return 0
    try:
        intact.check(paths, lambda instance: Docker(instance, LOOK_SECONDS).containers())
        ctx = build_context(paths, flags, external_nginx=options.external_nginx)
    except PaasError:
        _serve_on(server)
        raise

    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    ctx.proxy.prepare()
    reconcile.settle(ctx)
    dispatch = Dispatcher(ctx)

    def lookup(fingerprint: str) -> Caller | None:
        return keys.caller(ctx, fingerprint)

    host = str(ctx.settings.value("listen"))
    ssh_server = await ssh.start(
        host, ctx.settings.value("ssh-port"), host_keys=paths.host_keys, lookup=lookup, dispatch=dispatch
    )
    control_server = await control.start(
        paths.control_socket, lookup=lookup, dispatch=dispatch, tokens=lambda token: tokens.caller(ctx, token)
    )
    host_keys.noticed(ctx, ssh_keys.fingerprints(paths.host_keys))
    tending = asyncio.get_running_loop().create_task(_tend(control_server))
    ctx.part(Announcements).listen(on_loop(ssh_server.revoke), on_loop(control_server.revoke))
    running = [*background(ctx), Timers(ctx), Website(ctx)]
    for one in running:
        one.start()
    http_port = ctx.settings.value("http-port")
    print(f"ready ssh={_address(host, ssh_server.port)} http={_address(host, http_port)}", flush=True)

    await stopping.wait()
    tending.cancel()
    _log.info("stopping; apps and nginx continue")
    ending = [ssh_server.close(), control_server.close(), asyncio.to_thread(_wind_down, ctx, running)]
    try:
        async with asyncio.timeout(LONGEST_STOP_SECONDS):
            await asyncio.gather(*ending)
            # After the last command, which may still read from there.
            _close(ctx)
    except TimeoutError:
        _log.warning("not everything came to its end in time; the next start settles the rest")
    del lock
    # Threads that wait for Docker must not delay the end: their work is settled at the next start.
    sys.stderr.flush()
    os._exit(0)


async def _tend(server: control.ControlServer) -> None:
    """Create the control socket again if it was removed."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await server.mend()
        except (PaasError, OSError) as error:
            _log.error("the control socket can't be made again: %s", error)


def _close(ctx: Context) -> None:
    try:
        intact.keep(ctx.store, ctx.paths, ctx.engine.instance)
        ctx.store.close()
    except (PaasError, OSError):
        _log.exception("the database could not be closed well")


def _serve_on(server: Nginx) -> None:
    """Serve the apps as before when the server itself must not start, such as after a reboot."""
    try:
        if not server.managed and server.master() is None and server.main.exists():
            server.start()
            _log.warning("nginx was started with its files as they are")
    except PaasError as error:
        _log.error("%s: %s", error.what, error.why)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _wind_down(ctx: Context, running: Sequence[Background]) -> None:
    """Stop everything at the same time: some wait for what is under way."""
    stops = [one.stop for one in running]
    stops += [partial(feature.stopped, ctx) for feature in ctx.features if feature.stopped]
    stops.append(partial(ctx.jobs.stop, STOP_SECONDS))
    threads = [threading.Thread(target=stop, daemon=True) for stop in stops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
