"""The git side: what ``git push``, ``git clone`` and ``git fetch`` run. Properties of git are in `properties`."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.core.errors import NotFound
from paas.git.receive_pack import serve_receive_pack
from paas.git.repository import repository_of
from paas.git.upload_pack import serve_upload_pack
from paas.jobs.context import Context
from paas.sources import receive
from paas.system.spans import Recorder, recording

RepositoryPath = Annotated[str, Arg("REPOSITORY")]


@command("git-receive-pack", access=Access.DEPLOY, hidden=True, stdin=Stdin.STREAM)
def git_receive_pack(ctx: Context, path: RepositoryPath, *, invocation: Invocation) -> Exit:
    """Take a push: what git runs on the server."""
    app = receive.app_for_push(ctx, path)
    with recording(Recorder(ctx.clock.monotonic)):
        status = serve_receive_pack(
            repository_of(ctx, app),
            invocation.stdin,
            invocation.stdout,
            receive.PushReceiver(ctx, app),
            max_pack_bytes=ctx.settings.value("max-pack-size"),
        )
    return Exit(status)


@command("git-upload-pack", access=Access.VIEW, hidden=True, stdin=Stdin.STREAM)
def git_upload_pack(ctx: Context, path: RepositoryPath, *, invocation: Invocation) -> Exit:
    """Serve a clone or fetch: what git runs on the server."""
    app = ctx.store.apps.get(receive.app_in_path(path))
    status = serve_upload_pack(
        repository_of(ctx, app),
        invocation.stdin,
        invocation.stdout,
        invocation.stderr,
        protocol=invocation.environment.get("GIT_PROTOCOL", ""),
    )
    return Exit(status)


@command("git-upload-archive", access=Access.VIEW, hidden=True)
def git_upload_archive(ctx: Context, path: RepositoryPath) -> None:
    """Refuse: archives are not served."""
    raise NotFound("this server does not serve archives", fix="Use git clone.", code="no-archives")
