"""Decisions about certificates."""
