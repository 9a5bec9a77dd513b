"""Builders: from a commit to an image."""
