"""Commands that other platforms have and this one has not: what does it here, or why nothing has to."""

from __future__ import annotations

_AT_ONCE = "No build is necessary: domains, certificates and properties take effect at once."
_BY_ITSELF = "The server does this automatically."
_DATABASES = "There are no databases yet; an app takes the address of one with 'config:set APP DATABASE_URL=…'."
_LIMITS = "'docker-options:add APP deploy --memory 512m --cpus 1' limits an app's containers."
_NGINX = "nginx runs and applies each change automatically; 'doctor' reports its state."
_PLUGINS = "There are no plugins."
_REQUESTS = "Requests reach web without one; the port that web listens on: 'config:set APP PORT=…'."
_VOLUMES = "There are no volumes yet: what containers write goes with them."

INSTEAD = {
    "addons": _DATABASES,
    "apps": "'apps:list' lists the apps.",
    "builds:prune": "'cleanup' removes old ones; the setting keep-job-logs says how many stay.",
    "builds:set": "The setting keep-job-logs says how many are kept.",
    "certs:chain": "'certs:report APP' shows them.",
    "certs:info": "'certs:report APP' shows them.",
    "config:bundle": "'config:export --format envfile APP' prints all of it.",
    "config:edit": "'config:set APP KEY=VALUE' changes it, 'config:import APP -' takes a file.",
    "domains": "'domains:report APP' shows them.",
    "events": "'builds:list' lists what changed, and who did it; 'logs APP --source platform' has it, too.",
    "git:unlock": "A lock ends with its holder. 'builds:cancel APP' ends a running deployment.",
    "letsencrypt:active": "'certs:report APP --ssl-enabled' prints true or false.",
    "letsencrypt:cleanup": _BY_ITSELF,
    "letsencrypt:cron-job": "The server renews certificates automatically, at two thirds of their life.",
    "logs:vector-start": "'logs:drain add APP URL' sends logs elsewhere.",
    "maintenance": "'maintenance:report APP' shows it.",
    "nginx:reload": _NGINX,
    "nginx:start": _NGINX,
    "nginx:stop": _NGINX,
    "open": "'url APP' prints its address.",
    "ports:clear": f"'ports:remove APP tcp:PORT' closes one. {_REQUESTS}",
    "ports:set": f"'ports:add APP tcp:PORT PROCESS' opens one. {_REQUESTS}",
    "ps:exec": "'enter APP' is a shell in a container that runs.",
    "ps:inspect": "'ps APP' and 'ps:report APP' show the containers.",
    "ps:restore": _BY_ITSELF,
    "ps:retire": _BY_ITSELF,
    "repo:gc": _BY_ITSELF,
    "repo:purge-cache": "'cleanup' prunes the build cache to the setting build-cache-keep.",
    "report": "'apps:info APP' shows an app, 'apps:overview' all of them.",
    "shell": "'paas COMMAND' and 'ssh … COMMAND' take one command each.",
    "trace:on": "'deploy:trace APP' shows where the time of a deploy went.",
}
"""Replacement for one command."""

NAMESPACES = {
    **dict.fromkeys(("mariadb", "mongo", "mysql", "pg", "postgres", "redis"), _DATABASES),
    **dict.fromkeys(("caddy", "haproxy", "openresty", "traefik"), _NGINX),
    "network": "Each app has a network of its own.",
    "plugin": _PLUGINS,
    "proxy": _AT_ONCE,
    "resource": _LIMITS,
    "storage": _VOLUMES,
}
"""The same for all commands of a namespace."""


def instead(name: str) -> str:
    """Return the replacement for a command of another platform; empty for an unknown one."""
    return INSTEAD.get(name) or NAMESPACES.get(name.partition(":")[0], "")
