"""Health checks: startup checks of new containers, liveness checks of running ones."""
