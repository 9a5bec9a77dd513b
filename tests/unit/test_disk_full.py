"""A full disk is told as one, wherever it is met."""

import errno

import pytest

from paas.core.errors import DiskFull, unexpected
from paas.git import process
from paas.store.database import Database


def test_the_database_finds_no_room(tmp_path):
    database = Database(tmp_path / "paas.db")
    pages = database.one("PRAGMA page_count")[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull) as caught, database.transaction():
        for number in range(2000):
            database.execute("INSERT INTO instance VALUES (?, ?)", str(number), "x" * 200)
    assert caught.value.code == "disk-full"
    # Nothing of it stayed, and the next change is taken.
    assert database.all("SELECT * FROM instance") == []
    database.execute(f"PRAGMA max_page_count = {pages + 100}")
    database.execute("INSERT INTO instance VALUES ('a', 'b')")
    database.close()


def test_a_file_finds_no_room():
    error = unexpected(OSError(errno.ENOSPC, "No space left on device", "/data/x"))
    assert (error.code, error.what) == ("disk-full", "a disk of the server is full: /data/x could not be written")
    assert unexpected(OSError(errno.EIO, "Input/output error")).code == "internal"
    assert unexpected(KeyError("x")).code == "internal"


@pytest.mark.parametrize(
    ("complaints", "free", "code"),
    [
        # What git read-tree wrote when the disk with its work tree was full: no word of the reason.
        (b"error: unable to write file web.py\nfatal: unable to checkout\n", 4096, "disk-full"),
        (b"error: unable to write file web.py\n", 1 << 30, "git"),
        (b"error: unable to write file web.py\n", None, "git"),
        (b"fatal: cannot create directory: No space left on device\n", None, "disk-full"),
        (b"fatal: not a tree\n", 0, "git"),
    ],
)
def test_git_finds_no_room_and_does_not_say_so(complaints, free, code):
    assert process.failure("read-tree", complaints, free).code == code
