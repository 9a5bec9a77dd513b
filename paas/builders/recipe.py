"""Dockerfile of a plan, from the templates of its buildpacks: an equal plan gives equal bytes."""

from __future__ import annotations

from pathlib import Path

from paas.builders import stack, template
from paas.core.builds.plan import BuildPlan, Stage
from paas.system.confined import Work


def render(
    plan: BuildPlan, work: Work, *, cache: str, stamp: str, commands: bool, index_stamp: str = ""
) -> str:
    """Return the text of the Dockerfile. Its last stage is the app's image.

    ``cache`` is the prefix of the build's cache folders, which only builds of the same app share; ``stamp`` changes
    with its variables, ``index_stamp`` with those that say where packages come from, empty if it has none; ``commands``
    is true if the app defines its own web process. Raise `InvalidValue` naming the template and the line of an error.
    """
    parts = [f"# {plan.summary}"]
    code = "COPY . ./"
    for stage in plan.stages:
        values: dict[str, object] = {"cache": cache, "stamp": stamp, "code": code, "procfile": commands}
        values["index_stamp"] = index_stamp
        parts.append(_part(plan, stage, work, {**values, "last": stage is plan.stages[-1]}))
        code = f"COPY --from={stage.buildpack.name} /app/ ./"
    return "\n\n".join(parts) + "\n"


def check(place: Path, name: str, work: Work) -> None:
    """Raise `InvalidValue` naming file and line if the template in the folder is invalid."""
    work("check", f"the template of {name}", {"name": name, "sources": template.sources(place, name)})


def _part(plan: BuildPlan, stage: Stage, work: Work, values: dict[str, object]) -> str:
    pack = stage.buildpack
    known = {
        **values,
        "stack": stack.tag(stage.suite),
        "suite": stage.suite,
        "version": stage.version,
        "facts": dict(stage.facts),
        "packages": plan.packages,
    }
    place = Path(pack.folder)
    if not pack.version:
        return template.shipped(place, pack.name, known, plan.paths)
    given = {"name": pack.name, "sources": template.sources(place, pack.name), "values": known, "paths": plan.paths}
    return str(work("template", f"the template of the buildpack {pack.name}", given))
