"""Lines of nginx's logs: filtering by app, and formats."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from paas.core.logs import requests

_SERVER = re.compile(r", (?:server|host): \"?([^,\"]+)\"?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def combined(line: str) -> str:
    """Convert a line of the access log to the combined format, with the time in UTC; "" for an invalid line."""
    row = requests.fields(line)
    if row is None:
        return ""
    when = datetime.fromisoformat(str(row["time"])).strftime("%d/%b/%Y:%H:%M:%S %z")
    request = f'{row["method"]} {row["path"]} {row["protocol"]}'
    return (
        f'{row["client"]} - - [{when}] "{_quoted(request)}" {row["status"]} {row["bytes"]} '
        f'"{_quoted(str(row["referrer"] or "-"))}" "{_quoted(str(row["agent"] or "-"))}"'
    )


def as_json(line: str) -> str:
    """Convert a line of the access log to a JSON object; "" for an invalid line."""
    row = requests.fields(line)
    return json.dumps(row, ensure_ascii=False) if row else ""


def of_app(number: int) -> Callable[[str], bool]:
    """Return a filter for lines of the access log about requests to the app with that id."""
    # Faster than parsing each line: the log of all apps may be long.
    found = requests.wanted(number)
    return lambda line: found.match(f"\n{line}".encode()) is not None


def error_of(line: str, hosts: Sequence[str], names: Sequence[str] = ()) -> bool:
    """Return True if a line of the error log is about one of the hosts, or contains one of the names."""
    found = {match.rpartition(":")[0] if re.search(r":\d+$", match) else match for match in _SERVER.findall(line)}
    return bool(found.intersection(hosts)) or any(name in line for name in names)


def plain(line: str) -> str:
    """Return the line without control characters."""
    return _UNSAFE.sub("?", line)


def _quoted(text: str) -> str:
    return _UNSAFE.sub("?", text.replace("\\", "\\\\").replace('"', '\\"'))
