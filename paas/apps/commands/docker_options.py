"""``docker-options:*``: options for builds and containers."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core.access.caller import Access
from paas.core.containers import options as dockeroptions
from paas.core.containers.options import BUILD, DEPLOY, PHASES, RUN
from paas.core.errors import NotFound, UsageError
from paas.core.model import App
from paas.jobs.context import Context

# Everything after the phases is the option, whatever its first characters.
PhasesOfOptions = Annotated[
    tuple[str, ...], Arg("PHASES", lambda ctx, text: dockeroptions.phases(text), lambda ctx: PHASES, rest=True)
]
Words = Annotated[str, Arg("OPTION")]
OnePhase = Annotated[tuple[str, ...], Arg("PHASE", lambda ctx, text: dockeroptions.phases(text), lambda ctx: PHASES)]


@command("docker-options:add", access=Access.DEPLOY)
def docker_options_add(ctx: Context, app: args.App, phases: PhasesOfOptions, *option: Words) -> None:
    """Add a Docker option to the builds (phase build), processes (deploy) or one-off runs (run) of an app.

    Separate phases with commas. For build: --build-arg KEY=VALUE, --target, --no-cache, --pull, --network, --add-host,
    --label. For deploy and run: --memory, --cpus, --shm-size, --tmpfs, --ulimit, --add-host, --dns, --label,
    --read-only, --sysctl, --stop-signal. Options that could reach beyond the app's own containers are refused. No
    shell expands the values.
    """
    added = dockeroptions.parse(option, phases)
    for phase in phases:
        before = ctx.store.docker_options.of(app, phase)
        ctx.store.docker_options.set(app, phase, dockeroptions.with_added(before, added))
    _tell(ctx, app, phases)


@command("docker-options:remove", access=Access.DEPLOY)
def docker_options_remove(ctx: Context, app: args.App, phases: PhasesOfOptions, *option: Words) -> None:
    """Remove an option. Write it as it was added."""
    gone = dockeroptions.parse(option, phases)
    found = {phase: ctx.store.docker_options.of(app, phase) for phase in phases}
    for phase, options in found.items():
        for one in gone:
            if one not in options:
                raise NotFound(
                    f"{app.name} has no option {one} for {phase}",
                    fix=f"'docker-options:list {app.name} --phase {phase}' shows those it has.",
                    code="no-such-option",
                )
    for phase, options in found.items():
        ctx.store.docker_options.set(app, phase, [one for one in options if one not in gone])
    _tell(ctx, app, phases)


@command("docker-options:clear", access=Access.DEPLOY)
def docker_options_clear(ctx: Context, app: args.App, phases: OnePhase = PHASES) -> None:
    """Remove all options of the given phases, by default of all phases."""
    for phase in phases:
        ctx.store.docker_options.set(app, phase, ())
    _tell(ctx, app, phases)


def _tell(ctx: Context, app: App, phases: tuple[str, ...]) -> None:
    if app.version is not None:
        how = {BUILD: "ps:rebuild", DEPLOY: "ps:restart"}.get(next((p for p in PHASES if p in phases), RUN), "")
        when = f"release ('{how} {app.name}')" if how else "run"
        ctx.out.detail(f"Saved. Takes effect at the next {when}.")


@command("docker-options:list", access=Access.VIEW)
def docker_options_list(ctx: Context, app: args.App, *, phase: OnePhase) -> list[str]:
    """List the options of a phase, one per line."""
    if len(phase) != 1:
        raise UsageError("docker-options:list takes one phase")
    return [str(option) for option in ctx.store.docker_options.of(app, phase[0])]


@command("docker-options:report", access=Access.VIEW)
def docker_options_report(
    ctx: Context, app: args.App | str = EVERY, *, key: args.Selected = ""
) -> Report | Reports | str:
    """Show the options of an app, or of every app, by phase."""
    return reports(ctx, app, key, lambda one: _report(ctx, one))


def _report(ctx: Context, app: App | None) -> Report:
    assert app is not None
    facts = {phase: " ".join(map(str, ctx.store.docker_options.of(app, phase))) for phase in PHASES}
    return Report(app.name, "docker-options", facts)
