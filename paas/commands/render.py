"""Results as text for users, or as JSON for programs."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any

from paas.core.errors import PaasError
from paas.core.secret import Secret


@dataclasses.dataclass(frozen=True)
class Report:
    """Facts about one thing, under stable keys; ``namespace`` begins each label."""

    subject: str
    namespace: str
    facts: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Reports:
    """The reports of several apps; as JSON an object that has them by app."""

    reports: Sequence[Report]


@dataclasses.dataclass(frozen=True)
class Exit:
    """A result that is only an exit status, as of ``apps:exists``."""

    status: int


@dataclasses.dataclass(frozen=True)
class Judged:
    """A result after which, once it is shown, the command fails with the error if there is one."""

    value: Any
    error: PaasError | None = None


@dataclasses.dataclass(frozen=True)
class Text:
    """A result that is text already; ``data`` is what ``--format json`` shows."""

    text: str
    data: Any = None


def as_json(value: Any) -> str:
    """Return the result as indented JSON."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    match value:
        case Report():
            return dict(value.facts)
        case Reports():
            return {report.subject: dict(report.facts) for report in value.reports}
        case Text():
            return value.text if value.data is None else _plain(value.data)
        case Secret():
            return str(value)
        case enum.Enum():
            return value.value
        case Mapping():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case str():
            return value
        case Sequence():
            return [_plain(entry) for entry in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def as_text(value: Any, *, headings: bool) -> str:
    """Return the result as text, with a newline at its end unless it is empty.

    ``headings``: with titles and column names.
    """
    lines = _lines(value, headings)
    return "".join(f"{line}\n" for line in lines)


def _lines(value: Any, headings: bool) -> list[str]:
    match value:
        case None:
            return []
        case Text():
            # Not splitlines(): a value may have other characters that it takes for the ends of lines.
            return value.text.removesuffix("\n").split("\n") if value.text else []
        case Report():
            return _report(value, headings)
        case Reports():
            # Even where headings are not wanted: they say which app it is.
            return [line for report in value.reports for line in _report(report, headings=True)]
        case Mapping():
            return _pairs([(str(key), _cell(entry)) for key, entry in value.items()], "")
        case str():
            return [value]
        case Sequence():
            return _sequence(value, headings)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return _pairs([(name.replace("_", " "), _cell(getattr(value, name))) for name in names], "")
        case _:
            return [_cell(value)]


def _sequence(values: Sequence[Any], headings: bool) -> list[str]:
    if values and dataclasses.is_dataclass(values[0]):
        names = [field.name for field in dataclasses.fields(values[0])]
        return _table(names, [[_cell(getattr(row, name)) for name in names] for row in values], headings)
    if values and isinstance(values[0], Mapping):
        return _table(list(values[0]), [[_cell(entry) for entry in row.values()] for row in values], headings)
    return [_cell(value) for value in values]


def _table(names: Sequence[str], cells: list[list[str]], headings: bool) -> list[str]:
    if headings:
        cells.insert(0, [name.replace("_", " ").upper() for name in names])
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _report(report: Report, headings: bool) -> list[str]:
    pairs = [
        (f"{report.namespace} {key}".replace("-", " ").capitalize() + ":", value)
        for key, value in report.facts.items()
    ]
    title = [f"=====> {report.subject} {report.namespace} information"] if headings else []
    return title + _pairs(pairs, "       ")


def _pairs(pairs: Sequence[tuple[str, str]], indent: str) -> list[str]:
    width = max((len(key) for key, _ in pairs), default=0) + 2
    return [f"{indent}{key:<{width}}{value}".rstrip() for key, value in pairs]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_cell(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_cell(entry) for entry in value)
    return str(value)
