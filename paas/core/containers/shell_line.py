"""Command lines: which of them need a shell, and where the last program of one begins.

Grammar: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
import shlex

BUILTINS = {
    ".", ":", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "disown", "eval", "exec",
    "exit", "export", "fg", "getopts", "hash", "jobs", "let", "local", "mapfile", "popd", "pushd", "read",
    "readarray", "readonly", "return", "set", "shift", "shopt", "source", "times", "trap", "type", "typeset",
    "ulimit", "umask", "unalias", "unset",
}  # fmt: skip
"""Builtins without an equivalent program."""
KEYWORDS = {
    "!", "[[", "{", "}", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
}  # fmt: skip
ALSO_PROGRAMS = {"[", "echo", "false", "kill", "printf", "pwd", "test", "true"}
"""Builtins that also exist as programs, which may be missing in an image, or behave differently."""
OPAQUE = {".", "alias", "eval", "exec", "source", "trap"}
"""Builtins after which a word may be a function or an alias, or after which the shell has work to do at its end."""

_SPECIAL = re.compile(r"[$`\"'\\|&;<>(){}*?\[\]~#!\n]|^\s*\w+=")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_WORD = re.compile(r"[A-Za-z0-9_./@%:,+][A-Za-z0-9_./@%:,+-]*")
_BREAKS = " \t;&|<>()\n"

CHOICE = 'command -v bash >/dev/null 2>&1 && exec bash -c "$0"; exec /bin/sh -c "$0"'
"""Script that runs the line after it with the image's best shell."""


def argv(line: str) -> list[str]:
    """Return the argument list for a command line.

    Plain words run directly. Anything that a shell would interpret runs in bash if the image has it, else in sh. The
    last program of the line replaces the shell if that changes nothing else.
    """
    if needs_shell(line):
        return ["/bin/sh", "-c", CHOICE, replacing(line)]
    return shlex.split(line)


def plain(line: str) -> list[str]:
    """Return the argument list with sh only, for a line that ends soon."""
    return ["/bin/sh", "-c", line] if needs_shell(line) else shlex.split(line)


def needs_shell(line: str) -> bool:
    """Return True if the line needs a shell: it has a character that a shell interprets, or begins with a builtin."""
    first = line.split(maxsplit=1)[:1]
    return bool(_SPECIAL.search(line)) or bool(first and first[0] in BUILTINS | KEYWORDS)


def replacing(line: str) -> str:
    """Return the line with ``exec`` before its last program, so that the program gets the shell's signals.

    The line is unchanged if that could change its meaning: the last command is a pipeline, a group or a builtin, a trap
    is set, something runs in the background, or the line is not understood.
    """
    at = _last_program(line)
    return line if at is None else f"{line[:at]}exec {line[at:]}"


def _last_program(line: str) -> int | None:
    """Return the position of the name of the last program."""
    position, program = 0, None
    expects_program = True
    while position < len(line):
        letter = line[position]
        if letter in " \t":
            position += 1
        elif line.startswith(("&&", "||"), position) or (letter == ";" and not line.startswith(";;", position)):
            if expects_program:
                return None
            position += 1 if letter == ";" else 2
            expects_program = True
        elif letter in "<>" or (letter.isdigit() and re.match(r"\d+[<>]", line[position:])):
            end = _redirection(line, position)
            if end is None:
                return None
            position = end
        elif letter in "&|()#\n":
            return None
        else:
            end = _word(line, position)
            if end is None:
                return None
            word = line[position:end]
            if expects_program and not _ASSIGNMENT.match(word):
                if word in KEYWORDS or word in OPAQUE:
                    return None
                program = position if _WORD.fullmatch(word) and word not in BUILTINS | ALSO_PROGRAMS else None
                expects_program = False
            position = end
    return None if expects_program else program


def _redirection(line: str, at: int) -> int | None:
    """Return the end of the redirection that begins at ``at``; None for here-documents, process substitutions and
    similar.
    """
    match = re.compile(r"\d*(>>|>\||[<>]&?)[ \t]*").match(line, at)
    if match is None or line[match.end() : match.end() + 1] in ("", *"<>&|;()"):
        return None
    return _word(line, match.end())


def _word(line: str, at: int) -> int | None:
    """Return the end of the word that begins at ``at``, None if it has none."""
    position = at
    while position < len(line) and line[position] not in _BREAKS:
        end = _piece(line, position)
        if end is None:
            return None
        position = end
    return position if position > at else None


def _piece(line: str, at: int) -> int | None:
    """Return the end of one character of a word, or of a quoted or expanded part of it."""
    letter = line[at]
    if letter == "\\":
        return at + 2 if at + 1 < len(line) and line[at + 1] != "\n" else None
    if letter == "'":
        end = line.find("'", at + 1)
        return None if end < 0 else end + 1
    if letter == '"':
        return _until(line, at + 1, '"')
    if letter == "`":
        end = line.find("`", at + 1)
        return None if end < 0 or "\\" in line[at:end] else end + 1
    if line.startswith("$(", at):
        return _until(line, at + 2, ")")
    if line.startswith("${", at):
        return _until(line, at + 2, "}")
    return at + 1


def _until(line: str, at: int, closing: str) -> int | None:
    """Return the position after the character that closes what began before ``at``."""
    position = at
    while position < len(line):
        letter = line[position]
        if letter == closing:
            return position + 1
        if closing == ")" and letter == "(":
            end = _until(line, position + 1, ")")
        elif closing == '"' and letter == "'":
            end = position + 1
        elif closing == ")" and (letter == "#" or line.startswith("case", position)):
            # A comment or a pattern may contain a parenthesis that closes nothing.
            return None
        else:
            end = _piece(line, position)
        if end is None:
            return None
        position = end
    return None
