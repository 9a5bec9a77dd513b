"""``git:*``: deploying code that was not pushed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue, UsageError
from paas.core.git import url as giturl
from paas.core.sources import archive
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.releases import landing
from paas.sources import imports, sync
from paas.sources.commands.arguments import Email, User, author
from paas.sources.sync import When

STDIN = "--"


def _archive_type(ctx: Context, text: str) -> str:
    if text not in archive.TYPES:
        raise InvalidValue(f"{text!r} is not a type of archive", why=f"It is one of {', '.join(archive.TYPES)}.")
    return text


ArchiveType = Annotated[str, Arg("TYPE", _archive_type, lambda ctx: archive.TYPES)]


@command("git:from-archive", access=Access.DEPLOY, stdin=Stdin.STREAM)
def git_from_archive(
    ctx: Context,
    app: args.App,
    url: Annotated[str, Arg("URL|--")] = STDIN,
    user: User = "",
    email: Email = "",
    *,
    archive_type: ArchiveType = "",
    invocation: Invocation,
) -> None:
    """Deploy an archive (tar, tar.gz or zip) from an https URL, or from standard input: as a commit, like a push.

    If all of it is in one folder, that folder is the app. Links that lead out, absolute paths and device nodes are
    refused; git:set --global archive-max-files, -size and -ratio are the limits. What serves already is not deployed
    again. USER and EMAIL are the author of the commit, if given.
    """
    by = author(user, email)
    if url == STDIN:
        imports.from_archive(ctx, app, args.input_chunks(invocation), archive_type, by)
    else:
        imports.from_archive_url(ctx, app, url, archive_type, by)


@command("git:sync", access=Access.DEPLOY)
def git_sync(
    ctx: Context,
    app: args.App,
    url: Annotated[str, Arg("URL")],
    ref: Annotated[str, Arg("REF", lambda ctx, text: giturl.ref(text))] = "",
    *,
    build: bool = False,
    build_if_changes: bool = False,
    skip_deploy_branch: bool = False,
) -> None:
    """Fetch a branch, tag or commit from another git server (https, ssh or git), and deploy it with --build.

    REF is the deploy branch if it is not given, and before there is one the server's own main branch. A branch becomes
    the deploy branch, unless --skip-deploy-branch is given. --build-if-changes deploys only a commit that has not
    served yet. Without either flag the commit is only stored. Credentials: git:auth, git:generate-deploy-key.
    """
    if build and build_if_changes:
        raise UsageError("git:sync takes --build or --build-if-changes, not both")
    when = When.ALWAYS if build else When.CHANGED if build_if_changes else When.NEVER
    sync.sync(ctx, app, giturl.repository(url), ref, when, keep_branch=skip_deploy_branch)


@command("git:initialize", access=Access.DEPLOY)
def git_initialize(ctx: Context, app: args.App) -> None:
    """Make the git repository of an app, if it is not there yet: one can clone it then. A push does the same."""
    repository_of(ctx, app)
    ctx.out.step(f"{app.name} has a repository")


@dataclass(frozen=True)
class BranchStatus:
    """Result of ``git:status``: the deploy branch with its newest commit, the one that serves, and its origin."""

    branch: str
    head: str
    subject: str
    deployed: str
    up_to_date: bool
    source: str
    source_metadata: str


@command("git:status", access=Access.VIEW)
def git_status(ctx: Context, app: args.App) -> BranchStatus:
    """Show the deploy branch, its newest commit, whether that serves, and where it came from."""
    head, current = landing.head(ctx, app), ctx.store.releases.current(app)
    origin = ctx.store.sources.of(app, current.commit) if current else None
    return BranchStatus(
        branch=ctx.store.properties.of(app).text("git", "deploy-branch"),
        head=head.sha if head else "",
        subject=head.subject if head else "",
        deployed=current.commit if current else "",
        up_to_date=bool(head and current and head.sha == current.commit),
        source=origin.kind if origin else "",
        source_metadata=origin.detail if origin else "",
    )
