"""``buildpacks:*``: what builds apps that have no Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.builders import buildpacks, plans
from paas.builders.buildpack_folders import shipped
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Text
from paas.core.access.caller import Access
from paas.core.builds.buildpack import Buildpack
from paas.core.errors import InvalidValue
from paas.jobs.context import Context


def _place(ctx: Context, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise InvalidValue(f"{text!r} is not a position", why="A position is a number from 1 to 99.")
    return int(text)


Source = Annotated[str, Arg("NAME|URL|FOLDER", complete=lambda ctx: [pack.name for pack in shipped()])]
Place = Annotated[int, Arg("N", _place)]
Reference = Annotated[str, Arg("BRANCH|TAG")]


@dataclass(frozen=True)
class BuildpackRow:
    """Row of ``buildpacks:list``."""

    place: int
    name: str
    title: str
    source: str
    version: str


def _told(ctx: Context, pack: Buildpack, where: str) -> None:
    version = f" at {pack.version[:10]}" if pack.version else ""
    ctx.out.step(f"Added buildpack {pack.name}{version} to {where}. Takes effect at the next build.")


@command("buildpacks:add", access=Access.DEPLOY)
def buildpacks_add(
    ctx: Context, app: args.AdminScope, source: Source, *, index: Place = 0, ref: Reference = ""
) -> None:
    """Add a buildpack to the chain of an app, at its end or at the place --index; with --global offer it to all apps.

    It is given by its name, by the URL of a git repository (URL#BRANCH, or --ref), or by an admin as a folder of the
    server. One from elsewhere is checked, and stays at the commit that it has now; adding it again takes the newest.
    """
    _told(ctx, buildpacks.add(ctx, app, source, reference=ref, index=index), app.name if app else "all apps")


@command("buildpacks:set", access=Access.DEPLOY)
def buildpacks_set(ctx: Context, app: args.App, source: Source, *, index: Place = 1, ref: Reference = "") -> None:
    """Put a buildpack in the first place of an app's chain, or in the place --index, instead of the one there."""
    _told(ctx, buildpacks.replace(ctx, app, source, reference=ref, index=index), app.name)


@command("buildpacks:remove", access=Access.DEPLOY)
def buildpacks_remove(ctx: Context, app: args.AdminScope, name: Annotated[str, Arg("NAME|URL")]) -> None:
    """Take a buildpack out of the chain of an app; with --global out of what is offered to all apps."""
    buildpacks.remove(ctx, app, name)
    ctx.out.step(f"Removed buildpack {name} from {app.name if app else 'all apps'}")


@command("buildpacks:clear", access=Access.DEPLOY)
def buildpacks_clear(ctx: Context, app: args.App) -> None:
    """Forget the chain of an app: its buildpacks are detected again."""
    buildpacks.clear(ctx, app)
    ctx.out.step(f"{app.name} is built with the buildpacks that are detected")


@command("buildpacks:list", access=Access.VIEW)
def buildpacks_list(ctx: Context, app: args.App | None = None) -> list[BuildpackRow]:
    """List the chain of an app; without an app, all buildpacks in the order in which a commit is looked at."""
    packs = {pack.name: pack for pack in buildpacks.available(ctx, app)}
    names = buildpacks.chain(ctx, app) if app else tuple(packs)
    found = [(place, packs[name]) for place, name in enumerate(names, 1) if name in packs]
    return [BuildpackRow(place, pack.name, pack.title, pack.source, pack.version[:10]) for place, pack in found]


@command("buildpacks:detect", access=Access.VIEW)
def buildpacks_detect(ctx: Context, app: args.App) -> Text:
    """Show the Dockerfile that the newest commit of the deploy branch is built with, and why; nothing is built."""
    found = plans.newest(ctx, app)
    if found is None:
        ctx.out.step(f"{app.name} is built with its own Dockerfile")
        return Text("", {"builder": plans.DOCKERFILE, "reason": "", "buildpacks": [], "dockerfile": ""})
    ctx.out.step(found.plan.summary)
    names = [stage.buildpack.name for stage in found.plan.stages]
    facts = {stage.buildpack.name: dict(stage.facts) for stage in found.plan.stages}
    return Text(
        found.shown(),
        {
            "builder": plans.BUILDPACK,
            "reason": found.plan.reason,
            "buildpacks": names,
            "facts": facts,
            "processes": dict(found.plan.processes),
            "dockerfile": found.shown(),
        },
    )
