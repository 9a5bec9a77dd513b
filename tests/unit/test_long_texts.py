"""Texts of others that are long and strange: Python's regular expressions hold up every thread while they search."""

import signal

import pytest

from paas.builders import places
from paas.core.apps import procfile
from paas.core.builds import log as buildlog
from paas.core.builds import version_range
from paas.core.builds.commit_files import CommitFiles
from paas.core.errors import InvalidValue
from paas.system import x509

SECONDS = 10.0
"""Of processor time; each takes some milliseconds, and took minutes when it grew with the square of the length."""
LONG = 200_000


@pytest.fixture(autouse=True)
def limited():
    def over(number, frame):
        raise AssertionError("it takes too long")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/*a/" * 40 + "b"])
def test_a_pattern_of_many_wildcards(pattern):
    path = "a" * 1000 + "/aa" * 1000
    assert CommitFiles((path,)).find([pattern]) == []


def test_a_procfile_with_many_blanks():
    blanks = " " * LONG
    assert procfile.parse(f"{blanks}web{blanks}:{blanks}a{blanks}b{blanks}") == {"web": f"a{blanks}b"}
    with pytest.raises(InvalidValue):
        procfile.parse(f"web{blanks}x")


def test_a_dockerfile_with_many_empty_lines():
    empty = "\n" * LONG
    text = f"{empty}\tfrom  --platform=x paas/stack:trixie AS a{empty}"
    assert places._STACK.findall(text) == ["trixie"]


def test_a_range_of_versions_with_many_blanks():
    blanks = " " * LONG
    assert version_range.allows(f">={blanks}3.10{blanks},<{blanks}4", "3.11", 2) is True
    assert version_range.allows(f">{blanks}!", "3.11", 2) is None


def test_blocks_that_do_not_end():
    begin = "-----BEGIN A-----"
    assert [found[0] for found in x509.PEM.finditer(begin * 50_000 + "x-y\n-----END A-----")] == [
        f"{begin}x-y\n-----END A-----"
    ]
    assert not x509.PEM.search(f"{begin}{'-' * LONG}")


def test_the_step_of_a_build_that_looks_like_many_failures():
    log = buildlog.BuildLog()
    step = "[1/1] RUN " + "echo '::paas-error::" * 20_000
    assert log.feed(f"#1 {step}") == step.rstrip()
