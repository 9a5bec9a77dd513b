"""Imports every module with commands, so that each is registered."""
# ruff: noqa: F401  # importing registers

from __future__ import annotations


def all_commands() -> None:
    """Fills `paas.commands.declare.COMMANDS`; calling it again changes nothing."""
    import paas.access.commands.git
    import paas.access.commands.ssh_keys
    import paas.access.commands.tokens
    import paas.access.commands.whoami
    import paas.apps.commands.apps
    import paas.apps.commands.config
    import paas.apps.commands.docker_options
    import paas.apps.commands.lock
    import paas.apps.commands.ps
    import paas.builders.commands.buildpacks
    import paas.builders.commands.registry
    import paas.certs.commands.certs
    import paas.certs.commands.letsencrypt
    import paas.cron.commands
    import paas.dispatch.completion
    import paas.dispatch.help
    import paas.dispatch.openapi
    import paas.dispatch.properties
    import paas.edge.commands.access
    import paas.edge.commands.domains
    import paas.edge.commands.headers
    import paas.edge.commands.maintenance
    import paas.edge.commands.nginx
    import paas.edge.commands.ports
    import paas.edge.commands.redirect
    import paas.edge.commands.routes
    import paas.edge.commands.snippets
    import paas.health.commands
    import paas.logs.commands
    import paas.releases.commands.builds
    import paas.releases.commands.deploy
    import paas.releases.commands.releases
    import paas.runs.commands
    import paas.sandboxes.commands
    import paas.server.commands.cleanup
    import paas.server.commands.doctor
    import paas.server.commands.server
    import paas.sources.commands.git
    import paas.sources.commands.images
    import paas.sources.commands.sources
