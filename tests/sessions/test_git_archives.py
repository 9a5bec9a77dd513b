"""``git:from-archive``: what a user sends, and what is refused without a trace."""

import io
import os
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from fakes import VIEWER
from paas.git import process
from paas.git.repository import repository_of

pytestmark = pytest.mark.real("git")

DOCKERFILE = b'FROM scratch\nCMD ["/app"]\n'


def tar(entries, mode="w"):
    """A tar of ``{name: bytes}``, or of (TarInfo, bytes)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as made:
        for name, content in entries.items() if isinstance(entries, dict) else entries:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return data.getvalue()


def entry(name, kind, target="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return data.getvalue()


def zip_entry(name, mode):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def traces(server):
    """Every file below the data root but the database and the journals, with the size; and what is in the system's
    folder for temporary files."""
    found = {
        str(path): path.stat().st_size
        for path in server.root.rglob("*")
        if path.is_file() and not path.name.startswith("paas.db") and path.parent.name != "jobs"
    }
    return found, list(Path(tempfile.gettempdir()).iterdir())


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Nobody else's temporary files are in it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def files(server, app="hello"):
    """The files of the app's deployed commit: mode and content by path."""
    repository = repository_of(server.ctx, server.app(app))
    commit = server.ctx.store.releases.current(server.app(app)).commit
    from paas.git import objects

    entries = objects.listing(repository.path, commit, {})
    with objects.reading(repository.path, {}) as read:
        return {one.path: (one.mode, read(one.sha, one.path, 1 << 20)) for one in entries}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("tar", tar({"Dockerfile": DOCKERFILE, "a/b.txt": b"x"})),
        ("tar.gz", tar({"Dockerfile": DOCKERFILE, "a/b.txt": b"x"}, "w:gz")),
        ("zip", zipped({"Dockerfile": DOCKERFILE, "a/b.txt": b"x"})),
    ],
)
def test_an_archive_from_standard_input_is_deployed_as_a_commit(server, kind, data):
    server.run("apps:create hello")
    result = server.run("git:from-archive hello --", stdin=data)
    assert result.status == 0, result.err
    assert f"-----> Reading the archive ({kind}, {len(data)} bytes)\n" in result.err
    assert "-----> Released v1: http://hello.localhost:8080\n" in result.err
    assert files(server) == {"Dockerfile": ("100644", DOCKERFILE), "a/b.txt": ("100644", b"x")}
    assert server.run("apps:report hello --apps-deploy-source").out == f"{kind}\n"
    assert server.run("apps:report hello --apps-deploy-source-metadata").out == "stdin\n"
    assert server.run("git:report hello --git-subject").out == "Archive from stdin\n"
    assert server.run(f"git:from-archive --archive-type {kind} hello", stdin=data).err.endswith(
        "-----> No changes: this is already live\n"
    )
    assert server.run("ps:rebuild hello").status == 0
    assert server.run("git-upload-pack hello", stdin="0000", caller=VIEWER).status == 0


def test_the_commit_goes_on_top_of_what_was_pushed_and_a_push_goes_on_top_of_it(hello):
    pushed = hello.ctx.store.releases.current(hello.app()).commit
    assert hello.run("git:from-archive hello --", stdin=tar({"Dockerfile": DOCKERFILE})).status == 0
    commit = hello.ctx.store.releases.current(hello.app()).commit
    assert repository_of(hello.ctx, hello.app()).descends(commit, pushed)
    assert hello.run("git:status hello --format json").out.count(commit) == 2
    assert hello.run("releases:rollback hello").status == 0
    assert hello.ctx.store.releases.current(hello.app()).commit == pushed
    # What does not serve any more is deployed again.
    assert hello.run("git:from-archive hello --", stdin=tar({"Dockerfile": DOCKERFILE})).status == 0
    assert hello.run("apps:report hello --apps-deploy-source").out == "tar\n"


def test_one_folder_around_everything_modes_and_links_are_kept(server):
    server.run("apps:create hello")
    entries = [
        (entry("app-1.2", tarfile.DIRTYPE), b""),
        (entry("app-1.2/run", tarfile.REGTYPE, mode=0o755), b"#!"),
        (entry("app-1.2/Dockerfile", tarfile.REGTYPE), DOCKERFILE),
        (entry("app-1.2/current", tarfile.SYMTYPE, "bin/run"), b""),
        (entry("app-1.2/same", tarfile.LNKTYPE, "app-1.2/run", 0o755), b""),
        (entry("app-1.2/.git/config", tarfile.REGTYPE), b"[core]"),
    ]
    result = server.run("git:from-archive hello --", stdin=tar(entries))
    assert result.status == 0, result.err
    assert {path: mode for path, (mode, _) in files(server).items()} == {
        "Dockerfile": "100644",
        "current": "120000",
        "run": "100755",
        "same": "100755",
    }


