"""Sandboxes: disposable machines, each a container that does nothing until somebody enters it, and has an end."""

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
    """One sandbox as lists show it."""

    name: str
    state: str
    image: str
    by: str
    until: str


def create(ctx: Context, names: Sequence[str], image: str, ttl: float) -> None:
    """Makes the sandboxes, all of the image (empty: the stack image); nothing if one of the names is taken.

    An image that the server lacks is pulled, and removed with the last of its sandboxes.
    """
    taken = {sandbox.name for sandbox in ctx.store.sandboxes.all()}
    for name in names:
        if name in taken:
            raise AlreadyExists(f"there is a sandbox {name!r} already", fix="Choose another name.")
    most = ctx.settings.value("sandbox-limit")
    if len(taken) + len(names) > most:
        raise PaasError(
            f"there would be more than {most} sandboxes",
            fix="Destroy some, or raise the setting: 'settings:set sandbox-limit N'.",
            code="too-many-sandboxes",
        )
    reference = image or stack_image.ensure(ctx, "")
    found = ctx.scheduler.image(reference)
    if found is None:
        wanted = image_name.parse(reference)
        reference = str(wanted)
        pulls.fetch(ctx, wanted, None, ctx.out, ctx.gone)
        found = ctx.scheduler.image(wanted.full)
    if found is None:
        raise NotFound(
            f"there is no image {reference!r} on this server",
            why="It was pulled, and removed again at this moment.",
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
    """Runs the command, or a shell, in it; the exit status."""
    sandbox = ctx.store.sandboxes.get(name)
    task = _tasks(ctx).get(sandbox.name)
    if task is None or task.status != "running":
        raise NotFound(
            f"the sandbox {name!r} does not run",
            why=f"Its container {task.status if task else 'is gone'}.",
            fix=f"Make another one: 'sandbox:destroy {name}', 'sandbox:create {name}'.",
            code="sandbox-down",
        )
    return runs.execute(ctx, task.id, words, console, on_disconnect=on_disconnect)


def infos(ctx: Context) -> list[SandboxInfo]:
    """All of them, by name."""
    there = _tasks(ctx)
    return [
        SandboxInfo(
            one.name, there[one.name].status if one.name in there else "missing", one.image, one.actor,
            timestamp(one.until),
        )
        for one in ctx.store.sandboxes.all()
    ]  # fmt: skip


def destroy(ctx: Context, name: str) -> None:
    """Removes it with all that is in it."""
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
    """Removes sandboxes whose time is over, in the background: each takes the engine a while, and others wait."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._going: set[str] = set()
        self._settled = False
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandboxes")

    def tick(self) -> float | None:
        """Begins with those whose time is over; when that of the next one is. What fails is tried at the next look."""
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
        _log.info("removing the sandbox %s: its time is over", name)
        try:
            found = self._ctx.store.sandboxes.find(name)
            # Somebody may have destroyed it while it waited here, and made another one.
            if found is not None and found.until <= self._ctx.clock.now():
                _remove(self._ctx, name)
        except PaasError as error:
            _log.error("the sandbox %s can't be removed: %s (%s)", name, error.what, error.why)
        except Exception:  # noqa: BLE001  # nobody else would tell of it
            _log.exception("the sandbox %s can't be removed", name)
        finally:
            with self._lock:
                self._going.discard(name)

    def idle(self) -> bool:
        """Whether none is being removed."""
        return not self._going

    def stop(self) -> None:
        """Nothing new begins."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def settle(ctx: Context) -> None:
    """At the start: removes containers of sandboxes that nobody knows of, left by a crash."""
    # In this order: one that is made at this moment is recorded before it is there.
    there = _tasks(ctx)
    known = {sandbox.name for sandbox in ctx.store.sandboxes.all()}
    for name, task in there.items():
        if name not in known:
            _log.warning("removing container %s: its sandbox is gone", task.name)
            ctx.part(Tasks).remove(task.id)
