"""Environment of build steps: the app's variables, package indexes, private authorities.

All of it is one shell script that BuildKit mounts for single steps, so that nothing of it becomes part of an image.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from paas.core.secret import Secret


@dataclass(frozen=True)
class Family:
    """Variables with the same meaning for different programs. If the app sets one of them, all ``names`` get its value.

    ``setting`` names the server's value, which applies to an app that sets none of them. ``aliases`` are read, but not
    set. ``joined`` separates several values in the variables after the first; pip separates them by blanks.
    """

    names: tuple[str, ...]
    setting: str = ""
    aliases: tuple[str, ...] = ()
    joined: str = ""


# uv installs the same packages as pip, but reads none of its variables: https://docs.astral.sh/uv/pip/compatibility/
FAMILIES = (
    Family(
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "POETRY_PYPI_MIRROR_URL", "PIPENV_PYPI_MIRROR"),
        "build-pip-index",
        aliases=("UV_INDEX_URL",),
    ),
    Family(("PIP_EXTRA_INDEX_URL", "UV_INDEX"), aliases=("UV_EXTRA_INDEX_URL",), joined=" "),
    Family(("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"), joined=" "),
    Family(("PIP_FIND_LINKS", "UV_FIND_LINKS"), joined=","),
    Family(
        ("NPM_CONFIG_REGISTRY", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"),
        "build-npm-registry",
        aliases=("npm_config_registry",),
    ),
    Family(("BUNDLE_MIRROR__ALL",), "build-gem-source"),
    Family(("GOPROXY",), "build-go-proxy"),
    # The templates of java and rust pass these on, since Maven and Cargo read no such variable.
    Family(("MAVEN_MIRROR",), "build-maven-mirror"),
    Family(("MVNW_REPOURL",), "build-maven-mirror"),
    Family(("CARGO_MIRROR",), "build-cargo-registry"),
)
"""Variables that tell package managers where to download packages."""
SETTINGS = tuple(dict.fromkeys(family.setting for family in FAMILIES if family.setting))

AUTHORITIES = (
    *("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
    *("NPM_CONFIG_CAFILE", "YARN_HTTPS_CA_FILE_PATH", "CARGO_HTTP_CAINFO"),
)
"""Variables that tell programs a file with certificates."""

# /dev/shm is in memory and removed with the step. The setting's file has additional certificates: the usual ones stay
# valid.
_CERTIFICATES = f"""\
if [ -s /run/secrets/ca ]; then
  cat /etc/ssl/certs/ca-certificates.crt /run/secrets/ca > /dev/shm/ca.pem
  for name in {" ".join(AUTHORITIES)}; do export "$name=/dev/shm/ca.pem"; done
fi
"""

# Java reads neither the variables for certificates nor those for proxies. The platform mounts a trust store beside the
# certificates, see `paas.core.builds.trust_store`.
_JAVA = """\
[ ! -s /run/secrets/jks ] || JAVA_TOOL_OPTIONS="$JAVA_TOOL_OPTIONS -Djavax.net.ssl.trustStore=/run/secrets/jks"
[ -z "$JAVA_TOOL_OPTIONS" ] || export JAVA_TOOL_OPTIONS
"""

_HOSTS = re.compile(r"[^\s,]+")
_MAVEN_TAKES_THEM = "-Daether.connector.http.useSystemProperties=true"

# A build with another search path, home or loader would not be a build of the pushed code.
_KEPT_OUT = re.compile(r"PATH|HOME|SHELL|IFS|ENV|BASH_ENV|PWD|LD_.*|PYTHONHOME|NODE_ENV|NODE_OPTIONS|TMPDIR")


def script(
    indexes: Mapping[str, str],
    commit: str,
    variables: Mapping[str, Secret],
    proxies: Mapping[str, str] | None = None,
) -> Secret:
    """Return the script: the server's ``indexes`` by their setting, and the app's ``variables``, which override them.

    The script also defines ``server_indexes``: after it, packages are downloaded from the server's indexes. The
    platform's own tools are installed that way, since an app's index may have only the app's packages. ``proxies`` are
    addresses by ``http``, ``https`` and ``no``; BuildKit passes them to the other programs.
    """
    given = {name: secret.reveal() for name, secret in sorted(variables.items()) if not _KEPT_OUT.fullmatch(name)}
    values = {**_of_families(indexes, given), "GIT_REV": commit, **given}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    lines.append(_server_indexes(_of_families(indexes, {})))
    java = f"JAVA_TOOL_OPTIONS={shlex.quote(' '.join(_java_proxies(proxies or {})))}\n{_JAVA}"
    return Secret(_CERTIFICATES + java + "".join(f"{line}\n" for line in lines))


def _of_families(indexes: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of all families: the app's own values, or the server's."""
    found: dict[str, str] = {}
    for family in FAMILIES:
        known = (*family.names, *family.aliases)
        value = next((given[name] for name in known if given.get(name)), indexes.get(family.setting, ""))
        if value:
            first, *others = family.names
            joined = family.joined.join(value.split()) if family.joined else value
            found |= {first: value, **dict.fromkeys(others, joined)}
    return found


def _server_indexes(values: Mapping[str, str]) -> str:
    known = [name for family in FAMILIES for name in (*family.names, *family.aliases)]
    exports = "".join(f" export {name}={shlex.quote(value)};" for name, value in values.items())
    return f"server_indexes() {{ unset {' '.join(known)};{exports} }}"


def _java_proxies(proxies: Mapping[str, str]) -> list[str]:
    """Return the properties for the JVM, without passwords: it prints its arguments."""
    found = []
    for scheme in ("http", "https"):
        parts = urlsplit(proxies.get(scheme, ""))
        if parts.hostname:
            found += [f"-D{scheme}.proxyHost={parts.hostname}", f"-D{scheme}.proxyPort={parts.port or 80}"]
    if found:
        past = [f"*{host}" if host.startswith(".") else host for host in _HOSTS.findall(proxies.get("no", ""))]
        found += [f"-Dhttp.nonProxyHosts={'|'.join(['localhost', *past])}", _MAVEN_TAKES_THEM]
    return found


def cache_name(app_id: int, key: str) -> str:
    """Return the prefix of an app's cache folders. A build that knows it could mount them, so it depends on the key."""
    return "paas-" + hashlib.blake2b(f"cache {app_id}".encode(), key=key.encode()[:64], digest_size=16).hexdigest()


def choose_indexes(variables: Mapping[str, Secret]) -> dict[str, Secret]:
    """Return the app's variables that say where packages are downloaded."""
    known = {name for family in FAMILIES for name in (*family.names, *family.aliases)}
    return {name: value for name, value in variables.items() if name in known}


def stamp(variables: Mapping[str, Secret], key: str) -> str:
    """Return 16 hex digits that change with any variable, and reveal nothing without the key."""
    text = "\0".join(f"{name}={secret.reveal()}" for name, secret in sorted(variables.items()))
    return hashlib.blake2b(text.encode(), key=key.encode()[:64], digest_size=8).hexdigest()
