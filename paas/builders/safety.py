"""Check before a build that it may run on this Docker Engine."""

from __future__ import annotations

from paas.access import remote_credentials
from paas.builders import isolation
from paas.builders.base import BuildSource
from paas.core.access.caller import Access
from paas.core.builds import safety, servers
from paas.core.builds.servers import Reference
from paas.core.containers import image_name
from paas.core.egress import EgressRefused
from paas.core.model import App
from paas.core.sources import image_file
from paas.jobs.context import Context
from paas.jobs.jobs import Job

_FRONTEND = "BUILDKIT_SYNTAX"
RESOLVE_SECONDS = 5.0


def check(ctx: Context, app: App, job: Job, source: BuildSource) -> None:
    """Raise an error for a build that could escape, or that would make Docker connect to what only the host can reach.

    Isolated builds are not restricted.
    """
    if isolation.wanted(ctx):
        return
    text, path = _text(source)
    if _runs_nothing(ctx, text):
        return
    _check_safety(ctx, job, source, text, path)
    _check_reach(ctx, source, text, path)


def _text(source: BuildSource) -> tuple[str, str]:
    """Return the Dockerfile as it is built, and its name. The builder reports a missing one."""
    if source.recipe:
        return source.recipe, "the buildpacks' Dockerfile"
    file = source.tree / source.build_dir / source.dockerfile
    inside = file.resolve().is_relative_to(source.tree.resolve()) and file.is_file()
    return file.read_text(encoding="utf-8", errors="replace") if inside else "", source.dockerfile


def _runs_nothing(ctx: Context, text: str) -> bool:
    """Return True if it names an existing image without ONBUILD steps."""
    name = image_file.image_in(text)
    image = ctx.engine.image(image_name.parse(name).full) if name else None
    return image is not None and not image.triggers


def _arguments(source: BuildSource) -> dict[str, str]:
    words = [option.removeprefix("--build-arg=") for option in source.options if option.startswith("--build-arg=")]
    return dict(word.partition("=")[::2] for word in words)


def _check_safety(ctx: Context, job: Job, source: BuildSource, text: str, path: str) -> None:
    """Raise an error for builds of non-admins on a Docker Engine that lets builds escape, and for known escapes, unless
    an admin has allowed everything.
    """
    if ctx.settings.value(safety.SETTING):
        return
    version = ctx.engine.version()
    if not safety.escapes(version):
        return
    if ctx.caller.access < Access.ADMIN:
        raise safety.engine_refused(version)
    if _FRONTEND in (arguments := _arguments(source)):
        raise safety.argument_refused(f"--build-arg {_FRONTEND}={arguments[_FRONTEND]}", version)
    for found in safety.dangers(text):
        raise safety.dockerfile_refused(path, found, version)
    job.out.warning(safety.warning(version))


def _check_reach(ctx: Context, source: BuildSource, text: str, path: str) -> None:
    """Raise an error for servers on the host or its private networks."""
    found = list(servers.references(text, _arguments(source)))
    rules = remote_credentials.egress(ctx)
    resolved = ctx.host.resolve(sorted({one.host for one in found}), RESOLVE_SECONDS) if found else {}
    for one in found:
        try:
            # A name that does not resolve is not connected to either.
            rules.check(one.server, sorted(resolved[one.host] or ()))
        except EgressRefused as error:
            raise servers.refusal(path, one, error.why, error.fix) from error
        _check_told(one, path)


def _check_told(found: Reference, path: str) -> None:
    if "$" in found.host:
        why = "The server is not known before the build."
        raise servers.refusal(path, found, why, "Name the server, or set the variable in the Dockerfile.")
