"""Commands of `paas.server`."""
