"""Which ENTRYPOINTs run the commands that an app gives."""

import pytest

from paas.core.builds import entrypoint
from paas.core.errors import BuildFailed


@pytest.mark.parametrize(
    ("words", "swallows"),
    [
        ((), False),
        (("/bin/sh", "-c", "python3 srv.py --from-the-image"), True),
        (("/bin/bash", "-o", "pipefail", "-c", "x"), False),
        (("/bin/bash", "-ec", "exec srv"), True),
        (("/bin/bash", "-lc"), True),
        (("/bin/sh", "-c", 'exec "$@"', "sh"), False),
        (("/bin/sh", "-c", "exec srv ${*}", "sh"), False),
        (("docker-entrypoint.sh",), False),
        (("/bin/sh", "/entrypoint.sh"), False),
        (("python3", "-c", "x"), False),
    ],
)
def test_a_line_for_a_shell_does_not_look_at_commands(words, swallows):
    assert entrypoint.swallows(words) is swallows


def test_commands_that_a_shell_would_swallow_are_refused_with_what_to_write():
    with pytest.raises(BuildFailed) as raised:
        entrypoint.check(("/bin/sh", "-c", "python3 srv.py"), {"'web'": "python3 web.py", "predeploy": "x"})
    assert raised.value.lines() == [
        "the image's ENTRYPOINT would not run the app's commands: 'web', predeploy",
        "It is a line for a shell (/bin/sh -c 'python3 srv.py'), and the shell ignores added arguments. "
        "Each command would run the image's own program.",
        'Turn ENTRYPOINT into CMD in the Dockerfile, or write it as a list (ENTRYPOINT ["program"]) with a program '
        "that runs its arguments. [shell-entrypoint]",
    ]
    entrypoint.check(("/bin/sh", "-c", "python3 srv.py"), {})


@pytest.mark.parametrize("program", ["python3", "/usr/bin/python3.12", "node", "java"])
def test_an_interpreter_takes_plain_words_and_no_shell(program):
    entrypoint.check((program,), {"'web'": "srv.py --port 80"})
    with pytest.raises(BuildFailed) as raised:
        entrypoint.check((program,), {"'web'": "srv.py --port $PORT"})
    assert raised.value.code == "entrypoint-needs-shell"
    assert f"'{program} srv.py --port $PORT'" in raised.value.fix


def test_any_other_program_may_run_its_arguments():
    entrypoint.check(("docker-entrypoint.sh",), {"'web'": "srv.py --port $PORT"})
    entrypoint.check(("tini", "--"), {"'web'": "cd x && y"})
