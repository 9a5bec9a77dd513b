"""``apps:*``, ``url`` and ``urls``."""

import json

import pytest

from fakes import DEPLOYER, VIEWER, Behaviour
from paas.git.process import GitFailed
from paas.git.repository import Repository
from paas.git.tidying import TIDY_AGAIN_SECONDS, RepositoryTidier

NO_APP = (
    " !     there is no app 'nope'\n"
    " !     'apps:list' shows the apps there are; 'apps:create NAME' or a push makes one. [no-such-app]\n"
)


def test_apps_are_created_and_listed_by_name(server):
    assert server.run("apps:list") == (0, "", "")
    assert server.run("apps:list --format json") == (0, "[]\n", "")
    assert server.run("apps:create zebra", caller=DEPLOYER) == (0, "", "-----> Created the app zebra\n")
    assert server.run("apps:create ant-2.example").status == 0
    assert server.run("apps:list", caller=VIEWER) == (0, "ant-2.example\nzebra\n", "")
    assert server.run("apps:list --format json") == (0, '[\n  "ant-2.example",\n  "zebra"\n]\n', "")


def test_a_new_app_is_served_with_a_page_that_says_so(server):
    server.run("apps:create hello")
    assert server.proxy.vhost("hello").empty
    assert server.proxy.vhost("hello").hosts == ("hello.localhost",)


def test_the_next_command_does_not_wait_for_the_page_of_a_new_app(server):
    with server.gates.hold("publish") as gate:
        assert server.begin("apps:create fresh").wait().status == 0
        gate.wait_until_reached()
        assert server.begin("config:set fresh A=1").wait().err == (
            "       Saved. Takes effect at the first deploy.\n"
        )
        gate.open()
    server.quiet()
    assert server.proxy.vhost("fresh").empty


def test_a_name_that_is_spelt_alike_is_suggested(hello):
    hello.run("apps:create shop")
    assert hello.run("ps:scale helo web=2") == (
        20,
        "",
        " !     there is no app 'helo'\n"
        " !     Did you mean hello?\n"
        " !     'apps:list' shows the apps there are; 'apps:create NAME' or a push makes one. [no-such-app]\n",
    )


def test_a_name_is_given_once(hello):
    assert hello.run("apps:create hello") == (
        1,
        "",
        " !     the app 'hello' already exists\n !     Choose another name. [already-exists]\n",
    )


def test_a_name_that_breaks_the_rule_is_refused_with_the_rule(server):
    assert server.run("apps:create Hello") == (
        2,
        "",
        " !     'Hello' is not a name for an app\n"
        " !     A name has 1 to 63 of the characters a-z, 0-9, '-' and '.', starts and ends with a letter or digit, "
        "and does not end in '.git'.\n"
        " !     Choose another name, for instance 'my-app'. [invalid-app-name]\n",
    )
    assert server.run("apps:list").out == ""


def test_whether_an_app_exists_is_told_by_the_status(hello):
    assert hello.run("apps:exists hello", caller=VIEWER) == (0, "", "")
    assert hello.run("apps:exists nope") == (20, "", NO_APP)


