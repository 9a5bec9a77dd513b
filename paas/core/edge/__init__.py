"""Decisions about the edge: hosts, rules, options."""
