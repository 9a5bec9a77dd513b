"""Apps without a Dockerfile, as people push them: built by the real engine, and asked for an answer."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from instance import Server
from package_proxy import INDEX, INTEGRITY, PACKAGE, REGISTRY, Proxy

from paas.builders import buildkit
from paas.builders import stack as stacks
from paas.core.builds import environment

pytestmark = pytest.mark.real

APPS = Path(__file__).parent.parent / "apps"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SECRET = "s3cr3t-0f-the-build"

ANSWERS = {
    "chain-node-then-python": ("/", "chain v1, node at run time: None"),
    "go-cmd-folders": ("/", "go cmd v1"),
    "go-net-http": ("/", "go v1"),
    "go-vendored-module": ("/", "go vendored v1"),
    "java-gradle-wrapper": ("/", "java gradle v1"),
    "java-jar": ("/", "java jar v1"),
    "java-maven-wrapper": ("/", "java maven v1"),
    "node-build-into-modules": ("/", "made v1"),
    "node-express-npm": ("/", "express v1"),
    "node-fastify-yarn": ("/", '{"hello":"fastify v1"}'),
    "node-postinstall-script": ("/", "postinstall v1"),
    "node-typescript-pnpm": ("/", "hono v1"),
    "node-yarn-modern": ("/", "modern yarn v1"),
    "php-composer-path-package": ("/", "php package v1"),
    "php-front-controller": ("/any/where", "php front v1 /any/where"),
    "php-index": ("/", "php v1"),
    "procfile-aptfile": ("/", "busybox v1"),
    "procfile-perl-script": ("/", "perl v1"),
    "procfile-shell-and-worker": ("/", "shell v1 1000 /app"),
    "python-django-collectstatic": ("/", "django v1 /static/site."),
    "python-fastapi-uv": ("/", '{"shop":"fastapi v1"}'),
    "python-flask-requirements": ("/", "flask v1"),
    "python-pipfile": ("/", "bottle v1"),
    "python-poetry-older-version": ("/", "starlette v1"),
    "python-setuptools-package": ("/", "package v1"),
    "python-src-layout": ("/", "src v1"),
    "ruby-path-gem": ("/", "ruby path v1"),
    "ruby-rack-gems": ("/any/where", "rack v1 /any/where"),
    "ruby-socket-script": ("/", "ruby v1"),
    "ruby-vendored-gem": ("/", "ruby vendored v1"),
    "rust-path-dependency": ("/", "rust path v1"),
    "rust-std": ("/", "rust v1"),
    "rust-vendored-crate": ("/", "rust vendored v1"),
    "static-built-by-node": ("/", "static node v1"),
    "static-index-html": ("/", "static v1"),
    "static-spa-option": ("/any/where", "spa v1"),
}

DEPENDENCIES = {
    "node-express-npm": ("server.js", "npm ci --no-audit --no-fund --omit=dev"),
    "php-front-controller": ("src/Kernel.php", "composer install --no-dev"),
    "python-flask-requirements": ("app.py", "env $(own-index requirements.txt) uv pip install -r requirements.txt"),
    "ruby-rack-gems": ("config.ru", "bundle install"),
}
"""A file of the code, and the start of the step that installs what the app depends on. Go, Rust and Java have caches
of their compilers instead."""

LANGUAGES = (
    *("go-net-http", "java-maven-wrapper", "node-build-into-modules", "php-front-controller"),
    *("python-django-collectstatic", "ruby-rack-gems", "rust-std", "static-built-by-node"),
)


def usual() -> dict[str, str]:
    """The settings of the server: this machine's certificates, its proxies if any, and named package indexes."""
    settings = {
        "build-ca-file": CERTIFICATES,
        "build-pip-index": "https://pypi.org/simple",
        "build-npm-registry": "https://registry.npmjs.org",
    }
    for key in ("http", "https", "no"):
        settings[f"build-{key}-proxy"] = os.environ.get(f"{key}_proxy", os.environ.get(f"{key.upper()}_PROXY", ""))
    return settings


@pytest.fixture(scope="module")
def server(instance: Server) -> Iterator[Server]:
    """An instance with these settings, and a variable that is secret."""
    tell(instance, usual())
    assert instance.paas(f"config:set --global --no-restart SECRET_KEY={SECRET}").status == 0
    yield instance


