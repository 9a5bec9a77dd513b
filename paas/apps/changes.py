"""Carry out a change of what an app runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from paas.apps import locks
from paas.core.errors import PaasError
from paas.core.model import App
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.output import Output

_T = TypeVar("_T")


def change(ctx: Context, app: App, kind: str, cause: str, work: Callable[[Job], _T]) -> _T:
    """Run ``work`` as a job under the app's lock and show its log to the caller. Return the result of ``work``."""
    locks.enter(ctx, app)
    return ctx.jobs.run(
        app,
        kind=kind,
        actor=ctx.caller.name,
        cause=cause,
        work=work,
        watch=ctx.out.chatter,
        gone=ctx.gone,
        began=ctx.out.began,
    )


def each(ctx: Context, apps: Sequence[App], act: Callable[[Context, App], None], parallel: int = 1) -> None:
    """Call ``act`` for every app. Report each failure, continue with the other apps, and raise an error at the end.

    With ``parallel``, that many apps run at a time, and the output of each app is printed when it is done.
    """
    if len(apps) == 1:
        act(ctx, apps[0])
        return

    def attempt(own: Context, app: App) -> bool:
        try:
            locks.enter(own, app)
            act(own, app)
        except PaasError as error:
            own.out.warning(f"{app.name}:")
            own.out.error(error)
            return False
        return True

    def apart(app: App) -> bool:
        said = bytearray()
        done = attempt(replace(ctx, out=Output(said.extend, said.extend)), app)
        ctx.out.chatter(bytes(said))
        return done

    if parallel == 1:
        failed = [app.name for app in apps if not attempt(ctx, app)]
    else:
        with ThreadPoolExecutor(parallel) as pool:
            failed = [app.name for app, done in zip(apps, pool.map(apart, apps), strict=True) if not done]
    if failed:
        raise PaasError(
            f"{len(failed)} of {len(apps)} apps failed: {', '.join(failed)}",
            why="See the errors above.",
            code="some-failed",
        )
