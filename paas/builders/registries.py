"""Registries: credentials, and pushing releases."""

from __future__ import annotations

from paas.access import remote_credentials
from paas.core.access.remote_credentials import Login
from paas.core.containers import image_name
from paas.core.containers.image_name import DOCKER_HUB, ImageName
from paas.core.errors import DeployFailed, DockerError, NotFound, PaasError
from paas.core.jobs.journal import Step
from paas.core.model import App, Release
from paas.jobs.context import Context
from paas.jobs.feature import Facts
from paas.jobs.jobs import Job
from paas.store.access import REGISTRY, Logins


def logins(ctx: Context, app: App | None) -> dict[str, Login]:
    """Return the credentials that the app may use, by server: its own override those for all apps (None)."""
    return ctx.store.table(Logins).all(REGISTRY) | (ctx.store.table(Logins).all(REGISTRY, app) if app else {})


def login(ctx: Context, app: App | None, server: str) -> Login | None:
    """Return the credentials for one registry, None if there are none."""
    return logins(ctx, app).get(server)


def check_server(ctx: Context, server: str) -> None:
    """Raise `EgressRefused` for a registry that must not be connected to on behalf of users."""
    if server != DOCKER_HUB:
        remote_credentials.check_host(ctx, server.partition(":")[0])


def keep(ctx: Context, app: App | None, server: str, given: Login) -> None:
    """Save credentials, for the app or for all apps, if the registry accepts them."""
    check_server(ctx, server)
    try:
        ctx.engine.check_login(server, given)
    except DockerError as error:
        if error.code == "engine-down":
            raise
        raise PaasError(
            f"{server} refused the credentials of {given.user}",
            why=image_name.said(error.why or error.what),
            fix="Check name and password. Many registries need a token instead of the password.",
            code="login-refused",
        ) from error
    ctx.store.table(Logins).set(REGISTRY, server, given, app)


def forget(ctx: Context, app: App | None, server: str) -> None:
    """Remove them."""
    if not ctx.store.table(Logins).remove(REGISTRY, server, app):
        raise NotFound(f"no credentials for {server} are stored", fix="'registry:report' lists them.")


def names(ctx: Context, app: App, version: int) -> list[ImageName]:
    """Return the names of a release in the registry: its number is the tag, then the additional tags."""
    properties = ctx.store.properties.of(app)
    server = properties.text("registry", "server")
    path = properties.text("registry", "image-repo") or f"paas/{app.name}"
    repository = path if server == DOCKER_HUB else f"{server}/{path}"
    tags = [str(version), *(properties.value("registry", "push-extra-tags") or ())]
    return [ImageName(repository, server, tag, "") for tag in tags]


def push(ctx: Context, app: App, job: Job, made: Release) -> None:
    """Push the release's image if the app is configured so. Raise `DeployFailed` if the registry refuses it."""
    if not ctx.store.properties.of(app).value("registry", "push-on-release"):
        return
    with job.step(Step.PUSH, "Pushed"):
        for name in names(ctx, app, made.version):
            check_server(ctx, name.server)
            job.out.step(f"Pushing {name}")
            try:
                ctx.engine.push(made.image, name, login(ctx, app, name.server), job.out.detail, job.cancelled)
            except DockerError as error:
                raise DeployFailed(
                    f"v{made.version} could not be pushed as {name}",
                    why=image_name.said(error.why or error.what),
                    fix=f"Check 'registry:report {app.name}'. Credentials: 'registry:login {app.name} {name.server} "
                    "USER'.",
                    code="push-failed",
                ) from error


def facts(ctx: Context, app: App) -> Facts:
    """Return the registries for which the app has passwords, and the name of its image."""
    known = {server: login.user for server, login in logins(ctx, app).items()}
    return {
        "logins": ", ".join(f"{server} ({user})" for server, user in sorted(known.items())),
        "image": str(names(ctx, app, app.version or 1)[0]),
    }
