"""One app's repository: refs, files and facts of its commits, and what a crash leaves behind."""

import os
import stat
import subprocess
import threading

import pytest

from paas.core.errors import AlreadyExists, InvalidValue, NotFound, PaasError, Unsupported
from paas.core.git.refs import RefUpdate
from paas.git import objects, process
from paas.git import repository as git_driver
from paas.git.process import GitFailed, GitMissing
from paas.git.repository import CommitInfo, Repository, UnbuildableEntry

pytestmark = pytest.mark.real("git")

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
SURROUNDINGS = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0100",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def git(folder, *arguments, text=b"", **extra):
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=SURROUNDINGS | extra, input=text, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path):
    return Repository.create(tmp_path / "repos" / "app.git")


def commit(repository, files, message="a commit", **extra):
    """Writes a commit of files (path to text, or to mode and object or target) to main, without a work tree."""
    index = {"GIT_INDEX_FILE": str(repository.path / "test-index")}
    git(repository.path, "read-tree", "--empty", **index)
    for path, content in files.items():
        mode, text = content if isinstance(content, tuple) else ("100644", content)
        sha = text if mode == "160000" else git(repository.path, "hash-object", "-w", "--stdin", text=text.encode())
        git(repository.path, "update-index", "--add", "--cacheinfo", f"{mode},{sha},{path}", **index)

    tree = git(repository.path, "write-tree", **index)
    sha = git(repository.path, "commit-tree", tree, text=message.encode(), **extra)
    git(repository.path, "update-ref", "refs/heads/main", sha)
    return sha


