"""``git push`` and ``git:*``: what a user types and reads."""

import json

import pytest

from fakes import ADMIN, DEPLOYER, VIEWER, Behaviour
from paas.git.repository import repository_of

pytestmark = pytest.mark.real("git")


def remote(*lines):
    """The lines as git shows what the server says: filled up with blanks, so that nothing shines through."""
    return "".join(f"remote: {line}        \n" for line in lines)


def test_a_push_builds_releases_and_tells_the_url(server):
    commit = server.commit("hello")
    result = server.begin_push("hello", caller=DEPLOYER).wait()
    assert result.status == 0
    assert result.err.startswith(
        remote(
            f"-----> Building hello from {commit[:10]}",
            "       [1/2] FROM scratch",
            '       [2/2] CMD ["/app"]',
            "-----> Built in 0 ms",
            "-----> Started web.1 in 0 ms",
            "-----> Healthy in 0 ms",
            "-----> Switched the proxy in 0 ms",
            "-----> Released v1: http://hello.localhost:8080",
        )
    )
    assert result.err.endswith(" * [new branch]      main -> main\n")
    assert server.app().created_by == "alice"
    assert server.begin_push("hello").wait().err == "Everything up-to-date\n"


def test_only_keys_that_deploy_may_push(hello):
    hello.commit("hello")
    result = hello.begin_push("hello", caller=VIEWER).wait()
    assert result.status == 128
    assert result.err.startswith(
        " !     victor may not run git-receive-pack\n"
        " !     It needs the role deploy; this key has view.\n"
        " !     An administrator can add the key with another role: 'ssh-keys:add NAME --role deploy'. [forbidden]\n"
    )
    assert hello.push("hello", caller=ADMIN).status == 0


@pytest.mark.parametrize("path", ["../../etc", "hello; rm -rf /", "Hello", "a" * 64, "hello.git.git", ""])
def test_a_path_that_is_no_app_is_refused(server, path):
    result = server.run(["git-receive-pack", path])
    assert result.status == 2
    assert "is not a name for an app" in result.err
    assert server.run(["git-upload-pack", path]).status == 2
    assert server.run("apps:list").out == ""


def test_archives_are_not_served(hello):
    assert hello.run("git-upload-archive hello") == (
        1,
        "",
        " !     this server does not serve archives\n !     Use git clone. [no-archives]\n",
    )


def test_what_is_not_there_can_not_be_cloned(server):
    assert server.run("git-upload-pack nope").status == 20


def test_what_was_pushed_is_offered_to_those_who_look(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    result = hello.run("git-upload-pack '/hello.git'", stdin="0000", caller=VIEWER)
    assert result.status == 0
    assert f"{commit} refs/heads/main\n" in result.out


def test_another_branch_is_kept_but_not_deployed_and_that_is_told(hello):
    result = hello.push("hello", {"file": "2"}, branch="topic")
    assert result.status == 0
    told = remote(" !     topic is stored but not deployed: the deploy branch is main")
    assert result.err.startswith(told)
    assert hello.run("releases hello").out.count("\n") == 1


def test_before_main_or_master_there_is_no_deploy_branch(server):
    result = server.push("hello", branch="topic")
    assert result.status == 0
    assert result.err.startswith(
        remote(
            " !     topic is stored but not deployed: push main or master, or run 'git:set APP deploy-branch topic' "
            "and 'ps:rebuild APP'"
        )
    )
    assert server.run("git:set hello deploy-branch topic") == (0, "", "-----> Set git deploy-branch to topic\n")
    assert server.run("ps:rebuild hello").status == 0
    assert server.proxy.vhost("hello").live


def test_master_is_a_deploy_branch_too_and_stays_the_one(server):
    assert server.push("hello", branch="master").status == 0
    assert server.run("git:report hello --git-deploy-branch").out == "master\n"
    assert "the deploy branch is master" in server.push("hello", branch="main").err


def test_the_deploy_branch_can_not_be_deleted(hello):
    result = hello.begin_push("hello", ":main").wait()
    assert result.status == 1
    reason = "main is the deploy branch; set another one first (git:set)"
    assert f" ! [remote rejected] main ({reason})\n" in result.err
    hello.push("hello", branch="topic")
    assert hello.begin_push("hello", ":topic").wait().status == 0


def test_only_branches_and_tags_are_taken(hello):
    commit = hello.commit("hello")
    result = hello.begin_push("hello", f"{commit}:refs/notes/x").wait()
    assert "(only branches and tags are taken)" in result.err
    assert hello.begin_push("hello", f"{commit}:refs/tags/v1").wait().status == 0
    assert hello.run("releases hello").out.count("\n") == 1


def test_a_failed_deploy_rejects_the_push_and_the_same_push_deploys_later(hello):
    hello.scheduler.tell("web", Behaviour(exits=3, log=("starting", "no database!")))
    result = hello.push("hello", {"file": "2"})
    assert result.status == 1
    shown = remote(
        "-----> Started web.1 in 0 ms",
        "-----> The last lines of web.1:",
        "       starting",
        "       no database!",
        " !     web.1 exited with status 3 instead of staying up",
        " !     Its command was: ./web",
        " !     Its last log lines are above. A process must run in the foreground. [exited]",
    )
    assert shown in result.err
    rejected = " ! [remote rejected] main -> main (web.1 exited with status 3 instead of staying up [exited])\n"
    assert rejected in result.err

    hello.scheduler.tell("web", Behaviour())
    assert hello.begin_push("hello").wait().status == 0


def test_a_failed_build_shows_the_step(hello):
    result = hello.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n"})
    assert result.status == 1
    assert remote(
        " !     the image could not be built at [2/2] RUN false",
        " !     exit code: 1 [build-failed]",
    ) in result.err
    assert "(the image could not be built at [2/2] RUN false [build-failed])" in result.err


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        (
            {"Dockerfile": None, "Procfile": None, "notes.txt": "nothing to build\n"},
            [
                " !     cannot detect how to build this repository",
                " !     The build folder has no Dockerfile, and no buildpack recognizes its files: notes.txt. "
                "Buildpacks: node, python, ruby, go, java, php, rust, procfile, static.",
                " !     Add the files of the language's tools (docs/buildpacks.md), or a Dockerfile. If the app is in "
                "a folder: 'builder:set APP build-dir FOLDER'. [nothing-detected]",
            ],
        ),
        (
            {"Dockerfile": "FROM scratch\n", "Procfile": None},
            [
                " !     no command to run was found",
                " !     The image has neither CMD nor ENTRYPOINT, and the repository has no Procfile.",
                ' !     Add CMD ["program", "argument"] to the Dockerfile, or a Procfile with a line "web: program '
                'argument". [no-command]',
            ],
        ),
        (
            {"Procfile": "web: ./web\nweb: ./other\n"},
            [
                " !     Procfile:2: process type 'web' appears twice",
                " !     Keep one of the two lines. [invalid-procfile]",
            ],
        ),
        (
            {".gitattributes": "*.bin filter=lfs\n", "big.bin": "version https://git-lfs.github.com/spec/v1\noid x\n"},
            [
                " !     big.bin is stored with git-lfs",
                " !     A push carries only a pointer; the file itself is on another server.",
                " !     Commit the file itself ('git lfs migrate export'), or fetch it in the Dockerfile. [git-lfs]",
            ],
        ),
    ],
)
def test_a_repository_that_can_not_be_deployed_is_told_why(hello, files, lines):
    result = hello.push("hello", files)
    assert result.status == 1
    assert remote(*lines) in result.err
    assert hello.proxy.vhost("hello").live


