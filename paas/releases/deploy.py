"""One deploy, from a commit to a release that serves. Read this page first."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from paas.builders import build_source, checks, image_checks, plans, registries, safety
from paas.builders.plans import Recipe
from paas.core.apps import environment as variables
from paas.core.apps import procfile
from paas.core.apps import spec as appspec
from paas.core.apps.spec import AppSpec
from paas.core.containers.image import Image
from paas.core.cron import calendar
from paas.core.errors import BuildFailed, Cancelled, PaasError
from paas.core.git import text as committext
from paas.core.git.refs import RefUpdate
from paas.core.jobs.journal import Step
from paas.core.model import App, Draft, Process, Release
from paas.core.secret import Secret
from paas.core.sources import image_file
from paas.edge import domains, release_files
from paas.git.quarantine import Quarantine
from paas.git.repository import repository_of
from paas.git.worktree import update_worktree
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import container_settings
from paas.releases.phases import Phase, phases, run_phase
from paas.releases.released import drop_old_images, tell
from paas.releases.rollout import roll_out
from paas.server import resources
from paas.system import yaml_file
from paas.system.confined import Confined
from paas.system.reserve import Reserve


@dataclass(frozen=True)
class Commit:
    """Commit to deploy. The objects of a push are still in its quarantine.

    ``update`` moves a branch to it. It is recorded together with the release, so that a crash in between loses nothing;
    ``landed`` is called once the release serves, and moves it.
    """

    id: str
    actor: str
    cause: str
    quarantine: Quarantine | None = None
    update: RefUpdate | None = None
    landed: Callable[[], None] = lambda: None


def deploy(ctx: Context, app: App, job: Job, commit: Commit) -> Release:
    """Read, build, release. If anything fails, the release that serves is not touched."""
    job.note(commit=commit.id)
    spec, recipe = read(ctx, app, job, commit)
    domains.check_free(ctx, app, spec.domains)

    image = existing(ctx, build(ctx, app, job, commit, recipe))
    spec = image_checks.complete(ctx, app, job, image, spec)
    if grpc_port := ctx.store.properties.of(app).value("deploy", "grpc-port"):
        spec = appspec.speaking_grpc(spec, grpc_port)

    config, shared = ctx.store.config.all(app), ctx.store.config.all(None)
    draft = Draft(
        image=image.id,
        commit=commit.id,
        processes=processes(image, spec, {**shared, **config}),
        config=config,
        shared=shared,
        actor=commit.actor,
        cause=commit.cause,
        cron=spec.cron,
        static=spec.static,
        container=container_settings.current(ctx, app),
    )
    made = release(
        ctx, app, job, draft,
        first=phases(spec),
        also=partial(note_landing, ctx, job, commit),
        formation=spec.unscaled(ctx.store.apps.formation(app)),
        listed=spec.domains,
    )  # fmt: skip
    commit.landed()
    if spec.postdeploy:
        afterwards(ctx, app, job, made, Phase("postdeploy script", spec.postdeploy))
    return made


def note_landing(ctx: Context, job: Job, commit: Commit) -> None:
    """Record which branch belongs to the release that is being recorded; its objects are kept from here on."""
    if commit.update is not None and commit.quarantine is not None:
        commit.quarantine.keep()
        ctx.store.deployments.land(job.id, commit.update)


def read(ctx: Context, app: App, job: Job, commit: Commit) -> tuple[AppSpec, Recipe | None]:
    """Return the app's description in the commit, and its buildpacks' recipe if any.

    Raise an error for a commit that can't be built.
    """
    properties = ctx.store.properties.of(app)
    repository = repository_of(ctx, app)
    with job.step(Step.READ):
        checks.check(ctx, app, commit.id, commit.quarantine)

        folder = properties.text("builder", "build-dir")
        names = properties.text("ps", "procfile-path"), properties.text("app-json", "appjson-path"), appspec.PAAS_YML
        processes_at, app_json_at, paas_yml_at = [posixpath.join(folder, name) for name in names]
        # All with one git process: each takes some milliseconds to start.
        dockerfile_at = posixpath.join(folder, properties.text("builder-dockerfile", "dockerfile-path"))
        own_files = [processes_at, app_json_at, paas_yml_at]
        others = sorted({dockerfile_at, *plans.choices(properties).values()}.difference(own_files))
        found = repository.read_files(
            commit.id, own_files + others, quarantine=commit.quarantine, limits=dict.fromkeys(others, plans.LARGEST)
        )

        def text(path: str, code: str) -> str:
            return committext.strict(path, found[path] or b"", code)

        commands = procfile.parse(text(processes_at, "invalid-procfile"), processes_at)
        lines = text(app_json_at, "invalid-app-json")
        described = appspec.from_app_json(lines, app_json_at) if lines.strip() else AppSpec()
        lines = text(paas_yml_at, "invalid-paas-yml")
        own = appspec.from_paas_yml(yaml_file.parse(lines, paas_yml_at, "invalid-paas-yml"), paas_yml_at)
        calendar.check_all(own.cron or described.cron)
        known = {**commands, **own.commands}
        work = ctx.part(Confined).for_job(job.cancelled)
        recipe = plans.recipe_of(ctx, app, commit.id, commit.quarantine, known, found, work)
        if recipe:
            commands = {**recipe.plan.processes, **commands}
        spec = appspec.merge(commands, described, own)
        return replace(spec, image=image_file.image_in(committext.lenient(found[dockerfile_at] or b"")) or ""), recipe


def build(ctx: Context, app: App, job: Job, commit: Commit, recipe: Recipe | None = None) -> str:
    """Build the commit from the permanent work tree, so that only changes are sent. Return the image's id."""

    with build_slot(ctx, job):
        resources.check(ctx, app)
        job.out.step(f"Building {app.name} from {commit.id[:10]}")
        if recipe:
            job.out.step(recipe.plan.summary)
        with job.step(Step.BUILD, "Built"):
            repository = repository_of(ctx, app)
            tree = ctx.paths.tree(app)
            update_worktree(repository, commit.id, tree, ctx.paths.index(app), quarantine=commit.quarantine)
            with resources.limited(ctx) as mark:
                source = build_source.source(ctx, app, commit.id, mark)
                if recipe:
                    source = plans.with_recipe(source, recipe)
                safety.check(ctx, app, job, source)
                return ctx.builder.build(source, job.out.detail, job.cancelled)


