"""``settings``, ``version``, ``stack:build``: the server itself."""

import json

import pytest

import paas
from fakes import DEPLOYER, VIEWER, Server
from paas.builders import buildkit, stack
from paas.commands.invocation import Terminal
from paas.core import settings


def test_settings_are_listed_with_where_they_come_from(server):
    rows = json.loads(server.run("settings --format json").out)
    assert [row["key"] for row in rows] == [row.key for row in settings.SETTINGS]
    assert rows[1] == {"key": "ssh-port", "value": "2222", "source": "default", "help": "the port of the SSH server"}
    line = "keep-images         5              default  how many releases of an app keep their image\n"
    assert " ".join(line.split()) in [" ".join(row.split()) for row in server.run("settings").out.splitlines()]
    first = server.run("settings", terminal=Terminal(80, 24)).out.splitlines()[0]
    assert first.split() == ["KEY", "VALUE", "SOURCE", "HELP"]


def test_a_setting_is_written_to_the_file_and_read_from_it(server):
    path = server.root / "paas.yml"
    assert server.run("settings:set keep-images 2") == (0, "", "")
    assert path.read_text() == "keep-images: '2'\n"
    path.write_text("# by hand\nkeep-images: 3\n")
    rows = {row["key"]: row for row in json.loads(server.run("settings --format json").out)}
    assert (rows["keep-images"]["value"], rows["keep-images"]["source"]) == ("3", "file")
    server.run("settings:set keep-images")
    assert path.read_text() == "# by hand\n"


def test_what_counts_from_the_next_start_on_says_so(server):
    later = "       Saved. Takes effect at the next start of the server.\n"
    assert server.run("settings:set http-port 80") == (0, "", later)
    assert server.run("settings:set domain paas.example") == (0, "", later)


def test_flags_of_the_server_go_before_the_file(another):
    server = another("flagged", lambda root: Server(root, {"domain": "paas.example", "http-port": "80"}))
    server.run("settings:set http-port 8081")
    rows = {row["key"]: row for row in json.loads(server.run("settings --format json").out)}
    assert (rows["http-port"]["value"], rows["http-port"]["source"]) == ("80", "flag")
    server.run("apps:create hello")
    assert server.run("url hello").out == "http://hello.paas.example\n"


def test_another_domain_becomes_the_first_global_one_at_the_next_start(another):
    first = another("root1", lambda root: Server(root, {"domain": "old.example"}))
    first.run("apps:create hello")
    first.run("domains:add-global more.example")
    first.close()
    again = another("root1", lambda root: Server(root, {"domain": "new.example"}))
    assert again.run("domains:report --global --domains-global-vhosts").out == "new.example old.example more.example\n"
    assert again.run("url hello").out == "http://hello.new.example:8080\n"
    again.run("domains:set-global other.example")
    again.close()
    third = another("root1", lambda root: Server(root, {"domain": "new.example"}))
    assert third.run("url hello").out == "http://hello.other.example:8080\n"


@pytest.mark.parametrize(
    ("line", "status", "complaint"),
    [
        ("keep-images 0", 2, "A value is a whole number from 1 to 1000."),
        ("port-range 30000-20000", 2, "A value is a range of ports such as 20000-29999, from 1024 to 65535."),
        ("listen localhost", 2, "A value is an IP address, such as 127.0.0.1 or 0.0.0.0."),
        ("build-timeout 0", 2, "A value is a duration from 1s to 7d, such as 30s or 5m."),
        ("nope 1", 1, "There are: listen, ssh-port, "),
        ("keep-image 1", 1, "Did you mean keep-images?"),
        ("", 2, "Usage: settings:set KEY [VALUE] [usage]"),
    ],
)
def test_a_setting_that_can_not_be(server, line, status, complaint):
    result = server.run(f"settings:set {line}")
    assert result.status == status
    assert result.err.splitlines()[1].startswith(f" !     {complaint}")
    assert not (server.root / "paas.yml").exists()


def test_a_file_that_somebody_broke_is_told_and_left_as_it_is(server):
    path = server.root / "paas.yml"
    path.write_text("keep-images: many\n")
    assert server.run("settings") == (
        2,
        "",
        f" !     {path}: keep-images: 'many' is not a value for it\n"
        " !     A value is a whole number from 1 to 1000. [invalid-settings]\n",
    )
    assert server.run("settings:set build-concurrency 1").status == 2
    assert path.read_text() == "keep-images: many\n"
    assert server.run("apps:list").status == 0


@pytest.mark.parametrize("line", ["settings", "settings:set keep-images 1", "stack:build"])
def test_the_server_is_for_administrators(server, line):
    result = server.run(line, caller=DEPLOYER)
    assert (result.status, result.out) == (1, "")
    assert "It needs the role admin; this key has deploy." in result.err


def test_version(server):
    expected = (0, f"paas {paas.__version__}\n", "")
    assert server.run("version", caller=VIEWER) == expected
    assert server.run("--version") == expected


def test_the_stack_image_is_made_on_demand(server, monkeypatch):
    asked = []

    def ensure(suite, *, docker_cli, progress):
        asked.append((suite, docker_cli))
        progress("Unpacking")
        return stack.tag(suite)

    monkeypatch.setattr(stack, "ensure", ensure)
    monkeypatch.setattr(stack, "default_suite", lambda: "trixie")
    monkeypatch.setattr(buildkit, "cli", lambda: ("/opt/docker", "build"))
    done = server.run("stack:build --suite bookworm")
    assert done == (0, "", "       Unpacking\n-----> The stack image paas/stack:bookworm exists\n")
    assert server.run("stack:build").err.endswith("-----> The stack image paas/stack:trixie exists\n")
    assert asked == [("bookworm", "/opt/docker"), ("trixie", "/opt/docker")]


def test_a_flag_that_goes_before_the_file_is_told(another):
    flagged = another("flagged", lambda root: Server(root, {"http-port": "8090"}))
    result = flagged.run("settings:set http-port 8091")
    assert result.err == " !     The server was started with --http-port, which overrides the file.\n"
