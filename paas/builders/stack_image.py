"""The stack image, from which apps can be built without any registry."""

from __future__ import annotations

from paas.builders import buildkit, stack
from paas.jobs.context import Context


def ensure(ctx: Context, suite: str) -> str:
    """Create the stack image of that Debian suite (default: the host's) unless it exists. Return its name."""
    wanted = suite or stack.default_suite()
    return stack.ensure(wanted, docker_cli=buildkit.cli()[0], progress=ctx.out.detail)
