"""What the steps of a build see of the app's variables and the server's settings."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest

from paas.core.builds import environment, trust_store
from paas.core.secret import Secret
from paas.system.memory_file import in_memory

HARD = "it's \"quoted\"; $HOME `id`\nand a second line \\"


def test_any_value_comes_out_of_the_shell_as_it_went_in() -> None:
    script = environment.script({"build-go-proxy": "https://x/?a=b&c"}, "c0ffee", {"TOKEN": Secret(HARD)})
    with in_memory(script.reveal()) as path:
        shown = subprocess.run(
            ["sh", "-c", f'. {path}; printf %s "$TOKEN$GOPROXY$GIT_REV"'],
            capture_output=True, check=True, text=True, pass_fds=(), env={"HOME": "/x"},
        )  # fmt: skip
    assert shown.stdout == HARD + "https://x/?a=b&cc0ffee"


def test_what_the_build_itself_relies_on_is_kept_out() -> None:
    names = ("PATH", "HOME", "LD_PRELOAD", "BASH_ENV", "NODE_ENV")
    script = environment.script({}, "c", {name: Secret("bad") for name in names}).reveal()
    assert "bad" not in script


def test_the_app_s_own_index_goes_before_the_server_s() -> None:
    script = environment.script({"build-pip-index": "https://server"}, "c", {"PIP_INDEX_URL": Secret("https://own")})
    assert seen(script, "PIP_INDEX_URL") == "https://own"


@pytest.mark.parametrize(
    ("own", "seen_by", "value"),
    [
        *(("PIP_INDEX_URL", name, "https://a") for name in ("UV_DEFAULT_INDEX", "POETRY_PYPI_MIRROR_URL")),
        *(("UV_INDEX_URL", name, "https://a") for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL")),
        *(("UV_DEFAULT_INDEX", name, "https://a") for name in ("UV_DEFAULT_INDEX", "PIPENV_PYPI_MIRROR")),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "https://a https://b"),
        ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", "a b"),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS", "https://a,https://b"),
        *(("NPM_CONFIG_REGISTRY", name, "https://a") for name in ("YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER")),
        ("npm_config_registry", "NPM_CONFIG_REGISTRY", "https://a"),
        ("YARN_REGISTRY", "NPM_CONFIG_REGISTRY", "https://a"),
    ],
)
def test_each_program_sees_the_index_that_the_app_names_for_another(own: str, seen_by: str, value: str) -> None:
    given = {"UV_INDEX": "https://a\n https://b", "UV_INSECURE_HOST": "a b", "UV_FIND_LINKS": "https://a  https://b"}
    server = {"build-pip-index": "https://server", "build-npm-registry": "https://server"}
    script = environment.script(server, "c", {own: Secret(given.get(seen_by, "https://a"))})
    assert seen(script, seen_by) == value


def test_tools_of_the_platform_come_from_where_the_server_says() -> None:
    own = {"PIP_INDEX_URL": Secret("https://own"), "UV_INDEX": Secret("x"), "npm_config_registry": Secret("https://own")}
    script = environment.script({"build-pip-index": "https://server"}, "c", own)
    tools = Secret(f"{script.reveal()}\nserver_indexes\n")
    assert seen(tools, "UV_DEFAULT_INDEX") == seen(tools, "PIP_INDEX_URL") == "https://server"
    assert {seen(tools, name) for name in ("UV_INDEX", "npm_config_registry", "NPM_CONFIG_REGISTRY")} == {"unset"}


def test_only_what_says_where_packages_come_from_is_chosen() -> None:
    variables = {name: Secret("x") for name in ("UV_INDEX_URL", "TOKEN", "GOPROXY")}
    assert set(environment.choose_indexes(variables)) == {"UV_INDEX_URL", "GOPROXY"}


def test_the_stamp_changes_with_a_value_and_with_the_key() -> None:
    first = environment.stamp({"A": Secret("1")}, "key")
    assert first == environment.stamp({"A": Secret("1")}, "key")
    others = {environment.stamp({"A": Secret("2")}, "key"), environment.stamp({"A": Secret("1")}, "other")}
    assert first not in others
    assert len(others) == 2


def test_a_file_in_memory_is_gone_afterwards() -> None:
    with in_memory("text") as path:
        assert path.read_text() == path.read_text() == "text"
    assert not path.exists()


def seen(script: Secret, name: str) -> str:
    with in_memory(script.reveal()) as path:
        command = ["sh", "-c", f'. {path}; printf %s "${{{name}-unset}}"']
        return subprocess.run(command, capture_output=True, check=True, text=True, env={}).stdout


def test_java_gets_proxies_as_properties_and_no_password() -> None:
    proxies = {"http": "http://u:pw@proxy:3128", "https": "http://proxy", "no": ".example.org, 10.0.0.1"}
    assert seen(environment.script({}, "c", {}, proxies), "JAVA_TOOL_OPTIONS").split() == [
        *("-Dhttp.proxyHost=proxy", "-Dhttp.proxyPort=3128", "-Dhttps.proxyHost=proxy", "-Dhttps.proxyPort=80"),
        *("-Dhttp.nonProxyHosts=localhost|*.example.org|10.0.0.1", "-Daether.connector.http.useSystemProperties=true"),
    ]
    assert seen(environment.script({}, "c", {}), "JAVA_TOOL_OPTIONS") == ""
    own = environment.script({}, "c", {"JAVA_TOOL_OPTIONS": Secret("-Xmx1g")}, proxies)
    assert seen(own, "JAVA_TOOL_OPTIONS") == "-Xmx1g"


def test_a_trust_store_has_each_certificate_once() -> None:
    def pem(data: bytes) -> str:
        return f"# x\n-----BEGIN CERTIFICATE-----\n{base64.b64encode(data).decode()}\n-----END CERTIFICATE-----\n"

    store = trust_store.jks(pem(b"one" * 40) + pem(b"two") + pem(b"one" * 40))
    assert store[:12] == bytes.fromhex("feedfeed0000000200000002")
    assert store.count(b"one" * 40) == store.count(b"two") == 1
    body, digest = store[:-20], store[-20:]
    assert digest == hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()
