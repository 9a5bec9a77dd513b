"""Decisions about apps: their description, Procfile, configuration and lock."""
