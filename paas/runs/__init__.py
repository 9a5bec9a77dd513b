"""Runs: one-off commands in containers."""
