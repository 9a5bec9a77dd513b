"""Lines of the edge's logs: whose they are, and how they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from paas.core.logs import requests

_SERVER = re.compile(r", (?:server|host): \"?([^,\"]+)\"?")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def combined(line: str) -> str:
    """A line of the access log in the format that is called combined, its time in UTC; "" for no such line."""
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
    """A line of the access log as a JSON object; "" for no such line."""
    row = requests.fields(line)
    return json.dumps(row, ensure_ascii=False) if row else ""


def of_app(number: int) -> Callable[[str], bool]:
    """Says of a line of the access log whether it is of a request to the app of that number."""
    # Sooner than parsing each line: the log of all apps may be long.
    found = requests.wanted(number)
    return lambda line: found.match(f"\n{line}".encode()) is not None


def error_of(line: str, hosts: Sequence[str], names: Sequence[str] = ()) -> bool:
    """Whether a line of the error log speaks of one of the hosts, or has one of the names in it."""
    found = {match.rpartition(":")[0] if re.search(r":\d+$", match) else match for match in _SERVER.findall(line)}
    return bool(found.intersection(hosts)) or any(name in line for name in names)


def plain(line: str) -> str:
    """The line without what could move a terminal's cursor."""
    return _UNSAFE.sub("?", line)


def _quoted(text: str) -> str:
    return _UNSAFE.sub("?", text.replace("\\", "\\\\").replace('"', '\\"'))
