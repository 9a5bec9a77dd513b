"""The feature of health checks."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.properties import Effect, Property
from paas.health import checks, commands
from paas.health.liveness import Liveness
from paas.health.liveness_state import LivenessState
from paas.health.stalls import Stalls
from paas.jobs.feature import Feature, Part

PROPERTIES = (
    Property("checks", "disabled-list", kinds.PROCESS_TYPES, "none",
             "process types without checks, whose old containers stop first (checks:disable)"),
    Property("checks", "skipped-list", kinds.PROCESS_TYPES, "none",
             "process types that are not checked (checks:skip)"),
    Property("checks", "timeout", kinds.duration("1s", "1h"), "60s",
             "how long a new container may take to become healthy, unless its checks set it"),
    Property("checks", "wait-to-retire", kinds.duration("0s", "1d"), "60s",
             "how long an old container may take to finish its requests", Effect.SERVER),
)  # fmt: skip

FEATURE = Feature(
    "health",
    commands=(commands,),
    properties=PROPERTIES,
    changes=("restart",),
    facts={"checks": checks.facts},
    parts=(Part(LivenessState, lambda ctx: LivenessState()),),
    loops=lambda ctx: [Liveness(ctx), Stalls(ctx)],
)
