"""A git-push platform as a service for one server: push a repository, get a live URL."""

__version__ = "0.1.0"
