import pytest

from paas.core.errors import UsageError
from paas.ssh.command import split


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", []),
        ("apps:list", ["apps:list"]),
        ("-- --quiet apps:list", ["--quiet", "apps:list"]),
        ("run app -- ls -l", ["run", "app", "--", "ls", "-l"]),
        ("git-receive-pack '/my app.git'", ["git-receive-pack", "/my app.git"]),
        ("config:set app KEY='two words' A=b\\ c \"D=e\"", ["config:set", "app", "KEY=two words", "A=b c", "D=e"]),
        ("config:set app KEY='line 1\nline 2'", ["config:set", "app", "KEY=line 1\nline 2"]),
        ("echo $HOME `id` ; rm -rf / | cat", ["echo", "$HOME", "`id`", ";", "rm", "-rf", "/", "|", "cat"]),
        ("config:set app É=ü # not a comment", ["config:set", "app", "É=ü", "#", "not", "a", "comment"]),
        ("x ''", ["x", ""]),
    ],
)
def test_words_are_split_as_a_shell_does_and_nothing_is_expanded(command, words):
    assert split(command) == words


NONSENSE = ["'open", 'also "open', "ends with \\", "a\0b", "bell\a", "\x1b[2J", "\x7f", "x" * 70_000]


@pytest.mark.parametrize("command", NONSENSE)
def test_what_makes_no_sense_is_refused(command):
    with pytest.raises(UsageError) as caught:
        split(command)

    assert caught.value.status == 2
    assert caught.value.why
    assert caught.value.fix
