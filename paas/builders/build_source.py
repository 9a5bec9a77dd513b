"""Input of a build: the work tree, and values from properties and settings."""

from __future__ import annotations

from pathlib import Path

from paas.access import remote_credentials
from paas.builders import registries
from paas.builders.base import BuildSource
from paas.core.containers import container
from paas.core.containers.options import BUILD
from paas.core.model import App
from paas.jobs.context import Context


def source(ctx: Context, app: App, commit: str, mark: str) -> BuildSource:
    """Return the input of the app's build for this commit; ``mark`` is put into the environment of its processes."""
    properties = ctx.store.properties.of(app)
    authorities = remote_credentials.ca_file(ctx)
    arguments = {"GIT_REV": commit}
    for key in ("http", "https", "no"):
        value = ctx.settings.value(f"build-{key}-proxy")
        if key == "no" and mark:
            # It identifies its processes, see `paas.system.build_limits.cgroups`.
            value = f"{value},{mark}" if value else mark
        if value:
            # Predefined by BuildKit: they reach RUN steps, but not the image's history.
            arguments[f"{key.upper()}_PROXY"] = arguments[f"{key}_proxy"] = str(value)
    return BuildSource(
        tree=ctx.paths.tree(app),
        build_dir=properties.text("builder", "build-dir"),
        dockerfile=properties.text("builder-dockerfile", "dockerfile-path"),
        labels={container.LABEL_INSTANCE: ctx.engine.instance, container.LABEL_APP_ID: str(app.id)},
        arguments=arguments,
        secrets={"ca": Path(authorities)} if authorities else {},
        timeout=ctx.settings.value("build-timeout"),
        work=ctx.paths.work,
        options=tuple(map(str, ctx.store.docker_options.of(app, BUILD))),
        logins=registries.logins(ctx, app),
    )
