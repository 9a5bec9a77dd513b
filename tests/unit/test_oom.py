"""Programs that the server runs for others go before the server when memory is out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from paas.git import process
from paas.system.oom import SCORE, expendable


def test_a_child_goes_first():
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            expendable(child.pid)
            assert Path(f"/proc/{child.pid}/oom_score_adj").read_text() == f"{SCORE}\n"
        finally:
            child.kill()
    expendable(child.pid)


@pytest.mark.real("git")
def test_so_does_git(tmp_path: Path):
    process.run(tmp_path, ["init", "-q", "--bare", str(tmp_path)])
    with process.start(tmp_path, ["cat-file", "--batch"], stdin=subprocess.PIPE) as child:
        assert Path(f"/proc/{child.pid}/oom_score_adj").read_text() == f"{SCORE}\n"
        child.communicate()
