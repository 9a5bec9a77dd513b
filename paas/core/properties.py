"""Properties of apps: each declared once, and served by ``<namespace>:set`` and ``<namespace>:report``.

To add a property, add a row to `PROPERTIES`; parsing, validation, storage, reports, completion and the reference page
follow from it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paas.core import network_values
from paas.core import values as kinds
from paas.core.edge import trusted_proxies
from paas.core.edge.rules import FORWARDED_FOR, FORWARDED_PORT, FORWARDED_PROTO, FORWARDED_SSL
from paas.core.errors import NotFound
from paas.core.spelling import meant
from paas.core.values import Kind


class Effect(enum.Enum):
    """What makes a changed value count; the platform does it at once."""

    NEXT_USE = "used from the next time on that it is needed"
    PROXY = "the proxy configuration is written anew"
    SERVER = "the proxy configuration of all apps is written anew"


class Scope(enum.Enum):
    """Where a property may be set."""

    BOTH = "app or global"
    GLOBAL = "global"


@dataclass(frozen=True)
class Property:
    """One property. ``default`` is text in the same form in which a person sets it."""

    namespace: str
    key: str
    kind: Kind
    default: str
    help: str
    effect: Effect = Effect.NEXT_USE
    scope: Scope = Scope.BOTH

    @property
    def name(self) -> str:
        """``git deploy-branch``: for messages."""
        return f"{self.namespace} {self.key}"


PROPERTIES: tuple[Property, ...] = (
    Property("apps", "disable-autocreation", kinds.BOOLEAN, "false",
             "refuse a push to an app that does not exist, instead of creating it", scope=Scope.GLOBAL),
    Property("app-json", "appjson-path", kinds.RELATIVE_PATH, "app.json",
             "where the app.json is, relative to the build folder"),
    Property("builder", "build-dir", kinds.RELATIVE_PATH, "",
             "the folder of the repository that the app is in; empty for its top"),
    Property("builder", "selected", kinds.choice("dockerfile", "buildpack", "image"), "",
             "how the app is built (image: not at all); empty: with its Dockerfile, else with buildpacks"),
    Property("builder-dockerfile", "dockerfile-path", kinds.RELATIVE_PATH, "Dockerfile",
             "where the Dockerfile is, relative to the build folder"),
    Property("buildpacks", "chain", kinds.BUILDPACKS, "",
             "the buildpacks that build the app, in order (buildpacks:add); empty: detected"),
    Property("buildpacks", "stack", kinds.choice("bookworm", "trixie"), "",
             "the Debian to build on; empty: the newest with a version that the app asks for"),
    Property("checks", "disabled-list", kinds.PROCESS_TYPES, "none",
             "process types that are not checked, and stop before new ones start (checks:disable)"),
    Property("checks", "skipped-list", kinds.PROCESS_TYPES, "none", "process types that are not checked (checks:skip)"),
    Property("checks", "timeout", kinds.duration("1s", "1h"), "60s",
             "how long a new container has to become healthy, where its checks don't say"),
    Property("checks", "wait-to-retire", kinds.duration("0s", "1d"), "60s",
             "how long an old container may finish the requests that it has", Effect.SERVER),
    Property("cron", "maintenance", kinds.BOOLEAN, "false", "let all cron entries of the app rest"),
    Property("cron", "timeout", kinds.duration("1s", "30d"), "1d",
             "how long a run of a cron entry may take that doesn't say"),
    Property("cron", "timezone", kinds.ZONE, "UTC", "the time zone of cron entries that don't say one"),
    Property("deploy", "grpc-port", kinds.integer(1, 65_535), "",
             "the port on which web takes gRPC requests (ports:add); empty: as paas.yml says"),
    Property("deploy", "phase-timeout", kinds.duration("1s", "30d"), "1h",
             "how long predeploy, release and postdeploy may take, each"),
    Property("git", "archive-max-files", kinds.integer(1, 1_000_000), "10000",
             "how many entries an archive may have", scope=Scope.GLOBAL),
    Property("git", "archive-max-ratio", kinds.integer(2, 10_000), "200",
             "how many times its own size an archive of more than 10 MiB may unpack to", scope=Scope.GLOBAL),
    Property("git", "archive-max-size", kinds.size("1k", "1t"), "1g",
             "how large an archive may be, packed or unpacked", scope=Scope.GLOBAL),
    Property("git", "deploy-branch", kinds.BRANCH, "",
             "the branch that deploys when pushed; empty until main or master is pushed first"),
    Property("git", "rev-env-var", kinds.VARIABLE, "GIT_REV", "the variable that holds the deployed commit"),
    Property("letsencrypt", "dns-provider", network_values.HOOK, "",
             "the hook program dns-NAME that proves wildcard domains", scope=Scope.GLOBAL),
    Property("letsencrypt", "email", network_values.EMAIL, "",
             "the account's address; with it, domains that lead here get certificates", Effect.PROXY,
             Scope.GLOBAL),
    Property("letsencrypt", "enabled", kinds.BOOLEAN, "true",
             "whether certificates are got at all (letsencrypt:enable, letsencrypt:disable)", Effect.PROXY),
    Property("letsencrypt", "server", network_values.DIRECTORY, "production",
             "the authority: production, staging, or the address of another one's directory", scope=Scope.GLOBAL),
    Property("letsencrypt", "server-ca-file", network_values.ABSOLUTE_PATH, "",
             "a PEM file on the server with the roots by which the authority is trusted",
             scope=Scope.GLOBAL),
    Property("letsencrypt", "staging-server", network_values.DIRECTORY, "",
             "where attempts are rehearsed after repeated failures; empty: the authority's own",
             scope=Scope.GLOBAL),
    Property("limit", "burst", kinds.integer(0, 100_000), "20",
             "how many requests of one address may come at once beyond the rate", Effect.PROXY),
    Property("limit", "connections", kinds.integer(0, 65_535), "0",
             "how many requests of one address may be answered at the same time, 0 for no limit", Effect.PROXY),
    Property("limit", "rate", kinds.RATE, "0",
             "how many requests one address may make, the others get a 429", Effect.PROXY),
    Property("logs", "max-size", kinds.LOG_SIZE, "10m",
             "how large each of the three files of a new container's log may get, or unlimited"),
    Property("logs", "store-size", kinds.size("1m", "1t"), "50m",
             "what the logs of an app's containers that are gone may take, packed; the oldest go"),
    Property("logs", "drain-queue-size", kinds.size("64k", "1t"), "100m",
             "what each drain may keep on disk while its receiver is away; the oldest lines go"),
    Property("nginx", "access-log-format", kinds.choice("combined", "json"), "combined",
             "how nginx:access-logs shows requests; they are kept as JSON"),
    Property("nginx", "access-log-path", kinds.LOG_PATH, "",
             "off to keep no log of requests", Effect.PROXY),
    Property("nginx", "bind-address-ipv6", kinds.IPV6, "",
             "an IPv6 address on which all apps are served, too", Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "brotli", kinds.BOOLEAN, "false",
             "compress with brotli for clients that take it", Effect.PROXY),
    Property("nginx", "cache-for", kinds.duration("1s", "365d"), "1h",
             "how long responses below cache-paths are kept", Effect.PROXY),
    Property("nginx", "cache-paths", kinds.PREFIXES, "",
             "prefixes whose responses the edge keeps until the next release", Effect.PROXY),
    Property("nginx", "client-body-timeout", kinds.duration("1s", "1d"), "60s",
             "how long a client may pause within a request's body", Effect.PROXY),
    Property("nginx", "client-header-timeout", kinds.duration("1s", "1h"), "30s",
             "how long a client may take for a request's header", Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "client-max-body-size", kinds.size("0", "1t"), "100m",
             "the largest request body, 0 for no limit", Effect.PROXY),
    Property("nginx", "gzip", kinds.BOOLEAN, "true",
             "compress text for clients that take it", Effect.PROXY),
    Property("nginx", "hsts", kinds.BOOLEAN, "true",
             "tell browsers to use only HTTPS from now on, once there is a certificate", Effect.PROXY),
    Property("nginx", "hsts-include-subdomains", kinds.BOOLEAN, "false",
             "with hsts, for all names below, too, even those of other apps", Effect.PROXY),
    Property("nginx", "hsts-max-age", kinds.integer(0, 999_999_999), "15724800",
             "with hsts, for how many seconds", Effect.PROXY),
    Property("nginx", "hsts-preload", kinds.BOOLEAN, "false",
             "with hsts, agree to be put into the lists that browsers come with", Effect.PROXY),
    Property("nginx", "https-redirect", kinds.BOOLEAN, "true",
             "send requests over HTTP to HTTPS, once there is a certificate", Effect.PROXY),
    Property("nginx", "keepalive-timeout", kinds.duration("0s", "1d"), "65s",
             "how long an idle connection of a client stays open", Effect.PROXY),
    Property("nginx", "large-client-header-buffers", kinds.BUFFERS, "8 16k",
             "number and size of the buffers for a request's header; one holds a line", Effect.PROXY,
             Scope.GLOBAL),
    Property("nginx", "lingering-timeout", kinds.duration("1s", "1h"), "5s",
             "how long more data of a client is waited for before closing", Effect.PROXY),
    Property("nginx", "old-generations", kinds.integer(1, 1000), "16",
             "how many sets of workers of before a change may go on; the oldest end first", Effect.PROXY,
             Scope.GLOBAL),
    Property("nginx", "proxy-buffer-size", kinds.size("1k", "1m"), "16k",
             "the largest header of a response", Effect.PROXY),
    Property("nginx", "proxy-buffering", kinds.BOOLEAN, "true",
             "take a response from the app as fast as it comes, however slow the client is", Effect.PROXY),
    Property("nginx", "proxy-buffers", kinds.BUFFERS, "8 16k",
             "number and size of the buffers for one response", Effect.PROXY),
    Property("nginx", "proxy-busy-buffers-size", kinds.size("1k", "64m"), "32k",
             "how much of them may be on its way to the client", Effect.PROXY),
    Property("nginx", "proxy-connect-timeout", kinds.duration("1s", "75s"), "5s",
             "how long a connection to the app may take", Effect.PROXY),
    Property("nginx", "proxy-keepalive", kinds.integer(0, 1024), "64",
             "how many idle connections to the app each worker keeps, 0 for none", Effect.PROXY),
    Property("nginx", "proxy-max-temp-file-size", kinds.size("0", "1t"), "100m",
             "how much of a response is kept on disk for a slow client; 0 for nothing", Effect.PROXY),
    Property("nginx", "proxy-read-timeout", kinds.duration("1s", "1d"), "60s",
             "how long the app may be silent", Effect.PROXY),
    Property("nginx", "proxy-request-buffering", kinds.BOOLEAN, "true",
             "collect a request before the app gets it; off passes each piece on at once", Effect.PROXY),
    Property("nginx", "proxy-send-timeout", kinds.duration("1s", "1d"), "60s",
             "how long the app may not read", Effect.PROXY),
    Property("nginx", "security-headers", kinds.BOOLEAN, "false",
             "add the usual headers for security to every response", Effect.PROXY),
    Property("nginx", "send-timeout", kinds.duration("1s", "1d"), "60s",
             "how long a client may not read", Effect.PROXY),
    Property("nginx", "trusted-proxies", trusted_proxies.NETWORKS, "",
             "load balancers and CDNs, whose word on the client's address counts",
             Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "trusted-proxies-headers", trusted_proxies.SET_HEADERS, "proto",
             "which X-Forwarded- headers they set, and pass on from no client",
             Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "trusted-proxies-protocol", kinds.choice(trusted_proxies.FORWARDED_FOR, trusted_proxies.PROXY),
             trusted_proxies.FORWARDED_FOR,
             "how they say the client's address",
             Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "underscore-in-headers", kinds.BOOLEAN, "false",
             "take headers with an underscore in their name", Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "worker-shutdown-timeout", kinds.duration("1s", "7d"), "1h",
             "how long connections that are open at a change may go on", Effect.PROXY, Scope.GLOBAL),
    Property("nginx", "x-forwarded-for-value", kinds.choice(*FORWARDED_FOR), FORWARDED_FOR[0],
             "what X-Forwarded-For says; one with http believes the client", Effect.PROXY),
    Property("nginx", "x-forwarded-port-value", kinds.one_of_or_number(*FORWARDED_PORT), FORWARDED_PORT[0],
             "what X-Forwarded-Port says", Effect.PROXY),
    Property("nginx", "x-forwarded-proto-value", kinds.choice(*FORWARDED_PROTO), FORWARDED_PROTO[0],
             "what X-Forwarded-Proto says", Effect.PROXY),
    Property("nginx", "x-forwarded-ssl", kinds.choice(*FORWARDED_SSL[1:]), "",
             "what X-Forwarded-Ssl says; empty to send none", Effect.PROXY),
    Property("ps", "procfile-path", kinds.RELATIVE_PATH, "Procfile",
             "where the Procfile is, relative to the build folder"),
    Property("ps", "stop-timeout-seconds", kinds.integer(1, 3600), "30",
             "seconds from SIGTERM to SIGKILL when a container is stopped"),
    Property("registry", "image-repo", kinds.IMAGE_REPOSITORY, "",
             "what releases are called in the registry; empty: paas/ and the name of the app"),
    Property("registry", "push-extra-tags", kinds.IMAGE_TAGS, "",
             "further tags of each release beside its number, with commas between them"),
    Property("registry", "push-on-release", kinds.BOOLEAN, "false",
             "push the image of each release to the registry before it is started"),
    Property("registry", "server", kinds.REGISTRY, "docker.io", "the registry that releases are pushed to"),
    Property("run", "on-disconnect", kinds.choice("kill", "keep"), "kill",
             "what becomes of a run whose client goes away"),
    Property("run", "ttl", kinds.duration("1s", "365d"), "1d", "how long a run may take, where it isn't told"),
)  # fmt: skip


def namespaces() -> list[str]:
    """The namespaces that have properties, sorted."""
    return sorted({row.namespace for row in PROPERTIES})


_BY_NAME = {(row.namespace, row.key): row for row in PROPERTIES}


def of(namespace: str) -> list[Property]:
    """The properties of one namespace, in the order of the table."""
    return [row for row in PROPERTIES if row.namespace == namespace]


def find(namespace: str, key: str) -> Property:
    """The property; `NotFound` names one that is spelt alike, or lists those there are."""
    found = _BY_NAME.get((namespace, key))
    if found is not None:
        return found
    keys = [row.key for row in of(namespace)]
    raise NotFound(
        f"{namespace}:set has no property {key!r}",
        why=meant(key, keys) or f"It has: {', '.join(keys)}",
        code="no-such-property",
    )


@dataclass(frozen=True)
class Properties:
    """The values that hold for one app: its own before the global ones before the defaults."""

    own: Mapping[tuple[str, str], str]
    shared: Mapping[tuple[str, str], str]

    def raw(self, namespace: str, key: str) -> str:
        """The text that holds."""
        row = find(namespace, key)
        for values in (self.own, self.shared):
            if (namespace, key) in values:
                return values[namespace, key]
        return row.default

    def value(self, namespace: str, key: str) -> Any:
        """The typed value that holds; None for an empty text."""
        text = self.raw(namespace, key)
        row = find(namespace, key)
        return row.kind.read(row.name, text) if text else None

    def text(self, namespace: str, key: str) -> str:
        """The typed value where it is text, empty for none."""
        return str(self.value(namespace, key) or "")

    def report(self, namespace: str) -> dict[str, str]:
        """For each property its raw, global and computed value, under the keys that reports have."""
        rows: dict[str, str] = {}
        for row in of(namespace):
            name = (namespace, row.key)
            if row.scope is Scope.BOTH:
                rows[row.key] = self.own.get(name, "")
            rows[f"global-{row.key}"] = self.shared.get(name, "")
            rows[f"computed-{row.key}"] = self.raw(namespace, row.key)
        return rows
