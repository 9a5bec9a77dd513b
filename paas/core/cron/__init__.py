"""Cron entries and when they are due."""
