"""Imports every module with commands, so that each is registered."""

from __future__ import annotations


def all_commands() -> None:
    """Fills `paas.commands.registry.COMMANDS`; calling it again changes nothing."""
    from paas.commands import (  # noqa: F401  # importing registers
        access,
        apps,
        apps_lock,
        buildpacks,
        builds,
        certs,
        checks,
        cleanup,
        completion,
        config,
        cron,
        deploy,
        docker_options,
        doctor,
        domains,
        git,
        git_access,
        git_images,
        git_sources,
        headers,
        help,
        letsencrypt,
        logs,
        maintenance,
        nginx,
        openapi,
        ports,
        ps,
        redirect,
        registries,
        releases,
        routes,
        run,
        sandbox,
        server,
        snippets,
        ssh_keys,
        tokens,
        whoami,
    )