def tell(server: Server, settings: dict[str, str]) -> None:
    for key, value in settings.items():
        assert server.paas(f"settings:set {key} {value}".rstrip()).status == 0


def push(server: Server, name: str, folder: Path) -> str:
    """Pushes a copy of the app, which has to be deployed; what the pusher read."""
    shutil.copytree(APPS / name, folder, dirs_exist_ok=True)
    pushed = server.git_push(folder, name)
    assert pushed.status == 0, pushed.err
    return pushed.err


def image_of(server: Server, name: str) -> str:
    container = json.loads(server.paas(f"ps {name} --format json").out)[0]["container"]
    client = docker.from_env()
    try:
        return str(client.containers.get(container).image.id)
    finally:
        client.close()


@pytest.mark.parametrize("name", ANSWERS)
def test_an_app_is_built_and_answers(server: Server, name: str, tmp_path: Path) -> None:
    push(server, name, tmp_path / "code")

    path, text = ANSWERS[name]
    answer = server.get(name, path)
    assert (answer.status, text in answer.body) == (200, True), answer

    image = image_of(server, name)
    client = docker.from_env()
    try:
        found = client.images.get(image)
        assert found.attrs["Config"]["User"] == "1000:1000"
        assert "HOME=/app" in found.attrs["Config"]["Env"]
        assert SECRET not in json.dumps([found.attrs, found.history()])
    finally:
        client.close()


@pytest.mark.parametrize("name", LANGUAGES)
def test_files_of_the_build_hold_no_secret(server: Server, name: str, tmp_path: Path) -> None:
    """The app's variable was there during the build; nothing of the image's file system has it."""
    client = docker.from_env()
    try:
        container = client.containers.create(image_of(server, name), labels={"paas.instance": server.instance()})
        exported = tmp_path / "all.tar"
        with exported.open("wb") as file:
            for chunk in container.export():
                file.write(chunk)
        container.remove()
    finally:
        client.close()
    assert subprocess.run(["grep", "-q", SECRET, str(exported)], check=False).returncode == 1
    if name == "python-django-collectstatic":
        collected = subprocess.run(["grep", "-qa", "collected/staticfiles.json", str(exported)], check=False)
        assert collected.returncode == 0
    exported.unlink()


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_a_change_of_the_code_keeps_the_layer_of_the_dependencies(server: Server, name: str, tmp_path: Path) -> None:
    path, step = DEPENDENCIES[name]
    shutil.copytree(APPS / name, tmp_path / "code")
    code = tmp_path / "code" / path
    code.write_text(code.read_text().replace("v1", "v2").replace("V1", "V2"))
    assert server.git(tmp_path / "code", "init", "-q", "-b", "main").status == 0
    pushed = server.git_push(tmp_path / "code", name, "+main")

    assert pushed.status == 0, pushed.err
    place, text = ANSWERS[name]
    assert text.replace("v1", "v2") in server.get(name, place).body
    installing = pushed.err.partition(step)[2]
    assert installing, "the step is there"
    assert installing.split("\n")[1].split() == ["remote:", "cached"]


KEPT = {
    "node-fastify-yarn": ("yarn", "/usr/local/share/.cache/yarn"),
    "node-build-into-modules": ("npm", "/root/.npm"),
    "node-typescript-pnpm": ("pnpm", "/root/.local/share/pnpm/store"),
    "node-yarn-modern": ("berry", "/root/.yarn/berry/cache"),
    "python-django-collectstatic": ("uv", "/root/.cache/uv"),
    "python-poetry-older-version": ("poetry", "/root/.cache/pypoetry"),
}
"""The cache of the package manager, by what it is called in the recipe, and where it is mounted."""


@pytest.mark.parametrize("name", KEPT)
def test_downloads_are_kept_for_the_next_build_and_not_in_the_image(server: Server, name: str, tmp_path: Path) -> None:
    cache, folder = KEPT[name]
    recipe = (
        f"FROM {stacks.tag('bookworm')}\n"
        f"RUN --mount=type=cache,id={_cache_of(server, name)}-{cache},target={folder} \\\n"
        # Run each time: without the cache of steps (--no-cache), the mount is another one.
        f"  : {uuid.uuid4()}; find {folder} -type f | wc -l\n"
    )
    built = subprocess.run(
        [*buildkit.cli(), "--progress=plain", "-"],
        input=recipe, env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = re.findall(r"^#\d+ [\d.]+ (\d+)$", built.stdout + built.stderr, re.MULTILINE)
    assert counts and int(counts[0]) > 0, built.stderr

    image = image_of(server, name)
    listed = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "ls", image, "-A", "/app"], capture_output=True, text=True, check=True
    )
    # Modern yarn keeps what it knows of an installation in .yarn, beside the project's own settings.
    in_repository = {path.name for path in (APPS / name).iterdir()} | ({".yarn"} if cache == "berry" else set())
    hidden = {entry for entry in listed.stdout.split() if entry.startswith(".")} - in_repository
    assert hidden == set()