@contextmanager
def build_slot(ctx: Context, job: Job) -> Iterator[None]:
    """Return a context in which this job may build. While it waits, a newer push may replace it."""

    def waiting(before: int) -> None:
        job.wait_for("a build slot")
        job.out.step(f"Waiting for a build slot ({before} ahead)")

    with ctx.jobs.build_slots.take(waiting, job.cancelled):
        job.begin()
        yield


def existing(ctx: Context, image_id: str) -> Image:
    """Return the image. Raise an error with a fix if it is gone."""
    image = ctx.engine.image(image_id)
    if image is None:
        raise BuildFailed(
            "the image of this release is gone",
            why="It was removed from Docker, but not by the platform.",
            fix="Build it again with 'ps:rebuild' or a push.",
            code="image-gone",
        )
    return image


def processes(image: Image, spec: AppSpec, environment: Mapping[str, Secret]) -> tuple[Process, ...]:
    """Return the process types with their ports, from the app's description, the image and the configured PORT."""
    if not image.has_command and any(one.command is None for one in spec.processes.values()):
        raise BuildFailed(
            "no command to run was found",
            why="The image has neither CMD nor ENTRYPOINT, and the repository has no Procfile.",
            fix='Add CMD ["program", "argument"] to the Dockerfile, or a Procfile with a line "web: program argument".',
            code="no-command",
        )
    variables.check_all(environment)
    port = environment.get("PORT")
    return appspec.processes(spec, image.exposed, port.reveal() if port else None)


def release(
    ctx: Context,
    app: App,
    job: Job,
    draft: Draft,
    *,
    first: Sequence[Phase] = (),
    also: Callable[[], None] | None = None,
    formation: Mapping[str, int] | None = None,
    listed: Sequence[str] | None = None,
) -> Release:
    """Make the draft a release and roll it out. It becomes the current one, or fails.

    ``first`` are commands that must succeed, each in its own container, before anything is started; ``listed`` are the
    domains of its paas.yml, None to keep the recorded ones.
    """
    with job.step(Step.RELEASE):
        made = ctx.store.releases.add(app, draft, ctx.clock.now())
        job.note(version=made.version)
    try:
        ctx.engine.name_image(app, made)
        made = prepared(ctx, app, job, made, [phase for phase in first if phase.kept])
        registries.push(ctx, app, job, made)
        for phase in first:
            if not phase.kept:
                run_phase(ctx, app, job, made, phase)
        release_files.take_out(ctx, app, job, made)
        roll_out(ctx, app, job, made, also=also, formation=formation, listed=listed)
    except BaseException:
        ctx.part(Reserve).spend()
        if ctx.store.releases.fail(made):
            ctx.engine.drop_image(app, made.version)
            release_files.drop(ctx, app, made)
        raise

    drop_old_images(ctx, app, job, made)
    release_files.drop_old(ctx, app, made)
    tell(ctx, app, job, made)
    return made


def prepared(ctx: Context, app: App, job: Job, made: Release, first: Sequence[Phase]) -> Release:
    """Run the commands whose files belong to the image. Return the release with the resulting image."""
    for phase in first:
        image = run_phase(ctx, app, job, made, phase)
        if image != made.image:
            made = ctx.store.releases.set_image(made, image)
            ctx.engine.name_image(app, made)
            job.out.detail("The files it wrote are part of the image.")
    return made


def afterwards(ctx: Context, app: App, job: Job, made: Release, phase: Phase) -> None:
    """Run the command once the release serves. An error is only reported: the release is already public."""
    try:
        run_phase(ctx, app, job, made, phase)
    except Cancelled:
        job.out.warning(f"The {phase.name} was cancelled. v{made.version} is live.")
    except PaasError as error:
        job.out.error(error)
        job.out.warning(f"v{made.version} is live anyway.")


def same_again(ctx: Context, app: App, job: Job, *, actor: str, cause: str, only: str = "") -> None:
    """Replace the containers of the current release, of all process types or ``only`` one.

    If the configuration or the settings of its containers changed since that release, create a new one.
    """
    current = ctx.store.releases.deployed(app)
    config, shared = ctx.store.config.all(app), ctx.store.config.all(None)
    same = (config, shared) == (current.config, current.shared)
    if same and not container_settings.changed(ctx, app, current):
        roll_out(ctx, app, job, current, fresh=[only] if only else None)
    else:
        release(ctx, app, job, reconfigured(ctx, app, current, config, shared, actor=actor, cause=cause))


def reconfigured(
    ctx: Context, app: App, base: Release, config: Mapping[str, Secret], shared: Mapping[str, Secret], *,
    actor: str, cause: str,
) -> Draft:  # fmt: skip
    """Return the base release with another configuration, and with the container settings that ``app`` has now.

    Image and processes are the same; the web port follows PORT.
    """
    spec = appspec.of_release(base.processes)
    return Draft(
        image=base.image,
        commit=base.commit,
        processes=processes(existing(ctx, base.image), spec, {**shared, **config}),
        config=config,
        shared=shared,
        actor=actor,
        cause=cause,
        cron=base.cron,
        static=base.static,
        container=container_settings.current(ctx, app),
    )
