"""The WSGI application, as gunicorn's worker loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import StrictUndefined

from paas.web import auth, faults, limits, security, views
from paas.web.api import api
from paas.web.apps import apps
from paas.web.builds import builds
from paas.web.daemon_client import Link
from paas.web.login import entry
from paas.web.server import server
from paas.web.sessions import Sessions

LARGEST_BODY = 1 << 20


def instance(root: Path) -> dict[str, Any]:
    """Return the part of the application's configuration that belongs to the instance."""
    link, sessions = Link(root / "control.sock"), Sessions(root / "web" / "sessions")
    return {"LINK": link, "SESSIONS": sessions, "ROOMS": limits.rooms()}


def create(root: Path) -> Flask:
    """Return the dashboard and the API of the instance with the data root ``root``."""
    app = Flask("paas.web", static_url_path="/static")
    app.config.update(instance(root), MAX_CONTENT_LENGTH=LARGEST_BODY, SEND_FILE_MAX_AGE_DEFAULT=3600)
    app.jinja_options = {"undefined": StrictUndefined, "autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters.update(views.FILTERS)
    for blueprint in (api, entry, apps, builds, server):
        app.register_blueprint(blueprint)
    faults.register(app)
    app.before_request(auth.hold_place)
    app.after_request(security.protect)
    return app

