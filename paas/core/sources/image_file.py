"""The Dockerfile of an app whose code is an image. So a clone of the repository can be built anywhere."""

from __future__ import annotations

_HEAD = "# The app is this image: git:from-image or git:load-image wrote the file."


def text(image: str) -> str:
    """Return the Dockerfile for the image of that name."""
    return f"{_HEAD}\nFROM {image}\n"


def image_in(content: str) -> str | None:
    """Return the image in the Dockerfile, None if it is any other Dockerfile."""
    lines = content.splitlines()
    if len(lines) != 2 or lines[0] != _HEAD or not lines[1].startswith("FROM "):
        return None
    return lines[1].removeprefix("FROM ")
