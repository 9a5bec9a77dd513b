"""Whether a build may begin at all on this engine, asked before anything is built."""

from __future__ import annotations

import posixpath

from paas.core import buildsafety, imagefile, imagename
from paas.core.caller import Access
from paas.core.dockeroptions import BUILD
from paas.core.model import App
from paas.drivers.quarantine import Quarantine
from paas.engine import isolation
from paas.engine.context import Context
from paas.engine.jobs import Job

_FRONTEND = "BUILDKIT_SYNTAX"


def check(ctx: Context, app: App, job: Job, commit: str, quarantine: Quarantine | None, recipe: str) -> None:
    """Refuses a build that could get out of it, unless an admin has allowed that; an admin who asks for one is warned.

    ``recipe`` is the Dockerfile that buildpacks gave, empty where the commit has its own.
    """
    if ctx.settings.value(buildsafety.SETTING) or isolation.wanted(ctx):
        return
    version = ctx.scheduler.version()
    if not buildsafety.escapes(version):
        return
    properties = ctx.store.properties.of(app)
    folder, name = properties.text("builder", "build-dir"), properties.text("builder-dockerfile", "dockerfile-path")
    path = posixpath.join(folder, name)
    data = b"" if recipe else ctx.repository(app).read_file(commit, path, quarantine=quarantine) or b""
    text = recipe or data.decode("utf-8", "replace")
    if _runs_nothing(ctx, text):
        return
    if ctx.caller.access < Access.ADMIN:
        raise buildsafety.engine_refused(version)
    for option in ctx.store.docker_options.of(app, BUILD):
        if option.flag == "--build-arg" and option.value.partition("=")[0] == _FRONTEND:
            raise buildsafety.argument_refused(str(option), version)
    for found in buildsafety.dangers(text):
        raise buildsafety.dockerfile_refused("the buildpacks' Dockerfile" if recipe else path, found, version)
    job.out.warning(buildsafety.warning(version))


def _runs_nothing(ctx: Context, dockerfile: str) -> bool:
    """Whether it stands for an image that is here and brings no steps of its own (ONBUILD)."""
    name = imagefile.image_in(dockerfile)
    image = ctx.scheduler.image(imagename.parse(name).full) if name else None
    return image is not None and not image.triggers
