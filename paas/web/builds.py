"""The pages of builds: what a change of an app said, and where its time went."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from paas.web import shapes, streaming
from paas.web.people import ask, begin, caller, link, page, start, try_ask

builds = Blueprint("builds", __name__)

UNDER_WAY = ("queued", "running")
MOST_LOG = 200_000
"""Characters of a log that a page shows; the rest is above, and the command line has it."""


@builds.get("/builds")
def recent() -> str:
    """The last changes of all apps."""
    return page("builds.html", builds=ask("builds:list"))


@builds.get("/builds/<int:number>")
def build(number: int) -> str:
    """One change: its log, and the waterfall of its steps."""
    info = ask("builds:info", target=str(number))
    live = info["status"] in UNDER_WAY
    log = ""
    if info["log_kept"] and not live:
        log = link().run(caller(), "builds:output", {"target": str(number)}, look=True).output[-MOST_LOG:]
    profile = None if live else try_ask("deploy:trace", None, app=info["app"], number=number)
    return page("build.html", info=info, live=live, log=log, bars=shapes.waterfall(profile) if profile else None)


@builds.get("/builds/<int:number>/events")
def events(number: int) -> Response:
    """The log of a change as it comes."""
    return streaming.respond(begin("builds:output", target=str(number), follow=True), streaming.SSE)


@builds.post("/builds/<int:number>/cancel")
def cancel(number: int) -> AnyResponse:
    """Has a change that is under way end; its page shows when it has."""
    start("builds:cancel", {"target": str(number)})
    return redirect(url_for("builds.build", number=number), 303)
