"""The control group of builds, on trees as the kernel shows them."""

import contextlib
import os
import socket
import threading

import pytest

from fakes import eventually
from paas.system.build_limits import helper as build_limiter
from paas.system.build_limits.cgroups import BuildGroup

MARK = b"build-7.abc.paas.invalid"


def process(proc, pid, group, environ=b""):
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "environ").write_bytes(environ)
    (folder / "cgroup").write_text(group)


@pytest.fixture
def proc(tmp_path):
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "self").mkdir()
    return folder


@pytest.fixture
def first(tmp_path):
    """Version 1."""
    root = tmp_path / "cgroup"
    for controller in ("cpu", "memory"):
        (root / controller / "docker/buildkit/xyz").mkdir(parents=True)
    return root


@pytest.fixture
def second(tmp_path):
    """Version 2."""
    root = tmp_path / "cgroup"
    (root / "system.slice/step").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu memory io")
    (root / "cgroup.subtree_control").write_text("cpu\n")
    return root


def test_limits_in_version_1(first, proc):
    assert BuildGroup("ours", first, proc).prepare(25, 1 << 30) == ""
    assert (first / "cpu/ours/cpu.shares").read_text() == "256"
    assert (first / "memory/ours/memory.limit_in_bytes").read_text() == str(1 << 30)
    assert BuildGroup("ours", first, proc).prepare(1, 0) == ""
    assert (first / "cpu/ours/cpu.shares").read_text() == "10"
    assert (first / "memory/ours/memory.limit_in_bytes").read_text() == "-1"