def _cache_of(server: Server, name: str) -> str:
    database = sqlite3.connect(f"file:{server.root / 'paas.db'}?mode=ro", uri=True)
    try:
        app = database.execute("SELECT id FROM apps WHERE name = ?", [name]).fetchone()[0]
        key = database.execute("SELECT value FROM instance WHERE key = 'build-stamp-key'").fetchone()[0]
        return environment.cache_name(app, key)
    finally:
        database.close()


def test_a_buildpack_from_a_git_repository(server: Server, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "buildpack.yml").write_text(
        "name: pages\ntitle: Pages\ndetect: [pages.txt]\nfacts:\n  title: {file: pages.txt, search: '^title: (.*)'}\n"
        "processes: {web: 'busybox httpd -f -p $PORT -h /app'}\n"
    )
    (pack / "Dockerfile.j2").write_text(
        '{% import "lib.j2" as lib with context %}\nFROM {{ stack }} AS pages\n{{ lib.apt(["busybox"]) }}\n'
        "{{ lib.user() }}\n{{ code }}\nRUN echo {{ facts.title | quote }} > index.html\nUSER 1000:1000\n"
    )
    for words in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        assert server.git(pack, *words).status == 0
    added = server.paas(f"buildpacks:add --global file://{pack}")
    assert added.status == 0, added.err

    code = tmp_path / "code"
    code.mkdir()
    (code / "pages.txt").write_text("title: It's a page\n")
    pushed = server.git_push(code, "pages")
    assert pushed.status == 0, pushed.err
    assert "Pages, detected by pages.txt" in pushed.err
    assert server.get("pages").body == "It's a page\n"


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy, and behind it mirrors, that the server's builds are told of; afterwards they are told what they were."""
    made = Proxy()
    tell(server, {"build-http-proxy": made.address, "build-pip-index": INDEX, "build-npm-registry": REGISTRY})
    yield made
    tell(server, usual())
    made.close()


def test_packages_come_from_the_mirrors_through_the_proxy(server: Server, proxy: Proxy, tmp_path: Path) -> None:
    """The names of the mirrors are known to the proxy alone. The tools are there from the apps above."""
    apps = {
        "mirrored-python": {
            "requirements.txt": f"{PACKAGE}==1.0\n",
            "Procfile": "web: python app.py\n",
            "app.py": (
                "import os, http.server, greeting_of_the_test as one\n"
                "class Handler(http.server.BaseHTTPRequestHandler):\n"
                "    def do_GET(self):\n"
                "        self.send_response(200); self.end_headers(); self.wfile.write(one.TEXT.encode())\n"
                'http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()\n'
            ),
        },
        "mirrored-node": {
            "package.json": json.dumps(
                {"name": "a", "scripts": {"start": "node server.js"}, "dependencies": {PACKAGE: "1.0.0"}}
            ),
            "package-lock.json": json.dumps(
                {
                    "name": "a",
                    "lockfileVersion": 3,
                    "packages": {
                        "": {"name": "a", "dependencies": {PACKAGE: "1.0.0"}},
                        f"node_modules/{PACKAGE}": {"version": "1.0.0", "integrity": INTEGRITY},
                    },
                }
            ),
            "server.js": (
                f'require("http").createServer((i, o) => o.end(require("{PACKAGE}"))).listen(process.env.PORT);\n'
            ),
        },
    }
    for name, files in apps.items():
        for path, text in files.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / path).write_text(text)
        pushed = server.git_push(tmp_path / name, name)
        assert pushed.status == 0, (pushed.err, proxy.asked)
    assert server.get("mirrored-python").body == "from the index"
    assert server.get("mirrored-node").body == "from the registry"
    assert {f"{INDEX}/{PACKAGE}/", f"{REGISTRY}/{PACKAGE}/-/{PACKAGE}-1.0.0.tgz"} <= set(proxy.asked)
