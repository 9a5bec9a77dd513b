"""The configuration that a build gets for private registries."""

import base64
import json
import stat

from paas.builders import buildkit
from paas.core.access.remote_credentials import Login
from paas.core.secret import Secret


def test_credentials_are_in_a_file_that_only_its_owner_reads(tmp_path):
    logins = {"ghcr.io": Login("bot", Secret("t0ken")), "docker.io": Login("me", Secret("pass:word"))}
    folder = buildkit.docker_config(tmp_path, logins)
    path = folder / "config.json"
    assert [stat.S_IMODE(found.stat().st_mode) for found in (folder, path)] == [0o700, 0o600]
    auths = json.loads(path.read_text())["auths"]
    decoded = {server: base64.b64decode(row["auth"]).decode() for server, row in auths.items()}
    assert decoded == {"ghcr.io": "bot:t0ken", "https://index.docker.io/v1/": "me:pass:word"}
