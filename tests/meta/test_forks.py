"""The plugin that runs the fast tests must lose no test and hide no failure."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sources import ROOT

GOOD = """
import os, pytest
@pytest.fixture(scope="module", params=["a", "b"])
def shared(request):
    yield request.param
    print("let go", file=open(os.environ["SEEN"], "a"))
@pytest.mark.parametrize("number", range(30))
def test_it(number, shared):
    print(f"{number}{shared}", file=open(os.environ["SEEN"], "a"))
"""
MIXED = """
import warnings
def test_good(): pass
def test_bad():
    print("what it printed")
    assert 1 == 2
def test_warned(): warnings.warn("about this")
def test_skipped(): __import__("pytest").skip("for this reason")
def test_no_fixture(nowhere): pass
"""
DEADLY = """
import os
def test_good(): pass
def test_deadly(): os._exit(0)
"""


def run(folder: Path, text: str, *options: str) -> tuple[int, str]:
    (folder / "test_some.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-p", "tests.forks", "--forks", "2", "-p", "no:cacheprovider", "-ra"]
    found = subprocess.run(
        [*words, f"--rootdir={folder}", f"--basetemp={folder}/tmp", "-c", "/dev/null", *options, folder],
        cwd=ROOT, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SEEN": str(folder / "seen")}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    return found.returncode, found.stdout + found.stderr


def test_each_test_runs_once_and_what_they_share_is_let_go(tmp_path):
    status, out = run(tmp_path, GOOD)
    assert (status, "60 passed" in out) == (0, True), out
    seen = (tmp_path / "seen").read_text().split("\n")
    assert sorted(line for line in seen if re.fullmatch(r"\d+[ab]", line)) == sorted(
        f"{number}{shared}" for number in range(30) for shared in "ab"
    )
    assert "let go" in seen


def test_what_is_not_good_is_told(tmp_path):
    status, out = run(tmp_path, MIXED)
    assert status == 1
    for told in ("what it printed", "UserWarning: about this", "for this reason", "fixture 'nowhere' not found"):
        assert told in out
    assert "1 failed, 2 passed, 1 skipped, 1 warning, 1 error" in out


def test_a_process_that_dies_fails_the_run(tmp_path):
    status, out = run(tmp_path, DEADLY)
    assert status == 1
    assert "died in test_some.py::test_deadly, status 0" in out
