"""Imports every module with commands, so that each is registered."""

from __future__ import annotations


def all_commands() -> None:
    """Fills `paas.commands.registry.COMMANDS`; calling it again changes nothing."""
    from paas.commands import (  # noqa: F401  # importing registers
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
        help,
        letsencrypt,
        logs,
        ps,
        redirect,
        registries,
        releases,
        run,
        sandbox,
        server,
        ssh_keys,
    )
