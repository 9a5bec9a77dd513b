"""Releases: deploy, rollout, rollback."""
