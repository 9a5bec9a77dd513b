"""An app's own package index is the one that is asked, whichever program installs the packages.

The index and the registry have a package that nobody else has, and one whose name the public ones have, too: asking
those first is how somebody else's code gets into an app (dependency confusion).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from instance import Server
from package_proxy import INTEGRITIES, PACKAGE, TWIN, TWIN_REGISTRY, WHEEL_HASHES, Proxy, wheel_name

pytestmark = pytest.mark.real

PYTHON = (
    "import os, http.server, six, greeting_of_the_test as own\n"
    "TEXT = (own.TEXT + ', ' + getattr(six, 'TEXT', 'from elsewhere')).encode()\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(TEXT)\n"
    'http.server.HTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()\n'
)
NODE = (
    f'const text = require("{PACKAGE}") + ", " + require("{TWIN_REGISTRY}");\n'
    'require("http").createServer((i, o) => o.end(text)).listen(process.env.PORT);\n'
)
NAMES = f"{PACKAGE}\n{TWIN}\n"
APP = {"app.py": PYTHON, "Procfile": "web: python app.py\n"}
FROM_INDEX, FROM_REGISTRY = "from the index, from the index", "from the registry, from the registry"


@pytest.fixture(scope="module")
def packages(instance: Server) -> Iterator[Proxy]:
    """The server of the index and the registry; the platform's own settings name the public ones."""
    made = Proxy()
    settings = {
        "build-ca-file": "/etc/ssl/certs/ca-certificates.crt",
        "build-pip-index": "https://pypi.org/simple",
        "build-npm-registry": "https://registry.npmjs.org",
    }
    for key, value in settings.items():
        assert instance.paas(f"settings:set {key} {value}").status == 0
    yield made
    made.close()


def index(packages: Proxy) -> str:
    """Return the address of the index."""
    return f"{packages.address}/simple"


def answer(server: Server, folder: Path, name: str, files: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """Push the app with these variables, and return what it answers."""
    assert server.paas(f"apps:create {name}").status == 0
    for key, value in variables.items():
        assert server.paas(f"config:set --no-restart {name} '{key}={value}'").status == 0
    folder.mkdir()
    for path, text in files.items():
        (folder / path).write_text(text)
    pushed = server.git_push(folder, name)
    assert pushed.status == 0, pushed.err
    return server.get(name).body


@pytest.mark.parametrize("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_EXTRA_INDEX_URL"])
def test_requirements_with_a_variable(instance: Server, packages: Proxy, variable: str, tmp_path: Path) -> None:
    files = {**APP, "requirements.txt": NAMES}
    name = variable.lower().replace("_", "-")
    assert answer(instance, tmp_path / "code", name, files, {variable: index(packages)}) == FROM_INDEX


def test_requirements_with_a_page_of_links(instance: Server, packages: Proxy, tmp_path: Path) -> None:
    links = f"{packages.address}/links"
    files = {**APP, "requirements.txt": f"{PACKAGE}\n{TWIN}==1.0\n"}
    assert answer(instance, tmp_path / "code", "links", files, {"PIP_FIND_LINKS": links}) == FROM_INDEX


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("index-in-file", {"requirements.txt": "--index-url INDEX\n" + NAMES}),
        ("index-in-file-short", {"requirements.txt": "-i INDEX\n" + NAMES}),
        ("index-in-other", {"requirements.txt": "-r others.txt\n", "others.txt": "--index-url=INDEX\n" + NAMES}),
        ("extra-in-file", {"requirements.txt": "--extra-index-url INDEX\n" + NAMES}),
    ],
)
def test_requirements_that_name_an_index(
    instance: Server, packages: Proxy, name: str, files: dict[str, str], tmp_path: Path
) -> None:
    named = {path: text.replace("INDEX", index(packages)) for path, text in files.items()}
    assert answer(instance, tmp_path / "code", name, {**APP, **named}, {}) == FROM_INDEX


