"""From a commit to an image."""

from __future__ import annotations

from paas.builders import plans, registries
from paas.builders.commands import buildpacks, registry
from paas.builders.isolation import WATCH_SECONDS, BuilderSupervisor
from paas.core import values as kinds
from paas.core.model import App
from paas.core.properties import Property
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Part
from paas.jobs.loop import Loop
from paas.store.buildpacks import Buildpacks
from paas.system.confined import Confined


def _copy(ctx: Context, app: App, copy: App) -> None:
    ctx.store.table(Buildpacks).copy(app, copy)


PROPERTIES = (
    Property("builder", "build-dir", kinds.RELATIVE_PATH, "",
             "the folder of the repository that the app is in; empty for its top"),
    Property("builder", "selected", kinds.choice("dockerfile", "buildpack", "image"), "",
             "how the app is built (image: not at all); empty: with its Dockerfile, else with buildpacks"),
    Property("builder-dockerfile", "dockerfile-path", kinds.RELATIVE_PATH, "Dockerfile",
             "where the Dockerfile is, relative to the build folder"),
    Property("buildpacks", "chain", kinds.BUILDPACKS, "",
             "the buildpacks that build the app, in order (buildpacks:add); empty: detected"),
    Property("buildpacks", "stack", kinds.choice("bookworm", "trixie"), "",
             "the Debian to build on; empty: the newest with a version that the app asks for"),
    Property("registry", "image-repo", kinds.IMAGE_REPOSITORY, "",
             "what releases are called in the registry; empty: paas/ and the name of the app"),
    Property("registry", "push-extra-tags", kinds.IMAGE_TAGS, "",
             "additional tags of each release, separated by commas"),
    Property("registry", "push-on-release", kinds.BOOLEAN, "false",
             "push the image of each release to the registry before it is started"),
    Property("registry", "server", kinds.REGISTRY, "docker.io", "the registry that releases are pushed to"),
)  # fmt: skip

FEATURE = Feature(
    "builders",
    commands=(buildpacks, registry),
    properties=PROPERTIES,
    facts={"builder": plans.facts, "registry": registries.facts},
    tables=(Buildpacks,),
    parts=(Part(Confined, lambda ctx: Confined()),),
    folders=("buildpacks",),
    loops=lambda ctx: [
        Loop("supervising the builder", BuilderSupervisor(ctx).tick, ctx.clock, WATCH_SECONDS),
        ctx.part(Confined),
    ],
    copied=_copy,
)
