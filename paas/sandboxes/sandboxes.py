"""Sandboxes: each is an idle container that users enter, with an expiry time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paas.builders import stack_image
from paas.core.containers import image_name
from paas.core.containers.options import ContainerOptions
from paas.core.errors import AlreadyExists, NotFound, PaasError
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Task, TaskSpec
from paas.core.sandboxes import Sandbox
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.runs import runs
from paas.runs.console import Console
from paas.schedulers.tasks import Tasks
from paas.sources import images, pulls

_log = logging.getLogger(__name__)

IDLE = ["sleep", "infinity"]
GRACE_SECONDS = 0
AT_ONCE = 4


@dataclass(frozen=True)
class SandboxInfo:
    """Row of ``sandbox:list``."""

    name: str
    state: str
    image: str
    by: str
    until: str


def create(ctx: Context, names: Sequence[str], image: str, ttl: float) -> None:
    """Create the sandboxes from the image (empty: the stack image). If a name is taken, create none.

    An image that the server lacks is pulled, and removed with the last of its sandboxes.
    """
    taken = {sandbox.name for sandbox in ctx.store.sandboxes.all()}
    for name in names:
        if name in taken:
            raise AlreadyExists(f"the sandbox {name!r} already exists", fix="Choose another name.")
    most = ctx.settings.value("sandbox-limit")
    if len(taken) + len(names) > most:
        raise PaasError(
            f"more than {most} sandboxes are not allowed",
            fix="Destroy some, or raise the limit: 'settings:set sandbox-limit N'.",
            code="too-many-sandboxes",
        )
    reference = image or stack_image.ensure(ctx, "")
    found = ctx.engine.image(reference)
    if found is None:
        wanted = image_name.parse(reference)
        reference = str(wanted)
        pulls.fetch(ctx, wanted, None, ctx.out, ctx.gone)
        found = ctx.engine.image(wanted.full)
    if found is None:
        raise NotFound(
            f"there is no image {reference!r} on this server",
            why="It was pulled, but removed right afterwards.",
            code="no-such-image",
        )
    try:
        for one in names:
            _create(ctx, one, reference, found.id, ttl)
            ctx.out.step(f"{one} is ready: sandbox:enter {one}")
    finally:
        images.let_go(ctx, {reference})
    ctx.changed.notify()


def _create(ctx: Context, name: str, reference: str, image_id: str, ttl: float) -> None:
    now = ctx.clock.now()
    sandbox = Sandbox(name, reference, ctx.caller.name, now, now + ttl)
    spec = TaskSpec(
        name=f"{name}.sandbox-{ctx.part(Tasks).instance[:6]}",
        image=image_id,
        argv=IDLE,
        environment={"SANDBOX": name},
        labels=oneoff.labels_of_sandbox(name, ctx.part(Tasks).instance),
        network=ctx.part(Tasks).sandbox_network(),
        memory=ctx.settings.value("sandbox-memory"),
        pids=ctx.settings.value("sandbox-pids"),
        options=ContainerOptions(cpus=ctx.settings.value("sandbox-cpus")),
        stop_timeout=GRACE_SECONDS,
        hostname=name,
        lasting=True,
    )
    ctx.store.sandboxes.add(sandbox)
    try:
        ctx.part(Tasks).start(ctx.part(Tasks).create(spec))
    except BaseException:
        _remove(ctx, name)
        raise


def _tasks(ctx: Context) -> dict[str, Task]:
    return {task.sandbox: task for task in ctx.part(Tasks).all() if task.role == oneoff.SANDBOX}


def enter(ctx: Context, name: str, words: Sequence[str], console: Console, *, on_disconnect: str = "") -> int:
    """Run the command, or a shell, in the sandbox. Return the exit status."""
    sandbox = ctx.store.sandboxes.get(name)
    task = _tasks(ctx).get(sandbox.name)
    if task is None or task.status != "running":
        raise NotFound(
            f"the sandbox {name!r} is not running",
            why=f"Its container is {task.status if task else 'gone'}.",
            fix=f"Create it again: 'sandbox:destroy {name}', 'sandbox:create {name}'.",
            code="sandbox-down",
        )
    return runs.execute(ctx.part(Tasks), task.id, words, console, on_disconnect=on_disconnect)


def infos(ctx: Context) -> list[SandboxInfo]:
    """Return the rows of all sandboxes, sorted by name."""
    there = _tasks(ctx)
    return [
        SandboxInfo(
            one.name, there[one.name].status if one.name in there else "missing", one.image, one.actor,
            timestamp(one.until),
        )
        for one in ctx.store.sandboxes.all()
    ]  # fmt: skip


def destroy(ctx: Context, name: str) -> None:
    """Remove the sandbox with its content."""
    _remove(ctx, ctx.store.sandboxes.get(name).name)


def _remove(ctx: Context, name: str) -> None:
    task = _tasks(ctx).get(name)
    if task is not None:
        ctx.part(Tasks).remove(task.id)
    sandbox = ctx.store.sandboxes.find(name)
    ctx.store.sandboxes.remove(name)
    if sandbox is not None:
        images.let_go(ctx, {sandbox.image})


class Expiry:
    """Removal of expired sandboxes, in the background: Docker takes a while for each."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._going: set[str] = set()
        self._settled = False
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandboxes")

    def tick(self) -> float | None:
        """Start to remove expired sandboxes. Return when the next one expires. Failures are retried at each tick."""
        if not self._settled:
            settle(self._ctx)
            self._settled = True
        now = self._ctx.clock.now()
        everything = self._ctx.store.sandboxes.all()
        with self._lock:
            over = [one.name for one in everything if one.until <= now and one.name not in self._going]
            self._going.update(over)
        for name in over:
            self._pool.submit(self._end, name)
        return min((sandbox.until for sandbox in everything if sandbox.until > now), default=None)

    def _end(self, name: str) -> None:
        _log.info("Removing the sandbox %s: it has expired", name)
        try:
            found = self._ctx.store.sandboxes.find(name)
            # It may have been destroyed and created again while this waited.
            if found is not None and found.until <= self._ctx.clock.now():
                _remove(self._ctx, name)
        except PaasError as error:
            _log.error("Could not remove the sandbox %s: %s (%s)", name, error.what, error.why)
        except Exception:  # noqa: BLE001  # nothing else would report it
            _log.exception("Could not remove the sandbox %s", name)
        finally:
            with self._lock:
                self._going.discard(name)

    def idle(self) -> bool:
        """Return True if no sandbox is being removed."""
        return not self._going

    def stop(self) -> None:
        """Start no more removals."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def settle(ctx: Context) -> None:
    """Remove containers of unrecorded sandboxes, left by a crash. Called at the start."""
    # List containers first: a sandbox being created is recorded before its container exists.
    there = _tasks(ctx)
    known = {sandbox.name for sandbox in ctx.store.sandboxes.all()}
    for name, task in there.items():
        if name not in known:
            _log.warning("Removing container %s: its sandbox is gone", task.name)
            ctx.part(Tasks).remove(task.id)