def test_pipenv(instance: Server, packages: Proxy, tmp_path: Path) -> None:
    locked = {
        name: {"hashes": [f"sha256:{digest}"], "index": "pypi", "version": "==1.0"}
        for name, digest in WHEEL_HASHES.items()
    }
    source = {"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True}
    meta = {"hash": {"sha256": "0" * 64}, "pipfile-spec": 6, "requires": {}, "sources": [source]}
    files = {
        **APP,
        "Pipfile": f'[packages]\n{PACKAGE} = "*"\n{TWIN} = "*"\n',
        "Pipfile.lock": json.dumps({"_meta": meta, "default": locked, "develop": {}}),
    }
    assert answer(instance, tmp_path / "code", "pipenv", files, {"PIP_INDEX_URL": index(packages)}) == FROM_INDEX


def test_poetry(instance: Server, packages: Proxy, tmp_path: Path) -> None:
    project = (
        "[tool.poetry]\nname = 'a'\nversion = '1'\ndescription = ''\nauthors = []\npackage-mode = false\n"
        f"[tool.poetry.dependencies]\npython = '>=3.11'\n{PACKAGE} = '1.0'\n{TWIN} = '1.0'\n"
    )
    relevant = {
        "dependencies": {"python": ">=3.11", PACKAGE: "1.0", TWIN: "1.0"},
        "source": None, "extras": None, "dev-dependencies": None,
    }
    digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
    locked = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\ndescription = ""\noptional = false\npython-versions = "*"\n'
        f'files = [{{file = "{wheel_name(name)}", hash = "sha256:{found}"}}]\n\n'
        for name, found in WHEEL_HASHES.items()
    )
    lock = f'{locked}[metadata]\nlock-version = "2.0"\npython-versions = ">=3.11"\ncontent-hash = "{digest}"\n'
    files = {**APP, "pyproject.toml": project, "poetry.lock": lock}
    assert answer(instance, tmp_path / "code", "poetry", files, {"PIP_INDEX_URL": index(packages)}) == FROM_INDEX


PACKAGES = {PACKAGE: "1.0.0", TWIN_REGISTRY: "1.0.0"}
PACKAGE_JSON = {"name": "a", "version": "1.0.0", "scripts": {"start": "node server.js"}, "dependencies": PACKAGES}
LOCKS = {
    "npm": {
        "package-lock.json": json.dumps(
            {
                "name": "a",
                "lockfileVersion": 3,
                "packages": {
                    "": {"name": "a", "dependencies": PACKAGES},
                    **{
                        f"node_modules/{name}": {"version": "1.0.0", "integrity": integrity}
                        for name, integrity in INTEGRITIES.items()
                    },
                },
            }
        )
    },
    "yarn": {
        "yarn.lock": "# yarn lockfile v1\n\n"
        + "\n".join(
            f'{name}@1.0.0:\n  version "1.0.0"\n'
            f'  resolved "https://registry.yarnpkg.com/{name}/-/{name}-1.0.0.tgz"\n  integrity {integrity}\n'
            for name, integrity in INTEGRITIES.items()
        )
    },
    "pnpm": {
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n"
        + "".join(f"      {name}:\n        specifier: 1.0.0\n        version: 1.0.0\n" for name in INTEGRITIES)
        + "\npackages:\n\n"
        + "".join(f"  {name}@1.0.0:\n    resolution: {{integrity: {found}}}\n\n" for name, found in INTEGRITIES.items())
        + "snapshots:\n\n"
        + "".join(f"  {name}@1.0.0: {{}}\n\n" for name in INTEGRITIES)
    },
}


@pytest.mark.parametrize("manager", LOCKS)
@pytest.mark.parametrize("variable", ["NPM_CONFIG_REGISTRY", "npm_config_registry"])
def test_node(instance: Server, packages: Proxy, manager: str, variable: str, tmp_path: Path) -> None:
    files = {"package.json": json.dumps(PACKAGE_JSON), "server.js": NODE, **LOCKS[manager]}
    name = f"{manager}-{'upper' if variable.isupper() else 'lower'}"
    assert answer(instance, tmp_path / "code", name, files, {variable: packages.address}) == FROM_REGISTRY


def test_another_index_installs_the_packages_again(instance: Server, packages: Proxy, tmp_path: Path) -> None:
    """Whoever names an index after the first push gets its packages, though the files are the same."""
    files = {**APP, "app.py": PYTHON.replace("own.TEXT", "'none'").replace(", greeting_of_the_test as own", "")}
    name = "index-later"
    assert answer(instance, tmp_path / "code", name, {**files, "requirements.txt": f"{TWIN}\n"}, {}) == (
        "none, from elsewhere"
    )
    assert instance.paas(f"config:set --no-restart {name} PIP_INDEX_URL={index(packages)}").status == 0
    assert instance.paas(f"ps:rebuild {name}").status == 0
    assert instance.get(name).body == "none, from the index"
