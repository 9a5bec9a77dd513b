"""``git:from-image`` and ``git:load-image``: apps whose code is an image."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.containers import image_name
from paas.core.containers.image_name import ImageName
from paas.jobs.context import Context
from paas.sources import images
from paas.sources.commands.arguments import Email, User, author

Image = Annotated[ImageName, Arg("IMAGE", lambda ctx, text: image_name.parse(text))]


@command("git:from-image", access=Access.DEPLOY)
def git_from_image(
    ctx: Context, app: args.App, image: Image, user: User = "", email: Email = "", *, force: bool = False
) -> None:
    """Deploy an image from a registry, with nothing to build: as a commit, like a push.

    The image's CMD is the process web; a label paas.command.TYPE gives the command of another type. The image that
    serves already is not deployed again, unless --force is given: then it is pulled and deployed anew. Credentials of
    private registries: registry:login. USER and EMAIL are the author of the commit, if given.
    """
    images.from_image(ctx, app, image, force=force, by=author(user, email))


@command("git:load-image", access=Access.DEPLOY, stdin=Stdin.STREAM)
def git_load_image(
    ctx: Context,
    app: args.App,
    image: Image,
    user: User = "",
    email: Email = "",
    *,
    invocation: Invocation,
) -> None:
    """Deploy an image that is sent on standard input, without a registry: docker save IMAGE | ssh … git:load-image.

    IMAGE is its name in the stream, which may be gzipped. Only that image is taken, and only for this app; the
    settings image-max-size is the limit. One for another architecture is refused.
    """
    images.load_image(ctx, app, image, args.input_chunks(invocation), author(user, email))
