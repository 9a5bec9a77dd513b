"""Decisions about the server itself."""