def test_info_shows_an_app(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    assert hello.run("apps:info hello", caller=VIEWER) == (
        0,
        f"""\
name        hello
created at  2026-01-01T00:00:00Z
created by  admin
state       running
release     v1
commit      {commit}
processes   web=1 worker=0
urls        http://hello.localhost:8080
repository  {hello.root}/apps/1/repo.git
""",
        "",
    )
    info = json.loads(hello.run("apps:info hello --format json").out)
    assert info["processes"] == {"web": 1, "worker": 0}
    assert info["urls"] == ["http://hello.localhost:8080"]
    assert list(info) == [
        *("name", "created_at", "created_by", "state", "release", "commit", "processes", "urls", "repository"),
    ]


def test_info_of_an_app_that_was_never_deployed(server):
    server.run("apps:create hello")
    info = json.loads(server.run("apps:info hello --format json").out)
    assert (info["state"], info["release"], info["commit"], info["processes"]) == ("not deployed", "", "", {})
    assert server.run("apps:info nope") == (20, "", NO_APP)


def test_rename_moves_the_app_to_another_name_and_domain(hello):
    assert hello.run("apps:rename hello hallo", caller=DEPLOYER) == (
        0,
        "",
        "-----> Started web.1 in 0 ms\n-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"
        "-----> Renamed hello to hallo\n",
    )
    assert hello.run("apps:list").out == "hallo\n"
    assert hello.run("url hallo").out == "http://hallo.localhost:8080\n"
    assert hello.proxy.vhost("hello") is None
    assert hello.proxy.vhost("hallo").live
    assert hello.scheduler.running("web.1").environment["PAAS_APP"] == "hallo"
    assert hello.scheduler.running("web.1").container.name.startswith("hallo.web.1.")


def test_rename_without_a_deploy_leaves_the_containers_as_they_are(hello):
    before = hello.scheduler.ids()
    assert hello.run("apps:rename hello hallo --skip-deploy") == (0, "", "-----> Renamed hello to hallo\n")
    assert hello.scheduler.ids() == before
    assert hello.proxy.vhost("hallo").hosts == ("hallo.localhost",)


def test_rename_to_a_name_that_is_taken_changes_nothing(hello):
    hello.run("apps:create other")
    result = hello.run("apps:rename hello other")
    assert result == (1, "", " !     the app 'other' already exists\n !     Choose another name. [already-exists]\n")
    assert hello.run("apps:list").out == "hello\nother\n"


def test_rename_that_the_proxy_refuses_changes_nothing(hello):
    hello.proxy.refusals.add("hallo")
    assert hello.run("apps:rename hello hallo").status == 1
    assert hello.run("apps:list").out == "hello\n"
    assert hello.proxy.vhost("hello").live


@pytest.mark.real("git")
def test_clone_makes_an_app_with_the_same_code_and_configuration(hello):
    hello.run("config:set hello GREETING=hi")
    hello.run("ps:set hello stop-timeout-seconds 5")
    hello.run("ps:scale hello web=2")
    hello.run("domains:add hello www.example.org")
    assert hello.run("apps:clone hello copy", caller=DEPLOYER) == (
        0,
        "",
        "-----> Started web.1, web.2 in 0 ms\n-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"
        "-----> Released v1: http://copy.localhost:8080\n-----> Cloned hello to copy\n",
    )
    assert hello.run("config:show copy").out == "GREETING:  hi\n"
    assert hello.run("ps:report copy --ps-stop-timeout-seconds").out == "5\n"
    assert hello.run("urls copy").out == "http://copy.localhost:8080\n"
    assert hello.run("releases copy").out.split()[4:7] == ["clone", "of", "hello"]
    assert hello.push("copy", {"new": "file"}, "+main").status == 0


def test_clone_without_a_deploy(hello):
    assert hello.run("apps:clone hello copy --skip-deploy") == (0, "", "-----> Cloned hello to copy\n")
    assert hello.proxy.vhost("copy").empty
    assert hello.run("ps:rebuild copy").status == 0
    assert hello.proxy.vhost("copy").live


def test_clone_to_a_name_that_is_taken(hello):
    hello.run("apps:create copy")
    assert hello.run("apps:clone hello copy").status == 1
    assert hello.run("apps:clone hello copy --ignore-existing") == (0, "", "")
    assert hello.proxy.vhost("copy").empty


def test_destroy_asks_for_the_name(hello):
    warning = (
        " !     WARNING: destroying the app hello. This cannot be undone.\n"
        " !     To continue, type 'hello', or run the command with --force.\n"
    )
    refused = " !     nothing was done: the name was not confirmed [not-confirmed]\n"
    for typed in ("", "y\n", "hell\n"):
        assert hello.run("apps:destroy hello", stdin=typed) == (1, "", warning + refused)
    assert hello.run("apps:exists hello").status == 0

    done = hello.run("apps:destroy hello", stdin="hello\nand more", caller=DEPLOYER)
    assert done == (0, "", warning + "-----> Destroyed hello\n")


def test_destroy_removes_all_of_the_app_and_nothing_else(hello):
    hello.deployed("other")
    hello.run("ps:scale hello web=2 worker=1")
    assert hello.run("--force apps:destroy hello") == (0, "", "-----> Destroyed hello\n")
    assert hello.run("apps:list").out == "other\n"
    assert hello.scheduler.labels() == ["web.1"]
    assert list(hello.scheduler.names) == [(2, 1)]
    assert [path.name for path in (hello.root / "apps").iterdir()] == ["2"]
    assert hello.proxy.vhost("hello") is None
    assert hello.proxy.vhost("other").live

    hello.deployed("hello")
    assert hello.run("releases hello").out.startswith("v1 ")


def test_a_crash_right_after_a_destroy_leaves_nothing_for_long(hello, another):
    with hello.gates.hold("clear") as gate:
        assert hello.run("apps:destroy --force hello").status == 0
        gate.wait_until_reached()
        after = another("after", hello.killed)
    assert (after.scheduler.networked(), list(after.scheduler.names)) == ({1}, [(1, 1)])
    after.repair()
    assert (after.scheduler.networked(), list(after.scheduler.names)) == (set(), [])


def test_url_and_urls(hello):
    hello.run("domains:add hello www.example.org *.example.org")
    assert hello.run("url hello", caller=VIEWER) == (0, "http://www.example.org:8080\n", "")
    assert hello.run("urls hello") == (0, "http://www.example.org:8080\nhttp://hello.localhost:8080\n", "")
    assert json.loads(hello.run("urls hello --format json").out) == hello.run("urls hello").out.split()


def test_the_port_80_is_not_part_of_a_url(another):
    server = another("root80")
    server.run("apps:create hello")
    server.run("settings:set http-port 80")
    assert server.run("url hello").out == "http://hello.localhost\n"


def test_an_app_without_a_domain_has_no_url(hello):
    hello.run("domains:clear-global")
    assert hello.run("urls hello") == (0, "", "")
    assert hello.run("url hello") == (
        1,
        "",
        " !     hello has no domain\n !     Run 'domains:add hello DOMAIN'. [no-domain]\n",
    )


def test_apps_report_tells_where_an_app_comes_from(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    assert json.loads(hello.run("apps:report hello --format json").out) == {
        "created-at": "2026-01-01T00:00:00Z",
        "created-by": "admin",
        "locked": "false",
        "deploy-source": "git-push",
        "deploy-source-metadata": commit,
        "dir": f"{hello.root}/apps/1",
        "global-disable-autocreation": "",
        "computed-disable-autocreation": "false",
    }


@pytest.mark.real("git")
def test_pushes_create_no_apps_once_that_is_turned_off(server):
    on = "apps:set --global disable-autocreation true"
    assert server.run(on) == (0, "", "-----> Set apps disable-autocreation to true\n")
    result = server.push("hello")
    assert result.status == 128
    assert result.err.startswith(
        " !     there is no app 'hello'\n"
        " !     Pushes do not create apps on this server (apps:set --global disable-autocreation).\n"
        " !     Run 'apps:create hello' first. [no-such-app]\n"
    )
    server.run("apps:create hello")
    assert server.push("hello").status == 0


def test_the_setting_of_the_whole_server_is_not_for_one_app(hello):
    assert hello.run("apps:set hello disable-autocreation true") == (
        2,
        "",
        " !     apps disable-autocreation applies to the whole server\n"
        " !     Run 'apps:set --global disable-autocreation VALUE'. [invalid-value]\n",
    )


@pytest.mark.real("git")
def test_another_app_may_have_the_name_that_an_app_had(hello):
    assert hello.run("apps:rename hello bye --skip-deploy").status == 0
    assert hello.push("hello", {"file": "of another app"}).status == 0
    names = sorted(one.container.name for one in hello.scheduler.here.values())
    assert len(names) == 2 and all(name.startswith("hello.web.1.") for name in names)


def test_a_repository_that_can_not_be_tidied_is_left_for_a_day_and_holds_up_no_other(hello, monkeypatch):
    hello.deployed("other")
    tried = []

    def tidy(repository, room):
        tried.append(repository.path.parent.name)
        if repository.path == hello.paths.repository(hello.app("hello")):
            raise GitFailed("gc", "unable to write file: No space left on device")

    monkeypatch.setattr(Repository, "tidy", tidy)
    tidier = RepositoryTidier(hello.ctx)
    tidier.tick()
    tidier.tick()
    assert tried == ["1", "2", "2"]
    hello.clock.advance(TIDY_AGAIN_SECONDS)
    tidier.tick()
    assert tried[3:] == ["1", "2"]


def test_a_rename_that_fails_after_the_old_name_was_taken_says_why_it_failed(hello):
    hello.scheduler.tell("web", Behaviour(exits=1))
    with hello.gates.hold("start") as gate:
        rename = hello.begin("apps:rename hello hallo")
        gate.wait_until_reached()
        assert hello.begin("apps:create hello").wait().status == 0
    result = rename.wait()
    hello.quiet()
    assert result.status == 1
    assert "Another app hello exists by now. This app keeps the name hallo." in result.err
    assert "already-exists" not in result.err
    assert hello.run("apps:list").out == "hallo\nhello\n"
    for name in ("hello", "hallo"):
        assert hello.proxy.vhost(name).hosts == (f"{name}.localhost",)
