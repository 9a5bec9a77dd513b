"""The kept work tree: right afterwards whatever was there before, and untouched where it was right."""

import os
import shutil
import stat
import subprocess

import pytest

from paas.git.process import GitFailed
from paas.git.quarantine import Quarantine
from paas.git.repository import Repository
from paas.git.worktree import update_worktree

pytestmark = pytest.mark.real("git")

SURROUNDINGS = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull} | {
    f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


class Place:
    """A repository with a source to commit from, and the work tree under test."""

    def __init__(self, folder):
        self.repository = Repository.create(folder / "app.git")
        self.source = folder / "source"
        self.tree = folder / "tree"
        self.index = folder / "tree.index"
        self.source.mkdir()

    def git(self, *arguments, objects=None):
        extra = {"GIT_DIR": str(self.repository.path), "GIT_WORK_TREE": str(self.source)}
        if objects:
            extra["GIT_OBJECT_DIRECTORY"] = str(objects)
        subprocess.run(["git", *arguments], env=SURROUNDINGS | extra, cwd=self.source, check=True, capture_output=True)

    def commit(self, objects=None):
        self.git("add", "-A", objects=objects)
        self.git("commit", "-q", "--allow-empty", "-m", "x", objects=objects)
        return self.repository.resolve("HEAD")

    def update(self, commit, quarantine=None):
        update_worktree(self.repository, commit, self.tree, self.index, quarantine=quarantine)

    def picture(self, folder):
        """Every path with its kind, executable bit, and content or target."""
        found = {}
        for path in sorted(folder.rglob("*")):
            if ".git" in path.relative_to(folder).parts:
                continue
            if path.is_symlink():
                found[str(path.relative_to(folder))] = ("link", str(path.readlink()))
            elif path.is_file():
                found[str(path.relative_to(folder))] = (bool(path.stat().st_mode & 0o100), path.read_bytes())
        return found

    def is_right(self):
        return self.picture(self.tree) == self.picture(self.source)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    (place.source / "sub" / "deep").mkdir(parents=True)
    (place.source / "Dockerfile").write_text("FROM scratch\n")
    (place.source / "sub" / "deep" / "data").write_bytes(bytes(range(256)))
    (place.source / "sub" / "run").write_text("#!/bin/sh\n")
    (place.source / "sub" / "run").chmod(0o755)
    (place.source / "link").symlink_to("sub/run")
    (place.source / "away").symlink_to("/etc/passwd")
    return place


def identity(path):
    facts = path.lstat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def test_a_first_checkout_has_every_file_with_its_mode_and_every_link(place):
    place.update(place.commit())
    assert place.is_right()
    assert not (place.tree / ".git").exists()


def test_files_are_readable_by_the_program_in_the_image_whatever_the_umask_of_the_server(place):
    before = os.umask(0o077)
    try:
        place.update(place.commit())
    finally:
        os.umask(before)
    assert stat.S_IMODE((place.tree / "Dockerfile").stat().st_mode) == 0o644
    assert stat.S_IMODE((place.tree / "sub" / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((place.tree / "sub").stat().st_mode) == 0o755


def test_only_what_changed_is_written(place):
    place.update(place.commit())
    before = {path: identity(path) for path in place.tree.rglob("*") if not path.is_dir()}

    (place.source / "Dockerfile").write_text("FROM other\n")
    (place.source / "new").write_text("1")
    place.update(place.commit())

    assert place.is_right()
    changed = {path.name for path, facts in before.items() if identity(path) != facts}
    assert changed == {"Dockerfile"}


def test_a_file_becomes_a_folder_a_folder_a_link_and_the_other_way(place):
    first = place.commit()
    place.update(first)
    shutil.rmtree(place.source / "sub")
    (place.source / "sub").symlink_to("Dockerfile")
    (place.source / "link").unlink()
    (place.source / "link").mkdir()
    (place.source / "link" / "x").write_text("x")
    second = place.commit()

    place.update(second)
    assert place.is_right()

    place.git("reset", "-q", "--hard", first)
    place.update(first)
    assert place.is_right()


def test_damage_by_hand_is_repaired(place):
    sha = place.commit()
    place.update(sha)
    (place.tree / "Dockerfile").write_text("FROM evil!!!\n")
    (place.tree / "sub" / "run").chmod(0o644)
    (place.tree / "sub" / "deep" / "data").unlink()
    (place.tree / "link").unlink()
    (place.tree / "link").mkdir()
    (place.tree / "link" / "junk").write_text("x")
    (place.tree / "junk" / ".git").mkdir(parents=True)
    (place.tree / "junk" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (place.tree / ".gitignore").write_text("*\n")
    (place.tree / "node_modules").mkdir()

    place.update(sha)
    assert place.is_right()
    assert {path.name for path in place.tree.iterdir()} == {"Dockerfile", "sub", "link", "away"}


def test_a_change_of_the_same_size_within_the_same_moment_is_repaired(place):
    sha = place.commit()
    place.update(sha)
    facts = (place.tree / "Dockerfile").stat()
    (place.tree / "Dockerfile").write_text("FROM scrotch\n")
    os.utime(place.tree / "Dockerfile", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    place.update(sha)
    assert place.is_right()


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage", "folder", "locked"])
def test_a_damaged_index_is_repaired(place, damage):
    place.update(place.commit())
    (place.source / "new").write_text("1")
    if damage == "locked":
        place.index.with_name("tree.index.lock").write_text("")
    else:
        place.index.unlink()
    if damage == "empty":
        place.index.write_text("")
    elif damage == "garbage":
        place.index.write_bytes(b"DIRC" + os.urandom(100))
    elif damage == "folder":
        (place.index / "x").mkdir(parents=True)

    place.update(place.commit())
    assert place.is_right()


def test_a_run_that_was_killed_half_way_is_made_good(place):
    first = place.commit()
    place.update(first)
    (place.source / "Dockerfile").write_text("FROM second\n")
    (place.source / "new").write_text("new")
    second = place.commit()
    old_index = place.index.read_bytes()
    place.update(second)

    # The files of the second commit are there, the index is still that of the first, and its lock is left.
    place.index.write_bytes(old_index)
    place.index.with_name("tree.index.lock").write_bytes(old_index)
    place.git("reset", "-q", "--hard", first)
    place.update(first)
    assert place.is_right()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_tree_that_is_no_folder_is_made_one_and_the_target_of_a_link_is_left_alone(place, kind, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    if kind == "file":
        place.tree.write_text("x")
    else:
        place.tree.symlink_to(elsewhere)

    place.update(place.commit())
    assert place.is_right()
    assert (elsewhere / "precious").exists()


def test_an_update_survives_that_the_last_ones_objects_are_gone(place):
    first = place.commit()
    place.update(first)
    (place.source / "sub" / "new").write_text("refused")
    with Quarantine(place.repository) as quarantine:
        second = place.commit(quarantine.objects)
        place.update(second, quarantine)
        assert place.is_right()

    place.git("update-ref", "refs/heads/main", first)
    place.git("read-tree", first)
    (place.source / "sub" / "new").write_text("accepted")
    place.update(place.commit())
    assert place.is_right()


def test_a_commit_that_is_not_there_is_an_error(place):
    place.commit()
    with pytest.raises(GitFailed):
        place.update("1" * 40)


def test_no_filter_runs_that_the_user_of_the_server_has_set_up(place, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text(f'[filter "evil"]\n\tsmudge = touch {tmp_path}/ran; cat\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    (place.source / ".gitattributes").write_text("* filter=evil\n")

    place.update(place.commit())

    assert place.is_right()
    assert not (tmp_path / "ran").exists()
