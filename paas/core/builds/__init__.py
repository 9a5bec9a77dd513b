"""Decisions about builds."""
