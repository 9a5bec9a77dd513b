"""Decisions about jobs: their journal, log and trace."""
