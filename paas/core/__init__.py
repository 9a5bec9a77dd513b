"""Dataclasses, errors and pure decisions: standard library only, no I/O."""
