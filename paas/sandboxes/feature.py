"""The feature of sandboxes."""

from __future__ import annotations

from paas.jobs.feature import Feature, Part, Timer
from paas.sandboxes import commands
from paas.sandboxes.sandboxes import Expiry

FEATURE = Feature(
    "sandboxes",
    commands=(commands,),
    parts=(Part(Expiry, Expiry),),
    timers=(Timer("removing sandboxes", lambda ctx: ctx.part(Expiry).tick()),),
    stopped=lambda ctx: ctx.part(Expiry).stop(),
)
