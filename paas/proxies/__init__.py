"""The ways of routing requests to the web processes."""
