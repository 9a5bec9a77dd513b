"""Rules for names. A name that breaks its rule is refused with the rule, never corrected."""

from __future__ import annotations

import re

from paas.core.errors import InvalidValue

_APP = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_PROCESS = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,63}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}")


def app_name(text: str) -> str:
    """Check the name of an app: a host name label, or several joined by dots; it becomes part of the app's default
    domain.
    """
    if not _APP.fullmatch(text) or ".." in text or ".-" in text or "-." in text or text.endswith(".git"):
        raise InvalidValue(
            f"{text!r} is not a name for an app",
            why="A name has 1 to 63 of the characters a-z, 0-9, '-' and '.', starts and ends with a letter or digit, "
            "and does not end in '.git'.",
            fix="Choose another name, for instance 'my-app'.",
            code="invalid-app-name",
        )
    return text


def process_type(text: str) -> str:
    """Check the name of a process type, as in a Procfile: a DNS label of at most 32 characters."""
    if not _PROCESS.fullmatch(text):
        raise InvalidValue(
            f"{text!r} is not a name for a process type",
            why="A process type has 1 to 32 of the characters a-z, 0-9 and '-', and starts and ends with a letter or "
            "digit.",
            fix="Rename it in the Procfile, for instance 'web' or 'worker'.",
            code="invalid-process-type",
        )
    return text


def variable(text: str) -> str:
    """Check the name of a configuration variable, as in a POSIX shell."""
    if not _VARIABLE.fullmatch(text) or len(text) > 255:
        raise InvalidValue(
            f"{text!r} is not a name for a configuration variable",
            why="A name has letters, digits and '_', and does not start with a digit.",
            fix="Choose another name, for instance 'DATABASE_URL'.",
            code="invalid-variable",
        )
    return text


def key_name(text: str) -> str:
    """Check the name of a public key."""
    if not _KEY.fullmatch(text):
        raise InvalidValue(
            f"{text!r} is not a name for a key",
            why="A name has 1 to 64 letters, digits and '@', '.', '_', '+', '-', and starts with a letter or digit.",
            fix="Choose another name, for instance 'alice-laptop'.",
            code="invalid-key-name",
        )
    return text


def branch(text: str) -> str:
    """Check the name of a git branch without ``refs/heads/``, by slightly stricter rules than git-check-ref-format(1).
    """
    parts = text.split("/")
    if (
        not _BRANCH.fullmatch(text)
        or ".." in text
        or any(not part or part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
    ):
        raise InvalidValue(
            f"{text!r} is not a name for a branch",
            why="A branch has letters, digits and '_', '-', '.', '+', '/'; no part is empty or starts or ends with '.'",
            fix="Give the branch as git shows it, for instance 'main'.",
            code="invalid-branch",
        )
    return text
