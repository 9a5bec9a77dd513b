"""The kinds of arguments that commands on deployments share."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg
from paas.core.errors import InvalidValue
from paas.core.model import DeploymentStatus
from paas.jobs.context import Context
from paas.releases.deployments import CURRENT


def _status(ctx: Context, text: str) -> str:
    text = "cancelled" if text == "canceled" else text
    words = [status.value for status in DeploymentStatus]
    if text not in words:
        raise InvalidValue(f"{text!r} is not a status", why=f"A status is one of {', '.join(words)}.")
    return text


def _which(ctx: Context, text: str) -> str:
    if text != CURRENT and not text.isdecimal():
        raise InvalidValue(f"{text!r} is not a build", why=f"It is a number, or {CURRENT!r}.", code="invalid-build")
    return text


Status = Annotated[str, Arg("STATUS", _status, choices=[status.value for status in DeploymentStatus])]
Build = Annotated[str, Arg("APP|NUMBER", complete=args.app_names)]
Which = Annotated[str, Arg("current|NUMBER", _which, lambda ctx: [CURRENT])]