def test_report_and_the_properties_of_git(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    assert json.loads(hello.run("git:report hello --format json", caller=VIEWER).out) == {
        "sha": commit,
        "head": commit,
        "last-updated-at": "2026-01-01T00:00:00Z",
        "subject": "change 1",
        "global-archive-max-files": "",
        "computed-archive-max-files": "10000",
        "global-archive-max-ratio": "",
        "computed-archive-max-ratio": "200",
        "global-archive-max-size": "",
        "computed-archive-max-size": "1g",
        "deploy-branch": "main",
        "global-deploy-branch": "",
        "computed-deploy-branch": "main",
        "rev-env-var": "",
        "global-rev-env-var": "",
        "computed-rev-env-var": "GIT_REV",
    }
    hello.run("git:set hello rev-env-var SOURCE_VERSION")
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").environment["SOURCE_VERSION"] == commit
    assert hello.run("git:set hello deploy-branch bad..name") == (
        2,
        "",
        " !     git deploy-branch: 'bad..name' is not a value for it\n"
        " !     A branch has letters, digits and '_', '-', '.', '+', '/'; no part is empty or starts or ends with '.' "
        "[invalid-value]\n",
    )


def test_another_deploy_branch_deploys_from_then_on(hello):
    hello.run("git:set hello deploy-branch release")
    assert "the deploy branch is release" in hello.push("hello", {"file": "2"}).err
    assert hello.push("hello", {"file": "3"}, branch="release").status == 0
    assert hello.run("releases hello").out.count("\n") == 2
    assert hello.begin_push("hello", ":main").wait().status == 0


def test_a_clone_checks_out_the_deploy_branch_that_was_set(hello):
    hello.run("git:set hello deploy-branch release")
    assert (hello.ctx.paths.repository(hello.app()) / "HEAD").read_text() == "ref: refs/heads/release\n"


def test_an_app_whose_first_push_fails_says_that_nothing_is_deployed(server):
    result = server.push("fresh", {"Dockerfile": "FROM x\nRUN false\n"})
    assert result.status == 1
    assert server.proxy.vhost("fresh").empty


def test_an_app_that_a_push_made_without_a_deploy_says_that_nothing_is_deployed(server):
    result = server.push("fresh", None, branch="topic")
    assert result.status == 0
    assert server.proxy.vhost("fresh").empty


def test_a_clone_checks_out_the_branch_that_deploys_wherever_that_is_set(server):
    server.run("git:set --global deploy-branch prod")
    assert server.push("hello", None, branch="prod").status == 0
    assert (repository_of(server.ctx, server.app()).path / "HEAD").read_text() == "ref: refs/heads/prod\n"


def test_a_push_to_a_name_that_is_taken_is_told_by_whom(hello):
    hello.run("domains:add hello shop.example")
    assert "the domain shop.example belongs to the app 'hello'" in hello.push("shop.example", None).err
    hello.run("settings:set dashboard-domain paas.localhost")
    for told in (hello.push("paas", None).err, hello.run("apps:create paas").err):
        assert "paas.localhost" in told
        assert "there is no app" not in told


def test_an_app_whose_name_is_the_domain_of_another_is_told_that_it_has_no_address(hello):
    hello.run("domains:add hello shop.localhost")
    result = hello.push("shop", None)
    assert result.status == 0
    assert "Released v1: shop" in result.err
    assert "shop is released, but has no address: shop.localhost belongs to hello." in result.err
    assert "Give it one: 'domains:add shop DOMAIN'." in result.err
