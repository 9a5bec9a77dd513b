"""Remove everything of an instance from Docker Engine. It needs no database."""

from __future__ import annotations

from paas.schedulers.docker.api import Docker


def remove_everything(docker: Docker) -> list[str]:
    """Remove all containers, images and networks of the instance. Return a line for each."""
    done = []
    for container_id, name in docker.everything().items():
        docker.remove(container_id)
        done.append(f"container {name}")
    sent = docker.names_in(f"paas-{docker.instance[:6]}/*")
    for name in dict.fromkeys([*docker.image_names(), *sent]):
        if docker.remove_image(name):
            done.append(f"image {name}")
    for name in docker.own_networks():
        docker.remove_network(name)
        done.append(f"network {name}")
    return done
