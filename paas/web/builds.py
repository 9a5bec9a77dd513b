"""The pages of builds: what a change of an app said, and where its time went."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from paas.web import streaming, views
from paas.web.auth import ask, begin, caller, link, page, start, try_ask

builds = Blueprint("builds", __name__)

UNDER_WAY = ("queued", "running")
MOST_LOG = 200_000
"""Bytes of a log that a page shows, those of its end; all of it has an address of its own."""


@builds.get("/builds")
def recent() -> str:
    """Show the last deployments of all apps."""
    return page("builds.html", builds=ask("builds:list"))


@builds.get("/builds/<int:number>")
def build(number: int) -> str:
    """Show one deployment: its log, and the waterfall of its steps."""
    info = ask("builds:info", target=str(number))
    live = info["status"] in UNDER_WAY
    begins = max(0, info["log_bytes"] - MOST_LOG)
    log = ""
    if info["log_kept"] and not live:
        parameters = {"target": str(number), "after": begins}
        log = link().run(caller(), "builds:output", parameters, look=True).output
    profile = None if live else try_ask("deploy:trace", None, app=info["app"], number=number)
    bars = views.waterfall(profile) if profile else None
    return page("build.html", info=info, live=live, begins=begins, log=log, bars=bars)


@builds.get("/builds/<int:number>/events")
def events(number: int) -> Response:
    """Stream the log of a deployment."""
    begun = begin("builds:output", target=str(number), follow=True)
    return streaming.respond(begun, streaming.SSE, lambda line: {"line": views.shortened(line)})


@builds.get("/builds/<int:number>/output")
def whole(number: int) -> Response:
    """Return the complete log of a deployment."""
    return streaming.text(begin("builds:output", target=str(number)))


@builds.post("/builds/<int:number>/cancel")
def cancel(number: int) -> AnyResponse:
    """Cancel a running deployment; its page shows when it has ended."""
    start("builds:cancel", {"target": str(number)})
    return redirect(url_for("builds.build", number=number), 303)
