"""Checks after a build: the app's description inside the image, and whether the image runs the commands of the app."""

from __future__ import annotations

from paas.core.apps import procfile
from paas.core.apps import spec as appspec
from paas.core.apps.spec import AppSpec
from paas.core.builds import entrypoint
from paas.core.containers.image import Image
from paas.core.cron import calendar
from paas.core.git import text as committext
from paas.core.model import App
from paas.jobs.context import Context
from paas.jobs.jobs import Job


def complete(ctx: Context, app: App, job: Job, image: Image, spec: AppSpec) -> AppSpec:
    """Return the description completed from the image. Raise an error if its ENTRYPOINT ignores the commands.

    An app whose code is an image has its Procfile and app.json in there. Process types in the image's labels count if
    no file defines any.
    """
    if spec.image:
        spec = _inside(ctx, app, image.id, spec)
    if not spec.commands:
        spec = appspec.with_commands(spec, image.commands)
    entrypoint.check(image.entrypoint, _commands(spec))
    if entrypoint.swallows(image.entrypoint):
        job.out.warning("The image's ENTRYPOINT is a shell command line, so 'run' cannot run other commands in it.")
    return spec


def _commands(spec: AppSpec) -> dict[str, str]:
    """Return all commands of the app, by name."""
    given = {f"'{kind}'": command for kind, command in spec.commands.items()}
    given |= {name: text for name, text in (("predeploy", spec.predeploy), ("postdeploy", spec.postdeploy)) if text}
    return given | {f"cron entry {entry.id}": entry.command for entry in spec.cron}


def _inside(ctx: Context, app: App, image_id: str, spec: AppSpec) -> AppSpec:
    """Return the description from the files in the image's WORKDIR, unchanged if there are none."""
    properties = ctx.store.properties.of(app)
    paths = properties.text("ps", "procfile-path"), properties.text("app-json", "appjson-path")
    found = ctx.engine.read_files(app, image_id, paths)
    lines, described = [
        committext.strict(path, found.get(path) or b"", code)
        for path, code in zip(paths, ("invalid-procfile", "invalid-app-json"), strict=True)
    ]
    if not lines.strip() and not described.strip():
        return spec
    commands = procfile.parse(lines, f"{paths[0]} of the image")
    own = appspec.from_app_json(described, f"{paths[1]} of the image") if described.strip() else AppSpec()
    calendar.check_all(own.cron)
    return appspec.merge(commands, own, AppSpec())
