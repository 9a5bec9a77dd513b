"""Decisions about logs: lines, queries, formats."""
