"""Cron: scheduled commands of a release."""