def test_a_new_repository_is_empty_private_and_points_to_main(repository):
    assert repository.exists()
    assert repository.refs() == {}
    assert repository.resolve("HEAD") is None
    assert (repository.path / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert stat.S_IMODE(repository.path.stat().st_mode) == 0o700
    assert git(repository.path, "config", "gc.auto") == "0"
    assert [entry.name for entry in repository.path.parent.iterdir()] == ["app.git"]


def test_creating_a_repository_twice_is_refused_and_changes_nothing(repository):
    sha = commit(repository, {"a": "1"})
    with pytest.raises(AlreadyExists):
        Repository.create(repository.path)
    assert repository.resolve("refs/heads/main") == sha
    assert [entry.name for entry in repository.path.parent.iterdir()] == ["app.git"]


def test_the_settings_of_the_machine_and_the_user_have_no_effect(tmp_path, monkeypatch):
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    (template / "hooks" / "pre-receive").write_text("#!/bin/sh\n")
    (tmp_path / ".gitconfig").write_text(f"[init]\n\ttemplateDir = {template}\n\tdefaultBranch = trunk\n[core\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template))

    repository = Repository.create(tmp_path / "app.git")

    assert not (repository.path / "hooks").exists()
    assert (repository.path / "HEAD").read_text() == "ref: refs/heads/main\n"


def test_a_deleted_repository_is_gone_and_may_be_deleted_again(repository):
    commit(repository, {"a": "1"})
    repository.delete()
    repository.delete()
    assert not repository.exists()
    assert not repository.path.exists()


def test_refs_are_found_loose_or_packed(repository):
    sha = commit(repository, {"a": "1"})
    git(repository.path, "tag", "v1", sha)
    expected = {"refs/heads/main": sha, "refs/tags/v1": sha}
    assert repository.refs() == expected

    git(repository.path, "pack-refs", "--all")
    assert repository.refs() == expected
    assert repository.resolve("refs/tags/v1") == repository.resolve("HEAD") == sha
    assert repository.resolve("refs/tags/v2") is None
    assert repository.resolve("../../etc/passwd") is None


def test_the_head_follows_the_deploy_branch(repository):
    repository.set_head("release/1")
    assert git(repository.path, "symbolic-ref", "HEAD") == "refs/heads/release/1"
    with pytest.raises(InvalidValue):
        repository.set_head("../../config")


def test_files_are_read_from_a_commit(repository):
    sha = commit(
        repository,
        {
            "Procfile": "web: run\n",
            "empty": "",
            "sub/file with space": "deep",
            "link": ("120000", "sub/file with space"),
            "outside": ("120000", "../../../etc/passwd"),
            "dangling": ("120000", "nowhere"),
            "module": ("160000", "1" * 40),
        },
    )
    paths = ["Procfile", "./sub//file with space", "link", "empty", "outside", "dangling", "sub", "app.json", "module"]
    assert list(repository.read_files(sha, paths).values()) == [b"web: run\n", b"deep", b"deep", b"", *[None] * 5]
    assert repository.read_file(sha, "Procfile") == b"web: run\n"
    assert repository.read_file("1" * 40, "Procfile") is None


def test_a_file_that_is_too_large_is_refused_before_it_is_read(repository):
    sha = commit(repository, {"Procfile": "x" * 1001})
    assert len(repository.read_file(sha, "Procfile", limit=1001) or b"") == 1001
    with pytest.raises(Unsupported, match="Procfile is too large: 1001 bytes"):
        repository.read_file(sha, "Procfile", limit=1000)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..", ".", "a\nb", "a\0b"])
def test_a_path_out_of_the_repository_is_refused(repository, path):
    with pytest.raises(InvalidValue):
        repository.read_file(commit(repository, {"a": "1"}), path)


def test_a_commit_is_described_without_what_a_terminal_would_obey(repository):
    sha = commit(repository, {"a": "1"}, "Fix \x1b[31mit\n\nbody\n", GIT_AUTHOR_NAME="Ada\x07 L")
    git(repository.path, "tag", "-a", "-m", "first", "v1", sha)
    expected = CommitInfo(sha, "Fix [31mit", "Ada L", 1700000000)
    assert repository.commit_info(sha) == expected
    assert repository.commit_info(repository.resolve("refs/tags/v1")) == expected


@pytest.fixture
def taken(monkeypatch):
    """How many bytes git's children were asked for, each time."""
    sizes, run = [], process.run

    def measured(*arguments, **options):
        sizes.append(len(output := run(*arguments, **options)))
        return output

    monkeypatch.setattr(process, "run", measured)
    return sizes


def test_of_a_subject_of_sixty_megabytes_only_the_beginning_is_read(repository, taken):
    sha = commit(repository, {"a": "1"}, "x" * 60_000_000)
    found = repository.commit_info(sha)
    assert (found.sha, found.author, found.time) == (sha, "Ada", 1700000000)
    assert found.subject == "x" * 299 + "…"
    assert max(taken) <= git_driver.MOST_OF_A_COMMIT + 1


def test_a_name_of_megabytes_leaves_no_room_for_the_subject(repository, taken):
    tree = git(repository.path, "mktree", text=b"")
    person = f"{'y' * 3_000_000} <y@example.com> 1700000000 +0100"
    text = f"tree {tree}\nauthor {person}\ncommitter {person}\n\nsubject\n".encode()
    sha = git(repository.path, "hash-object", "-t", "commit", "-w", "--stdin", text=text)
    assert repository.commit_info(sha) == CommitInfo(sha, "", "y" * 299 + "…", 1700000000)
    assert max(taken) <= git_driver.MOST_OF_A_COMMIT + 1


@pytest.mark.parametrize("name", ["1" * 40, "--all", "refs/heads/none"])
def test_describing_what_is_no_commit_is_an_error(repository, name):
    commit(repository, {"a": "1"})
    with pytest.raises(NotFound):
        repository.commit_info(name)


def test_submodules_and_files_kept_by_lfs_are_found(repository):
    sha = commit(
        repository,
        {
            "vendor/lib": ("160000", "1" * 40),
            "assets/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            "assets/a.bin": POINTER,
            "assets/readme": "x" * 130,
        },
    )
    assert repository.unsupported(sha) == (
        UnbuildableEntry("submodule", "vendor/lib"),
        UnbuildableEntry("git-lfs", "assets/a.bin"),
    )


def test_an_lfs_rule_that_no_file_makes_use_of_is_no_finding(repository):
    assert repository.unsupported(commit(repository, {".gitattributes": "*.bin filter=lfs\n", "a": "text"})) == ()
    assert repository.unsupported(commit(repository, {"doc.txt": POINTER})) == ()


def test_replaced_objects_do_not_change_what_a_commit_is(repository):
    real = commit(repository, {"a": "real"})
    git(repository.path, "replace", real, commit(repository, {"a": "fake"}))
    assert repository.read_file(real, "a") == b"real"


def test_recovery_removes_what_a_crash_left_and_nothing_else(repository):
    sha = commit(repository, {"a": "1"})
    git(repository.path, "repack", "-ad")
    left = [
        repository.path / "quarantine/abc/pack/tmp_pack_1",
        repository.path / "refs/heads/main.lock",
        repository.path / "packed-refs.lock",
        repository.path / "objects/pack/pack-1234.pack",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    repository.recover()

    assert not any(path.exists() for path in left)
    assert list((repository.path / "quarantine").iterdir()) == []
    assert repository.read_file(sha, "a") == b"1"


def test_a_ref_that_another_push_has_locked_is_waited_for(repository):
    sha = commit(repository, {"a": "1"})
    lock = repository.path / "refs/heads/other.lock"
    lock.touch()
    moving = threading.Thread(target=repository.move, args=(RefUpdate("refs/heads/other", None, sha),))
    moving.start()
    moving.join(0.3)
    # git by itself would have given up by now.
    assert moving.is_alive()
    lock.unlink()
    moving.join()
    assert repository.resolve("refs/heads/other") == sha


def test_many_packs_are_joined(repository, monkeypatch):
    monkeypatch.setattr(git_driver, "PACKS_BEFORE_TIDYING", 2)
    assert not repository.tidy()
    for number in range(2):
        commit(repository, {"a": str(number)})
        git(repository.path, "repack", "-d")
    with pytest.raises(PaasError, match="no room"):
        repository.tidy(1)
    assert repository.tidy()
    assert not repository.tidy()
    assert repository.read_file(repository.resolve("HEAD"), "a") == b"1"


def test_a_server_without_git_says_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitMissing, match="git is not installed"):
        repository.commit_info("1" * 40)


def test_an_error_carries_what_git_said(repository):
    with pytest.raises(GitFailed) as caught:
        repository.unsupported("1" * 40)
    assert "fatal" not in caught.value.reason
    assert "1" * 40 in caught.value.reason or "tree" in caught.value.reason


def test_the_lock_of_head_is_waited_for(repository):
    lock = repository.path / "HEAD.lock"
    # As a push has it that moves the branch, or looks whether it could.
    lock.touch()
    setting = threading.Thread(target=repository.set_head, args=("other",))
    setting.start()
    setting.join(0.3)
    assert setting.is_alive()
    lock.unlink()
    setting.join()
    assert (repository.path / "HEAD").read_text() == "ref: refs/heads/other\n"


def test_a_copy_that_is_made_during_a_push_can_be_pushed_to(repository, tmp_path):
    sha = commit(repository, {"a": "1"})
    git(repository.path, "update-ref", "refs/tags/one", sha)
    repository.set_head("trunk")
    # What a push has while it moves the branch.
    for lock in ("HEAD.lock", "refs/heads/trunk.lock"):
        (repository.path / lock).touch()

    copy = Repository(tmp_path / "copy.git")
    repository.copy_to(copy.path)

    assert copy.refs() == repository.refs() == {"refs/heads/main": sha, "refs/tags/one": sha}
    assert copy.read_file(sha, "a") == b"1"
    assert list(copy.path.rglob("*.lock")) == []
    copy.move(RefUpdate("refs/heads/trunk", None, sha))
    assert copy.resolve("HEAD") == sha


def test_a_repository_without_commits_can_be_copied(repository, tmp_path):
    repository.set_head("trunk")
    repository.copy_to(tmp_path / "copy.git")
    assert (tmp_path / "copy.git/HEAD").read_text() == "ref: refs/heads/trunk\n"


@pytest.mark.parametrize("leaf", ["files", "nothing"])
def test_a_few_objects_that_stand_for_too_many_files_are_refused(repository, monkeypatch, leaf):
    blob = git(repository.path, "hash-object", "-w", "--stdin", text=b"x")
    files = f"100644 blob {blob}\tfile\n" if leaf == "files" else ""
    tree = git(repository.path, "mktree", text=files.encode())
    for _ in range(4):
        folders = "".join(f"040000 tree {tree}\t{number}\n" for number in range(10))
        tree = git(repository.path, "mktree", text=folders.encode())
    commit = git(repository.path, "commit-tree", tree, text=b"bomb")
    monkeypatch.setattr(objects, "MOST_LISTED", 1 << 16)
    for look in (repository.unsupported, repository.sizes, repository.folders):
        with pytest.raises(Unsupported) as refused:
            look(commit)
        assert refused.value.code == "too-many-files"
