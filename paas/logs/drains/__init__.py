"""Drains: log lines sent to other systems."""
