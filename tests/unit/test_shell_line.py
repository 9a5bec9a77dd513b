"""Command lines: which ones are for a shell, and which program takes the shell's place."""

import shutil
import subprocess

import pytest

from paas.core.containers import shell_line
from paas.core.containers.shell_line import CHOICE


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("./web --port 80", ["./web", "--port", "80"]),
        ("python -m app", ["python", "-m", "app"]),
        ("./a b=1", ["./a", "b=1"]),
        ("python source", ["python", "source"]),
    ],
)
def test_plain_words_run_without_a_shell(line, words):
    assert shell_line.argv(line) == words
    assert shell_line.plain(line) == words


@pytest.mark.parametrize(
    "line",
    [
        "./web -p $PORT", "./a && ./b", "./a 'b c'", "FOO=1 ./a", "ls *.py", "~/bin/x", "! ./a", "a | b",
        "exec python srv.py", "source ./env.sh", ". ./env.sh", "cd app", "export A", "ulimit -n 100", "trap", "eval ls",
        "set -e", "umask 022", "exit 3", "[[ a ]]", "if true", "read a", "unset A", "return 1", "type ls",
    ],
)  # fmt: skip
def test_what_only_a_shell_knows_goes_to_bash_or_else_to_sh(line):
    assert shell_line.argv(line) == ["/bin/sh", "-c", CHOICE, shell_line.replacing(line)]
    assert shell_line.plain(line) == ["/bin/sh", "-c", line]


@pytest.mark.parametrize(
    "line",
    [
        "@gunicorn --bind 0.0.0.0:$PORT app",
        "WORKERS=1 @python job.py one",
        "A=\"$B c\" D='e f' @python job.py",
        "cd /app && @python job.py one",
        "cd x || cd y && @python a.py",
        "export A=1; @python srv.py",
        '[ -n "$A" ] && @python srv.py',
        "@gunicorn --workers $(nproc) app",
        '@gunicorn --workers "$(( $(nproc) * 2 + 1 ))" app',
        "A=$(cat 'a b)') @python srv.py",
        "@python srv.py ${PORT:-5000} ${A:+'}'}",
        "@python srv.py >/dev/null 2>&1",
        "2>&1 >log @python srv.py",
        "@python srv.py `hostname`",
        "@python srv.py 'it''s' \\; \\& \"a;b|c\" a\\ b",
        "ulimit -n 4096 && @node server.js",
        "  @node server.js $A  ",
    ],
)
def test_the_last_program_takes_the_place_of_the_shell(line):
    assert shell_line.replacing(line.replace("@", "")) == line.replace("@", "exec ")


@pytest.mark.parametrize(
    "line",
    [
        "python job.py 2>&1 | cat",
        "a & b",
        "a; b &",
        "a; ",
        "a &&",
        "(cd x && python job.py)",
        "{ a; b; }",
        "if true; then a; fi",
        "while true; do a; done",
        "! a",
        "time a $B",
        "[[ -n $PORT ]] && python srv.py",
        "trap 'rm x' EXIT; python srv.py",
        "source ./env.sh && start_server",
        ". ./env.sh; start_server",
        "alias a=b; a",
        "exec python srv.py",
        "cd x",
        "A=1",
        "echo $A",
        "python srv.py; exit 3",
        "$CMD a",
        "\"$DIR/run\" a",
        "~/bin/x",
        "cat <<EOF",
        "python <(ls)",
        "a # b",
        "python 'open",
        "python $(open",
        "python $(case a in a) echo b;; esac)",
        "a\nb",
        "f() { a; }; f",
        "-x $A",
        "",
    ],
)  # fmt: skip
def test_a_line_that_would_mean_something_else_stays_as_it_is(line):
    assert shell_line.replacing(line) == line


SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
LINES = [
    "A=1 env | grep ^A=", "A=1 env A2=3", "cd / && pwd -P; A=x env -u PATH", "false || env -i B=2 /usr/bin/env",
    "export Q='a b'; env -i \"R=$Q\" /usr/bin/env", "true && sh -c 'exit 7'", "no-such-program $A",
    "A=1 sh -c 'echo \"$A\"; exit 9' 2>&1 >/dev/null", "test -n \"$(echo a)\" && expr $((1 + 2))",
]  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", LINES)
def test_a_line_does_the_same_with_and_without_it(shell, line):
    def run(text):
        done = subprocess.run(
            [shell, "-c", text], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
        )
        return done.returncode, [
            row for row in done.stdout.splitlines() if not row.startswith(("_=", "PWD=", "OLDPWD="))
        ]

    assert run(shell_line.replacing(line)) == run(line)
