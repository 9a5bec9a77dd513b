"""Decisions about one-off containers."""
