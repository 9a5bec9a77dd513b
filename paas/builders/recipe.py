"""The Dockerfile of a plan, from the templates of its buildpacks: the same plan gives the same bytes."""

from __future__ import annotations

import functools
import re
import shlex
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from paas.core import copysource
from paas.core.buildpack import TEMPLATE
from paas.core.buildplan import Plan, Stage
from paas.core.commitfiles import CommitFiles
from paas.core.errors import InvalidValue
from paas.drivers import stack
from paas.resources import folder


def render(plan: Plan, *, cache: str, stamp: str, commands: bool) -> str:
    """The text of the Dockerfile. Its last stage is the app's image.

    ``cache`` begins the names of the build's cache folders, which only builds of the same app share; ``stamp`` stands
    for the values of its variables; ``commands`` says whether the app tells its own web process.
    Raises `InvalidValue` naming the template and the line of a mistake.
    """
    parts = [f"# {plan.summary}"]
    code = "COPY . ./"
    for stage in plan.stages:
        values: dict[str, object] = {"cache": cache, "stamp": stamp, "code": code, "procfile": commands}
        parts.append(_part(plan, stage, {**values, "last": stage is plan.stages[-1]}))
        code = f"COPY --from={stage.buildpack.name} /app/ ./"
    return "\n\n".join(parts) + "\n"


def check(place: Path, name: str) -> None:
    """Raises `InvalidValue` naming file and line where the template in the folder is not one."""
    try:
        environment = _environment(place)
        assert environment.loader
        environment.parse(environment.loader.get_source(environment, TEMPLATE)[0], TEMPLATE)
    except jinja2.TemplateError as error:
        raise _wrong(name, error) from error


def _part(plan: Plan, stage: Stage, values: dict[str, object]) -> str:
    files = CommitFiles(plan.paths)
    try:
        text = _environment(Path(stage.buildpack.folder)).get_template(TEMPLATE).render(
            **values,
            stack=stack.tag(stage.suite),
            suite=stage.suite,
            version=stage.version,
            facts=stage.facts,
            packages=plan.packages,
            present=lambda *patterns: files.find(patterns),
        )
    except jinja2.TemplateError as error:
        raise _wrong(stage.buildpack.name, error) from error
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@functools.lru_cache(maxsize=64)
def _environment(place: Path) -> jinja2.Environment:
    # Kept with the templates that it compiled; it notices when a file has changed.
    # Templates may come from elsewhere: they see what they are given, and no file but their own and lib.j2.
    made = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader([place, folder("buildpacks")]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    made.filters["quote"] = shlex.quote
    made.filters["literals"] = copysource.literals
    return made


def _wrong(name: str, error: jinja2.TemplateError) -> InvalidValue:
    line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
    return InvalidValue(
        f"buildpack {name}: {TEMPLATE}{line}: {error.message or type(error).__name__}",
        why="The template of a buildpack is jinja2, and may use what docs/buildpacks.md lists.",
        fix="Correct the template, and add the buildpack again.",
        code="invalid-buildpack",
    )
