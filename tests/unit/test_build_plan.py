"""What is detected in the files of a commit, and what is said of those that come near."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import confined
from paas.builders import buildpack_folders, recipe
from paas.core.apps import procfile
from paas.core.builds import plan as buildplan
from paas.core.builds.commit_files import CommitFiles
from paas.core.builds.plan import BuildPlan
from paas.core.errors import PaasError
from paas.system import pattern, yaml_file

APPS = Path(__file__).parent.parent / "apps"
SUITES = ("trixie", "bookworm")


def files_of(texts: Mapping[str, str]) -> CommitFiles:
    settings = buildplan.SETTINGS_FILE
    parsed = {settings: yaml_file.parse(texts[settings], settings, "invalid-paas-yml")} if settings in texts else {}
    return CommitFiles(tuple(sorted(texts)), texts, parsed, pattern.first_groups)


def plan_of(texts: Mapping[str, str]) -> BuildPlan:
    commands = procfile.parse(texts.get("Procfile", ""))
    return buildplan.plan(buildpack_folders.shipped(), files_of(texts), suites=SUITES, commands=commands)


def refused(texts: Mapping[str, str]) -> list[str]:
    with pytest.raises(PaasError) as caught:
        plan_of(texts)
    return caught.value.lines()


def app(name: str) -> dict[str, str]:
    folder = APPS / name
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}


NEAR = sorted(path.name for path in (APPS / "refused").iterdir())


def test_there_is_an_expectation_for_each_refused_app() -> None:
    assert NEAR
    assert [name for name in NEAR if not (APPS / "refused" / name / "EXPECTED").exists()] == []


@pytest.mark.parametrize("name", NEAR)
def test_an_app_that_comes_near_is_refused_with_what_why_and_fix(name: str) -> None:
    texts = app(f"refused/{name}")
    expected = texts.pop("EXPECTED")
    assert refused(texts) == expected.splitlines()


@pytest.mark.parametrize(
    ("name", "title", "web"),
    [
        ("chain-node-then-python", "Node.js 20, then Python 3.13", "gunicorn 'app:app'"),
        ("go-cmd-folders", "Go 1.24", "bin/web"),
        ("go-net-http", "Go 1.24", "bin/shop"),
        ("go-vendored-module", "Go 1.24", "bin/blog"),
        ("java-gradle-wrapper", "Java 21", "java $JAVA_OPTS -Dserver.port=$PORT -jar app.jar"),
        ("java-jar", "Java 21", "java $JAVA_OPTS -Dserver.port=$PORT -jar app.jar"),
        ("java-maven-wrapper", "Java 21", "java $JAVA_OPTS -Dserver.port=$PORT -jar app.jar"),
        ("node-build-into-modules", "Node.js 20", "node server.js"),
        ("node-express-npm", "Node.js 20", "node server.js"),
        ("node-fastify-yarn", "Node.js 20", "npm start"),
        ("node-postinstall-script", "Node.js 20", "node dist/server.js"),
        ("node-typescript-pnpm", "Node.js 20", "node dist/server.js"),
        ("node-yarn-modern", "Node.js 20", "node server.js"),
        ("php-composer-path-package", "PHP 8.4", "serve"),
        ("php-front-controller", "PHP 8.4", "serve"),
        ("php-index", "PHP 8.4", "serve"),
        ("procfile-aptfile", "Procfile alone", None),
        ("procfile-perl-script", "Procfile alone", None),
        ("procfile-shell-and-worker", "Procfile alone", None),
        ("python-django-collectstatic", "Python 3.13", "gunicorn 'site_.wsgi:application'"),
        ("python-fastapi-uv", "Python 3.13", "uvicorn --host 0.0.0.0 --port $PORT 'shop.main:app'"),
        ("python-flask-requirements", "Python 3.13", "gunicorn 'app:app'"),
        ("python-pipfile", "Python 3.13", None),
        ("python-poetry-older-version", "Python 3.11", "uvicorn --host 0.0.0.0 --port $PORT 'notes:app'"),
        ("python-setuptools-package", "Python 3.13", "gunicorn 'greeter:create_app()'"),
        ("python-src-layout", "Python 3.13", "gunicorn 'shop:app'"),
        ("ruby-path-gem", "Ruby 3.3", None),
        ("ruby-rack-gems", "Ruby 3.3", "bundle exec rackup -o 0.0.0.0 -p $PORT"),
        ("ruby-socket-script", "Ruby 3.3", None),
        ("ruby-vendored-gem", "Ruby 3.3", None),
        ("rust-path-dependency", "Rust 1.85", "bin/blog-web"),
        ("rust-std", "Rust 1.85", "bin/shop"),
        ("rust-vendored-crate", "Rust 1.85", "bin/forum"),
        ("static-built-by-node", "Node.js 20, then Static files", "serve"),
        ("static-index-html", "Static files", "serve"),
        ("static-spa-option", "Static files", "serve"),
    ],
)
def test_each_app_is_known_with_its_version_and_its_default_process(name: str, title: str, web: str | None) -> None:
    plan = plan_of(app(name))
    assert (plan.title, plan.processes.get("web")) == (title, web)

    text = recipe.render(plan, confined.work, cache="c", stamp="0", commands=False)
    assert text == recipe.render(plan, confined.work, cache="c", stamp="0", commands=False)
    stages = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert stages[-1].endswith(f" AS {plan.stages[-1].buildpack.name}")
    final = text.rpartition("\nFROM ")[2]
    assert final.strip().endswith("USER 1000:1000")
    assert "/run/secrets" not in final, "no step of the final image sees a secret"


def test_every_app_has_its_line() -> None:
    lines = test_each_app_is_known_with_its_version_and_its_default_process.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert sorted(line[0] for line in lines) == sorted(path.name for path in APPS.iterdir() if path.name != "refused")


FLASK = {"requirements.txt": "flask\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}


@pytest.mark.parametrize(
    ("texts", "web"),
    [
        ({"requirements.txt": "", "shop/__init__.py": "from flask import Flask\ndef create_app():\n  pass\n"},
         "gunicorn 'shop:create_app()'"),
        ({"requirements.txt": "", "src/shop/web.py": "api = fastapi.FastAPI(title='x')\n"},
         "uvicorn --host 0.0.0.0 --port $PORT 'shop.web:api'"),
        ({"requirements.txt": "", "wsgi.py": "app: Flask = Flask('x')\n"}, "gunicorn 'wsgi:app'"),
        ({"requirements.txt": "", "tests/test_x.py": "x = 1\n", "main.py": "app = create_app()\n"},
         "gunicorn 'main:app'"),
        ({"package.json": '{"name": "x"}', "server.mjs": ""}, "node server.mjs"),
        ({"go.mod": "module x.org/a/b/v3\ngo 1.19\n", "cmd/tool/main.go": "package main\n"}, "bin/tool"),
        ({"Gemfile": "", "Gemfile.lock": "    puma (6.4.0)\n", "config.ru": "run x"},
         "bundle exec puma -b tcp://0.0.0.0:$PORT"),
        ({"Gemfile": "", "Gemfile.lock": "    rails (7.1)\n", "bin/rails": "", "config.ru": ""},
         "bundle exec rails server -b 0.0.0.0 -p $PORT"),
    ],
)  # fmt: skip
def test_the_default_process_follows_from_the_code(texts: dict[str, str], web: str) -> None:
    assert plan_of(texts).processes["web"] == web


@pytest.mark.parametrize(
    ("texts", "version"),
    [
        ({**FLASK, ".python-version": "3.11.9\n"}, "3.11"),
        ({**FLASK, "runtime.txt": "python-3.13.1\n"}, "3.13"),
        ({**FLASK, "pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.12"\n'}, "3.11"),
        ({"Pipfile": '[requires]\npython_version = "3.11"\n', "Pipfile.lock": "{}", "app.py": FLASK["app.py"]}, "3.11"),
        ({"package.json": '{"engines": {"node": "^18.12"}, "scripts": {"start": "x"}}'}, "18"),
        ({"package.json": '{"scripts": {"start": "x"}}', ".nvmrc": "v18\n"}, "18"),
        ({"composer.json": '{"require": {"php": "~8.2.0"}}', "index.php": ""}, "8.2"),
        ({"Gemfile": 'ruby "~> 3.1.2"', "Gemfile.lock": "", "Procfile": "web: x"}, "3.1"),
        ({"pom.xml": "<java.version>17</java.version>", "system.properties": "java.runtime.version=17\n"}, "17"),
    ],
)
def test_the_version_that_is_asked_for_chooses_the_stack(texts: dict[str, str], version: str) -> None:
    stage = plan_of(texts).stages[-1]
    assert stage.version == version
    assert stage.buildpack.versions is not None
    assert stage.buildpack.versions.available[stage.suite] == version


def test_a_chain_hands_on_the_files_and_nothing_else() -> None:
    plan = plan_of(app("chain-node-then-python"))
    text = recipe.render(plan, confined.work, cache="c", stamp="0", commands=False)
    assert "    npm run build && rm -rf node_modules\n" in text
    assert "COPY --chown=1000:1000 --from=node /app/ ./" in text
    assert "nodejs" not in text.rpartition("AS python-base")[2]


def test_names_of_others_mean_the_same_buildpacks() -> None:
    address = "https://github.com/heroku/heroku-buildpack-nodejs.git#v200\nheroku/python\n"
    texts = {**FLASK, "package.json": '{"scripts": {"build": "x"}}', ".buildpacks": address}
    assert [stage.buildpack.name for stage in plan_of(texts).stages] == ["node", "python"]


def test_debian_packages_are_in_the_image() -> None:
    plan = plan_of({**FLASK, "Aptfile": "# x\nlibpq5\nffmpeg # y\n"})
    text = recipe.render(plan, confined.work, cache="c", stamp="0", commands=False)
    assert "-o Dpkg::Use-Pty=0 libpq5 ffmpeg" in text


def test_globs_stay_in_their_folder() -> None:
    files = CommitFiles(("a.py", "b/c.py", "b/d/e.py", "f[1].py", "a+b.py"))
    assert files.find(["*.py"]) == ["a.py", "f[1].py", "a+b.py"]
    assert files.find(["*/*.py"]) == ["b/c.py"]
    assert files.find(["**/*.py"]) == list(files.paths)
    assert files.find(["[ab].py", "a.py"]) == ["a.py"]
    assert files.find(["f?1?.py", "a+b.py"]) == ["f[1].py", "a+b.py"]


def slow(wanted: str) -> re.Pattern[str]:
    """The same meaning, written so that it may take for ever."""
    parts = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.findall(r"(?:(?<=/)|^)\*\*/|\*|\?|\[[^\]]+\]|[^*?\[]+|\[", wanted)
    return re.compile("".join(parts.get(one) or (one if one.endswith("]") else re.escape(one)) for one in tokens))


FOLDER = st.text("ab", min_size=1, max_size=4)
PART = st.lists(st.sampled_from(["a", "b", "*", "?", "[ab]", "[b]"]), min_size=1, max_size=6).map("".join)


@given(
    st.lists(st.one_of(PART, st.just("**")), min_size=1, max_size=5), PART,
    st.lists(st.lists(FOLDER, min_size=1, max_size=6).map("/".join), max_size=20),
)  # fmt: skip
def test_a_pattern_matches_what_it_means(folders: list[str], name: str, paths: list[str]) -> None:
    wanted = "/".join([*folders, name])
    wanted += "" if set(wanted) & set("*?[") else "*"
    there = tuple(dict.fromkeys(paths))
    assert CommitFiles(there).find([wanted]) == [path for path in there if slow(wanted).fullmatch(path)]


def test_an_expression_that_python_would_never_be_done_with_holds_up_nobody() -> None:
    files = CommitFiles(("x.txt",), {"x.txt": "a" * 60 + "!\n" * 20_000}, {}, pattern.first_groups)
    assert list(files.search(["x.txt"], "^(a+)+$")) == []
    assert list(files.search(["x.txt"], r"^\s*(a+)(b)?!$")) == [("x.txt", ("a" * 60, None))]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_a_file_that_is_nested_too_deeply_is_told(text: str) -> None:
    assert refused({"package.json": text})[0] == "package.json is not JSON"


@pytest.mark.parametrize(
    ("line", "name"),
    [("example.org/a/shop", "shop"), ("example.org/shop/v2", "shop"), ('"shop"', "shop"), ("shop // why", "shop")],
)
def test_the_program_of_go_is_called_as_its_module(line: str, name: str) -> None:
    texts = {"go.mod": f"module {line}\ngo 1.24\n", "main.go": "package main\n"}
    assert plan_of(texts).processes["web"] == f"bin/{name}"


def recipe_of(texts: Mapping[str, str]) -> str:
    return recipe.render(plan_of(texts), confined.work, cache="c", stamp="0", commands=False)


@pytest.mark.parametrize(
    ("texts", "copied"),
    [
        ({"requirements.txt": "-r base.txt\n-c limits.txt\n", "base.txt": "flask\n", "limits.txt": ""},
         'COPY ["base.txt", "limits.txt", "requirements.txt", "./"]'),
        ({"requirements.txt": "-r requirements/prod.txt\n", "requirements/prod.txt": "flask\n"},
         'COPY ["requirements", "./requirements"]'),
        ({"requirements.txt": "-r reqs/prod.txt\n", "reqs/prod.txt": "flask\n"}, 'COPY ["reqs", "./reqs"]'),
        ({"requirements.txt": "flask\n", "my own requirements.txt": ""},
         'COPY ["my own requirements.txt", "requirements.txt", "./"]'),
        ({"requirements.txt": "vendor/shop-1.0-py3-none-any.whl\n"}, "COPY . ./"),
        ({"requirements.txt": "shop @ ./vendor/shop-1.0.tar.gz ; python_version > '3'\n"}, "COPY . ./"),
        ({"requirements.txt": "--find-links vendor\nflask\n"}, "COPY . ./"),
        ({"requirements.txt": "-e packages/shop\n"}, "COPY . ./"),
        ({"requirements.txt": "-r deploy/prod.txt\n"}, "COPY . ./"),
        ({"requirements.txt": "-r reports/prod.txt\n"}, "COPY . ./"),
        ({"requirements.txt": "https://example.org/shop-1.0.tar.gz\n-e git+https://example.org/x.git#egg=x\n"},
         'COPY ["requirements.txt", "./"]'),
    ],
)  # fmt: skip
def test_what_requirements_name_is_there_when_they_are_installed(texts: dict[str, str], copied: str) -> None:
    text = recipe_of({"app.py": FLASK["app.py"], **texts})
    steps = text.partition(" AS python-deps")[2].partition("uv pip install -r")[0]
    assert copied in steps.splitlines()
    assert (copied == "COPY . ./") == ("COPY . ./" in steps)


def test_code_in_src_is_found_where_nothing_installs_it() -> None:
    app = {"src/shop/__init__.py": FLASK["app.py"]}
    assert "ENV PYTHONPATH=/app/src\n" in recipe_of({"requirements.txt": "flask\n", **app})
    project = '[project]\nname = "shop"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
    assert "PYTHONPATH" not in recipe_of({"pyproject.toml": project, **app})


def test_modern_yarn_makes_a_folder_that_node_finds_by_itself() -> None:
    package = '{"packageManager": "yarn@4.5.3", "scripts": {"start": "node server.js"}, "dependencies": {"a": "1"}}'
    text = recipe_of({"package.json": package, "yarn.lock": "__metadata:\n  version: 8\n"})
    assert "ENV YARN_NODE_LINKER=node-modules\n" in text


@pytest.mark.parametrize(("name", "version"), [("lts/iron", "20"), ("LTS/Hydrogen", "18"), ("lts/*", "20")])
def test_the_names_of_nvm_are_versions(name: str, version: str) -> None:
    texts = {"package.json": '{"scripts": {"start": "node server.js"}}', ".nvmrc": f"{name}\n"}
    assert plan_of(texts).stages[-1].version == version


@pytest.mark.parametrize(
    ("texts", "title"),
    [
        ({**FLASK, "tika.jar": ""}, "Python 3.13"),
        ({"Procfile": "web: ./run", "tools.go": "package main"}, "Procfile alone"),
        ({"index.html": "", "cmd/x/main.go": "package main", "src/A.java": "", "Cargo.lock": ""}, "Static files"),
        ({"index.html": "", "app.jar": ""}, "Static files"),
        ({"Procfile": "web: java -jar a.jar", "a.jar": ""}, "Java 21"),
        ({"Gemfile": 'ruby "3.3"\n', "Gemfile.lock": "PLATFORMS\n  x86_64-linux\n", "Procfile": "web: x"}, "Ruby 3.3"),
        ({"Gemfile": 'ruby "~> 3.3.4"\n', "Gemfile.lock": "PLATFORMS\n  ruby\n", "Procfile": "web: x"}, "Ruby 3.3"),
        ({"go.mod": "module x\ngo 1.24.3\n", "main.go": "package main"}, "Go 1.24"),
    ],
)
def test_what_is_beside_an_app_is_not_taken_for_the_app(texts: dict[str, str], title: str) -> None:
    assert plan_of(texts).title == title


def test_what_a_build_makes_in_the_packages_comes_beside_those_of_production() -> None:
    text = recipe_of(app("node-build-into-modules"))
    assert "    touch /tmp/before && npm run build \\\n && find node_modules -cnewer /tmp/before" in text
    final = text.rpartition("\nFROM ")[2].splitlines()
    stages = ("node-deps", "node-build")
    packages, code = (next(line for line in final if f"--from={stage} " in line) for stage in stages)
    assert final.index(packages) < final.index(code)
