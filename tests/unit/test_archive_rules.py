"""What an archive may have in it, and what makes it refused."""

import pytest

from paas.core.sources import archive
from paas.core.sources.archive import ArchiveLimits, ArchiveRefused, Guard

LIMITS = ArchiveLimits(size=100 << 20, files=3, ratio=10)


def code(call, *arguments):
    with pytest.raises(ArchiveRefused) as caught:
        call(*arguments)
    return caught.value.code


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "a/..", ".."])
def test_a_path_outside_is_refused(name):
    assert code(archive.path_of, name) == "archive-path"


@pytest.mark.parametrize("name", ["a\\b", "a\x1bb", "a\nb", "x" * 256, "/".join(["abc"] * 1100)])
def test_a_name_that_could_mean_something_else_is_refused(name):
    assert code(archive.path_of, name) == "archive-path"


@pytest.mark.parametrize(("name", "path"), [("./a//b", "a/b"), ("./", ""), ("ä/ö", "ä/ö"), ("..a/b..", "..a/b..")])
def test_a_path_is_made_plain(name, path):
    assert archive.path_of(name) == path


@pytest.mark.parametrize(
    ("links", "problem"),
    [
        ({"a": "/etc/passwd"}, "leads out of it"),
        ({"a": "../x"}, "leads out of it"),
        ({"d/a": "../../x"}, "leads out of it"),
        # Word by word it stays inside; the link that it goes through moves it up.
        ({"deep/path/l1": "../..", "deep/path/l2": "l1/../x"}, "leads out of it"),
        ({"a": "b", "b": "a"}, "goes in circles"),
        ({"a": "a/x"}, "goes in circles"),
    ],
)
def test_a_link_that_leads_out_is_refused(links, problem):
    with pytest.raises(ArchiveRefused) as caught:
        archive.check_links(links)
    assert problem in caught.value.what
    assert caught.value.code == "archive-link"


def test_links_inside_are_taken_even_to_what_is_not_there():
    archive.check_links({"bin/app": "../lib/app", "current": "releases/1", "releases/1/up": "../../x", "a": "no"})


def test_a_file_that_is_also_a_folder_is_refused():
    assert code(archive.check_shape, {"a", "a/b/c"}) == "archive-path"
    archive.check_shape({"a", "ab/c", "b/a"})


def test_entries_bytes_and_their_ratio_are_counted():
    guard = Guard(LIMITS, packed=1 << 20)
    for _ in range(3):
        guard.entry()
    assert code(guard.entry) == "archive-too-many"
    guard.unpacked(10 << 20)
    assert code(guard.unpacked, 1) == "archive-ratio"
    assert code(Guard(LIMITS, packed=1 << 30).unpacked, (100 << 20) + 1) == "archive-too-large"


def test_what_is_small_may_be_packed_as_well_as_it_can():
    Guard(LIMITS, packed=1).unpacked(archive.RATIO_FROM)


@pytest.mark.parametrize(
    ("paths", "top"),
    [({"a/b", "a/c/d"}, "a"), ({"a/b", "c"}, ""), ({"a"}, ""), ({"a/b", "b/c"}, "")],
)
def test_the_one_folder_of_a_release_archive(paths, top):
    assert archive.top_folder(paths) == top


def test_the_type_is_told_by_the_first_bytes():
    assert archive.type_of(b"PK\x03\x04....", "") == "zip"
    assert archive.type_of(b"\x1f\x8b......", "tar.gz") == "tar.gz"
    assert archive.type_of(b"name", "") == "tar"
    assert code(archive.type_of, b"\x1f\x8b", "tar") == "archive-type"
    assert code(archive.type_of, b"", "zip") == "archive-type"


@pytest.mark.parametrize("path", [".git/config", "a/.git/hooks/x", ".GIT", "a/.git"])
def test_a_checkout_s_own_history_is_known(path):
    assert archive.is_history(path)
    assert not archive.is_history("a/.gitignore")
