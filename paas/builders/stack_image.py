"""The stack image, which apps can be built from without any registry."""

from __future__ import annotations

from paas.builders import buildkit, stack
from paas.jobs.context import Context


def ensure(ctx: Context, suite: str) -> str:
    """Makes the stack image of that Debian suite, the host's own for an empty one, unless it is there; its name."""
    wanted = suite or stack.default_suite()
    return stack.ensure(wanted, docker_cli=buildkit.cli()[0], progress=ctx.out.detail)
