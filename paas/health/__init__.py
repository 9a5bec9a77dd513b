"""Health checks: waiting, probing, liveness."""
