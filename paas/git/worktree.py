"""The permanent work tree of an app: a checkout in which only changed files are written."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from paas.core.errors import DiskFull
from paas.git import process
from paas.git.quarantine import Quarantine
from paas.git.repository import Repository

logger = logging.getLogger(__name__)


def update_worktree(
    repository: Repository, commit: str, tree: Path, index: Path, *, quarantine: Quarantine | None = None
) -> None:
    """Make ``tree`` exactly the content of ``commit``, and ``index`` git's record of it (a file outside of ``tree``).

    Unchanged files keep their times and inodes, so that a builder that compares them only transfers changes. Everything
    else is repaired: missing or changed files, files that aren't in the commit, a missing or broken index, the traces
    of a killed run. Symbolic links and modes are kept; no filter or hook runs. The caller ensures that there is one
    update of a tree at a time. Raise `git_process.GitFailed`.
    """
    try:
        _update(repository, commit, tree, index, quarantine)
    except (process.GitFailed, DiskFull) as error:
        # A new tree needs less disk space than the old files beside new ones.
        logger.warning("the work tree %s is made anew: %s", tree, error)
        _remove(tree)
        _remove(index)
        _update(repository, commit, tree, index, quarantine)


def _update(repository: Repository, commit: str, tree: Path, index: Path, quarantine: Quarantine | None) -> None:
    if tree.is_symlink() or not tree.is_dir():
        _remove(tree)
    made = not tree.exists()
    tree.mkdir(parents=True, exist_ok=True)
    index.with_name(index.name + ".lock").unlink(missing_ok=True)

    surroundings = {"GIT_WORK_TREE": str(tree), "GIT_INDEX_FILE": str(index)}
    surroundings |= quarantine.environment() if quarantine else {}
    process.run(repository.path, ["read-tree", "--reset", "-u", commit], extra=surroundings, directory=tree)
    if not made:
        process.run(repository.path, ["clean", "-ffdxq"], extra=surroundings, directory=tree)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
