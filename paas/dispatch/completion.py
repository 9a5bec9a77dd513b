"""Shell completion: scripts for three shells, and the command that they ask."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import COMMANDS, Arg, Command, command
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue
from paas.dispatch.help import visible
from paas.jobs.context import Context

BASH = """\
_paas() {
    local IFS=$'\\n' words
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    # ':' is a word break for bash: join what it split.
    local line="${COMP_LINE:0:COMP_POINT}"
    IFS=' ' read -r -a words <<< "${line#* }"
    [[ $line == *' ' ]] && words+=('')
    IFS=$'\\n'
    COMPREPLY=($(paas complete -- "${words[@]}" 2>/dev/null))
    local last="${words[${#words[@]}-1]}"
    if [[ $last == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${last%"${last##*:}"}"}")
    fi
}
complete -o nosort -F _paas paas
"""

ZSH = """\
#compdef paas
_paas() {
    local -a found
    found=("${(@f)$(paas complete -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    compadd -Q -- $found
}
compdef _paas paas
"""

FISH = """\
function __paas_complete
    set -l words (commandline -opc) (commandline -ct)
    paas complete -- $words[2..-1] 2>/dev/null
end
complete -c paas -f -a '(__paas_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def _shell(ctx: Context, text: str) -> str:
    if text not in SCRIPTS:
        raise InvalidValue(f"there is no completion for {text!r}", why=f"There is for {', '.join(SCRIPTS)}.")
    return text


@command("completion", access=Access.VIEW)
def completion(ctx: Context, shell: Annotated[str, Arg("SHELL", _shell, choices=tuple(SCRIPTS))]) -> str:
    """Print the completion script for bash, zsh or fish.

    bash: source <(paas completion bash); zsh: source <(paas completion zsh); fish: paas completion fish | source
    """
    return SCRIPTS[shell].rstrip("\n")


@command("complete", access=Access.VIEW, hidden=True)
def complete(ctx: Context, *words: Annotated[str, Arg("WORD", rest=True)]) -> list[str]:
    """List what the last word may become, a line each: commands, apps, flags, process types."""
    *before, last = words or ("",)
    return sorted(word for word in _candidates(ctx, before, last) if word.startswith(last))


def _candidates(ctx: Context, before: list[str], last: str) -> list[str]:
    if not before:
        return [entry.name for entry in visible()]
    entry = COMMANDS.get(before[0])
    if entry is None:
        return []
    if last.startswith("-"):
        return _flags(entry)
    given = [word for word in before[1:] if not word.startswith("-")]
    positional = entry.positional
    if not positional:
        return []
    parameter = positional[min(len(given), len(positional) - 1)]
    if len(given) >= len(positional) and not parameter.many:
        return []
    if parameter.arg.of_app is not None:
        app = ctx.store.apps.find(given[0]) if given else None
        # Suggest nothing that the command itself would refuse to tell.
        return list(parameter.arg.of_app(ctx, app)) if app and ctx.caller.access >= entry.access else []
    return list(parameter.arg.choices or parameter.arg.complete(ctx))


def _flags(entry: Command) -> list[str]:
    own = [parameter.option for parameter in entry.parameters if parameter.flag and not parameter.arg.select]
    own += ["--global"] if any(parameter.arg.scope for parameter in entry.parameters) else []
    own += ["--lock-wait"] if entry.changes_app else []
    own += ["--format"] if entry.value else []
    return [*own, "--help"]
