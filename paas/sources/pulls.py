"""Images that are pulled for apps, and go again when no app is one of them: each deploy may bring another."""

from __future__ import annotations

from threading import Event

from paas.builders import registries
from paas.core.containers import image_name
from paas.core.containers.image_name import ImageName
from paas.core.errors import DockerError, PaasError
from paas.core.model import App
from paas.core.sources import image_stream
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.output import Output


def _key(name: str) -> str:
    return f"pulled {image_name.parse(name).full}"


def pull(ctx: Context, job: Job, name: ImageName) -> None:
    """Pull the image; one that only exists on this server is used unchanged. Raise an error for another architecture.

    An image with that name from before the first pull belongs to another program, and is never removed.
    """
    fetch(ctx, name, job.app, job.out, job.cancelled)


def fetch(ctx: Context, name: ImageName, app: App | None, out: Output, cancelled: Event) -> None:
    """Pull the image for an app, or for None with the credentials of all apps."""
    registries.check_server(ctx, name.server)
    out.step(f"Pulling {name}")
    before = ctx.engine.image(name.full)
    try:
        ctx.engine.pull(name, registries.login(ctx, app, name.server), out.detail, cancelled)
    except DockerError as error:
        if error.code == "engine-down" or before is None:
            raise PaasError(
                f"{name} could not be pulled",
                why=image_name.said(error.why or error.what),
                fix=f"Check the name. If the registry needs credentials: 'registry:login {name.server} USER'.",
                code="pull-failed",
            ) from error
        out.detail("It cannot be pulled. The server has an image of that name and uses it.")

    image = ctx.engine.image(name.full)
    if before is None:
        ctx.store.instance.set(_key(str(name)), "yes")
    elif image and image.id != before.id and ctx.store.instance.get(_key(str(name))):
        # The tag has moved; the image that it was at has no name any more.
        ctx.engine.drop_pulled(before.id)
    image_stream.check_architecture(image.architecture if image else "", ctx.engine.architecture(), str(name))


def let_go(ctx: Context, name: str) -> None:
    """Remove the image if it was pulled here."""
    if ctx.store.instance.get(_key(name)):
        ctx.engine.drop_pulled(image_name.parse(name).full)
        ctx.store.instance.set(_key(name), "")