def test_a_link_in_a_zip_is_a_link(server):
    server.run("apps:create hello")
    data = zipped({"Dockerfile": DOCKERFILE, zip_entry("l", stat.S_IFLNK | 0o777): "Dockerfile"})
    assert server.run("git:from-archive hello --", stdin=data).status == 0
    assert files(server)["l"][0] == "120000"


PAX_BOMB = {"comment": "x" * (3 << 20)}


def tar_with_pax_header():
    info = tarfile.TarInfo("Dockerfile")
    info.pax_headers = PAX_BOMB
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as made:
        made.addfile(info)
    return data.getvalue()


def nested_headers():
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    return (info.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 1000


def packed_with(method):
    """An entry of 8 MB, which that method packs to less than the size from which on the ratio counts."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as made:
        made.writestr("zero", bytes(8 << 20))
    return data.getvalue()


ATTACKS = {
    "headers of headers": (nested_headers, "archive-broken"),
    "zip with bzip2": (lambda: packed_with(zipfile.ZIP_BZIP2), "archive-special"),
    "zip with lzma": (lambda: packed_with(zipfile.ZIP_LZMA), "archive-special"),
    "absolute path": (lambda: tar({"/etc/cron.d/x": b"x"}), "archive-path"),
    "traversal": (lambda: tar({"a/../../x": b"x"}), "archive-path"),
    "symlink out": (lambda: tar([(entry("x", tarfile.SYMTYPE, "/etc/passwd"), b"")]), "archive-link"),
    "symlink up": (lambda: tar([(entry("a/x", tarfile.SYMTYPE, "../../x"), b"")]), "archive-link"),
    "hard link out": (lambda: tar([(entry("x", tarfile.LNKTYPE, "/etc/passwd"), b"")]), "archive-path"),
    "hard link to nothing": (lambda: tar([(entry("x", tarfile.LNKTYPE, "y"), b"")]), "archive-link"),
    "write through a link": (
        lambda: tar([(entry("d", tarfile.SYMTYPE, "e"), b""), (entry("d/x", tarfile.REGTYPE), b"x")]),
        "archive-path",
    ),
    "device node": (lambda: tar([(entry("null", tarfile.CHRTYPE), b"")]), "archive-special"),
    "block device": (lambda: tar([(entry("sda", tarfile.BLKTYPE), b"")]), "archive-special"),
    "named pipe": (lambda: tar([(entry("pipe", tarfile.FIFOTYPE), b"")]), "archive-special"),
    "path that git takes for .git": (lambda: tar({"git~1/config": b"x", "y": b""}), "archive-path"),
    "headers of megabytes": (tar_with_pax_header, "archive-headers"),
    "tar bomb": (lambda: tar({"Dockerfile": DOCKERFILE, "zero": bytes(11 << 20)}, "w:gz"), "archive-ratio"),
    "zip bomb": (lambda: zipped({"Dockerfile": DOCKERFILE, "zero": bytes(11 << 20)}), "archive-ratio"),
    "zip traversal": (lambda: zipped({"../x": b"x"}), "archive-path"),
    "zip absolute": (lambda: zipped({"/x": b"x"}), "archive-path"),
    "zip symlink out": (lambda: zipped({zip_entry("x", stat.S_IFLNK | 0o777): "../../etc"}), "archive-link"),
    "zip device": (lambda: zipped({zip_entry("x", stat.S_IFCHR | 0o666): ""}), "archive-special"),
    "tar cut between two entries": (lambda: tar({"Dockerfile": DOCKERFILE, "a": b"x"})[:1024], "archive-broken"),
    "tar cut in a header": (lambda: tar({"Dockerfile": DOCKERFILE, "a": b"x"})[:1124], "archive-broken"),
    "tar with a damaged header": (
        lambda: tar({"Dockerfile": DOCKERFILE, "a": b"x"}).replace(b"ustar", b"xxxxx"),
        "archive-broken",
    ),
    "tar cut off": (lambda: tar({"Dockerfile": DOCKERFILE, "a": b"x" * 9999})[:2000], "archive-broken"),
    "tar.gz cut off": (lambda: tar({"a": os.urandom(9999)}, "w:gz")[:5000], "archive-broken"),
    "zip cut off": (lambda: zipped({"a": os.urandom(9999)})[:5000], "archive-broken"),
    "nothing": (lambda: b"", "archive-broken"),
    "no file": (lambda: tar([(entry("d", tarfile.DIRTYPE), b"")]), "archive-broken"),
    "not an archive": (lambda: b"hello, I am a text\n" * 99, "archive-broken"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_leaves_nothing(hello, attack):
    make, code = ATTACKS[attack]
    commit = hello.ctx.store.releases.current(hello.app()).commit
    before = traces(hello)
    result = hello.run("git:from-archive hello --", stdin=make())
    assert result.status == 1
    assert f"[{code}]\n" in result.err, result.err
    assert traces(hello) == before
    assert hello.ctx.store.releases.current(hello.app()).commit == commit
    assert hello.proxy.vhost("hello").live


@pytest.mark.parametrize("make", [tar, zipped])
def test_too_many_entries_are_refused_and_leave_nothing(hello, make):
    hello.run("git:set --global archive-max-files 20")
    before = traces(hello)
    result = hello.run("git:from-archive hello --", stdin=make({f"f{number}": b"" for number in range(21)}))
    assert result.status == 1
    assert "the archive has more than 20 entries" in result.err
    assert traces(hello) == before


def test_a_table_of_contents_that_is_too_long_is_not_read(hello):
    hello.run("git:set --global archive-max-files 1")
    entries = {f"{'x' * 200}/{'y' * 200}/{number}": b"" for number in range(700)}
    result = hello.run("git:from-archive hello --", stdin=zipped(entries))
    assert "[archive-headers]" in result.err


def test_more_bytes_than_are_allowed_are_not_taken_in(hello):
    hello.run("git:set --global archive-max-size 64k")
    before = traces(hello)
    result = hello.run("git:from-archive hello --", stdin=bytes(70_000))
    assert "the archive is larger than 65536 bytes, packed or unpacked" in result.err
    unpacked = hello.run("git:from-archive hello --", stdin=zipped({"a": b"x" * 70_000}))
    assert "[archive-too-large]" in unpacked.err
    assert traces(hello) == before


def test_a_deploy_that_fails_leaves_branch_and_release(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    before = traces(hello)[0].keys()
    result = hello.run("git:from-archive hello --", stdin=tar({"Dockerfile": b"FROM scratch\nRUN false\n"}))
    assert result.status == 1
    assert "[build-failed]" in result.err
    assert repository_of(hello.ctx, hello.app()).resolve("refs/heads/main") == commit
    repository = str(hello.ctx.paths.repository(hello.app()))
    assert {path for path in traces(hello)[0] if path.startswith(repository)} == {
        path for path in before if path.startswith(repository)
    }


def test_the_type_can_be_said_and_has_to_be_right(hello):
    result = hello.run("git:from-archive --archive-type zip hello --", stdin=tar({"Dockerfile": DOCKERFILE}))
    assert result.err.endswith(
        " !     the archive is not a zip\n"
        " !     Its first bytes are others.\n"
        " !     Leave --archive-type out, or give the right one. [archive-type]\n"
    )
    assert hello.run("git:from-archive --archive-type rar hello --").status == 2


def test_an_archive_from_a_url(hello):
    url = "https://example.org/releases/app.tar.gz"
    hello.remotes.archives[url] = tar({"Dockerfile": DOCKERFILE, "v": b"2"}, "w:gz")
    result = hello.run(f"git:from-archive hello {url}")
    assert result.status == 0, result.err
    assert f"-----> Downloading {url}\n" in result.err
    assert hello.run("apps:report hello --apps-deploy-source-metadata").out == f"{url}\n"
    assert hello.run("releases hello").out.count(f"git:from-archive {url}") == 1
    assert "404" in hello.run("git:from-archive hello https://example.org/none").err
    hello.run("settings:set build-ca-file /nowhere/ca.pem")
    assert "/nowhere/ca.pem does not exist on the server" in hello.run(f"git:from-archive hello {url}").err
    hello.run("settings:set build-ca-file")
    assert "[invalid-url]" in hello.run("git:from-archive hello file:///etc/passwd").err
    assert Path("/etc/passwd").exists()


def test_only_keys_that_deploy_may(hello):
    assert hello.run("git:from-archive hello --", caller=VIEWER).status == 1


def test_initialize_makes_the_repository(server):
    server.run("apps:create hello")
    assert not server.ctx.paths.repository(server.app()).exists()
    assert server.run("git:initialize hello").status == 0
    assert server.ctx.paths.repository(server.app()).exists()
    assert server.run("git:initialize hello").status == 0
    assert '"up_to_date": false' in server.run("git:status hello --format json", caller=VIEWER).out


@pytest.mark.parametrize(
    ("words", "author"), [("", "admin <admin@paas.invalid>"), ("Ada ada@example.org", "Ada <ada@example.org>")]
)
def test_the_author_of_the_commit_may_be_named(hello, words, author):
    url = "https://example.org/app.tar"
    hello.remotes.archives[url] = tar({"Dockerfile": DOCKERFILE, "v": words.encode()})
    assert hello.run(f"git:from-archive hello {url} {words}").status == 0
    repository = repository_of(hello.ctx, hello.app()).path
    shown = process.run(repository, ["log", "-1", "--format=%an <%ae>|%cn <%ce>"]).decode().strip()
    assert shown == f"{author}|{author}"
    refused = hello.run(f"git:from-archive hello {url} 'a<b'")
    assert "cannot be the author of a commit" in refused.err
