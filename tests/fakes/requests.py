"""Lines of the edge's access log."""

from __future__ import annotations

import json

from paas.core.logs.requests import FIELDS


def request_line(**said: object) -> str:
    """Return a line of nginx's access log for the app hello, with the given fields."""
    row = {"msec": "1767225600.000", "app": "hello", "app_id": "1", "status": "200", "bytes": 0, "seconds": 0.0}
    row |= {"completion": "OK"} | said
    return json.dumps([row.get(name, "") for name in FIELDS], separators=(",", ":"), ensure_ascii=False) + "\n"