def test_limits_in_version_2(second, proc):
    assert BuildGroup("ours", second, proc).prepare(25, 1 << 30) == ""
    assert (second / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert (second / "ours/cpu.weight").read_text() == "25"
    assert (second / "ours/memory.max").read_text() == str(1 << 30)
    assert BuildGroup("ours", second, proc).prepare(25, 0) == ""
    assert (second / "ours/memory.max").read_text() == "max"


def test_a_machine_without_groups_is_told_in_words(tmp_path, proc):
    group = BuildGroup("ours", tmp_path / "none", proc)
    assert group.prepare(25, 0).endswith("No such file or directory")
    assert group.trouble() == f"there is no {tmp_path}/none/cpu"


def test_a_marked_process_is_moved_with_all_of_its_group_in_version_1(first, proc):
    process(proc, 11, "4:memory:/docker/buildkit/xyz\n1:cpu:/docker/buildkit/xyz\n0::/\n", b"A=1\0NO_PROXY=" + MARK)
    process(proc, 12, "4:memory:/docker/buildkit/abc\n1:cpu:/docker/buildkit/abc\n", b"A=1\0NO_PROXY=other")
    (first / "cpu/docker/buildkit/xyz/cgroup.procs").write_text("11\n13\n")
    group = BuildGroup("ours", first, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    assert (first / "cpu/ours/cgroup.procs").read_text() == "13"
    assert (first / "memory/ours/cgroup.procs").read_text() == "13"


def test_a_marked_process_is_moved_in_version_2(second, proc):
    process(proc, 11, "0::/system.slice/step\n", MARK)
    (second / "system.slice/step/cgroup.procs").write_text("11\n")
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    assert (second / "ours/cgroup.procs").read_text() == "11"


def test_a_process_that_becomes_a_step_after_it_was_seen_is_moved(second, proc):
    """The engine's own program, which starts the step in its place, is there for some milliseconds."""
    (second / "system.slice/step/cgroup.procs").write_text("11\n")
    process(proc, 1, "0::/init.scope\n")
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    process(proc, 11, "0::/system.slice/step\n", b"_LIBCONTAINER_INITPIPE=3")
    group.gather_once(MARK)
    assert not (second / "ours/cgroup.procs").exists()
    (proc / "11/environ").write_bytes(b"PATH=/bin\0NO_PROXY=" + MARK)
    group.gather_once(MARK)
    assert (second / "ours/cgroup.procs").read_text() == "11"


def test_what_is_there_already_is_left_alone(second, proc):
    process(proc, 11, "0::/ours\n", MARK)
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    assert not (second / "ours/cgroup.procs").exists()


@pytest.mark.parametrize(
    "where", [f"docker/{'9318' * 16}", f"system.slice/docker-{'9318' * 16}.scope", f"docker/{'9318' * 16}/inner"]
)
def test_a_container_that_carries_the_mark_keeps_its_own_limits(second, proc, where):
    """An app says what is in its environment."""
    (second / where).mkdir(parents=True)
    (second / where / "cgroup.procs").write_text("11\n")
    process(proc, 11, f"0::/{where}\n", b"MARKS=" + MARK)
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    assert not (second / "ours/cgroup.procs").exists()


def test_a_group_that_has_gone_is_forgotten(second, proc):
    process(proc, 11, "0::/system.slice/gone\n", MARK)
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    group.gather_once(MARK)
    group.gather_once(MARK)


def test_gathering_ends_with_the_build(second, proc):
    group = BuildGroup("ours", second, proc)
    group.prepare(25, 0)
    with group.gather("mark"):
        assert "build-group" in {thread.name for thread in threading.enumerate()}
    assert "build-group" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("where", ["system.slice/paas.service", "user.slice/session-1.scope"])
def test_the_group_of_the_server_itself_is_left_alone(second, proc, where):
    """The docker command of a build carries the mark, and is in the group of the server and its nginx."""
    own = second / where
    own.mkdir(parents=True)
    (own / "cgroup.procs").write_text("10\n11\n12\n")
    (proc / "self/cgroup").write_text(f"0::/{where}\n")
    group = BuildGroup("ours", second, proc)
    assert group.prepare(25, 0) == ""
    process(proc, 12, f"0::/{where}\n", b"A=1\0NO_PROXY=" + MARK)
    group.gather_once(MARK)
    assert not (second / "ours/cgroup.procs").exists()


# The helper


GROUP, THE_MARK = "paas-0123456789ab", f"build-{'0123456789abcdef' * 2}.0123456789ab.paas.invalid"


@pytest.fixture
def helper(second, proc, tmp_path):
    """The path of a socket behind which one server after the other is answered."""
    path = tmp_path / "helper.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    build_limiter.serve(listener.accept()[0], second, proc)

        threading.Thread(target=answer, daemon=True).start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)


def test_the_helper_limits_as_long_as_it_is_asked(helper, second, proc):
    server, step = "system.slice/paas.service", "system.slice/step"
    (second / server).mkdir()
    for group, pid in ((server, 11), (step, 21)):
        (second / group / "cgroup.procs").write_text(f"{pid}\n")
    process(proc, os.getpid(), f"0::/{server}\n")
    with build_limiter.limited(GROUP, THE_MARK, 25, 1 << 30, helper) as trouble:
        assert trouble == ""
        assert (second / GROUP / "cpu.weight").read_text() == "25"
        process(proc, 21, f"0::/{step}\n", THE_MARK.encode())
        process(proc, 11, f"0::/{server}\n", THE_MARK.encode())
        moved = second / GROUP / "cgroup.procs"
        eventually(lambda: moved.exists() and moved.read_text() == "21")


@pytest.mark.parametrize(
    ("group", "mark", "weight"),
    [
        ("docker", THE_MARK, 25),
        (f"{GROUP}/../x", THE_MARK, 25),
        (GROUP, "PATH=", 25),
        (GROUP, "build-7.0123456789ab.paas.invalid", 25),
        (GROUP, THE_MARK, 0),
    ],
)
def test_the_helper_touches_nothing_else(helper, second, group, mark, weight):
    before = sorted(second.iterdir())
    with build_limiter.limited(group, mark, weight, 0, helper) as trouble:
        assert "makes no sense" in trouble
    assert sorted(second.iterdir()) == before


def test_a_helper_that_is_gone_is_told(tmp_path):
    with build_limiter.limited(GROUP, THE_MARK, 25, 0, tmp_path / "nowhere") as trouble:
        assert trouble == f"{tmp_path}/nowhere: No such file or directory"
