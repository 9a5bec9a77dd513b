"""What the steps of a build see beside the code: the app's variables, package indexes, private authorities.

All of it is one shell script that BuildKit mounts for single steps, so that none of it is ever in an image.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping

from paas.core.secret import Secret

INDEXES: Mapping[str, tuple[str, ...]] = {
    "build-pip-index": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    "build-npm-registry": ("NPM_CONFIG_REGISTRY", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"),
    "build-gem-source": ("BUNDLE_MIRROR__ALL",),
    "build-go-proxy": ("GOPROXY",),
}
"""The variables by which package managers are told of the addresses in the settings."""

AUTHORITIES = (
    *("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
    *("NPM_CONFIG_CAFILE", "YARN_HTTPS_CA_FILE_PATH", "CARGO_HTTP_CAINFO"),
)
"""The variables by which programs are told of a file with certificates."""

# /dev/shm is memory, and gone with the step. The file in the setting has extra certificates: the usual ones stay good.
_CERTIFICATES = f"""\
if [ -s /run/secrets/ca ]; then
  cat /etc/ssl/certs/ca-certificates.crt /run/secrets/ca > /dev/shm/ca.pem
  for name in {" ".join(AUTHORITIES)}; do export "$name=/dev/shm/ca.pem"; done
fi
"""

# A build with another search path, home or loader is no build of what was pushed.
_KEPT_OUT = re.compile(r"PATH|HOME|SHELL|IFS|ENV|BASH_ENV|PWD|LD_.*|PYTHONHOME|NODE_ENV|NODE_OPTIONS|TMPDIR")


def script(indexes: Mapping[str, str], commit: str, variables: Mapping[str, Secret]) -> Secret:
    """The script: ``indexes`` by the variable to set, then the app's own ``variables``, which may have others."""
    given = {name: secret.reveal() for name, secret in sorted(variables.items()) if not _KEPT_OUT.fullmatch(name)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in {**indexes, "GIT_REV": commit, **given}.items()]
    return Secret(_CERTIFICATES + "".join(f"{line}\n" for line in lines))


def stamp(variables: Mapping[str, Secret], key: str) -> str:
    """16 hex digits that change when a variable does, and tell nothing of it to whoever hasn't the key."""
    text = "\0".join(f"{name}={secret.reveal()}" for name, secret in sorted(variables.items()))
    return hashlib.blake2b(text.encode(), key=key.encode()[:64], digest_size=8).hexdigest()
