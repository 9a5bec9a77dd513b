"""Decisions about releases: rollout plans and differences."""
