"""Decisions about access: callers, keys, tokens, credentials."""
