"""Fetches a buildpack from a git repository or a folder of the server; what was fetched never changes afterwards."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from paas.core.buildpackfile import CODE
from paas.core.errors import InvalidValue
from paas.drivers import git_process
from paas.drivers.git import Repository
from paas.drivers.worktree import update_worktree

MOST_FILES, MOST_BYTES = 200, 4 << 20
# A server that sends less than this for so long has stopped.
_PATIENCE = {"GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "30"}


@contextmanager
def from_git(
    parent: Path, address: str, reference: str, *, files: bool, surroundings: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    """Lends a folder with the newest files of the branch or tag (the default branch if none is named), and the commit.

    ``files`` allows repositories on the server's own disk; ``surroundings`` are variables for git, such as proxies.
    Raises `GitFailed` where git can't fetch it, and `InvalidValue` for what can't be a buildpack.
    """
    protocols = "https:http:ssh:git" + (":file" if files else "")
    with _workplace(parent) as place:
        repository = Repository.create(place / "repo.git")
        extra = {**_PATIENCE, **surroundings, "GIT_ALLOW_PROTOCOL": protocols}
        fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", address, reference or "HEAD"]
        git_process.run(repository.path, fetch, extra=extra)
        commit = git_process.run(repository.path, ["rev-parse", "FETCH_HEAD^{commit}"]).decode().strip()
        update_worktree(repository, commit, place / "tree", place / "index")
        _check(place / "tree", address)
        yield place / "tree", commit


@contextmanager
def from_folder(parent: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Lends a copy of the folder, and a digest of its files. Raises `InvalidValue` for what can't be a buildpack."""
    if not folder.is_dir():
        raise InvalidValue(f"{folder} is not a folder on the server", code=CODE)
    _check(folder, str(folder))
    with _workplace(parent) as place:
        shutil.copytree(folder, place / "tree", ignore=shutil.ignore_patterns(".git"))
        digest = hashlib.sha256()
        for path in sorted((place / "tree").rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(place / 'tree')}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        yield place / "tree", digest.hexdigest()[:40]


def keep(tree: Path, target: Path) -> None:
    """Makes the fetched files those of ``target``, at once; one that is there already is the same."""
    if not target.exists():
        tree.rename(target)


def drop_others(parent: Path, versions: set[str]) -> None:
    """Removes the buildpacks that nobody uses."""
    for place in parent.iterdir() if parent.exists() else ():
        if place.name not in versions and not place.name.startswith("."):
            shutil.rmtree(place)


@contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    parent.mkdir(mode=0o700, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix=".new-") as folder:
        yield Path(folder)


def _check(tree: Path, source: str) -> None:
    """A buildpack is a few small files; links might lead to what is not its own."""
    found = [path for path in tree.rglob("*") if ".git" not in path.relative_to(tree).parts]
    link = next((path for path in found if path.is_symlink()), None)
    if link is not None:
        raise InvalidValue(
            f"{source}: {link.relative_to(tree)} is a symbolic link",
            why="The files of a buildpack are read by the server, so none of them may lead elsewhere.",
            fix="Put the file itself there.",
            code=CODE,
        )
    size = sum(path.stat().st_size for path in found if path.is_file())
    if len(found) > MOST_FILES or size > MOST_BYTES:
        raise InvalidValue(
            f"{source} is no buildpack: it has {len(found)} files with {size} bytes",
            why=f"A buildpack has at most {MOST_FILES} files with {MOST_BYTES >> 20} MB.",
            code=CODE,
        )
