"""Settings of the server: declared once, for ``DIR/paas.yml``, ``settings:set`` and the flags of ``paas serve``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paas.core import network_values
from paas.core import values as kinds
from paas.core.containers import memory
from paas.core.errors import InvalidValue, NotFound
from paas.core.spelling import meant
from paas.core.values import Kind


@dataclass(frozen=True)
class Setting:
    """One setting. With ``restart`` a change takes effect at the next start of ``paas serve``."""

    key: str
    kind: Kind
    default: str
    help: str
    restart: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("listen", kinds.ADDRESS, "127.0.0.1", "the address that SSH and HTTP are served on", restart=True),
    Setting("ssh-port", kinds.PORT, "2222", "the port of the SSH server", restart=True),
    Setting("http-port", kinds.PORT, "8080", "the port of the apps over HTTP", restart=True),
    Setting("https-port", kinds.PORT, "8443", "the port of the apps over HTTPS; 0 for none", restart=True),
    Setting("domain", kinds.HOST, "localhost", "the first global domain: an app is served at APP.DOMAIN", restart=True),
    Setting("dashboard-domain", kinds.HOST_OR_NONE, "",
            "the host of the dashboard and the HTTP API; empty: paas.DOMAIN of the first global domain; none: no web"),
    Setting("public-addresses", network_values.ADDRESSES, "",
            "addresses that lead here though the machine does not have them, as behind a router"),
    Setting("dns-server", network_values.SOCKET, "",
            "the name server that says which domains lead here, as ADDRESS:PORT; empty for those of the host"),
    Setting("max-checkout-size", kinds.SIZE, "4g", "how large the files of one commit may be, checked out"),
    Setting("max-pack-size", kinds.SIZE, "2g", "the largest pack that one push may send"),
    Setting("port-range", kinds.PORT_RANGE, "20000-29999", "loopback ports that containers are published on"),
    Setting("network-pool", kinds.NETWORK, "10.208.0.0/12", "addresses that the networks of apps are cut from"),
    Setting("build-concurrency", kinds.integer(1, 64), "2", "how many images are built at the same time"),
    Setting("build-cpu-weight", kinds.integer(0, 10_000), "25",
            "CPU time for all builds together, where all containers together have 100 and want it; 0 for no limit"),
    Setting("build-memory-limit", kinds.AMOUNT, "75%", "memory for all builds together"),
    Setting("allow-unsafe-builds", kinds.BOOLEAN, "false",
            "whether the role deploy may build on an engine on which a build gets out of it, and so is root"),
    Setting("build-isolation", kinds.choice("none", "rootless"), "none",
            "where builds run: none for the host's engine, rootless for one in namespaces of its own"),
    Setting("build-min-disk", kinds.SIZE, "1g", "free disk without which nothing is built"),
    Setting("build-min-inodes", kinds.integer(0, 999_999_999), "10000", "free inodes without which nothing is built"),
    Setting("build-min-memory", kinds.SIZE, "256m", "available memory without which nothing is built"),
    Setting("build-cache-keep", kinds.SIZE, "",
            "clean-ups prune Docker's build cache, which all programs share, to this size; empty: never"),
    Setting("cleanup-interval", kinds.duration("0s", "365d"), "1d", "how often the server cleans up, 0 for never"),
    Setting("build-timeout", kinds.duration("1s", "7d"), "1h", "how long one build may take"),
    Setting("image-max-size", kinds.size("1m", "1t"), "10g", "how large an image may be that git:load-image takes"),
    Setting("fetch-timeout", kinds.duration("1s", "1d"), "10m",
            "how long git:sync and git:from-archive may take to fetch"),
    Setting("egress-allow", network_values.NETWORKS, "",
            "networks not of the internet that drains, git:sync, git:from-archive and the like may connect to"),
    Setting("build-http-proxy", Kind("a URL", str), "", "HTTP_PROXY for build steps"),
    Setting("build-https-proxy", Kind("a URL", str), "", "HTTPS_PROXY for build steps"),
    Setting("build-no-proxy", Kind("a list of hosts", str), "", "NO_PROXY for build steps"),
    Setting("build-ca-file", Kind("the path of a PEM file on the server", str), "",
            "certificates of extra authorities; build steps get it as the BuildKit secret 'ca'"),
    Setting("build-pip-index", Kind("a URL", str), "",
            "the index that builds with buildpacks install Python packages from"),
    Setting("build-npm-registry", Kind("a URL", str), "", "the registry that they install Node.js packages from"),
    Setting("build-gem-source", Kind("a URL", str), "", "the source that they install Ruby gems from"),
    Setting("build-go-proxy", Kind("a list for GOPROXY", str), "", "the proxy that they fetch Go modules from"),
    Setting("build-maven-mirror", Kind("a URL", str), "", "the mirror that they take Maven's packages from"),
    Setting("build-cargo-registry", Kind("a URL", str), "", "the mirror that they take Rust's crates from"),
    Setting("keep-images", kinds.integer(1, 1000), "5", "how many releases of an app keep their image"),
    Setting("keep-job-logs", kinds.integer(1, 10_000), "20", "how many changes of an app keep their log"),
    Setting("keep-run-logs", kinds.integer(1, 10_000), "50",
            "how many runs of an app, and of each of its cron entries, are remembered with their log"),
    Setting("memory-limit", memory.KIND, memory.AUTO,
            "memory limit of a container; auto: a quarter of the machine's memory, from 512m to 1g; 0: none"),
    Setting("pids-limit", kinds.integer(16, 1 << 22), "1024", "how many processes and threads a container may have"),
    Setting("sandbox-cpus", kinds.number(0.05, 1024), "1", "how many processors a sandbox may keep busy"),
    Setting("sandbox-limit", kinds.integer(0, 1000), "100", "how many sandboxes there may be"),
    Setting("sandbox-memory", kinds.size("16m", "1t"), "512m", "memory limit of a sandbox"),
    Setting("sandbox-pids", kinds.integer(16, 1 << 22), "512", "how many processes and threads a sandbox may have"),
    Setting("sandbox-ttl", kinds.duration("1m", "365d"), "2h", "how long a sandbox lives, where it isn't told"),
)  # fmt: skip


def find(key: str) -> Setting:
    """Return the setting. Raise `NotFound` with a similar name, or with all that exist."""
    for row in SETTINGS:
        if row.key == key:
            return row
    keys = [row.key for row in SETTINGS]
    raise NotFound(
        f"there is no setting {key!r}",
        why=meant(key, keys) or f"There are: {', '.join(keys)}",
        code="no-such-setting",
    )


def check(raw: object, path: str) -> dict[str, str]:
    """Return the settings of a parsed ``paas.yml`` as texts. Raise `InvalidValue` naming file and key."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise InvalidValue(f"{path}: the file must be 'key: value' lines", code="invalid-settings")
    values: dict[str, str] = {}
    for key, value in raw.items():
        try:
            row = find(str(key))
            text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
            if text:
                row.kind.read(row.key, text)
        except (NotFound, InvalidValue) as error:
            raise InvalidValue(f"{path}: {error.what}", why=error.why, code="invalid-settings") from error
        values[row.key] = text
    return values


@dataclass(frozen=True)
class Settings:
    """Effective values: flags of this run, else the file, else the defaults."""

    file: Mapping[str, str]
    flags: Mapping[str, str]

    def raw(self, key: str) -> str:
        """Return the effective text."""
        return self.flags.get(key) or self.file.get(key) or find(key).default

    def value(self, key: str) -> Any:
        """Return the effective value; None for an empty text."""
        text = self.raw(key)
        return find(key).kind.read(key, text) if text else None

    def source(self, key: str) -> str:
        """Return the source of the value: flag, file or default."""
        return "flag" if self.flags.get(key) else "file" if self.file.get(key) else "default"
