"""What the steps of a build see of the app's variables and the server's settings."""

from __future__ import annotations

import base64
import hashlib
import subprocess

from paas.core import buildenv, truststore
from paas.core.secret import Secret
from paas.drivers.memfile import in_memory

HARD = "it's \"quoted\"; $HOME `id`\nand a second line \\"


def test_any_value_comes_out_of_the_shell_as_it_went_in() -> None:
    script = buildenv.script({"GOPROXY": "https://x/?a=b&c"}, "c0ffee", {"TOKEN": Secret(HARD)})
    with in_memory(script.reveal()) as path:
        shown = subprocess.run(
            ["sh", "-c", f'. {path}; printf %s "$TOKEN$GOPROXY$GIT_REV"'],
            capture_output=True, check=True, text=True, pass_fds=(), env={"HOME": "/x"},
        )  # fmt: skip
    assert shown.stdout == HARD + "https://x/?a=b&cc0ffee"


def test_what_the_build_itself_relies_on_is_kept_out() -> None:
    names = ("PATH", "HOME", "LD_PRELOAD", "BASH_ENV", "NODE_ENV")
    script = buildenv.script({}, "c", {name: Secret("bad") for name in names}).reveal()
    assert "bad" not in script


def test_the_app_s_own_index_goes_before_the_server_s() -> None:
    script = buildenv.script({"PIP_INDEX_URL": "https://server"}, "c", {"PIP_INDEX_URL": Secret("https://own")}).reveal()
    assert "https://own" in script
    assert "https://server" not in script


def test_the_stamp_changes_with_a_value_and_with_the_key() -> None:
    first = buildenv.stamp({"A": Secret("1")}, "key")
    assert first == buildenv.stamp({"A": Secret("1")}, "key")
    others = {buildenv.stamp({"A": Secret("2")}, "key"), buildenv.stamp({"A": Secret("1")}, "other")}
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
    assert seen(buildenv.script({}, "c", {}, proxies), "JAVA_TOOL_OPTIONS").split() == [
        *("-Dhttp.proxyHost=proxy", "-Dhttp.proxyPort=3128", "-Dhttps.proxyHost=proxy", "-Dhttps.proxyPort=80"),
        *("-Dhttp.nonProxyHosts=localhost|*.example.org|10.0.0.1", "-Daether.connector.http.useSystemProperties=true"),
    ]
    assert seen(buildenv.script({}, "c", {}), "JAVA_TOOL_OPTIONS") == ""
    own = buildenv.script({}, "c", {"JAVA_TOOL_OPTIONS": Secret("-Xmx1g")}, proxies)
    assert seen(own, "JAVA_TOOL_OPTIONS") == "-Xmx1g"


def test_a_trust_store_has_each_certificate_once() -> None:
    def pem(data: bytes) -> str:
        return f"# x\n-----BEGIN CERTIFICATE-----\n{base64.b64encode(data).decode()}\n-----END CERTIFICATE-----\n"

    store = truststore.jks(pem(b"one" * 40) + pem(b"two") + pem(b"one" * 40))
    assert store[:12] == bytes.fromhex("feedfeed0000000200000002")
    assert store.count(b"one" * 40) == store.count(b"two") == 1
    body, digest = store[:-20], store[-20:]
    assert digest == hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()
