"""Decisions about git: refs, addresses, pushes."""
