"""Shell completion: what the scripts ask, and the scripts themselves in a real shell where there is one."""

import shutil
import subprocess

import pytest

from fakes import DEPLOYER, VIEWER
from paas.commands.declare import COMMANDS


def words(server, line, caller=VIEWER):
    result = server.run(["complete", "--", *line.split(" ")], caller=caller)
    assert (result.status, result.err) == (0, "")
    return result.out.split()


def test_commands_are_completed_without_the_hidden_ones(server):
    assert words(server, "apps:li") == ["apps:list"]
    assert words(server, "") == sorted(name for name, command in COMMANDS.items() if not command.hidden)
    assert words(server, "git-") == []


def test_releases_and_variables_are_completed_for_who_may_use_them(hello):
    hello.run("config:set hello GREETING=x OTHER=y")
    assert words(hello, "releases:rollback hello ", DEPLOYER) == ["v1", "v2"]
    assert words(hello, "config:unset hello G", DEPLOYER) == ["GREETING"]
    assert words(hello, "config:unset hello GREETING O", DEPLOYER) == ["OTHER"]
    assert words(hello, "config:unset hello ") == []


def test_apps_are_completed_where_an_app_stands(hello):
    hello.run("apps:create help-desk")
    assert words(hello, "apps:info he") == ["hello", "help-desk"]
    assert words(hello, "config:set hel") == ["hello", "help-desk"]
    assert words(hello, "apps:info hello ") == []
    assert words(hello, "apps:create he") == []


def test_flags_keys_and_process_types_are_completed(hello):
    assert words(hello, "config:set --") == ["--encoded", "--global", "--help", "--lock-wait", "--no-restart"]
    assert words(hello, "ps:report --f") == ["--format"]
    assert words(hello, "ps:set hello ") == ["procfile-path", "stop-timeout-seconds"]
    assert words(hello, "settings:set keep-i") == ["keep-images"]
    assert words(hello, "ps:scale hello ", DEPLOYER) == ["web=", "worker="]
    assert words(hello, "ps:scale hello web=1 w", DEPLOYER) == ["web=", "worker="]
    assert words(hello, "ps:scale nope w", DEPLOYER) == []
    assert words(hello, "ps:restart hello w", DEPLOYER) == ["web", "worker"]
    assert words(hello, "checks:disable hello web wo", DEPLOYER) == ["worker"]
    assert words(hello, "ssh-keys:add me --r") == ["--role"]
    assert words(hello, "help domains:a") == ["domains:add", "domains:add-global"]
    assert words(hello, "completion ") == ["bash", "fish", "zsh"]
    assert words(hello, "nope x") == []
    assert words(hello, "version ") == []


def test_a_script_for_each_shell(server):
    for shell, begin in (("bash", "_paas() {"), ("zsh", "#compdef paas"), ("fish", "function __paas_complete")):
        result = server.run(f"completion {shell}", caller=VIEWER)
        assert result.status == 0
        assert result.out.startswith(begin)
    assert server.run("completion tcsh") == (
        2,
        "",
        " !     there is no completion for 'tcsh'\n !     There is for bash, zsh, fish. [invalid-value]\n",
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "asked", "offered", "expected"),
    [
        ("paas apps:in", ["apps:in"], ["apps:info"], ["info"]),
        ("paas apps:info he", ["apps:info", "he"], ["hello"], ["hello"]),
        ("paas ps:scale hello ", ["ps:scale", "hello", ""], ["web=", "worker="], ["web=", "worker="]),
        ("paas ", [""], ["apps:list", "help"], ["apps:list", "help"]),
    ],
)
def test_the_script_for_bash_asks_with_the_words_and_shows_the_rest(server, tmp_path, typed, asked, offered, expected):
    script = tmp_path / "paas.bash"
    script.write_text(server.run("completion bash").out)
    lines = "\n".join(offered)
    # Readline splits words at ':' as well, and the scripts have to put them together again.
    split = typed.replace(":", " : ").split(" ")
    program = f"""
        . {script}
        paas() {{ printf '%s\\n' "$@" >{tmp_path}/asked; printf '%s\\n' '{lines}'; }}
        COMP_LINE='{typed}' COMP_POINT={len(typed)} COMP_WORDBREAKS=$' \\t\\n:='
        COMP_WORDS=({" ".join(f"'{word}'" for word in split)}) COMP_CWORD={len(split) - 1}
        _paas
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    shown = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "asked").read_text().split("\n")[:-1] == ["complete", "--", *asked]
    assert shown.split() == expected
