"""Apps without a Dockerfile, and ``buildpacks:*``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from fakes import DEPLOYER, VIEWER
from paas.builders import buildpack_fetch, plans
from paas.core.access.remote_credentials import Login
from paas.core.secret import Secret
from paas.store.buildpacks import Buildpacks

pytestmark = pytest.mark.real("git")

FLASK = {
    "Dockerfile": None,
    "Procfile": None,
    "requirements.txt": "flask\n",
    "app.py": "from flask import Flask\napp = Flask(__name__)\n",
}
MANIFEST = "name: shell\ntitle: Shell\ndetect: [run.sh]\nprocesses: {web: sh run.sh}\n"
TEMPLATE = 'FROM {{ stack }} AS shell\n{{ code }}\nUSER 1000:1000\n'


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "buildpack.yml").write_text(MANIFEST)
    (folder / "Dockerfile.j2").write_text(TEMPLATE)
    return folder


def git(folder: Path, *arguments: str) -> str:
    people = ["-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", *people, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(pack: Path) -> str:
    git(pack, "init", "-q", "-b", "main")
    git(pack, "add", "-A")
    git(pack, "commit", "-qm", "first")
    return f"file://{pack}"


def built(server, number=-1):
    return server.builder.sources[number]


def test_a_push_without_a_dockerfile_is_built_with_a_buildpack(hello):
    result = hello.push("hello", FLASK)

    assert result.status == 0, result.err
    assert "-----> Python 3.13, detected by requirements.txt" in result.err
    assert "AS python\n" in built(hello).recipe
    current = hello.ctx.store.releases.current(hello.app())
    assert {process.type: process.command for process in current.processes} == {"web": "gunicorn 'app:app'"}


def test_a_procfile_adds_to_the_default_processes_and_goes_before_them(hello):
    assert hello.push("hello", {**FLASK, "Procfile": "worker: ./work\n"}).status == 0
    current = hello.ctx.store.releases.current(hello.app())
    assert [process.type for process in current.processes] == ["web", "worker"]

    assert hello.push("hello", {"Procfile": "web: ./web\n"}).status == 0
    assert hello.ctx.store.releases.current(hello.app()).processes[0].command == "./web"


def test_variables_reach_the_build_as_a_secret_and_change_only_the_stamp(hello):
    assert hello.run("config:set --no-restart hello TOKEN=s3cr3t").status == 0
    assert hello.push("hello", {**FLASK, "manage.py": "", "x/settings.py": "STATIC_ROOT = 1\n"}).status == 0
    before = built(hello)
    assert "export TOKEN=s3cr3t\n" in before.environment.reveal()
    assert "s3cr3t" not in before.recipe
    assert "s3cr3t" not in repr(before)

    assert hello.run("config:set --no-restart hello TOKEN=0ther").status == 0
    assert hello.run("ps:rebuild hello").status == 0
    pairs = zip(before.recipe.split(), built(hello).recipe.split(), strict=True)
    changed = [pair for pair in pairs if len(set(pair)) > 1]
    assert len(changed) == 1, "the step that collects static files runs again, and no other"


def test_the_indexes_of_the_server_reach_the_build(hello):
    assert hello.run("settings:set build-pip-index https://user:pw@pypi.example.org/simple").status == 0
    assert hello.run("settings:set build-npm-registry https://npm.example.org").status == 0
    assert hello.push("hello", FLASK).status == 0
    script = built(hello).environment.reveal()
    assert "export UV_DEFAULT_INDEX=https://user:pw@pypi.example.org/simple\n" in script
    assert "export NPM_CONFIG_REGISTRY=https://npm.example.org\n" in script
    assert "example.org" not in built(hello).recipe


def test_the_builder_can_be_chosen(hello):
    files = {**FLASK, "Dockerfile": 'FROM scratch\nCMD ["/app"]\n'}
    assert hello.push("hello", files).status == 0
    assert built(hello).recipe == ""

    assert hello.run("builder:set hello selected buildpack").status == 0
    assert hello.run("ps:rebuild hello").status == 0
    assert "AS python" in built(hello).recipe

    assert hello.run("builder:set hello selected dockerfile").status == 0
    result = hello.push("hello", {"Dockerfile": None})
    assert result.status == 1
    assert "there is no Dockerfile in the repository [no-dockerfile]" in result.err


def test_a_dockerfile_that_was_named_and_is_missing_is_not_made_up_for(hello):
    assert hello.run("builder-dockerfile:set hello dockerfile-path deploy/Dockerfile").status == 0
    result = hello.push("hello", FLASK)
    assert "there is no deploy/Dockerfile in the repository [no-dockerfile]" in result.err


def test_an_app_in_a_folder(hello):
    assert hello.run("builder:set hello build-dir backend").status == 0
    moved = {f"backend/{path}": text for path, text in FLASK.items() if text}
    assert hello.push("hello", {**moved, "package.json": "{}", "Dockerfile": None}).status == 0
    assert "AS python" in built(hello).recipe
    assert 'COPY ["requirements.txt", "./"]' in built(hello).recipe


def test_the_report_of_the_builder_shows_what_is_detected(hello):
    facts = json.loads(hello.run("builder:report hello --format json", caller=VIEWER).out)
    assert (facts["detected"], facts["detected-by"]) == ("dockerfile", "Dockerfile")

    assert hello.push("hello", FLASK).status == 0
    facts = json.loads(hello.run("builder:report hello --format json", caller=VIEWER).out)
    assert facts["detected"] == "buildpack"
    assert facts["detected-by"] == "detected by requirements.txt"
    assert facts["detected-buildpacks"] == "python"
    assert facts["detected-language"] == "Python 3.13"
    assert facts["detection-order"] == "node, python, ruby, go, java, php, rust, procfile, static"

    assert hello.push("hello", {"runtime.txt": "python-2.7.18\n"}).status == 1
    assert hello.run("buildpacks:set-property hello stack bookworm").status == 0
    assert hello.run("builder:report hello --builder-detected-language").out == "Python 3.11\n"


def test_detect_shows_the_dockerfile_and_builds_nothing(hello):
    assert hello.push("hello", FLASK).status == 0
    count = len(hello.builder.sources)
    shown = hello.run("buildpacks:detect hello", caller=VIEWER)
    assert shown.status == 0
    assert shown.out == re.sub(r"id=paas-[0-9a-f]{32}-", "id=paas-hidden-", built(hello).recipe)
    assert shown.err == "-----> Python 3.13, detected by requirements.txt\n"
    assert "id=paas-hidden-" in shown.out
    data = json.loads(hello.run("buildpacks:detect hello --format json").out)
    assert data["facts"]["python"]["wsgi"] == "app:app"
    assert data["processes"] == {"web": "gunicorn 'app:app'"}
    assert len(hello.builder.sources) == count


def test_the_names_of_caches_can_not_be_worked_out_and_differ_by_app(hello):
    """Whoever knows one can mount it in a build of another app."""
    names = []
    for app in ("hello", "other"):
        assert hello.push(app, FLASK).status == 0
        recipe = built(hello).recipe
        found = set(re.findall(r"type=cache,id=(\S+?)-\w+,", recipe))
        assert len(found) == 1
        names += found
        assert re.fullmatch("paas-[0-9a-f]{32}", names[-1])
        assert names[-1] not in hello.run(f"buildpacks:detect {app} --format json").out
    assert names[0] != names[1]


def test_detect_of_an_app_with_a_dockerfile_and_of_one_without_a_commit(hello):
    assert hello.run("buildpacks:detect hello") == (0, "", "-----> hello is built with its own Dockerfile\n")
    hello.run("apps:create empty")
    assert "empty has no commit yet" in hello.run("buildpacks:detect empty").err


def test_the_chain_of_an_app_is_edited(hello):
    def chain():
        return [row["name"] for row in json.loads(hello.run("buildpacks:list hello --format json").out)]

    assert chain() == []
    added = hello.run("buildpacks:add hello python", caller=DEPLOYER)
    assert added == (0, "", "-----> Added buildpack python to hello. Takes effect at the next build.\n")
    hello.run("buildpacks:add hello https://github.com/heroku/heroku-buildpack-nodejs --index 1")
    assert chain() == ["node", "python"]
    hello.run("buildpacks:set hello static --index 2")
    assert chain() == ["node", "static"]
    hello.run("buildpacks:remove hello node")
    assert chain() == ["static"]
    hello.run("buildpacks:clear hello")
    assert chain() == []
    assert "there is no buildpack 'cobol'" in hello.run("buildpacks:add hello cobol").err
    assert "there is no buildpack 'node' to remove" in hello.run("buildpacks:remove hello node").err
    assert hello.run("buildpacks:add hello python --index 0").status == 2


def test_the_chain_of_the_server_goes_before_the_repository_s(hello):
    both = {**FLASK, "package.json": '{"scripts": {"build": "true"}}', ".buildpacks": "node\npython\n"}
    pushed = hello.push("hello", both)
    assert "Node.js 20, then Python 3.13, chosen in .buildpacks" in pushed.err
    assert "COPY --chown=1000:1000 --from=node /app/ ./" in built(hello).recipe

    hello.run("buildpacks:add hello python")
    assert "Python 3.13, chosen in buildpacks:set" in hello.push("hello", {"a": "1"}).err


@pytest.mark.parametrize(
    ("files", "reason"),
    [({".buildpacks": "python\n"}, ".buildpacks"), ({"paas.yml": "build: python\n"}, "paas.yml"), ({}, "")],
)
def test_what_the_repository_chooses_goes_before_its_dockerfile(hello, files, reason):
    pushed = hello.push("hello", {**FLASK, "Dockerfile": "FROM scratch\nCMD [\"/app\"]\n", **files})
    assert pushed.status == 0, pushed.err
    assert bool(built(hello).recipe) == bool(reason)
    assert f"chosen in {reason}" in pushed.err or not reason


def test_the_chain_of_the_server_goes_before_a_dockerfile_and_the_builder_before_both(hello):
    hello.run("buildpacks:add hello python")
    files = {**FLASK, "Dockerfile": "FROM scratch\nCMD [\"/app\"]\n"}
    assert "chosen in buildpacks:set" in hello.push("hello", files).err
    hello.run("builder-dockerfile:set hello dockerfile-path Dockerfile")
    assert "chosen in buildpacks:set" in hello.run("ps:rebuild hello").err
    hello.run("builder:set hello selected dockerfile")
    assert hello.run("ps:rebuild hello").status == 0
    assert built(hello).recipe == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("build: {a: b}", "paas.yml: build: must be text, not a mapping"),
        ("build: [python, null]", "paas.yml: build[1]: must be text, not nothing"),
        ("build: []", "paas.yml: build: names no buildpack"),
        ("static: {folder: dist, sap: true}", "paas.yml: static.sap: there is no such field"),
        ("static: {folder: dist, spa: maybe}", "paas.yml: static.spa: must be true or false"),
        ("static: ../etc", "paas.yml: static: must be a folder of the repository, not '../etc'"),
        ("static: [a]", "paas.yml: static: must be text, not a list"),
    ],
)
def test_a_mistake_in_how_to_build_is_told_with_file_and_key(hello, text, message):
    pushed = hello.push("hello", {**FLASK, "paas.yml": text})
    assert pushed.status == 1
    assert message in pushed.err
    assert "[invalid-paas-yml]" in pushed.err


def test_one_from_a_repository_stays_at_its_commit(hello, pack, repository):
    first = git(pack, "rev-parse", "HEAD")
    assert hello.run(f"buildpacks:add hello {repository}").status == 0
    rows = json.loads(hello.run("buildpacks:list hello --format json").out)
    assert rows == [{"place": 1, "name": "shell", "title": "Shell", "source": repository, "version": first[:10]}]

    (pack / "Dockerfile.j2").write_text(TEMPLATE.replace("USER", "RUN newer\nUSER"))
    git(pack, "commit", "-qam", "second")
    app = {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n"}
    assert hello.push("hello", app).status == 0
    assert "RUN newer" not in built(hello).recipe

    assert hello.run(f"buildpacks:add hello {repository}").status == 0
    assert hello.run("ps:rebuild hello").status == 0
    assert "RUN newer" in built(hello).recipe
    assert not (hello.paths.buildpacks / first).exists(), "what nobody uses is gone"

    hello.run("buildpacks:remove hello shell")
    assert [path.name for path in hello.paths.buildpacks.iterdir()] == [".lock"]


def test_a_clone_has_the_buildpacks_of_its_app(hello, repository):
    assert hello.run(f"buildpacks:add hello {repository}").status == 0
    assert hello.run("apps:clone hello copy --skip-deploy").status == 0
    hello.run("buildpacks:clear hello")
    assert [row["name"] for row in json.loads(hello.run("buildpacks:list copy --format json").out)] == ["shell"]
    app = {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n"}
    assert hello.push("copy", app, "+main").status == 0


def test_one_for_all_apps_takes_part_in_the_detection(hello, pack, repository):
    assert hello.run(f"buildpacks:add --global {repository}", caller=DEPLOYER).status == 1
    assert hello.run(f"buildpacks:add --global {pack}").status == 0
    names = [row["name"] for row in json.loads(hello.run("buildpacks:list --format json").out)]
    assert names[0] == "shell"
    pushed = hello.push("hello", {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n"})
    assert "-----> Shell, detected by run.sh" in pushed.err
    assert hello.run("buildpacks:remove --global shell").status == 0


def test_folders_and_files_of_the_server_are_for_admins(hello, pack, repository):
    assert "need the role admin" in hello.run(f"buildpacks:add hello {pack}", caller=DEPLOYER).err
    refused = hello.run(f"buildpacks:add hello {repository}", caller=DEPLOYER).err
    assert "file is not taken." in refused
    assert "[invalid-url]" in refused
    assert hello.run("buildpacks:list hello").out == ""


@pytest.mark.parametrize(
    ("manifest", "recipe", "message"),
    [
        (MANIFEST + "colour: red\n", TEMPLATE, "buildpack.yml: colour: there is no such field"),
        (MANIFEST.replace("name: shell\n", ""), TEMPLATE, "buildpack.yml: name: is missing"),
        (MANIFEST.replace("shell", "Shell!"), TEMPLATE, "buildpack.yml: name: 'Shell!' is not a name"),
        (MANIFEST.replace("[run.sh]", "{fiel: run.sh}"), TEMPLATE,
         "buildpack.yml: detect.fiel: there is no such field"),
        (MANIFEST.replace("[run.sh]", "[../run.sh]"), TEMPLATE,
         "buildpack.yml: detect: '../run.sh' leads out of the repository"),
        (MANIFEST.replace("[run.sh]", "{text: {run.sh: '('}}"), TEMPLATE,
         "buildpack.yml: detect.text.run.sh: is not a regular expression"),
        (MANIFEST + "versions: {wanted: v, available: {bookworm: '1'}}\n", TEMPLATE,
         "buildpack.yml: versions.wanted: there is no fact 'v'"),
        (MANIFEST + "facts: {v: '1'}\nversions: {wanted: v, available: {bookworm: 1.0}}\n", TEMPLATE,
         "buildpack.yml: versions.available.bookworm: must be a version in quotes"),
        (MANIFEST + "problems: [{code: x, when: run.sh, what: a, why: b}]\n", TEMPLATE,
         "buildpack.yml: problems[0].fix: must be text"),
        (MANIFEST + "facts: {v: {key: a.b}}\n", TEMPLATE, "buildpack.yml: facts.v: must have file together with key"),
        (MANIFEST + "x: [\n", TEMPLATE, "buildpack.yml is not YAML: line"),
        (MANIFEST, "{% if %}", "Dockerfile.j2, line 1: Expected an expression"),
        (MANIFEST, None, "there is no Dockerfile.j2 in "),
    ],
)  # fmt: skip
def test_one_that_is_wrong_is_refused_with_file_and_key(hello, pack, manifest, recipe, message):
    (pack / "buildpack.yml").write_text(manifest)
    (pack / "Dockerfile.j2").unlink() if recipe is None else (pack / "Dockerfile.j2").write_text(recipe)
    result = hello.run(f"buildpacks:add hello {pack}")
    assert result.status == 2
    assert message in result.err
    assert "[invalid-buildpack]" in result.err
    assert hello.run("buildpacks:list hello").out == ""


def test_a_template_reaches_nothing_but_what_it_is_given(hello, pack):
    (pack / "Dockerfile.j2").write_text('FROM {{ present.__globals__ }}\n')
    assert hello.run(f"buildpacks:add hello {pack}").status == 0
    pushed = hello.push("hello", {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n"})
    assert "unsafe" in pushed.err
    assert "[invalid-buildpack]" in pushed.err

    (pack / "secret").symlink_to("/etc/passwd")
    assert "secret is a symbolic link" in hello.run(f"buildpacks:add hello {pack}").err


def test_what_comes_from_elsewhere_is_worked_on_in_limited_processes_and_a_report_renders_nothing(hello, pack):
    asked = hello.confined.asked
    assert hello.push("hello", FLASK).status == 0
    assert asked == []
    assert hello.run(f"buildpacks:add hello {pack}").status == 0
    assert [name for name, _ in asked] == ["check"]
    asked.clear()
    files = {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n", "pyproject.toml": "[project]\n"}
    assert hello.push("hello", files).status == 0
    assert asked == [("template", "the template of the buildpack shell")]
    asked.clear()
    assert "shell" in hello.run("builder:report hello", caller=VIEWER).out
    assert asked == []
    assert hello.run("buildpacks:detect hello", caller=VIEWER).status == 0
    assert [name for name, _ in asked] == ["template"]
    assert hello.run("buildpacks:clear hello").status == 0
    asked.clear()
    pushed = hello.push("hello", {**files, "run.sh": None, **FLASK, "pyproject.toml": "[project\n"})
    assert "pyproject.toml is not TOML" in pushed.err
    assert asked == [("toml", "pyproject.toml")]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("{% for a in range(99999) %}xxxx{% endfor %}", "Dockerfile.j2 produces more than 262144 characters"),
        ("FROM {{ 1 / 0 }}", "Dockerfile.j2: ZeroDivisionError: division by zero"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "Dockerfile.j2: RecursionError"),
    ],
)
def test_a_template_that_fails_in_its_own_way_is_an_error_of_the_buildpack(hello, pack, recipe, said):
    (pack / "Dockerfile.j2").write_text(recipe)
    assert hello.run(f"buildpacks:add hello {pack}").status == 0
    pushed = hello.push("hello", {"Dockerfile": None, "Procfile": None, "run.sh": "exit\n"})
    assert said in pushed.err
    assert "[invalid-buildpack]" in pushed.err


def test_files_that_are_too_large_to_be_asked_for_keys_are_refused(hello, pack):
    package = '{"scripts": {"start": "node ."}, "x": "' + "x" * (1 << 20) + '"}'
    pushed = hello.push("hello", {"Dockerfile": None, "Procfile": None, "package.json": package, "index.js": ""})
    assert "package.json has 1048" in pushed.err
    assert "[invalid-app-file]" in pushed.err
    (pack / "Dockerfile.j2").write_text("x" * (256 << 10) + "x")
    assert "its templates have more than 262144 bytes" in hello.run(f"buildpacks:add hello {pack}").err


def test_many_files_of_code_hide_neither_manifests_nor_what_is_at_the_top(hello, monkeypatch):
    monkeypatch.setattr(plans, "_MOST", 3)
    many = {f"a/m{number}.py": "x = 1\n" for number in range(5)}
    assert hello.push("hello", {**FLASK, **many, "runtime.txt": "python-3.11\n"}).status == 0
    current = hello.ctx.store.releases.current(hello.app())
    assert {process.type: process.command for process in current.processes} == {"web": "gunicorn 'app:app'"}
    assert "# Python 3.11" in built(hello).recipe

    monkeypatch.setattr(plans, "_MOST_BYTES", 20)
    assert "app:app" not in hello.run("buildpacks:detect hello --format json").out


URL = "https://git.example.org/team/shell-buildpack.git"


def test_one_of_another_server_is_fetched_with_what_git_sync_has(hello, pack, repository):
    hello.remotes.repositories[URL] = pack / ".git"
    hello.remotes.wants["git.example.org"] = Login("bot", Secret("t0ken"))
    assert "Authentication failed" in hello.run(f"buildpacks:add hello {URL}").err
    ca = hello.root / "ca.pem"
    ca.write_text("x")
    for line in (
        "git:auth git.example.org bot t0ken",
        f"settings:set build-ca-file {ca}",
        "settings:set build-https-proxy http://proxy:3128",
        "settings:set build-no-proxy example.net",
        "settings:set fetch-timeout 7",
    ):
        assert hello.run(line).status == 0, line
    assert hello.run(f"buildpacks:add hello {URL}", caller=DEPLOYER).status == 0
    means = hello.remotes.asked[-1].means
    assert (means.ca_file, means.timeout, means.newest_only) == (str(ca), 7, True)
    assert means.proxies == {"https_proxy": "http://proxy:3128", "no_proxy": "example.net"}
    assert means.limit == buildpack_fetch.MOST_FETCHED

    assert "[unknown-host]" in hello.run("buildpacks:add hello git@git.example.org:team/x.git").err
    assert "[credentials-in-url]" in hello.run("buildpacks:add hello https://u:p@git.example.org/x").err
    assert "[invalid-ref]" in hello.run(f"buildpacks:add hello {URL}#a..b").err


def test_one_that_is_too_large_is_not_written_to_the_disk(hello, pack, repository, monkeypatch):
    monkeypatch.setattr(buildpack_fetch, "MOST_BYTES", 100)
    monkeypatch.setattr(buildpack_fetch, "update_worktree", None)
    assert "is not a buildpack: it has 2 files with" in hello.run(f"buildpacks:add hello {repository}").err


def test_one_that_is_kept_stays_until_it_is_recorded(hello, repository, monkeypatch):
    """Somebody removes another buildpack just then."""
    hello.run(f"buildpacks:add hello {repository}")
    hello.run("apps:create other")
    put = hello.ctx.store.table(Buildpacks).put
    others = threading.Thread(target=lambda: hello.run("buildpacks:clear hello"))

    def late(row):
        others.start()
        others.join(0.2)
        put(row)

    monkeypatch.setattr(hello.ctx.store.table(Buildpacks), "put", late)
    assert hello.run(f"buildpacks:add other {repository}").status == 0
    others.join()
    assert [row["name"] for row in json.loads(hello.run("buildpacks:list other --format json").out)] == ["shell"]


def test_build_arguments_are_variables_of_the_steps_and_a_target_is_refused(hello):
    assert hello.push("hello", FLASK).status == 0
    hello.run("docker-options:add hello build --build-arg FLAVOUR=mint")
    hello.run("docker-options:add hello build --no-cache")
    assert hello.run("ps:rebuild hello").status == 0
    assert "export FLAVOUR=mint\n" in built(hello).environment.reveal()
    assert built(hello).options == ("--no-cache",)

    hello.run("docker-options:add hello build --target web")
    refused = hello.run("ps:rebuild hello").err
    assert "hello has the build option --target=web, but is built with buildpacks" in refused
    assert "[target-without-dockerfile]" in refused
    hello.run("builder:set hello selected dockerfile")
    assert hello.push("hello", {"Dockerfile": "FROM scratch\nCMD [\"/app\"]\n"}).status == 0
    assert "--target=web" in built(hello).options


MARK = "\ufeff"


@pytest.mark.parametrize("file", [".python-version", "runtime.txt"])
def test_a_byte_order_mark_hides_no_version(hello, file):
    version = "python-3.11\r\n" if file == "runtime.txt" else "3.11\r\n"
    assert hello.push("hello", {**FLASK, file: MARK + version}).status == 0
    assert "# Python 3.11" in built(hello).recipe


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("Procfile", "web: python app.py\r\n"),
        ("app.json", '{"name": "x"}'),
        ("paas.yml", "processes: {web: {command: python app.py}}\r\n"),
        ("Aptfile", "busybox\r\n"),
        (".buildpacks", "heroku/python\r\n"),
        ("pyproject.toml", "[tool.black]\r\nline-length = 99\r\n"),
        ("requirements.txt", "flask\r\n"),
    ],
)
def test_a_byte_order_mark_changes_nothing(hello, file, text):
    result = hello.push("hello", {**FLASK, file: MARK + text})
    assert result.status == 0, result.err
    assert "AS python\n" in built(hello).recipe


def test_a_byte_order_mark_before_package_json(hello):
    files = {"Dockerfile": None, "Procfile": None, ".nvmrc": f"{MARK}18\r\n", "server.js": ""}
    package = MARK + '{"name": "x", "scripts": {"start": "node server.js"}}'
    result = hello.push("hello", {**files, "package.json": package})
    assert result.status == 0, result.err
    assert "# Node.js 18" in built(hello).recipe


@pytest.mark.parametrize("file", ["Procfile", "app.json", "paas.yml"])
def test_utf_16_is_named_in_files_of_the_platform(hello, file):
    result = hello.push("hello", {**FLASK, file: os.fsdecode("web: python app.py\n".encode("utf-16"))})
    assert f"{file} is UTF-16 text" in result.err
    assert "Save it as UTF-8" in result.err


@pytest.mark.parametrize(
    "name",
    [
        *("What's new.txt", "price$USD.txt", "back\\slash.txt", 'say "hi".txt', os.fsdecode(b"latin\xe9.txt")),
        *("to\u00a0do.txt", "two\nlines.txt", "tab\there.py", "soft\u00adhyphen.html", "download[1].txt"),
    ],
)
def test_a_file_with_an_odd_name_refuses_no_push(hello, name):
    result = hello.push("hello", {**FLASK, name: "x"})
    assert result.status == 0, result.err
    sources = [line for line in built(hello).recipe.splitlines() if line.startswith("COPY [") and ".txt" in line]
    assert sources, "the files for pip are copied by name"
    assert all("\\n" not in line and "\ufffd" not in line for line in sources)


def test_a_site_in_a_folder_with_an_odd_name(hello):
    folder = "it's a [site]"
    files = {"Dockerfile": None, "Procfile": None, "paas.yml": f'static: "{folder}"\n', f"{folder}/index.html": "x"}
    assert hello.push("hello", files).status == 0
    assert r'COPY ["it\\' in built(hello).recipe
