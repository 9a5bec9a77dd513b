"""Decisions about health checks."""
