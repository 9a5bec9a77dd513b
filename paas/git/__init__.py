"""Git repositories: receiving, serving, fetching."""
